//! SharingPolicy: its identity, and the digest that segments carry.

use std::{sync::Arc, time::Duration};

use camerafleet_crds::{SharingPolicy, SharingPolicyStatus};
use camerafleet_footage::digest;
use jiff::Timestamp;
use kube::{Api, ResourceExt, runtime::controller::Action};

use crate::{
    conditions::{self, Verdict},
    context::Context,
    error::Error,
    identity, kube_api,
    log::{new_revision, policy_revision},
};

/// A revision that could not be logged is tried again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// One reconciliation.
pub async fn reconcile(policy: Arc<SharingPolicy>, context: Arc<Context>) -> Result<Action, Error> {
    let Some(namespace) = policy.namespace() else { return Ok(Action::await_change()) };
    let api = Api::<SharingPolicy>::namespaced(context.client.clone(), &namespace);
    if identity::of(&*policy).is_none() {
        // The change comes back by the watch, and the status with it.
        identity::ensure(&api, &*policy).await?;
        return Ok(Action::await_change());
    }
    let conditions = policy.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    if super::is_duplicate(&api, &*policy, &context.index.sharing_policies, conditions, &context).await? {
        return Ok(Action::await_change());
    }
    let logged = log(&policy, &namespace, &context).await;
    let pause = if logged { Action::await_change() } else { Action::requeue(LOOK_AGAIN) };
    let status = status(&policy, logged, context.now());
    kube_api::write_status(&api, &*policy, policy.status.as_ref(), &status).await?;
    Ok(pause)
}

/// Whether the present revision is in the log of its tenant.
async fn log(policy: &SharingPolicy, namespace: &str, context: &Context) -> bool {
    let Some(tenant) = context.index.bound_tenant(namespace) else { return false };
    let Some(revision) = policy_revision(policy) else { return false };
    let entry = new_revision(&revision, context.now());
    // The Tenant's LogReady says why it cannot be logged.
    context.logs.append(&tenant, &[entry], context).await.is_ok()
}

/// Revisions are counted as they come; the log holds them.
fn status(policy: &SharingPolicy, logged: bool, now: Timestamp) -> SharingPolicyStatus {
    let observed = policy.status.clone().unwrap_or_default();
    let digest = format!("sha256:{}", digest::hex(&digest::sharing_policy(&policy.spec)));
    let revisions = match observed.digest.as_ref() {
        Some(last) if *last == digest => observed.revisions,
        _ => Some(observed.revisions.unwrap_or(0) + 1),
    };
    let ready = if logged {
        Verdict::yes("InForce", "Segments recorded from now on carry this policy's digest.")
    } else {
        Verdict::no(
            "RevisionNotLogged",
            "This revision is not in the disclosure log yet, so segments go on with the one before: see the Tenant's condition LogReady.",
        )
    };
    SharingPolicyStatus {
        observed_generation: policy.metadata.generation,
        digest: Some(digest),
        revisions,
        conditions: conditions::merge(
            &observed.conditions,
            policy.metadata.generation,
            &[("Ready", ready)],
            now,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(threshold: u32) -> SharingPolicy {
        let spec = serde_json::json!({
            "owners": [{"name": "a", "user": "a@example.com"}, {"name": "b", "user": "b@example.com"}],
            "consentThreshold": threshold,
        });
        SharingPolicy::new("building", serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn a_revision_is_counted_once_and_only_when_the_spec_differs() {
        let at = Timestamp::UNIX_EPOCH;
        let mut first = policy(1);
        let status_1 = status(&first, true, at);
        assert_eq!(status_1.revisions, Some(1));
        first.status = Some(status_1.clone());
        assert_eq!(status(&first, true, at), status_1, "a second look changes nothing");
        let mut second = policy(2);
        second.status = Some(status_1.clone());
        let status_2 = status(&second, true, at);
        assert_eq!(status_2.revisions, Some(2));
        assert_ne!(status_2.digest, status_1.digest);
        assert_eq!(status(&second, false, at).conditions[0].reason, "RevisionNotLogged");
    }
}
