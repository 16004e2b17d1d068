//! From what is wanted and the keys that exist to a shard's configuration.

use std::collections::{BTreeMap, BTreeSet};

use camerafleet_footage::{
    ids::PolicyId,
    layout::Epoch,
    shard::{CameraConfig, EpochKeyConfig, PublicKeyConfig, ShardConfig, WindowConfig},
};
use jiff::{SignedDuration, Timestamp};

use super::{
    super::{
        gather::{Observed, SHARD},
        keys::Keys,
        revisions::Revisions,
    },
    Wanted,
};
use crate::{
    conditions::Verdict,
    context::{EpochKeys, Placement, TenantPlan},
    keys::KeyProblem,
};

/// Past epochs' keys stay with the shard for so long: a pod's clock may be behind.
const KEYS_BEHIND: SignedDuration = SignedDuration::from_secs(60);

/// What shall stand in the cluster, and what people are told.
pub struct Planned {
    /// What becomes of the recorder.
    pub recorder: Recorder,
    /// For each camera by name: where it is recorded, or why not.
    pub tenant_plan: TenantPlan,
}

/// What becomes of a shard's recorder.
#[derive(Debug, PartialEq)]
pub enum Recorder {
    /// It is told this.
    Told(Box<ShardConfig>),
    /// It goes on with what it was told: what it would be told now is not known.
    LeftAlone,
    /// It goes: there is no camera that it shall record.
    Gone,
}

/// Puts cameras and keys together.
pub fn shard(
    wanted: &Wanted,
    observed: &Observed,
    keys: &Keys,
    revisions: &Revisions,
    now: Timestamp,
) -> Planned {
    let not = |why: &Verdict| Placement::Not {
        why: why.clone(),
        keys: Verdict::unknown("NotNeeded", "Told once the camera is recorded."),
    };
    let mut placements = TenantPlan {
        cameras: wanted.refused.iter().map(|(name, why)| (name.clone(), not(why))).collect(),
        epoch_keys: epoch_keys_ahead(wanted, keys),
    };
    // Asked before the store: nobody goes on recording because the store's Secret is missing, too.
    if wanted.cameras.is_empty() {
        return Planned { recorder: Recorder::Gone, tenant_plan: placements };
    }
    let store = match &wanted.store {
        Ok(store) => store,
        Err(why) => {
            placements.cameras.extend(wanted.cameras.values().map(|c| (c.config.name.clone(), not(why))));
            return Planned { recorder: Recorder::LeftAlone, tenant_plan: placements };
        }
    };
    let epoch_keys = epoch_keys(wanted, observed, keys, now);
    let failure = keys.failure.as_ref().map(KeyProblem::verdict);
    let mut cameras = BTreeMap::new();
    for (id, camera) in &wanted.cameras {
        let told = observed.current.as_ref().and_then(|current| current.cameras.get(id));
        let Some(config) = revisions.in_force(id, &camera.config, told) else {
            placements.cameras.insert(camera.config.name.clone(), not(&revisions.verdict()));
            continue;
        };
        let has_epoch = epoch_keys.get(&camera.config.retention_policy).is_some_and(|e| !e.is_empty());
        let placement = match with_key(config, keys) {
            Some(config) if has_epoch => {
                cameras.insert(id.clone(), config);
                Placement::Shard {
                    shard: SHARD.to_owned(),
                    retention_policy: camera.retention_policy.clone(),
                    sharing_policy: camera.sharing_policy.clone(),
                    keys: failure.clone().unwrap_or_else(|| {
                        Verdict::yes("Made", "The camera's key and the epochs' keys exist.")
                    }),
                }
            }
            _ => {
                let message =
                    failure.as_ref().map_or("The camera's keys are being made.", |f| f.message.as_str());
                let why = Verdict::no("KeysNotReady", message);
                Placement::Not { why: why.clone(), keys: failure.clone().unwrap_or(why) }
            }
        };
        placements.cameras.insert(camera.config.name.clone(), placement);
    }
    if cameras.is_empty() {
        return Planned { recorder: Recorder::Gone, tenant_plan: placements };
    }
    let used: BTreeSet<&PolicyId> = cameras.values().map(|c| &c.retention_policy).collect();
    let config = ShardConfig {
        tenant: observed.tenant.clone(),
        store: store.clone(),
        camera_networks: wanted.camera_networks.clone(),
        spool: wanted.spool,
        epoch_keys: epoch_keys
            .iter()
            .filter(|(p, _)| used.contains(p))
            .map(|(p, e)| (p.clone(), e.clone()))
            .collect(),
        cameras,
    };
    Planned { recorder: Recorder::Told(Box::new(config)), tenant_plan: placements }
}

/// How far the epoch keys reach, by the first policy that runs out of them.
fn epoch_keys_ahead(wanted: &Wanted, keys: &Keys) -> EpochKeys {
    let exists = |(_, name): &&(Epoch, String)| keys.pems.contains_key(name);
    let missing = wanted.epochs.values().flatten().filter(|epoch| !exists(epoch)).count();
    let reach = |epochs: &Vec<(Epoch, String)>| {
        let first = epochs.first().map(|(epoch, _)| epoch.start());
        epochs.iter().take_while(exists).last().map(|(epoch, _)| epoch.end()).or(first)
    };
    EpochKeys { missing, end: wanted.epochs.values().filter_map(reach).min() }
}

/// The configuration with its camera's public key, where it needs one. What was told before has it.
fn with_key(mut config: CameraConfig, keys: &Keys) -> Option<CameraConfig> {
    if let WindowConfig::Vault { key } = &mut config.window
        && key.pem.is_empty()
    {
        key.pem.clone_from(keys.pems.get(&key.name)?);
    }
    Some(config)
}

/// The keys of the epochs wanted, as far as they exist, and the newest of before if none of them does: a pod
/// that has no newer key goes on with its last.
fn epoch_keys(
    wanted: &Wanted,
    observed: &Observed,
    keys: &Keys,
    now: Timestamp,
) -> BTreeMap<PolicyId, Vec<EpochKeyConfig>> {
    let oldest = now - KEYS_BEHIND;
    wanted
        .epochs
        .iter()
        .map(|(policy, epochs)| {
            let told = observed.current.iter().flat_map(|c| c.epoch_keys.get(policy)).flatten().cloned();
            let made = epochs.iter().filter_map(|(epoch, name)| {
                let pem = keys.pems.get(name)?.clone();
                let key = PublicKeyConfig { name: name.clone(), pem };
                Some(EpochKeyConfig { start: epoch.start().as_second(), length: epoch.length_seconds(), key })
            });
            let mut all: Vec<EpochKeyConfig> = told.chain(made).collect();
            all.sort_by_key(|k| k.start);
            all.dedup_by(|a, b| a.key.name == b.key.name);
            let newest = all.last().cloned();
            all.retain(|k| k.start.saturating_add_unsigned(k.length) > oldest.as_second());
            if all.is_empty() {
                all.extend(newest);
            }
            (policy.clone(), all)
        })
        .collect()
}
