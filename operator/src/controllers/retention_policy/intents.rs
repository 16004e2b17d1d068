//! The operator says in the tenant's log that it will have a key destroyed, before it lets anyone do so: what is not
//! recorded there is not allowed in Vault.

use camerafleet_crds::{DestroyIntent, RetentionPolicy, Tenant};
use camerafleet_footage::{
    layout::parse_hold_key_name,
    log::{
        Entry, NewEntry,
        entry::{self, DestroyCause, DestroyWithdrawn, KeyDestroyed},
    },
};
use kube::{
    Api, Resource, ResourceExt,
    api::{Patch, PatchParams},
    runtime::events::{Event, EventType},
};

use crate::{context::Context, error::Error, kube_api, log::LogProblem};

/// So many stand at once; the rest follow when these are done.
pub const MAX_INTENTS: usize = 100;

/// What stands, as of this view of the policy. The status is a view for the job and for people: what is not in the
/// log does not stand, as an intent of a release that had no log.
pub fn standing(policy: &RetentionPolicy) -> Vec<DestroyIntent> {
    let all = policy.status.as_ref().map(|s| s.destroy_intents.as_slice()).unwrap_or_default();
    all.iter().filter(|intent| intent.log_index.is_some()).cloned().collect()
}

/// Logs new intents, then adds them to those that stand. They count from the next reconciliation on, which reads them
/// back. What cannot be logged is not intended.
pub async fn record(
    policy: &RetentionPolicy,
    tenant: &Tenant,
    new: &[DestroyIntent],
    context: &Context,
) -> Result<Result<(), LogProblem>, Error> {
    let logging = async {
        let mut entries = Vec::with_capacity(new.len());
        for intent in new {
            entries.push(entry(policy, intent, next_id(tenant, &intent.key, context).await?));
        }
        context.logs.append(tenant, &entries, context).await
    };
    let indices = match logging.await {
        Ok(indices) => indices,
        Err(problem) => return Ok(Err(problem)),
    };
    let mut all = standing(policy);
    let logged = new.iter().zip(indices);
    all.extend(logged.map(|(intent, index)| DestroyIntent { log_index: Some(index), ..intent.clone() }));
    let api =
        Api::<RetentionPolicy>::namespaced(context.client.clone(), &policy.namespace().unwrap_or_default());
    let patch = serde_json::json!({
        "metadata": {"uid": policy.uid(), "resourceVersion": policy.resource_version()},
        "status": {"destroyIntents": all},
    });
    let doing = format!("record which keys of {} are to be destroyed", kube_api::label(policy));
    let (name, parameters) = (policy.name_any(), PatchParams::default());
    kube_api::call(&doing, api.patch_status(&name, &parameters, &Patch::Merge(patch))).await?;
    for intent in new {
        let why = if intent.shred { "belongs to what is shredded" } else { "is past its date" };
        let note = format!("The key {} {why} and will be destroyed.", intent.key);
        tell(policy, "DestroyIntended", "Destroy", note, context).await;
    }
    Ok(Ok(()))
}

/// The id of a key's intent: found due again after a lost answer, it is the same; after it was withdrawn it is another
/// one, which is named after the one that it follows.
async fn next_id(tenant: &Tenant, key: &str, context: &Context) -> Result<String, LogProblem> {
    let mut id = format!("destroy-intent/{key}");
    while let Some(index) = context.logs.find(tenant, &id, context).await? {
        if !context.logs.has(tenant, &withdrawn_id(key, index), context).await? {
            break;
        }
        id = format!("destroy-intent/{key}/{index}");
    }
    Ok(id)
}

fn withdrawn_id(key: &str, index: u64) -> String {
    format!("destroy-withdrawn/{key}/{index}")
}

/// Logs that an intent no longer stands.
pub async fn log_withdrawn(
    tenant: &Tenant,
    intent: &DestroyIntent,
    context: &Context,
) -> Result<(), LogProblem> {
    let Some(index) = intent.log_index else { return Ok(()) };
    let withdrawn = DestroyWithdrawn { key: intent.key.clone(), intent: index };
    let id = withdrawn_id(&intent.key, index);
    let entry = NewEntry { id, at: context.now(), entry: withdrawn.into() };
    context.logs.append(tenant, &[entry], context).await.map(drop)
}

fn entry(policy: &RetentionPolicy, intent: &DestroyIntent, id: String) -> NewEntry {
    let logged = entry::DestroyIntent {
        key: intent.key.clone(),
        cause: match parse_hold_key_name(&intent.key) {
            Ok(_) => DestroyCause::NoLongerNeeded,
            Err(_) if intent.shred => DestroyCause::Shred,
            Err(_) => DestroyCause::PastKeepFor,
        },
        policy: policy.uid(),
        epoch_end: intent.epoch_end.as_ref().map(|end| end.0),
    };
    NewEntry { id, at: intent.intended_at.0, entry: logged.into() }
}

/// Whether the log has the intent, and it stands: read and proven now, before Vault is told.
pub async fn is_logged(
    tenant: &Tenant,
    intent: &DestroyIntent,
    context: &Context,
) -> Result<bool, LogProblem> {
    let Some(index) = intent.log_index else { return Ok(false) };
    let entry = context.logs.entry(tenant, index, context).await?;
    let logged = matches!(entry, Entry::DestroyIntent(logged) if logged.key == intent.key);
    Ok(logged && !context.logs.has(tenant, &withdrawn_id(&intent.key, index), context).await?)
}

/// Logs that keys are gone.
pub async fn log_destroyed(
    tenant: &Tenant,
    gone: &[DestroyIntent],
    context: &Context,
) -> Result<(), LogProblem> {
    let at = context.now();
    let entries: Vec<NewEntry> = gone
        .iter()
        .map(|intent| NewEntry {
            id: format!("key-destroyed/{}", intent.key),
            at,
            entry: KeyDestroyed { key: intent.key.clone() }.into(),
        })
        .collect();
    context.logs.append(tenant, &entries, context).await.map(drop)
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
