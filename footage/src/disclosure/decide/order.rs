//! Whether a legal order covers a request. That it is lawful is a reviewer's word, which is counted elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use camerafleet_crds::{CourtOrder, Custody, LegalOrderKind};
use jiff::Timestamp;

use super::{Case, Context, camera::Ground, camera::duration, findings::Findings};
use crate::disclosure::decision::{Action, Need};
use crate::disclosure::facts::Selected;
use crate::disclosure::objects::{Approval, Order, UserName, Verified, Window};
use crate::disclosure::rule::Rule;
use crate::ids::{CameraId, OrderUid};

/// The orders that the request may mean: by name, since the order may come later than the request; several, where
/// one was deleted and made again.
pub(super) fn candidates<'a>(case: &Case<'a>) -> Vec<&'a Verified<Order>> {
    let request = case.request;
    let meant = |order: &Order| {
        order.namespace == request.namespace && request.order.as_ref().is_some_and(|name| *name == order.name)
    };
    case.orders.iter().copied().filter(|o| meant(o.object())).collect()
}

/// Those of them that may be used: a release that was begun stays with its order.
pub(super) fn eligible<'a>(context: &Context<'a>) -> Vec<Option<&'a Verified<Order>>> {
    let intent = context.case.log.intent_of(&context.case.request.uid);
    let same = |order: &&&Verified<Order>| {
        intent.is_none_or(|intent| intent.order.as_ref() == Some(&order.object().uid))
    };
    context.candidates.iter().filter(same).map(|order| Some(*order)).collect()
}

/// The order that a reviewer saw: the newest of the name before the review.
pub(super) fn reviewed<'a>(context: &Context<'a>, approval: &Approval) -> Option<&'a OrderUid> {
    let before = context.candidates.iter().filter(|o| o.object().logged.index < approval.logged.index);
    before.max_by_key(|o| o.object().logged.index).map(|o| &o.object().uid)
}

/// The order by itself.
pub(super) fn judge(context: &Context<'_>, order: Option<&Verified<Order>>, found: &mut Findings) {
    let request = context.case.request;
    let done: BTreeSet<UserName> =
        order.iter().map(|order| UserName::new(&*order.object().authority)).collect();
    found.need(Need { action: Action::Order, required: 1, done, open: BTreeSet::new() });
    let Some(order) = order.map(Verified::object) else {
        let name = request.order.as_deref().unwrap_or_default();
        found.say(Rule::AwaitingOrder, format!("There is no verified LegalOrder {name} yet."));
        return;
    };
    let wanted = request.cameras.keys().map(|camera| (camera, request.window)).collect();
    for rule in covers(context.case, order, &wanted, context.now) {
        found.say(rule, format!("LegalOrder {} ({}): {}", order.name, order.uid, rule.meaning()));
    }
    if order.request.as_ref().is_some_and(|only| *only != request.uid) {
        let rule = Rule::OrderOfAnotherRequest;
        found.say(rule, format!("LegalOrder {} ({}): {}", order.name, order.uid, rule.meaning()));
    }
}

/// What is wrong with the order for these cameras and windows at this time.
pub(super) fn covers(
    case: &Case<'_>,
    order: &Order,
    wanted: &BTreeMap<&CameraId, Window>,
    now: Timestamp,
) -> Vec<Rule> {
    let mut wrong = Vec::new();
    let mut unless = |holds: bool, rule: Rule| {
        if !holds {
            wrong.push(rule);
        }
    };
    unless(order.kind != LegalOrderKind::PreservationOrder, Rule::PreservationOnly);
    unless(order.tenant == *case.tenant, Rule::OrderOfAnotherTenant);
    unless(order.issued_at <= now, Rule::OrderNotYetInForce);
    unless(now < order.expires_at, Rule::OrderExpired);
    unless(wanted.keys().all(|camera| order.cameras.contains(*camera)), Rule::OrderCameras);
    unless(wanted.values().all(|window| order.window.contains(window)), Rule::OrderWindow);
    unless(order.audio || !case.request.audio, Rule::OrderAudio);
    wrong
}

/// The order under one policy revision.
pub(super) fn judge_authority(
    context: &Context<'_>,
    selected: &Selected<'_>,
    bounds: &CourtOrder,
    order: &Verified<Order>,
    ground: &mut Ground<'_>,
) {
    let policy = selected.revision;
    let mut say = |rule: Rule| {
        let name = &order.object().name;
        let message = format!("LegalOrder {name}: {} SharingPolicy {}.", rule.meaning(), policy.digest);
        ground.found.say(rule, message);
    };
    if let Some(rule) = authority(selected, bounds, order, context.now) {
        say(rule);
    }
    if policy.custody == Custody::Owners && order.object().nondisclosure_until.is_some() {
        say(Rule::NondisclosureUnderOwners);
    }
}

/// What is wrong with the authority under this revision.
pub(super) fn authority(
    selected: &Selected<'_>,
    bounds: &CourtOrder,
    order: &Verified<Order>,
    now: Timestamp,
) -> Option<Rule> {
    let listed = order.signer().and_then(|key| selected.listed_since(&order.object().authority, key));
    match listed {
        None => Some(Rule::AuthorityNotListed),
        Some(since) if now.duration_since(since) < duration(bounds.min_authority_age) => {
            Some(Rule::AuthorityTooNew)
        }
        Some(_) => None,
    }
}
