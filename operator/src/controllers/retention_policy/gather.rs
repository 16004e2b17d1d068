//! All that a policy's plan needs to know.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use camerafleet_crds::{Camera, DestroyIntent, LegalHold, RetentionPolicy, Tenant};
use camerafleet_footage::{
    hold::Holds,
    ids::{CameraId, PolicyId, TenantId},
    layout::{Epoch, parse_camera_key_name, parse_epoch_key_name, parse_hold_key_name},
    retention::{EpochUse, Recorder, RunSummary, Terms, listing::has_footage},
    shard::{CONFIG_KEY, ShardConfig},
    vault::VaultError,
};
use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{Api, ResourceExt};

use super::{
    intents,
    look::{Left, left, look, orphaned, uncopied},
    plan::{OtherKeys, goes_by_the_log, is_other},
    resources::POLICY_LABEL,
    store::{self, TenantStore},
};
use crate::{
    conditions::Verdict,
    context::Context,
    controllers::{disclosure, ingest::vault_target, legal_hold},
    error::Error,
    identity, kube_api,
    log::{LogProblem, LogStore, Who, read_settings},
    vault::Target,
};

/// Looking into the store takes at most this long in one reconciliation.
const LISTING_TIMEOUT: Duration = Duration::from_secs(60);

/// Cameras' footage is looked for at so many places at once.
const LISTINGS: usize = 8;

/// What selects recorders' pods and configurations.
const RECORDERS: &str = "camerafleet.io/component=ingest";

/// What was seen.
pub struct Observed {
    /// Whose policy it is.
    pub tenant: Arc<Tenant>,
    /// The tenant's identity.
    pub tenant_id: TenantId,
    /// The policy's.
    pub policy_id: PolicyId,
    /// The tenant's store; or why it cannot be used.
    pub store: Result<TenantStore, Verdict>,
    /// The tenant's log, with the job's credential; or why it has none.
    pub log: Result<JobLog, LogProblem>,
    /// The tenant's Vault.
    pub vault: Result<Target, VaultError>,
    /// The policy's epoch keys in Vault.
    pub keys: Result<BTreeMap<Epoch, String>, VaultError>,
    /// The tenant's cameras' and holds' keys.
    pub others: OtherKeys,
    /// The holds in force.
    pub holds: Holds,
    /// The Cameras that are deleted and wait for their keys to go; looked for by one of the tenant's policies.
    pub to_shred: Vec<Camera>,
    /// No other policy is in the namespace.
    pub last: bool,
    /// Who may still use them.
    pub used: EpochUse,
    /// The intents that stand.
    pub standing: Vec<DestroyIntent>,
    /// Of the oldest epochs whose keys may be due: their newest segments.
    pub newest: Listed<BTreeMap<Epoch, Option<Timestamp>>>,
    /// The ids of policies that are gone and have footage or keys; looked for by one of the tenant's policies.
    pub orphaned: Option<BTreeSet<String>>,
    /// What is left of a deleted policy, as far as its oldest keys reach.
    pub left: Option<Left>,
    /// Whether segments are left; looked at only where that decides something.
    pub segments_left: Option<Listed<bool>>,
    /// The job's last run.
    pub run: Option<Run>,
}

/// What the job needs to look into the log.
pub struct JobLog {
    /// Where it is, and the credential that only reads.
    pub store: LogStore,
    /// The log's name.
    pub origin: String,
}

impl JobLog {
    async fn read(tenant: &TenantId, context: &Context) -> Result<Self, LogProblem> {
        let store = read_settings(&context.args.log, Who::Reader, context).await?;
        Ok(Self { store, origin: context.logs.origin(tenant, context).await? })
    }
}

/// What was found in the store, or a sentence on why nothing is known.
pub type Listed<T> = Result<T, String>;

/// A finished run of the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it ended.
    pub finished_at: Timestamp,
    /// What it said; none if it ended without a word.
    pub summary: Option<RunSummary>,
    /// Its pod.
    pub pod: String,
}

/// Reads it; none while the namespace is no tenant's.
pub async fn gather(
    policy: &RetentionPolicy,
    context: &Context,
    now: Timestamp,
) -> Result<Option<Observed>, Error> {
    let Some(namespace) = policy.namespace() else { return Ok(None) };
    let Some((tenant, tenant_id)) = tenant_of(&namespace, context) else { return Ok(None) };
    let policy_id = identity::of(policy).and_then(|id| PolicyId::parse(id).ok());
    let Some(policy_id) = policy_id else { return Ok(None) };
    let store = store::read(&tenant, context).await?;
    let log = JobLog::read(&tenant_id, context).await;
    let vault = vault_target(&tenant, context).await;
    let names = match &vault {
        Ok(target) => keys(target, &namespace, context).await,
        Err(error) => Err(error.clone()),
    };
    let (used, recorded) = used(&tenant, &namespace, context).await?;
    let standing = intents::standing(policy);
    let others = Api::<RetentionPolicy>::namespaced(context.client.clone(), &namespace);
    let others = kube_api::list(&others, "").await?;
    let ids: BTreeSet<&str> = others.iter().filter_map(identity::of).collect();
    // Read now: a key that a hold needs must not go because a watch is behind.
    let holds = kube_api::list(&Api::<LegalHold>::namespaced(context.client.clone(), &namespace), "").await?;
    let holds = Holds::of(&holds, now);
    let is_ours = |name: &&String| parse_camera_key_name(name).is_ok() || goes_by_the_log(name);
    let mut other_keys = OtherKeys {
        ours: ids.first() == Some(&policy_id.as_str()),
        all: names.iter().flatten().filter(is_ours).cloned().collect(),
        ..OtherKeys::default()
    };
    let mut to_shred = Vec::new();
    if other_keys.ours || standing.iter().any(is_other) {
        // Read now: a camera that is restored from a backup is never late.
        let cameras = Api::<Camera>::namespaced(context.client.clone(), &namespace);
        let cameras = kube_api::list(&cameras, "").await?;
        other_keys.add_orphans(&cameras, &recorded, &holds, tenant.is_shredded());
        to_shred = cameras.into_iter().filter(Camera::is_shredded).collect();
        other_keys.ended = ended(&other_keys.all, &holds, &tenant, context).await;
    }
    let orphaned = match (&store, &names) {
        (Ok(store), Ok(names)) if other_keys.ours => {
            let looking = orphaned(store, &tenant_id, names, &ids);
            tokio::time::timeout(LISTING_TIMEOUT, looking).await.ok().and_then(Result::ok)
        }
        _ => None,
    };
    let keys = names.map(|names| epochs(names, &policy_id));
    let mut observed = Observed {
        last: is_last(policy, &others),
        others: other_keys,
        holds,
        to_shred,
        used,
        standing,
        newest: Ok(BTreeMap::new()),
        orphaned,
        left: None,
        segments_left: None,
        run: last_run(&namespace, &policy_id, context),
        tenant,
        tenant_id,
        policy_id,
        store,
        log,
        vault,
        keys,
    };
    let (newest, segments_left) =
        match tokio::time::timeout(LISTING_TIMEOUT, look(policy, &observed, now)).await {
            Ok(found) => found,
            Err(_) => (Err("it did not answer in time".to_owned()), None),
        };
    observed.used.uncopied = newest.as_ref().map(uncopied).unwrap_or_default();
    let terms = Terms::of(policy);
    let keys = observed.keys.as_ref().ok().filter(|_| observed.store.is_ok());
    observed.left = left(terms, keys, &newest);
    observed.newest =
        newest.map(|found| found.into_iter().map(|(epoch, found)| (epoch, found.newest)).collect());
    observed.segments_left = segments_left;
    look_for_cameras(&mut observed).await;
    Ok(Some(observed))
}

/// Whether a policy is the only one that is there. One that is gone, and seen once more by a watch that is behind, is not.
fn is_last(policy: &RetentionPolicy, there: &[RetentionPolicy]) -> bool {
    matches!(there, [only] if only.uid() == policy.uid())
}

/// The tenant that has the namespace, once both are bound to each other.
pub fn tenant_of(namespace: &str, context: &Context) -> Option<(Arc<Tenant>, TenantId)> {
    let tenant = context.index.bound_tenant(namespace)?;
    let id = identity::of(&*tenant).and_then(|id| TenantId::parse(id).ok())?;
    Some((tenant, id))
}

/// The names of the tenant's keys.
async fn keys(target: &Target, namespace: &str, context: &Context) -> Result<Vec<String>, VaultError> {
    let vault = context.vault.get(target).await?;
    let names = vault.list_keys(&context.vault.mount(namespace)).await;
    if matches!(names, Err(VaultError::Denied { .. })) {
        context.vault.forget(target).await;
    }
    names
}

fn epochs(names: Vec<String>, policy: &PolicyId) -> BTreeMap<Epoch, String> {
    let ours = names.into_iter().filter_map(|name| {
        let (of, epoch) = parse_epoch_key_name(&name).ok()?;
        (of == *policy).then_some((epoch, name))
    });
    ours.collect()
}

/// The keys of holds that are over, and of requests, by the log, too: one that a restore of the cluster lost is not.
async fn ended(
    keys: &BTreeSet<String>,
    holds: &Holds,
    tenant: &Tenant,
    context: &Context,
) -> BTreeSet<String> {
    let mut ended = BTreeSet::new();
    for key in keys {
        if disclosure::is_release_over(key, tenant, context).await {
            ended.insert(key.clone());
        }
        let Ok(id) = parse_hold_key_name(key) else { continue };
        // What the log does not say is not over.
        if !holds.has(&id)
            && context.logs.has(tenant, &legal_hold::closed_id(&id), context).await.unwrap_or(false)
        {
            ended.insert(key.clone());
        }
    }
    ended
}

/// Whether footage is left of them. What the store does not say stays unknown.
async fn look_for_cameras(observed: &mut Observed) {
    let Ok(store) = &observed.store else { return };
    let tenant = &observed.tenant_id;
    let unknown = observed.others.orphans.iter_mut().filter(|(_, left)| left.is_none());
    let looking = futures::stream::iter(unknown).for_each_concurrent(LISTINGS, async |(key, left)| {
        let Ok(camera) = parse_camera_key_name(key) else { return };
        match has_footage(&*store.client, &store.config.prefix, tenant, &camera).await {
            Ok(found) => *left = Some(found),
            Err(error) => tracing::warn!(%camera, %error, "cannot look for a camera's footage"),
        }
    });
    // What was found until then counts.
    let _ = tokio::time::timeout(LISTING_TIMEOUT, looking).await;
}

/// Configurations and pods are read now and not from the watches: a key that a recorder may use must not go because
/// a watch is behind, or not yet begun.
async fn used(
    tenant: &Tenant,
    namespace: &str,
    context: &Context,
) -> Result<(EpochUse, BTreeSet<CameraId>), Error> {
    let api = Api::<ConfigMap>::namespaced(context.client.clone(), namespace);
    let (mut listed, mut recorded) = (BTreeSet::new(), BTreeSet::new());
    for map in kube_api::list(&api, RECORDERS).await? {
        let Some(json) = map.data.as_ref().and_then(|data| data.get(CONFIG_KEY)) else { continue };
        let config: ShardConfig = serde_json::from_str(json).map_err(|source| Error::Build {
            doing: format!("read the configuration of the recorder {}", map.name_any()),
            source,
        })?;
        recorded.extend(config.cameras.into_keys());
        listed.extend(config.epoch_keys.into_values().flatten().map(|epoch| epoch.key.name));
    }
    let answers = context.answers.by_pod(namespace);
    let pods = Api::<Pod>::namespaced(context.client.clone(), namespace);
    let pods = kube_api::list(&pods, RECORDERS).await?;
    let recorders = pods.iter().filter(|pod| may_hold_segments(pod));
    let recorders = recorders.map(|pod| {
        let answer = pod.uid().and_then(|uid| answers.get(&uid).cloned().flatten());
        Recorder::of(answer.as_deref())
    });
    let max_age = tenant.spec.ingest.spool.max_age;
    let uncopied = BTreeSet::new();
    Ok((EpochUse { listed, recorders: recorders.collect(), max_age, uncopied }, recorded))
}

/// One that has not begun has nothing, and the disk of one that ended is gone with it.
fn may_hold_segments(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|s| s.phase.as_deref());
    !matches!(phase, Some("Pending" | "Succeeded" | "Failed"))
}

fn last_run(namespace: &str, policy: &PolicyId, context: &Context) -> Option<Run> {
    let pods = context.index.retention_pods.state();
    let runs = pods.iter().filter(|pod| {
        pod.namespace().as_deref() == Some(namespace)
            && pod.labels().get(POLICY_LABEL).map(String::as_str) == Some(policy.as_str())
    });
    runs.filter_map(|pod| run_of(pod)).max_by_key(|run| run.finished_at)
}

/// A pod's run, once it has ended.
pub(super) fn run_of(pod: &Pod) -> Option<Run> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    let ended = statuses.first()?.state.as_ref()?.terminated.as_ref()?;
    let message = ended.message.as_deref().unwrap_or_default();
    Some(Run {
        finished_at: ended.finished_at.as_ref()?.0,
        summary: serde_json::from_str(message).ok(),
        pod: pod.name_any(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_is_gone_is_not_the_last_one() {
        let policy = |uid: &str| {
            let spec = serde_json::from_value(serde_json::json!({"keepFor": "30d"})).unwrap();
            let mut policy = RetentionPolicy::new(uid, spec);
            policy.metadata.uid = Some(uid.to_owned());
            policy
        };
        let [one, other] = ["one", "other"].map(policy);
        assert!(is_last(&one, std::slice::from_ref(&one)));
        assert!(!is_last(&one, &[one.clone(), other.clone()]));
        assert!(!is_last(&one, &[other]), "the other one still has footage");
        assert!(!is_last(&one, &[]));
    }
}
