//! What is logged of a request, as pure functions: what was submitted in the form in which it was first seen, what was
//! decided, what is intended, what came of it.

use std::collections::BTreeSet;

use camerafleet_crds::PackageForm;
use camerafleet_footage::{
    digest::{hex, sha256},
    disclosure::{Authorized, Decision, Frozen, History, Live, Logged, RequestDigest, Verdict},
    ids::{OrderUid, RequestUid},
    log::{
        NewEntry,
        entry::{self, ApprovalSubmitted, ApprovalWithdrawn, OrderSubmitted, RequestWithdrawn},
    },
};
use jiff::Timestamp;
use serde_json::Value;

/// An object as it is now, to be frozen.
pub fn frozen(kind: &'static str, object: &Value, now: Timestamp) -> Option<Frozen> {
    Frozen::read(kind, object, Logged { index: 0, at: now }).ok()
}

/// What was submitted of a request: itself first, for what comes before it is not about it. Entries that the log has are not
/// appended again, and what it first saw stands. Of what is in `unvouched`, by uid, nobody vouches for who made it: it is
/// taken back with the same breath, so that it never counts.
pub fn submitted(
    live: &Live,
    uid: &RequestUid,
    unvouched: &BTreeSet<String>,
    now: Timestamp,
) -> Vec<NewEntry> {
    let mut entries = Vec::new();
    let mut add = |id: String, entry: entry::Entry| entries.push(NewEntry { id, at: now, entry });
    let request = live.request.as_ref().and_then(|object| frozen("DisclosureRequest", object, now));
    let Some(request) = request.filter(|request| request.uid == uid.as_str()) else { return entries };
    let object = request.canonical("DisclosureRequest");
    let digest = hex(&sha256(object.as_bytes()));
    let logged = entry::Request { request: uid.to_string(), digest, object };
    add(History::request_id(uid), logged.into());
    let names = request.spec.pointer("/legalOrderRef/name").and_then(Value::as_str);
    for order in live.orders.iter().filter_map(|object| frozen("LegalOrder", object, now)) {
        let follows = order.spec.pointer("/requestRef/uid").and_then(Value::as_str) == Some(uid.as_str());
        if follows || names == Some(&order.name) {
            let new = order_submitted(&order, now);
            add(new.id, new.entry);
        }
    }
    for approval in of_request(live, uid, now) {
        let (approval_uid, request) = (approval.uid.clone(), uid.to_string());
        let digest = hex(&approval.digest("Approval").0);
        let seen = ApprovalSubmitted { approval: approval_uid.clone(), request: request.clone(), digest };
        add(format!("approval-submitted/{approval_uid}"), seen.into());
        if is_withdrawn(&approval) || unvouched.contains(&approval.uid) {
            let id = format!("approval-withdrawn/{approval_uid}");
            add(id, ApprovalWithdrawn { approval: approval_uid, request }.into());
        }
    }
    if is_withdrawn(&request) || unvouched.contains(&request.uid) {
        let new = withdrawn(uid, now);
        add(new.id, new.entry);
    }
    entries
}

/// That an order was seen.
pub fn order_submitted(order: &Frozen, now: Timestamp) -> NewEntry {
    let seen = OrderSubmitted { order: order.uid.clone(), digest: hex(&order.digest("LegalOrder").0) };
    NewEntry { id: format!("order-submitted/{}", order.uid), at: now, entry: seen.into() }
}

/// The Approvals that name the request.
pub fn of_request(live: &Live, uid: &RequestUid, now: Timestamp) -> impl Iterator<Item = Frozen> {
    let approvals = live.approvals.iter().filter_map(move |object| frozen("Approval", object, now));
    approvals.filter(move |approval| {
        approval.spec.pointer("/requestRef/uid").and_then(Value::as_str) == Some(uid.as_str())
    })
}

fn is_withdrawn(object: &Frozen) -> bool {
    object.spec.get("withdrawn") == Some(&Value::Bool(true))
}

/// What was decided; nothing of what is pending.
pub fn decided(
    uid: &RequestUid,
    digest: RequestDigest,
    decision: &Decision,
    revisions: Vec<String>,
    order: Option<String>,
    now: Timestamp,
) -> Option<NewEntry> {
    let (verdict, approvals) = match &decision.verdict {
        Verdict::Pending => return None,
        Verdict::Denied => (entry::Verdict::Denied, Vec::new()),
        Verdict::Authorized(granted) => {
            (entry::Verdict::Authorized, granted.approvals.iter().map(ToString::to_string).collect())
        }
    };
    let reasons = decision.reasons.iter().map(|reason| entry::DecisionReason {
        rule: reason.rule.id().to_owned(),
        message: reason.message.clone(),
    });
    let decided = entry::Decision {
        request: uid.to_string(),
        request_digest: hex(&digest.0.0),
        verdict,
        reasons: reasons.collect(),
        revisions,
        approvals,
        order,
    };
    // One that is decided otherwise, as after a refusal was withdrawn, is another entry.
    let content = serde_json::to_vec(&decided).unwrap_or_default();
    let id = format!("decision/{uid}/{}", &hex(&sha256(&content))[..16]);
    Some(NewEntry { id, at: now, entry: decided.into() })
}

/// The Intent that follows from a grant, and what it uses up. `approvals` are the namespace's.
pub fn intended(granted: &Authorized, decision: u64, approvals: &[&Frozen], now: Timestamp) -> Vec<NewEntry> {
    let uid = &granted.request;
    let windows = || granted.cameras.values().map(|release| release.window);
    let digest = hex(&granted.digest.0.0);
    let intent = entry::Intent {
        request: uid.to_string(),
        request_digest: digest.clone(),
        decision,
        cameras: granted.cameras.keys().cloned().collect(),
        from: windows().map(|window| window.from()).min().unwrap_or(now),
        to: windows().map(|window| window.to()).max().unwrap_or(now),
        audio: granted.audio,
        form: match granted.form {
            PackageForm::Clip => "Clip",
            PackageForm::Sealed => "Sealed",
        }
        .to_owned(),
        recipient: granted.recipient.clone(),
    };
    let intent = NewEntry { id: intent_id(uid), at: now, entry: intent.into() };
    let counted = |frozen: &&&Frozen| granted.approvals.iter().any(|used| used.as_str() == frozen.uid);
    let used = approvals.iter().filter(counted).map(|approval| {
        let object = approval.signed_bytes(&["release"]);
        let used = entry::ApprovalUsed {
            approval: approval.uid.clone(),
            request: uid.to_string(),
            request_digest: digest.clone(),
            object: String::from_utf8_lossy(&object).into_owned(),
        };
        NewEntry { id: format!("approval-used/{}", approval.uid), at: now, entry: used.into() }
    });
    std::iter::once(intent).chain(used).collect()
}

/// There is one for a request.
pub fn intent_id(uid: &RequestUid) -> String {
    format!("intent/{uid}")
}

/// What came of an Intent.
pub fn outcome(uid: &RequestUid, intent: u64, result: entry::OutcomeResult, now: Timestamp) -> NewEntry {
    let outcome = entry::Outcome { request: uid.to_string(), intent, result };
    NewEntry { id: outcome_id(uid), at: now, entry: outcome.into() }
}

/// There is one for a request.
fn outcome_id(uid: &RequestUid) -> String {
    let [outcome, _] = History::end_ids(uid);
    outcome
}

/// That nothing more comes of a request.
pub fn withdrawn(uid: &RequestUid, now: Timestamp) -> NewEntry {
    let [_, id] = History::end_ids(uid);
    NewEntry { id, at: now, entry: RequestWithdrawn { request: uid.to_string() }.into() }
}

/// That owners must not be told before a date.
pub fn delayed(uid: &RequestUid, until: Timestamp, now: Timestamp) -> NewEntry {
    let id = format!("notice-delayed/{uid}/{}", until.as_second());
    NewEntry { id, at: now, entry: entry::NoticeDelayed { request: uid.to_string(), until }.into() }
}

/// That the order has arrived which must follow an emergency.
pub fn followed_up(uid: &RequestUid, order: &OrderUid, now: Timestamp) -> NewEntry {
    let followed = entry::FollowedUp { request: uid.to_string(), order: order.to_string() };
    NewEntry { id: format!("followed-up/{uid}"), at: now, entry: followed.into() }
}
