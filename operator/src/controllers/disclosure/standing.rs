//! What owners may be told of a request and from when on, and how it stands with an emergency's order.

use std::collections::BTreeSet;

use camerafleet_crds::{Basis, NoticeStatus};
use camerafleet_footage::{
    disclosure::{Authorized, FollowUp, Notice, Release, Rule, Verdict as Decided, Window, follow_up},
    ids::{ApprovalUid, CameraId, OrderUid},
    log::entry::OutcomeResult,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{notice::Fate, order, resources::Parts, seen::Seen};

/// What has become of a request, for owners.
pub(super) fn fate(seen: &Seen) -> Fate {
    let withdrawn = !seen.history.facts().withdrawn_requests.is_empty();
    match (seen.history.outcome().map(|(_, outcome)| &outcome.result), &seen.decision.verdict) {
        (Some(OutcomeResult::Delivered { .. }), _) => Fate::Delivered,
        (Some(OutcomeResult::Failed { .. }), _) if withdrawn => Fate::Gone,
        (Some(OutcomeResult::Failed { .. }), _) => Fate::Failed,
        (None, _) if seen.history.own_intent().is_some() => Fate::Open,
        (None, Decided::Denied) => {
            let gone = [Rule::RequestWithdrawn, Rule::RequestExpired];
            if gone.iter().any(|rule| seen.decision.has(*rule)) { Fate::Gone } else { Fate::Denied }
        }
        (None, _) => Fate::Open,
    }
}

/// Until when owners must not be told: by the order on which a release rests, and where nothing is released by any
/// authority's order that was brought for it. `Err`: the order is gone.
pub(super) fn nondisclosure(parts: &Parts<'_>, seen: &Seen) -> Result<Option<Timestamp>, ()> {
    let spec = &parts.request.spec;
    let (Basis::CourtOrder, Some(docket)) = (spec.basis, &seen.docket) else { return Ok(None) };
    let until =
        |object: &Value| -> Option<Timestamp> { object.get("nondisclosureUntil")?.as_str()?.parse().ok() };
    if let Some((_, intent)) = seen.history.own_intent() {
        let decision = seen.history.decision_at(intent.decision);
        let order: Option<&OrderUid> =
            decision.and_then(|d| d.order.as_ref()).and_then(|digest| seen.history.order(digest));
        let found = order.and_then(|uid| docket.orders.iter().find(|one| one.frozen.uid == uid.as_str()));
        let told = parts.request.status.as_ref().and_then(|status| status.notice_not_before.as_ref());
        return match (found, told) {
            (Some(order), _) => Ok(until(&order.frozen.spec)),
            (None, Some(told)) => Ok(Some(told.0)),
            (None, None) => Err(()),
        };
    }
    let named = spec.legal_order_ref.as_ref().map(|reference| &reference.name);
    let meant = docket.orders.iter().filter(|one| Some(&one.frozen.name) == named);
    let trusted = meant.filter(|one| {
        let authority = one.frozen.spec.get("authority").and_then(Value::as_str).unwrap_or_default();
        let policies = seen.policies.iter().map(|(_, spec, _)| spec);
        one.verified.as_ref().is_ok_and(|order| order::lists(policies, authority, order.signer()))
    });
    Ok(trusted.filter_map(|one| until(&one.frozen.spec)).max())
}

/// How it stands with the order that must follow an emergency.
pub(super) fn follows(parts: &Parts<'_>, seen: &Seen, now: Timestamp) -> Option<FollowUp> {
    let docket = seen.docket.as_ref().filter(|_| parts.request.spec.basis == Basis::Emergency)?;
    let (_, outcome) = seen.history.outcome()?;
    let (OutcomeResult::Delivered { .. }, (intended, intent)) = (&outcome.result, seen.history.own_intent()?)
    else {
        return None;
    };
    let window = Window::new(intent.from, intent.to)?;
    let within = seen.policies.iter().filter_map(|(_, spec, _)| spec.bases.emergency.as_ref());
    let within = within.map(|bounds| bounds.follow_up_within.as_secs()).min();
    let release = |camera: &CameraId| (camera.clone(), Release { window, policies: Default::default() });
    // All that is asked of it: what was released, and when its order is due.
    let released = Authorized {
        request: parts.uid.clone(),
        digest: docket.request.digest(),
        basis: Basis::Emergency,
        cameras: intent.cameras.iter().map(release).collect(),
        audio: intent.audio,
        form: parts.request.spec.form,
        recipient: intent.recipient.clone(),
        approvals: BTreeSet::<ApprovalUid>::new(),
        order: None,
        holds: Default::default(),
        continues: Some(intended.index),
        notice: Notice { owners: Default::default(), not_before: None },
        follow_up_within: within.and_then(|s| i64::try_from(s).ok()).map(SignedDuration::from_secs),
    };
    Some(follow_up(&docket.case(parts.tenant_id, now), &released, intended.at))
}

pub(super) fn due_of(follow_up: Option<&FollowUp>) -> Option<Timestamp> {
    match follow_up {
        Some(FollowUp::Due(at)) => Some(*at),
        _ => None,
    }
}

pub(super) fn retry(notices: &[NoticeStatus]) -> Option<Timestamp> {
    notices.iter().filter_map(|notice| notice.next_attempt_at.as_ref()).map(|time| time.0).min()
}
