//! The log in which the operator says that it will have a key destroyed, before it lets anyone do so.

use camerafleet_crds::{DestroyIntent, RetentionPolicy};
use kube::{
    Api, Resource, ResourceExt,
    api::{Patch, PatchParams},
    runtime::events::{Event, EventType},
};

use crate::{context::Context, error::Error, kube_api};

/// So many stand at once; the rest follow when these are done.
pub const MAX_INTENTS: usize = 100;

/// Where intents are recorded. The disclosure log becomes another variant: whatever it is, what is not recorded in
/// it is not allowed in Vault.
pub enum IntentLog {
    /// The policy's own status, and an Event for each.
    Status,
}

impl IntentLog {
    /// What stands in it, as of this view of the policy.
    pub fn standing(&self, policy: &RetentionPolicy) -> Vec<DestroyIntent> {
        match self {
            Self::Status => policy.status.as_ref().map(|s| s.destroy_intents.clone()).unwrap_or_default(),
        }
    }

    /// Records new intents after those that stand. They count from the next reconciliation on, which reads them
    /// back.
    pub async fn record(
        &self,
        policy: &RetentionPolicy,
        new: &[DestroyIntent],
        context: &Context,
    ) -> Result<(), Error> {
        match self {
            Self::Status => {
                let mut all = self.standing(policy);
                all.extend_from_slice(new);
                let api = Api::<RetentionPolicy>::namespaced(
                    context.client.clone(),
                    &policy.namespace().unwrap_or_default(),
                );
                let patch = serde_json::json!({
                    "metadata": {"uid": policy.uid(), "resourceVersion": policy.resource_version()},
                    "status": {"destroyIntents": all},
                });
                let doing = format!("record which keys of {} are to be destroyed", kube_api::label(policy));
                let (name, parameters) = (policy.name_any(), PatchParams::default());
                kube_api::call(&doing, api.patch_status(&name, &parameters, &Patch::Merge(patch))).await?;
            }
        }
        for intent in new {
            let why = if intent.epoch_end.is_some() { "is past its date" } else { "opens nothing any more" };
            let note = format!("The key {} {why} and will be destroyed.", intent.key);
            tell(policy, "DestroyIntended", "Destroy", note, context).await;
        }
        Ok(())
    }
}

/// An Event on the policy. That it could not be written stops nothing.
pub async fn tell(policy: &RetentionPolicy, reason: &str, action: &str, note: String, context: &Context) {
    let event = Event {
        type_: EventType::Normal,
        reason: reason.to_owned(),
        note: Some(note),
        action: action.to_owned(),
        secondary: None,
    };
    let reference = policy.object_ref(&());
    let doing = format!("tell of {}", kube_api::label(policy));
    if let Err(error) = kube_api::call(&doing, context.events.publish(&event, &reference)).await {
        tracing::warn!(%error, reason, "an Event was not written");
    }
}
