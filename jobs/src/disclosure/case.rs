//! The decision, made again from the log and from the objects that the job read itself.

use std::collections::BTreeSet;

use camerafleet_crds::{ID_ANNOTATION, PackageForm, SharingPolicySpec};
use camerafleet_footage::{
    digest::sharing_policy,
    disclosure::{
        Approval, Authorized, Case, Digest32, Frozen, Hold, Logged, Members, Order, PolicyDigest,
        PolicyHistory, Request, Revision, Step, Verified, decide,
    },
    ids::{HoldId, OrderUid, SharingPolicyId, TenantId},
    log::entry,
};
use jiff::Timestamp;
use serde_json::Value;

use super::{JobError, Live, log::Told};

/// What was decided, with what it was decided from.
pub(super) struct Decided {
    pub authorized: Box<Authorized>,
    pub request: Request,
    pub frozen: Frozen,
    /// The orders that count, by uid: their digest and their document's.
    pub orders: Vec<(OrderUid, Digest32, Option<String>)>,
    /// The bundles of the approvals that count, in base64.
    pub bundles: Vec<String>,
    /// Under which footage may be kept beyond its epoch's key.
    pub holds: Vec<HoldId>,
}

/// Decides, and compares with the Intent.
pub(super) fn decide_again(
    tenant: &TenantId,
    live: &Live,
    told: &Told,
    intent: u64,
    now: Timestamp,
) -> Result<Decided, JobError> {
    let history = &told.history;
    let mut frozen = history.request()?;
    let object = live.request.as_ref().ok_or(JobError::NotOurRequest)?;
    let ours = read("DisclosureRequest", object, frozen.logged).filter(|live| live.uid == frozen.uid);
    let ours = ours.ok_or(JobError::NotOurRequest)?;
    if ours.digest("DisclosureRequest") != frozen.digest("DisclosureRequest") {
        return Err(JobError::NotOurRequest);
    }
    frozen.spec["withdrawn"] = ours.spec.get("withdrawn").cloned().unwrap_or(Value::Bool(false));
    let request = Request::read(&frozen)?;

    let seen = |kind: &'static str, objects: &[Value]| -> Vec<Frozen> {
        let frozen = objects.iter().filter_map(|object| {
            let object = read(kind, object, Logged { index: 0, at: now })?;
            let logged = history.first_seen(kind, &object.uid, &object.digest(kind))?;
            Some(Frozen { logged, ..object })
        });
        frozen.collect()
    };
    let approvals = seen("Approval", &live.approvals);
    let orders = seen("LegalOrder", &live.orders);
    let verified_approvals: Vec<Verified<Approval>> =
        approvals.iter().filter_map(|frozen| Verified::approval(frozen).ok()).collect();
    let verified_orders: Vec<Verified<Order>> =
        orders.iter().filter_map(|frozen| Verified::order(frozen).ok()).collect();
    let holds: Vec<(Hold, HoldId)> = live.holds.iter().filter_map(|object| hold(object, now)).collect();
    let mut policies = history.policies();
    add_present(&mut policies, &live.policies, now);
    let members = Members::of(&live.members);
    let (cameras, facts) = (history.cameras(), history.facts());
    let decision = decide(&Case {
        tenant,
        request: &request,
        cameras: &cameras,
        policies: &policies,
        members: &members,
        approvals: verified_approvals.iter().collect(),
        orders: verified_orders.iter().collect(),
        holds: holds.iter().map(|(hold, _)| hold).collect(),
        log: &facts,
        now,
    });
    let reasons = || {
        let said: Vec<String> =
            decision.reasons.iter().map(|r| format!("{} ({})", r.message, r.rule.id())).collect();
        said.join(" ")
    };
    let authorized = decision.authorized().ok_or_else(|| JobError::NotAuthorized(reasons()))?.clone();
    if authorized.continues != Some(intent) {
        return Err(JobError::OtherThanIntended("place in the log"));
    }
    compare(&authorized, &told.intent)?;
    let used = |frozen: &&Frozen| authorized.approvals.iter().any(|uid| uid.as_str() == frozen.uid);
    let bundle = |frozen: &Frozen| frozen.spec.pointer("/release/bundle")?.as_str().map(str::to_owned);
    let document = |frozen: &Frozen| frozen.spec.get("documentDigest")?.as_str().map(str::to_owned);
    Ok(Decided {
        bundles: approvals.iter().filter(used).filter_map(bundle).collect(),
        orders: orders
            .iter()
            .filter_map(|f| Some((OrderUid::parse(&*f.uid).ok()?, f.digest("LegalOrder"), document(f))))
            .collect(),
        holds: holds
            .into_iter()
            .filter(|(hold, _)| authorized.holds.contains(hold.uid()))
            .map(|(_, id)| id)
            .collect(),
        authorized: Box::new(authorized),
        request,
        frozen,
    })
}

fn read(kind: &'static str, object: &Value, logged: Logged) -> Option<Frozen> {
    Frozen::read(kind, object, logged).ok()
}

/// A hold with its lasting identity, by which its sidecars are named.
fn hold(object: &Value, now: Timestamp) -> Option<(Hold, HoldId)> {
    let frozen = read("LegalHold", object, Logged { index: 0, at: now })?;
    Some((Hold::read(&frozen).ok()?, HoldId::parse(id(object)?).ok()?))
}

/// The annotation with an object's lasting identity.
fn id(object: &Value) -> Option<&str> {
    object.pointer("/metadata/annotations")?.get(ID_ANNOTATION)?.as_str()
}

/// A policy that is another one now than the log has, or gone, counts as such beside what the log has: it can only
/// tighten. One that the log has as gone stays so.
fn add_present(policies: &mut [PolicyHistory], live: &[Value], now: Timestamp) {
    for history in policies {
        let present = live.iter().find(|object| {
            id(object).and_then(|id| SharingPolicyId::parse(id).ok()).as_ref() == Some(&history.policy)
        });
        let spec = present.and_then(|object| object.get("spec"));
        let spec: Option<SharingPolicySpec> = spec.and_then(|spec| serde_json::from_value(spec.clone()).ok());
        let newest = history.steps.iter().max_by_key(|step| step.since);
        let Some(logged) = newest.and_then(|step| step.revision.clone()) else { continue };
        let digest = spec.as_ref().map(|spec| PolicyDigest(Digest32(sharing_policy(spec))));
        if Some(logged.digest()) != digest {
            // Of two at one time both count.
            let present = spec.as_ref().map(Revision::new);
            history.steps.push(Step { since: now, revision: Some(logged) });
            history.steps.push(Step { since: now, revision: present });
        }
    }
}

/// The Intent is what the owners are told: what is released is what it says.
fn compare(authorized: &Authorized, intent: &entry::Intent) -> Result<(), JobError> {
    let cameras: BTreeSet<_> = intent.cameras.iter().collect();
    let form = match authorized.form {
        PackageForm::Clip => "Clip",
        PackageForm::Sealed => "Sealed",
    };
    let windows = || authorized.cameras.values().map(|release| release.window);
    let same = [
        ("request digest", format!("sha256:{}", intent.request_digest) == authorized.digest.to_string()),
        ("cameras", cameras == authorized.cameras.keys().collect()),
        ("window", windows().map(|w| w.from()).min() == Some(intent.from)),
        ("window", windows().map(|w| w.to()).max() == Some(intent.to)),
        ("audio", intent.audio == authorized.audio),
        ("form", intent.form == form),
        ("recipient", intent.recipient == authorized.recipient),
    ];
    match same.into_iter().find(|(_, same)| !same) {
        None => Ok(()),
        Some((what, _)) => Err(JobError::OtherThanIntended(what)),
    }
}
