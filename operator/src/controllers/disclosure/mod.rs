//! DisclosureRequest: what was submitted is logged as it was first seen; the kernel decides from what the log says; what it
//! grants is intended in the log, carried out by a Job, and its outcome logged; owners are told; the package expires.
//!
//! The log is the memory: a reconciliation looks at what it says, does the next step, and can stop anywhere. Approvals and
//! LegalOrders wake the requests that they are about.

mod answers;
mod apply;
mod entries;
mod gather;
mod measure;
mod message;
mod notice;
mod order;
mod owners;
mod package;
mod plan;
mod resources;
mod status;
mod store;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use camerafleet_crds::{Approval, Basis, DisclosureRequest, PackageStatus, SharingPolicySpec, Tenant};
use camerafleet_footage::{
    disclosure::{
        Authorized, Decision, Docket, FollowUp, History, Live, Malformed, Release, Rule, Verdict as Decided,
        Window, decide, deciding, follow_up, parse_release_key_name,
    },
    ids::{ApprovalUid, OrderUid, RequestUid},
    log::entry::OutcomeResult,
    retention::due_at,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Api, Resource, ResourceExt, runtime::controller::Action};
use serde_json::Value;

pub use order::reconcile as reconcile_order;
pub use resources::{COMPONENT, REQUEST_LABEL};

use crate::{
    conditions::Verdict, context::Context, controllers::retention_policy::tenant_of, error::Error, events,
    finalizer, identity, kube_api, log::LogProblem,
};
use gather::JobState;
use notice::{Due, Fate};
use plan::{Facts, Step};
use resources::Parts;

/// Keeps a deleted request until its outcome is logged and its package is gone.
const FINALIZER: &str = "camerafleet.io/disclosure";
/// After a write that the watch brings back anyway, should it not.
const AFTER_WRITE: Duration = Duration::from_secs(2);
/// While something is still to be done, by the operator or by a Job.
const LOOK_AGAIN_SOON: Duration = Duration::from_secs(15);
/// At the latest after this everything is compared again.
const LOOK_AGAIN: Duration = Duration::from_secs(300);
/// Steps of one reconciliation: decided, intended, begun.
const MAX_STEPS: usize = 4;

/// What the log and the kernel say of a request.
struct Seen {
    history: History,
    docket: Option<Docket>,
    decision: Decision,
    /// The revisions that decide, and whether footage of the window is sealed under each; by digest, hex.
    policies: Vec<(String, SharingPolicySpec, bool)>,
    /// The log's newest checkpoint.
    checkpoint: Option<String>,
}

/// One reconciliation.
pub async fn reconcile(request: Arc<DisclosureRequest>, context: Arc<Context>) -> Result<Action, Error> {
    let Some(namespace) = request.namespace() else { return Ok(Action::await_change()) };
    let api = Api::<DisclosureRequest>::namespaced(context.client.clone(), &namespace);
    let deleted = request.metadata.deletion_timestamp.is_some();
    measure::measure(&context.index.disclosure_requests.state(), &context.metrics);
    if identity::of(&*request).is_none() && !deleted {
        // The change comes back by the watch, and the rest with it.
        identity::ensure(&api, &*request).await?;
        return Ok(Action::await_change());
    }
    let conditions = request.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    if super::is_duplicate(&api, &*request, &context.index.disclosure_requests, conditions, &context).await? {
        if deleted {
            finalizer::remove(&api, &*request, FINALIZER).await?;
        }
        return Ok(Action::await_change());
    }
    let Some((tenant, tenant_id)) = tenant_of(&namespace, &context) else {
        return without_tenant(&api, &request, deleted, &context).await;
    };
    if status::is_settled(&request) {
        return Ok(Action::await_change());
    }
    // Read now, and as the API server stores it: digests are over that.
    let live = gather::live(&namespace, &request.name_any(), &tenant, &context).await?;
    let Some(fresh) = live.request.as_ref().map(apply::typed).transpose()? else {
        return Ok(Action::await_change());
    };
    let uid = fresh.uid().and_then(|uid| RequestUid::parse(uid).ok());
    let Some(uid) = uid.filter(|_| fresh.uid() == request.uid()) else { return Ok(Action::await_change()) };
    let parts = Parts { tenant: &tenant, tenant_id: &tenant_id, request: &fresh, uid: &uid };
    match work(&parts, &live, &api, &context).await? {
        Ok(action) => Ok(action),
        Err(problem) => {
            if problem.is_denied() {
                tracing::debug!(%problem, "the log is not open for a DisclosureRequest");
            }
            let why = Verdict::unknown(
                "LogUnavailable",
                "Nothing is decided without the tenant's log, which cannot be read or written now: see the Tenant's LogReady.",
            );
            let status = status::undecided(&fresh, why, context.now());
            kube_api::write_status(&api, &fresh, fresh.status.as_ref(), &status).await?;
            Ok(Action::requeue(LOOK_AGAIN_SOON))
        }
    }
}

async fn without_tenant(
    api: &Api<DisclosureRequest>,
    request: &DisclosureRequest,
    deleted: bool,
    context: &Context,
) -> Result<Action, Error> {
    // After a restart the tenants are still to come.
    if !context.index.synced.seen(&["tenants", "namespaces"]) {
        return Ok(Action::requeue(AFTER_WRITE));
    }
    if deleted {
        finalizer::remove(api, request, FINALIZER).await?;
        return Ok(Action::await_change());
    }
    let why = Verdict::no(
        "NoTenant",
        "No Tenant has this namespace, so there is no footage: create the DisclosureRequest in a tenant's namespace.",
    );
    let status = status::undecided(request, why, context.now());
    kube_api::write_status(api, request, request.status.as_ref(), &status).await?;
    Ok(Action::await_change())
}

/// The uids of what is seen for the first time while the admission policies are known not to be enforced: anyone may have
/// made it in anyone's name.
async fn unvouched(
    parts: &Parts<'_>,
    live: &Live,
    context: &Context,
) -> Result<BTreeSet<String>, LogProblem> {
    let mut unvouched = BTreeSet::new();
    if !context.admission.is_broken() {
        return Ok(unvouched);
    }
    let approvals = entries::of_request(live, parts.uid, context.now()).map(|frozen| frozen.uid);
    let ids = approvals.map(|uid| (format!("approval-submitted/{uid}"), uid));
    let request = (History::request_id(parts.uid), parts.uid.to_string());
    for (id, uid) in ids.chain([request]) {
        if !context.logs.has(parts.tenant, &id, context).await? {
            unvouched.insert(uid);
        }
    }
    Ok(unvouched)
}

/// What the log says now, and what follows.
async fn look(parts: &Parts<'_>, live: &Live, context: &Context) -> Result<Seen, LogProblem> {
    let (tenant, uid) = (parts.tenant, parts.uid);
    let window = &parts.request.spec.window;
    let history = context.logs.history(tenant, uid, (window.from.0, window.to.0), context).await?;
    let history = history.ok_or(LogProblem::NotOpen)?;
    let checkpoint = context.logs.newest(tenant).await;
    let now = context.now();
    let docket = match Docket::new(live, &history, now) {
        Ok(docket) => docket,
        Err(why) => {
            let name = parts.request.name_any();
            let malformed = Malformed { kind: "DisclosureRequest", name, what: why.to_string() };
            let decision = Decision::malformed(&malformed);
            return Ok(Seen { history, docket: None, decision, policies: Vec::new(), checkpoint });
        }
    };
    let case = docket.case(parts.tenant_id, now);
    let decision = decide(&case);
    let policies = deciding(&case).into_iter().map(|(digest, (revision, recorded))| {
        let digest = digest.to_string().trim_start_matches("sha256:").to_owned();
        (digest, revision.spec().clone(), recorded)
    });
    let policies = policies.collect();
    Ok(Seen { history, docket: Some(docket), decision, policies, checkpoint })
}

async fn work(
    parts: &Parts<'_>,
    live: &Live,
    api: &Api<DisclosureRequest>,
    context: &Context,
) -> Result<Result<Action, LogProblem>, Error> {
    let (tenant, uid, request) = (parts.tenant, parts.uid, parts.request);
    let namespace = request.namespace().unwrap_or_default();
    let deleted = request.metadata.deletion_timestamp.is_some();
    macro_rules! logged {
        ($call:expr) => {
            match $call {
                Ok(value) => value,
                Err(problem) => return Ok(Err(problem)),
            }
        };
    }
    let unvouched = logged!(unvouched(parts, live, context).await);
    let submitted = entries::submitted(live, uid, &unvouched, context.now());
    logged!(context.logs.append(tenant, &submitted, context).await);
    let mut seen = logged!(look(parts, live, context).await);
    let mut job = JobState::Absent;
    let mut blocked = None;
    let mut soon = false;
    for _ in 0..MAX_STEPS {
        let (now, enforced) = (context.now(), context.admission.is_enforced());
        if seen.history.own_intent().is_some() && seen.history.outcome().is_none() {
            job = gather::job(&namespace, uid, (tenant, parts.tenant_id), context).await?;
        }
        let facts =
            Facts { decision: &seen.decision, history: &seen.history, job: &job, enforced, deleted, now };
        match plan::plan(&facts) {
            Step::Wait | Step::Over => break,
            Step::Deny => {
                logged!(context.logs.append(tenant, &decided(parts, &seen, now), context).await);
                break;
            }
            Step::Begin => {
                // Before there can be a package.
                if finalizer::add(api, request, FINALIZER).await? {
                    return Ok(Ok(Action::requeue(AFTER_WRITE)));
                }
                logged!(begin(parts, &seen, now, context).await);
            }
            Step::Run(intent) => {
                soon = true;
                if job == JobState::Absent {
                    blocked = apply::run(parts, intent, context).await?;
                }
                break;
            }
            Step::RunAgain => {
                soon = true;
                apply::remove_job(&resources::name(uid), &namespace, context).await?;
                break;
            }
            Step::Conclude(intent, result) => {
                if matches!(result, OutcomeResult::Failed { .. }) {
                    apply::remove_job(&resources::name(uid), &namespace, context).await?;
                }
                let entry = entries::outcome(uid, intent, result, now);
                logged!(context.logs.append(tenant, &[entry], context).await);
            }
        }
        seen = logged!(look(parts, live, context).await);
    }
    let now = context.now();
    if deleted && seen.history.own_intent().is_none() && finalizer::has(request, FINALIZER) {
        // It has a key, which goes when the log says that nothing more comes of it.
        logged!(context.logs.append(tenant, &[entries::withdrawn(uid, now)], context).await);
    }
    let enforced = context.admission.is_enforced();
    if let Some(docket) = seen.docket.as_ref().filter(|_| enforced && !deleted) {
        let policies = seen.policies.iter().map(|(_, spec, recorded)| (spec, *recorded));
        if owners::wanted(docket, &seen.decision, &seen.history, policies) {
            // Before there is a key.
            if finalizer::add(api, request, FINALIZER).await? {
                return Ok(Ok(Action::requeue(AFTER_WRITE)));
            }
            let all = seen.policies.iter().map(|(_, spec, _)| spec.clone()).collect();
            blocked = owners::prepare(parts, docket, &seen.history, all, context).await?;
            soon |= blocked.is_some();
        }
    }
    let end = end(parts, api, &seen, deleted, now, context).await?;
    if end.gone {
        context.logs.forget_history(uid);
        return Ok(Ok(Action::await_change()));
    }
    if deleted {
        // Without an Intent there is nothing to keep it for; with one, what is left is tried again.
        return Ok(Ok(Action::requeue(LOOK_AGAIN_SOON)));
    }

    let occasions = notice::occasions(request.spec.basis, fate(&seen), nondisclosure(parts, &seen));
    let contacts = notice::contacts(seen.policies.iter().map(|(_, spec, _)| spec));
    let before = request.status.as_ref().map(|status| status.notices.as_slice()).unwrap_or_default();
    let due = notice::due(&contacts, &occasions, seen.history.notices(), before, now);
    let message =
        |contact: &notice::Contact, occasion| message::message(parts, &seen, contact, occasion, now);
    let told = logged!(notice::tell(&due, message, uid, tenant, context).await);

    show(parts, live, &seen, &due, &contacts, context).await?;
    let follow_up = follows(parts, &seen, now);
    let known = status::Known {
        request,
        digest: seen.docket.as_ref().map(|docket| docket.request.digest().to_string()),
        decision: &seen.decision,
        history: &seen.history,
        job: &job,
        blocked: blocked.clone(),
        enforced,
        package: end.package,
        expired: end.expired,
        due: &due,
        order_missing: occasions.unknown,
        told,
        follow_up: follow_up.clone(),
        now,
    };
    let status = status::status(&known);
    let next = [due.next, end.next, due_of(follow_up.as_ref()), retry(&status.notices)];
    kube_api::write_status(api, request, request.status.as_ref(), &status).await?;
    let old = request.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    for type_ in ["Ready", "OwnersNotified", "FollowedUp"] {
        events::transition_of(type_, context, &request.object_ref(&()), old, &status.conditions).await;
    }
    let waits = seen.history.outcome().is_none() && !matches!(seen.decision.verdict, Decided::Denied);
    let soon = soon || (waits && blocked.is_some()) || (!enforced && waits);
    Ok(Ok(Action::requeue(pause(soon, next.into_iter().flatten().min(), now))))
}

/// The entry of the decision, if it is one.
fn decided(parts: &Parts<'_>, seen: &Seen, now: Timestamp) -> Vec<camerafleet_footage::log::NewEntry> {
    let Some(docket) = &seen.docket else { return Vec::new() };
    let revisions = seen.policies.iter().map(|(digest, ..)| digest.clone()).collect();
    let order = seen.decision.authorized().and_then(|granted| granted.order.as_ref());
    let order = order.and_then(|order| {
        let found = docket.orders.iter().find(|one| one.frozen.uid == order.as_str())?;
        Some(camerafleet_footage::digest::hex(&found.frozen.digest("LegalOrder").0))
    });
    let digest = docket.request.digest();
    entries::decided(parts.uid, digest, &seen.decision, revisions, order, now).into_iter().collect()
}

/// Logs a grant: the decision, and then the Intent that names it.
async fn begin(parts: &Parts<'_>, seen: &Seen, now: Timestamp, context: &Context) -> Result<(), LogProblem> {
    let (Some(granted), Some(docket)) = (seen.decision.authorized(), &seen.docket) else { return Ok(()) };
    let decision = context.logs.append(parts.tenant, &decided(parts, seen, now), context).await?;
    let Some(decision) = decision.first() else { return Ok(()) };
    let approvals: Vec<_> = docket.approvals.iter().map(|one| &one.frozen).collect();
    let entries = entries::intended(granted, *decision, &approvals, now);
    context.logs.append(parts.tenant, &entries, context).await.map(drop)
}

/// A request after its outcome.
#[derive(Default)]
struct End {
    package: Option<PackageStatus>,
    expired: bool,
    next: Option<Timestamp>,
    /// Its finalizer went with it.
    gone: bool,
}

/// Offers the package until its date, and takes away what is left of a request.
async fn end(
    parts: &Parts<'_>,
    api: &Api<DisclosureRequest>,
    seen: &Seen,
    deleted: bool,
    now: Timestamp,
    context: &Context,
) -> Result<End, Error> {
    let request = parts.request;
    let Some((logged, outcome)) = seen.history.outcome() else {
        if deleted && seen.history.own_intent().is_none() {
            finalizer::remove(api, request, FINALIZER).await?;
            return Ok(End { gone: true, ..End::default() });
        }
        let withdrawn = !seen.history.facts().withdrawn_requests.is_empty();
        if withdrawn && seen.history.own_intent().is_none() && finalizer::has(request, FINALIZER) {
            // Its key goes by the log.
            apply::remove_means(parts, context).await?;
            finalizer::remove(api, request, FINALIZER).await?;
            return Ok(End { next: now.checked_add(SignedDuration::from_secs(2)).ok(), ..End::default() });
        }
        return Ok(End::default());
    };
    // The status is the operator's alone, and a finalizer is not: what the status does not say is not done.
    let done = status::is_package_gone(request);
    if !finalizer::has(request, FINALIZER) {
        if done || deleted {
            let expired = matches!(outcome.result, OutcomeResult::Delivered { .. });
            return Ok(End { expired, gone: deleted, ..End::default() });
        }
        finalizer::add(api, request, FINALIZER).await?;
    }
    apply::remove_means(parts, context).await?;
    let ends = due_at(logged.at, request.spec.expires_after);
    let store = match store::read(parts.tenant, context).await? {
        Ok(store) => store,
        Err(verdict) => {
            tracing::warn!(request = %parts.uid, why = verdict.message, "a package cannot be looked after");
            let next = now.checked_add(SignedDuration::from_secs(30)).ok();
            return Ok(End { next, ..End::default() });
        }
    };
    if let OutcomeResult::Delivered { package, bytes, segments, .. } = &outcome.result
        && now < ends
        && !deleted
    {
        let known = request.status.as_ref().and_then(|status| status.package.clone());
        let key = match known {
            Some(known) => Some(known.key),
            None => gather::receipt(&store, parts.tenant_id, parts.uid).await.ok().flatten().map(|r| r.key),
        };
        let Some(key) = key else {
            let next = now.checked_add(SignedDuration::from_secs(30)).ok();
            return Ok(End { next, ..End::default() });
        };
        let package = PackageStatus {
            key,
            sha256: package.clone(),
            bytes: *bytes,
            segments: *segments,
            expires_at: Time(ends),
        };
        package::offer(parts, &package, &store, now, context).await?;
        return Ok(End { package: Some(package), next: Some(ends), ..End::default() });
    }
    package::withhold(parts, context).await?;
    apply::remove_job(&resources::name(parts.uid), &request.namespace().unwrap_or_default(), context).await?;
    // A Job that was at work when it was told to stop may write until it is gone.
    let at_work = gather::at_work(parts.uid, context);
    let delivered = matches!(outcome.result, OutcomeResult::Delivered { .. });
    if package::delete(parts, &store).await && !at_work {
        if done || deleted {
            finalizer::remove(api, request, FINALIZER).await?;
            return Ok(End { gone: deleted, expired: delivered, ..End::default() });
        }
        // Told first, then let go.
        let next = now.checked_add(SignedDuration::from_secs(1)).ok();
        return Ok(End { expired: delivered, next, ..End::default() });
    }
    let next = now.checked_add(SignedDuration::from_secs(15)).ok();
    Ok(End { next, ..End::default() })
}

/// What has become of a request, for owners.
fn fate(seen: &Seen) -> Fate {
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
fn nondisclosure(parts: &Parts<'_>, seen: &Seen) -> Result<Option<Timestamp>, ()> {
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
fn follows(parts: &Parts<'_>, seen: &Seen, now: Timestamp) -> Option<FollowUp> {
    let docket = seen.docket.as_ref().filter(|_| parts.request.spec.basis == Basis::Emergency)?;
    let (_, outcome) = seen.history.outcome()?;
    let (OutcomeResult::Delivered { .. }, (intended, intent)) = (&outcome.result, seen.history.own_intent()?)
    else {
        return None;
    };
    let window = Window::new(intent.from, intent.to)?;
    let within = seen.policies.iter().filter_map(|(_, spec, _)| spec.bases.emergency.as_ref());
    let within = within.map(|bounds| bounds.follow_up_within.as_secs()).min();
    let release = |camera: &camerafleet_footage::ids::CameraId| {
        (camera.clone(), Release { window, policies: Default::default() })
    };
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
        notice: camerafleet_footage::disclosure::Notice { owners: Default::default(), not_before: None },
        follow_up_within: within.and_then(|s| i64::try_from(s).ok()).map(SignedDuration::from_secs),
    };
    Some(follow_up(&docket.case(parts.tenant_id, now), &released, intended.at))
}

fn due_of(follow_up: Option<&FollowUp>) -> Option<Timestamp> {
    match follow_up {
        Some(FollowUp::Due(at)) => Some(*at),
        _ => None,
    }
}

fn retry(notices: &[camerafleet_crds::NoticeStatus]) -> Option<Timestamp> {
    notices.iter().filter_map(|notice| notice.next_attempt_at.as_ref()).map(|time| time.0).min()
}

fn pause(soon: bool, next: Option<Timestamp>, now: Timestamp) -> Duration {
    let most = if soon { LOOK_AGAIN_SOON } else { LOOK_AGAIN };
    let left = |at: Timestamp| Duration::try_from(at.duration_since(now)).unwrap_or_default();
    next.map_or(most, |next| most.min(left(next) + Duration::from_millis(500)))
}

/// Whether a key is a request's of which, by the log, nothing more comes. What the log does not say is not over.
pub async fn is_release_over(key: &str, tenant: &Tenant, context: &Context) -> bool {
    let Some(uid) = parse_release_key_name(key) else { return false };
    for id in History::end_ids(&uid) {
        if context.logs.has(tenant, &id, context).await.unwrap_or(false) {
            return true;
        }
    }
    false
}

/// Who sees what, and what each answer is told.
async fn show(
    parts: &Parts<'_>,
    live: &Live,
    seen: &Seen,
    due: &Due,
    contacts: &[notice::Contact],
    context: &Context,
) -> Result<(), Error> {
    let basis = parts.request.spec.basis;
    let may_tell = nondisclosure(parts, seen).is_ok_and(|until| until.is_none());
    let mut others = answers::deciders(basis, &seen.decision, may_tell);
    if due.visible {
        others.extend(contacts.iter().map(|contact| contact.user.clone()));
    }
    apply::show(parts, &resources::views(parts, others.into_iter().collect()), context).await?;
    let there = apply::bindings(parts, context).await?;
    let namespace = parts.request.namespace().unwrap_or_default();
    let approvals = Api::<Approval>::namespaced(context.client.clone(), &namespace);
    for object in &live.approvals {
        if object.pointer("/spec/requestRef/uid").and_then(Value::as_str) != Some(parts.uid.as_str()) {
            continue;
        }
        let Ok(approval) = serde_json::from_value::<Approval>(object.clone()) else { continue };
        if approval.metadata.deletion_timestamp.is_some() {
            continue;
        }
        apply::show_approval(parts, &approval, &there, context).await?;
        let verdict = answers::verdict(&approval, seen.docket.as_ref(), &seen.decision, &seen.history);
        let status = answers::status(&approval, verdict, context.now());
        kube_api::write_status(&approvals, &approval, approval.status.as_ref(), &status).await?;
    }
    Ok(())
}

/// An Approval's identity; and what it is told where there is no request that it is about. The rest its request tells.
pub async fn reconcile_approval(approval: Arc<Approval>, context: Arc<Context>) -> Result<Action, Error> {
    let Some(namespace) = approval.namespace() else { return Ok(Action::await_change()) };
    if approval.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let api = Api::<Approval>::namespaced(context.client.clone(), &namespace);
    if identity::of(&*approval).is_none() {
        identity::ensure(&api, &*approval).await?;
        return Ok(Action::await_change());
    }
    if !context.index.synced.seen(&["disclosurerequests"]) {
        return Ok(Action::requeue(AFTER_WRITE));
    }
    if gather::known(&namespace, &approval.spec.request_ref.uid, &context).is_none() {
        let why = Verdict::no(
            "RequestUnknown",
            "There is no DisclosureRequest with the uid in spec.requestRef in this namespace: one that was deleted and made again is another, and needs approvals of its own.",
        );
        let used = approval.status.as_ref().is_some_and(|status| status.used);
        let status = answers::status(&approval, (used, why), context.now());
        kube_api::write_status(&api, &*approval, approval.status.as_ref(), &status).await?;
    }
    Ok(Action::await_change())
}
