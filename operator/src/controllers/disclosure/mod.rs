//! DisclosureRequest: what was submitted is logged as it was first seen; the kernel decides from what the log says; what it
//! grants is intended in the log, carried out by a Job, and its outcome logged; owners are told; the package expires.
//!
//! The log is the memory: a reconciliation looks at what it says, does the next step, and can stop anywhere. Approvals and
//! LegalOrders wake the requests that they are about.

mod answers;
mod apply;
mod end;
mod entries;
mod gather;
mod message;
mod notice;
mod order;
mod owners;
mod package;
mod plan;
mod resources;
mod seen;
mod standing;
mod status;
mod store;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use camerafleet_crds::{Approval, DisclosureRequest, Tenant};
use camerafleet_footage::{
    disclosure::{FollowUp, History, Live, Verdict as Decided, parse_release_key_name},
    ids::RequestUid,
    log::entry::OutcomeResult,
};
use jiff::Timestamp;
use kube::{Api, Resource, ResourceExt, runtime::controller::Action};
use serde_json::Value;

pub use order::{reconcile as reconcile_order, unverifiable, verify as verify_order};
pub use resources::{COMPONENT, REQUEST_LABEL};

use crate::{
    conditions::Verdict, context::Context, controllers::retention_policy::tenant_of, error::Error, events,
    finalizer, identity, kube_api, log::LogProblem,
};
use end::end;
use gather::JobState;
use notice::Due;
use plan::{Facts, Step};
use resources::Parts;
use seen::{Seen, begin, decided, look, unvouched};
use standing::{due_of, fate, follows, nondisclosure, retry};

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

/// One reconciliation.
pub async fn reconcile(request: Arc<DisclosureRequest>, context: Arc<Context>) -> Result<Action, Error> {
    let Some(namespace) = request.namespace() else { return Ok(Action::await_change()) };
    let api = Api::<DisclosureRequest>::namespaced(context.client.clone(), &namespace);
    let deleted = request.metadata.deletion_timestamp.is_some();
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
            // The Tenant's LogReady says it to people.
            tracing::debug!(%problem, request = %uid, "a DisclosureRequest waits for the log");
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
    // The transparency report counts it, and the order may be gone by then.
    let delayed: Vec<_> = due.not_before.map(|until| entries::delayed(uid, until, now)).into_iter().collect();
    logged!(context.logs.append(tenant, &delayed, context).await);
    let message =
        |contact: &notice::Contact, occasion| message::message(parts, &seen, contact, occasion, now);
    let told = logged!(notice::tell(&due, message, uid, tenant, context).await);

    show(parts, live, &seen, &due, &contacts, context).await?;
    let follow_up = follows(parts, &seen, now);
    if let Some(FollowUp::Arrived(order)) = &follow_up {
        logged!(context.logs.append(tenant, &[entries::followed_up(uid, order, now)], context).await);
    }
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
