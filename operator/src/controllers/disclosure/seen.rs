//! What the log and the kernel say of a request, and what is logged of a grant.

use std::collections::BTreeSet;

use camerafleet_crds::SharingPolicySpec;
use camerafleet_footage::{
    digest::hex,
    disclosure::{Decision, Docket, History, Live, Malformed, decide, deciding},
    log::NewEntry,
};
use jiff::Timestamp;
use kube::ResourceExt;

use super::{entries, resources::Parts};
use crate::{context::Context, log::LogProblem};

/// What the log and the kernel say of a request.
pub(super) struct Seen {
    pub history: History,
    pub docket: Option<Docket>,
    pub decision: Decision,
    /// The revisions that decide, and whether footage of the window is sealed under each; by digest, hex.
    pub policies: Vec<(String, SharingPolicySpec, bool)>,
    /// The log's newest checkpoint.
    pub checkpoint: Option<String>,
}

/// The uids of what is seen for the first time while the admission policies are known not to be enforced: anyone may have
/// made it in anyone's name.
pub(super) async fn unvouched(
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
pub(super) async fn look(parts: &Parts<'_>, live: &Live, context: &Context) -> Result<Seen, LogProblem> {
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

/// The entry of the decision, if it is one.
pub(super) fn decided(parts: &Parts<'_>, seen: &Seen, now: Timestamp) -> Vec<NewEntry> {
    let Some(docket) = &seen.docket else { return Vec::new() };
    let revisions = seen.policies.iter().map(|(digest, ..)| digest.clone()).collect();
    let order = seen.decision.authorized().and_then(|granted| granted.order.as_ref());
    let order = order.and_then(|order| {
        let found = docket.orders.iter().find(|one| one.frozen.uid == order.as_str())?;
        Some(hex(&found.frozen.digest("LegalOrder").0))
    });
    let digest = docket.request.digest();
    entries::decided(parts.uid, digest, &seen.decision, revisions, order, now).into_iter().collect()
}

/// Logs a grant: the decision, and then the Intent that names it.
pub(super) async fn begin(
    parts: &Parts<'_>,
    seen: &Seen,
    now: Timestamp,
    context: &Context,
) -> Result<(), LogProblem> {
    let (Some(granted), Some(docket)) = (seen.decision.authorized(), &seen.docket) else { return Ok(()) };
    let decision = context.logs.append(parts.tenant, &decided(parts, seen, now), context).await?;
    let Some(decision) = decision.first() else { return Ok(()) };
    let approvals: Vec<_> = docket.approvals.iter().map(|one| &one.frozen).collect();
    let entries = entries::intended(granted, *decision, &approvals, now);
    context.logs.append(parts.tenant, &entries, context).await.map(drop)
}
