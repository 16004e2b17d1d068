//! Does what was planned, in the order in which one thing needs the other.

use camerafleet_crds::{Camera, RetentionPolicy};
use camerafleet_footage::vault::VaultError;
use k8s_openapi::api::{
    batch::v1::CronJob,
    core::v1::{ConfigMap, Secret},
    rbac::v1::{Role, RoleBinding},
};
use kube::{Api, ResourceExt};

use super::{gather::Observed, intents, plan::Plan, resources::Resources};
use crate::{context::Context, error::Error, kube_api, log::LogProblem};

/// How far it came.
pub enum Done {
    /// New intents were recorded: the rest is done when they are read back.
    Recorded,
    /// Everything.
    Applied(Box<Applied>),
}

/// What was done.
#[derive(Default)]
pub struct Applied {
    /// Why the API server does not take the CronJob.
    pub refused: Option<String>,
    /// The keys that Vault now lets be deleted.
    pub allowed: Vec<String>,
    /// The keys that it no longer does.
    pub withdrawn: Vec<String>,
    /// Why one of them could not be told to Vault.
    pub failure: Option<VaultError>,
    /// The admission policies are not proved to be enforced: no key was named or allowed to be destroyed.
    pub unproved: bool,
    /// Why something could not be logged, and was not done.
    pub unlogged: Option<LogProblem>,
}

/// Does it.
pub async fn apply(
    plan: &Plan,
    policy: &RetentionPolicy,
    observed: &Observed,
    context: &Context,
) -> Result<Done, Error> {
    let mut applied = Applied::default();
    if plan.forget_cameras {
        let namespace = policy.namespace().unwrap_or_default();
        kube_api::prune(&Api::<Camera>::namespaced(context.client.clone(), &namespace), "", &[]).await?;
    }
    if let Ok(resources) = &plan.resources {
        applied.refused = make(resources, policy, context).await?;
    }
    let shredding = &plan.shredding;
    // While it is not proved that others cannot stand in for the jobs, nothing irrevocable is begun.
    applied.unproved = !context.admission.is_enforced();
    if !shredding.new.is_empty() && !applied.unproved {
        match intents::record(policy, &observed.tenant, &shredding.new, context).await? {
            Ok(()) => return Ok(Done::Recorded),
            Err(problem) => applied.unlogged = Some(problem),
        }
    }
    if !shredding.allow.is_empty() || !shredding.withdraw.is_empty() {
        applied.failure = tell_vault(plan, policy, observed, context, &mut applied).await?.err();
    }
    Ok(Done::Applied(Box::new(applied)))
}

/// Makes the CronJob and what it needs. Says why if the API server finds its schedule wanting, or admission its image:
/// one that was there before runs on.
async fn make(
    resources: &Resources,
    policy: &RetentionPolicy,
    context: &Context,
) -> Result<Option<String>, Error> {
    // Without `..`: what is new cannot be forgotten.
    let Resources { role, binding, secret, config_map, cron_job } = resources;
    let namespace = policy.namespace().unwrap_or_default();
    let client = &context.client;
    kube_api::apply(&Api::<Role>::namespaced(client.clone(), &namespace), role).await?;
    kube_api::apply(&Api::<RoleBinding>::namespaced(client.clone(), &namespace), binding).await?;
    kube_api::apply(&Api::<Secret>::namespaced(client.clone(), &namespace), secret).await?;
    kube_api::apply(&Api::<ConfigMap>::namespaced(client.clone(), &namespace), config_map).await?;
    match kube_api::apply(&Api::<CronJob>::namespaced(client.clone(), &namespace), cron_job).await {
        Ok(_) => Ok(None),
        Err(Error::Kube { source, .. }) if matches!(&*source, kube::Error::Api(s) if matches!(s.code, 403 | 422)) => {
            Ok(Some(source.to_string()))
        }
        Err(error) => Err(error),
    }
}

/// Vault's answer is a condition, not an error: the rest goes on without it.
async fn tell_vault(
    plan: &Plan,
    policy: &RetentionPolicy,
    observed: &Observed,
    context: &Context,
    applied: &mut Applied,
) -> Result<Result<(), VaultError>, Error> {
    let Ok(target) = &observed.vault else { return Ok(Ok(())) };
    let namespace = policy.namespace().unwrap_or_default();
    // Read again: what was planned must still be what its owner wants, and the intents must stand for everyone.
    let api = Api::<RetentionPolicy>::namespaced(context.client.clone(), &namespace);
    let fresh = kube_api::get(&api, &policy.name_any()).await?;
    let fresh =
        fresh.filter(|f| f.uid() == policy.uid() && f.metadata.generation == policy.metadata.generation);
    let Some(fresh) = fresh else { return Ok(Ok(())) };
    let standing = intents::standing(&fresh);
    let vault = match context.vault.get(target).await {
        Ok(vault) => vault,
        Err(error) => return Ok(Err(error)),
    };
    let mount = context.vault.mount(&namespace);
    for intent in &plan.shredding.withdraw {
        match vault.forbid_deletion(&mount, &intent.key).await {
            // What is not logged still stands, and is told again.
            Ok(()) => match intents::log_withdrawn(&observed.tenant, intent, context).await {
                Ok(()) => applied.withdrawn.push(intent.key.clone()),
                Err(problem) => applied.unlogged = Some(problem),
            },
            // It came too late; the next reconciliation finds the key gone and tells so.
            Err(VaultError::NoSuchKey { .. }) => {}
            Err(error) => return Ok(Err(error)),
        }
    }
    for key in plan.shredding.allow.iter().filter(|_| context.admission.is_enforced()) {
        let Some(intent) = standing.iter().find(|intent| intent.key == *key) else { continue };
        match intents::is_logged(&observed.tenant, intent, context).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::error!(key, "the log has another entry where the intent was: the key stays");
                continue;
            }
            Err(problem) => {
                applied.unlogged = Some(problem);
                break;
            }
        }
        match vault.allow_deletion(&mount, key).await {
            Ok(()) => applied.allowed.push(key.clone()),
            Err(VaultError::NoSuchKey { .. }) => {}
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(()))
}
