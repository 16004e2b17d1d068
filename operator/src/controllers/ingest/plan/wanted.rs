//! What shall be recorded, and which keys that takes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use camerafleet_crds::{
    Audio, Camera, Custody, RecordingMode, RetentionPolicy, SharingPolicy, Tenant, Transport,
};
use camerafleet_footage::{
    digest,
    ids::{CameraId, PolicyId},
    layout::{Epoch, camera_key_name, epoch_key_name},
    log::entry::PolicyRevision,
    shard::{
        CameraConfig, OwnersConfig, PublicKeyConfig, Recording, ScheduleWindow, SpoolConfig, StoreConfig,
        Transport as ShardTransport, WindowConfig,
    },
};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;

use super::super::gather::Observed;
use crate::{conditions::Verdict, identity, log::policy_revision, store};

/// Keys are made for at least so long ahead, so that recording goes on while Vault is away for a day.
const KEYS_AHEAD: SignedDuration = SignedDuration::from_hours(26);
/// Epochs under an hour would need thousands of keys for that: so many are made for them.
const SHORT_EPOCHS_AHEAD: i64 = 10;

/// What shall be recorded, and the keys that it takes.
pub struct Wanted {
    /// The cameras to record.
    pub cameras: BTreeMap<CameraId, WantedCamera>,
    /// The epochs whose keys shall exist, for each policy in use.
    pub epochs: BTreeMap<PolicyId, Vec<(Epoch, String)>>,
    /// The SharingPolicy revisions in use.
    pub revisions: Vec<PolicyRevision>,
    /// The cameras that cannot be recorded, by name.
    pub refused: BTreeMap<String, Verdict>,
    /// The shard's settings that all cameras share; none if the store cannot be configured, with the reason.
    pub store: Result<StoreConfig, Verdict>,
    /// The addresses that cameras may have.
    pub camera_networks: Vec<ipnet::IpNet>,
    /// The spool's bounds.
    pub spool: SpoolConfig,
    /// When the next epoch begins, and with it the next key is due.
    pub next_epoch: Option<Timestamp>,
}

/// A camera to record.
pub struct WantedCamera {
    /// Its configuration, but for the public key.
    pub config: CameraConfig,
    /// The RetentionPolicy's name.
    pub retention_policy: String,
    /// The SharingPolicy's name.
    pub sharing_policy: Option<String>,
    /// Its lasting identity, once it has one.
    pub sharing_policy_id: Option<String>,
}

impl Wanted {
    /// The keys that recording needs: each camera's, and each epoch's.
    pub fn key_names(&self) -> Vec<&String> {
        let cameras = self.cameras.values().filter_map(|camera| camera.config.camera_key());
        let cameras = cameras.map(|key| &key.name);
        cameras.chain(self.epochs.values().flatten().map(|(_, name)| name)).collect()
    }
}

/// Decides what shall be recorded.
pub fn wanted(tenant: &Tenant, observed: &Observed, now: Timestamp) -> Wanted {
    let mut cameras = BTreeMap::new();
    let mut refused = BTreeMap::new();
    let mut policies = BTreeMap::new();
    let mut room =
        tenant.spec.quota.cameras.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    for camera in in_order(observed) {
        match wanted_camera(tenant, observed, camera) {
            // Its identity is on the way.
            Ok(None) => {}
            Ok(Some((id, ..))) if room == 0 && !is_told(observed, &id) => {
                refused.insert(camera.name_any(), quota_exceeded(tenant));
            }
            Ok(Some((id, policy, wanted))) => {
                room = room.saturating_sub(1);
                cameras.insert(id, wanted);
                policies.insert(policy.0, policy.1);
            }
            Err(why) => {
                refused.insert(camera.name_any(), why);
            }
        }
    }
    let epochs: BTreeMap<_, _> =
        policies.into_iter().map(|(policy, length)| (policy.clone(), epochs(&policy, length, now))).collect();
    let next_epoch = epochs.values().filter_map(|e| e.first()).map(|(present, _)| present.end()).min();
    let spool = &tenant.spec.ingest.spool;
    Wanted {
        revisions: revisions(observed, &cameras),
        cameras,
        epochs,
        refused,
        store: store_config(tenant, observed),
        camera_networks: tenant.spec.camera_networks.iter().filter_map(|n| n.0.parse().ok()).collect(),
        spool: SpoolConfig { size: spool.size.value(), max_age_seconds: spool.max_age.as_secs() },
        next_epoch,
    }
}

/// The cameras that are there: those that are recorded first, so that a quota takes none of them away, then those that
/// were declared first.
fn in_order(observed: &Observed) -> Vec<&Camera> {
    let there = observed.cameras.iter().filter(|camera| camera.metadata.deletion_timestamp.is_none());
    let mut cameras: Vec<&Camera> = there.map(AsRef::as_ref).collect();
    cameras.sort_by_cached_key(|camera| {
        let id = identity::of(*camera).and_then(|id| CameraId::parse(id).ok());
        let told = id.is_some_and(|id| is_told(observed, &id));
        let declared = camera.metadata.creation_timestamp.as_ref().map(|declared| declared.0);
        (!told, declared, camera.name_any())
    });
    cameras
}

/// Whether a recorder was told of the camera.
fn is_told(observed: &Observed, id: &CameraId) -> bool {
    observed.current.as_ref().is_some_and(|current| current.cameras.contains_key(id))
}

fn quota_exceeded(tenant: &Tenant) -> Verdict {
    let most = tenant.spec.quota.cameras.unwrap_or_default();
    Verdict::no(
        "QuotaExceeded",
        format!(
            "The Tenant may have {most} cameras recorded (spec.quota.cameras), and they are there: delete one that is not needed, or ask the platform's team for more."
        ),
    )
}

fn revisions(observed: &Observed, cameras: &BTreeMap<CameraId, WantedCamera>) -> Vec<PolicyRevision> {
    let used: BTreeSet<&String> = cameras.values().filter_map(|c| c.sharing_policy.as_ref()).collect();
    // Of one that is being deleted its end may be logged, and nothing follows on that.
    let stays = |policy: &&Arc<SharingPolicy>| policy.metadata.deletion_timestamp.is_none();
    let used = observed.sharing_policies.iter().filter(|policy| used.contains(&policy.name_any()));
    let used = used.filter(stays);
    used.filter_map(|policy| policy_revision(policy)).collect()
}

type Found = Option<(CameraId, (PolicyId, u64), WantedCamera)>;

fn wanted_camera(tenant: &Tenant, observed: &Observed, camera: &Camera) -> Result<Found, Verdict> {
    let Some(id) = identity::of(camera).and_then(|id| CameraId::parse(id).ok()) else { return Ok(None) };
    if identity::is_among(&observed.duplicates, camera) {
        return Err(identity::duplicate_verdict::<Camera>());
    }
    if tenant.metadata.deletion_timestamp.is_some() {
        return Err(Verdict::no(
            "TenantDraining",
            "The Tenant is deleted: nothing is recorded any more, and what was recorded is kept for its time. To record again, declare the Camera under another Tenant.",
        ));
    }
    if tenant.spec.suspend {
        return Err(Verdict::no(
            "Suspended",
            "The tenant is suspended: nothing is recorded while its spec.suspend is true.",
        ));
    }
    let Some(retention) = retention_policy(tenant, observed, camera)? else { return Ok(None) };
    let Some(policy) = identity::of(retention).and_then(|id| PolicyId::parse(id).ok()) else {
        return Ok(None);
    };
    let sharing = sharing_policy(tenant, observed, camera)?;
    if let Some(reference) = &camera.spec.source.credentials_secret_ref
        && !observed.camera_secrets.contains_key(&reference.name)
    {
        return Err(Verdict::no(
            "CredentialsMissing",
            format!(
                "There is no Secret {} of type camerafleet.io/camera: create it with username and password (kubectl create secret generic {0} --type=camerafleet.io/camera --from-literal=username=… --from-literal=password=…).",
                reference.name
            ),
        ));
    }
    let window = window(&id, sharing)?;
    let config = camera_config(tenant, camera, window, policy.clone(), sharing);
    let wanted = WantedCamera {
        config,
        retention_policy: retention.name_any(),
        sharing_policy: sharing.map(ResourceExt::name_any),
        sharing_policy_id: sharing.and_then(identity::of).map(str::to_owned),
    };
    Ok(Some((id, (policy, retention.spec.key_epoch.as_secs()), wanted)))
}

fn retention_policy<'a>(
    tenant: &Tenant,
    observed: &'a Observed,
    camera: &Camera,
) -> Result<Option<&'a RetentionPolicy>, Verdict> {
    let named = camera.spec.retention_policy_ref.as_ref().map(|r| &r.name);
    let Some(name) = named.or(tenant.spec.defaults.retention_policy.as_ref()) else {
        return Err(Verdict::no(
            "NoRetentionPolicy",
            "Nothing says for how long this camera's footage is kept: name a RetentionPolicy in spec.retentionPolicyRef, or a default in the Tenant.",
        ));
    };
    match observed.retention_policies.iter().find(|p| p.name_any() == *name) {
        // What recorders were told of it goes on; nothing new, as its unused keys are destroyed for good.
        Some(policy)
            if policy.metadata.deletion_timestamp.is_some()
                && !is_recorded_under(observed, camera, policy) =>
        {
            Err(Verdict::no(
                "NoRetentionPolicy",
                format!(
                    "The RetentionPolicy {name} is deleted and only waits for its footage: name another."
                ),
            ))
        }
        Some(policy) if identity::is_among(&observed.duplicates, &**policy) => Err(Verdict::no(
            "NoRetentionPolicy",
            format!(
                "The RetentionPolicy {name} is a copy of another one (its condition Stalled says so): name that one."
            ),
        )),
        Some(policy) => Ok(Some(policy)),
        None => Err(Verdict::no(
            "NoRetentionPolicy",
            format!(
                "The RetentionPolicy {name} does not exist in this namespace: create it, or name another."
            ),
        )),
    }
}

/// Whether the recorder was told to record the camera under this policy.
fn is_recorded_under(observed: &Observed, camera: &Camera, policy: &RetentionPolicy) -> bool {
    let told = identity::of(camera)
        .and_then(|id| CameraId::parse(id).ok())
        .and_then(|id| observed.current.as_ref()?.cameras.get(&id));
    told.is_some_and(|told| identity::of(policy) == Some(told.retention_policy.as_str()))
}

fn sharing_policy<'a>(
    tenant: &Tenant,
    observed: &'a Observed,
    camera: &Camera,
) -> Result<Option<&'a SharingPolicy>, Verdict> {
    let named = camera.spec.sharing_policy_ref.as_ref().map(|r| &r.name);
    let Some(name) = named.or(tenant.spec.defaults.sharing_policy.as_ref()) else { return Ok(None) };
    match observed.sharing_policies.iter().find(|p| p.name_any() == *name) {
        Some(policy) => Ok(Some(policy)),
        // Recorded under no policy it could never be disclosed, and the owner would learn that too late.
        None => Err(Verdict::no(
            "NoSharingPolicy",
            format!("The SharingPolicy {name} does not exist in this namespace: create it, or name another."),
        )),
    }
}

/// Who keeps the camera's window keys.
fn window(id: &CameraId, sharing: Option<&SharingPolicy>) -> Result<WindowConfig, Verdict> {
    let owners = match sharing.map(|policy| &policy.spec) {
        Some(spec) if spec.custody == Custody::Owners => spec,
        _ => {
            let key = PublicKeyConfig { name: camera_key_name(id), pem: String::new() };
            return Ok(WindowConfig::Vault { key });
        }
    };
    let recipients: Vec<String> = owners.owners.iter().filter_map(|o| o.age_recipient.clone()).collect();
    if recipients.len() < owners.owners.len() {
        return Err(owners_unusable("an owner has none"));
    }
    let all = u32::try_from(recipients.len()).unwrap_or(u32::MAX);
    let owners = OwnersConfig { threshold: owners.consent_threshold.unwrap_or(all), recipients };
    owners.custody().map_err(|why| owners_unusable(&why.to_string()))?;
    Ok(WindowConfig::Owners(owners))
}

/// To record under another custody than the one that was asked for would let others read.
fn owners_unusable(why: &str) -> Verdict {
    Verdict::no(
        "OwnersKeysUnusable",
        format!(
            "The SharingPolicy's owners cannot keep this camera's keys ({why}): correct their ageRecipient."
        ),
    )
}

fn camera_config(
    tenant: &Tenant,
    camera: &Camera,
    window: WindowConfig,
    policy: PolicyId,
    sharing: Option<&SharingPolicy>,
) -> CameraConfig {
    let spec = &camera.spec;
    CameraConfig {
        name: camera.name_any(),
        url: spec.source.url.clone(),
        transport: match spec.source.transport {
            Transport::Tcp => ShardTransport::Tcp,
            Transport::Udp => ShardTransport::Udp,
        },
        max_sessions: spec.source.max_sessions,
        audio: spec.audio.unwrap_or(tenant.spec.defaults.audio) == Audio::Enabled,
        recording: recording(camera),
        segment_duration_ms: spec.segment_duration.as_secs() * 1000,
        expected_bitrate: spec.expected_bitrate.value(),
        retention_policy: policy,
        sharing_policy_digest: sharing.map(|p| digest::hex(&digest::sharing_policy(&p.spec))),
        window,
    }
}

fn recording(camera: &Camera) -> Recording {
    let recording = &camera.spec.recording;
    match recording.mode {
        RecordingMode::Continuous => Recording::Continuous,
        RecordingMode::Disabled => Recording::Off,
        RecordingMode::Schedule => Recording::Schedule {
            windows: recording
                .schedule
                .iter()
                .map(|window| ScheduleWindow {
                    days: window.days.iter().map(|day| format!("{day:?}")).collect(),
                    from: window.from.clone(),
                    to: window.to.clone(),
                    time_zone: window.time_zone.clone(),
                })
                .collect(),
        },
    }
}

/// The present epoch and those ahead.
fn epochs(policy: &PolicyId, length: u64, now: Timestamp) -> Vec<(Epoch, String)> {
    let seconds = i64::try_from(length).unwrap_or(i64::MAX).max(1);
    let ahead = if seconds < 3600 {
        SHORT_EPOCHS_AHEAD
    } else {
        // As many as cover the span from any moment of the present one.
        2.max((KEYS_AHEAD.as_secs() + seconds - 1) / seconds)
    };
    (0..=ahead)
        .filter_map(|n| now.checked_add(SignedDuration::from_secs(n * seconds)).ok())
        .map(|at| Epoch::containing(at, length))
        .map(|epoch| {
            let name = epoch_key_name(policy, &epoch);
            (epoch, name)
        })
        .collect()
}

fn store_config(tenant: &Tenant, observed: &Observed) -> Result<StoreConfig, Verdict> {
    if observed.store.is_none() {
        return Err(Verdict::no(
            "StoreUnavailable",
            "The recorder has no credential for the store: see the Tenant's condition StorageReady.",
        ));
    }
    let ca_bundle = observed.store_ca.clone().map_err(|_| {
        Verdict::no(
            "StoreUnavailable",
            "The store's CA bundle is missing: see the Tenant's condition StorageReady.",
        )
    })?;
    Ok(store::config(tenant, ca_bundle))
}
