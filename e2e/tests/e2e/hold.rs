//! A legal hold on one camera of a policy that keeps for a minute: what it covers stays and opens, everything else goes.

use std::{io::Read as _, time::Duration};

use anyhow::{Context, Result, ensure};
use camerafleet_crds::{Camera, ID_ANNOTATION, LegalHold, Tenant};
use camerafleet_e2e::{
    demo::{TENANT, Vaulted, wait},
    suite::installed,
};
use camerafleet_footage::{
    custody,
    hold::{Sidecar, epoch_share},
    ids::{CameraId, HoldId, TenantId},
    layout::{SegmentName, epoch_key_name, footage_prefix, hold_key_name, hold_prefix, sidecar_key},
    seal::{SealedHeader, SegmentExpectation, open},
};
use futures::TryStreamExt as _;
use jiff::{SignedDuration, Timestamp};
use kube::{Api, Resource, ResourceExt as _, api::DeleteParams};
use object_store::{ObjectStore as _, ObjectStoreExt as _, path::Path};
use serde_json::{Value, json};

use crate::mistakes::{MINUTE, Scratch};

const NAME: &str = "pine-row";
/// A minute of epoch, one of keeping, one of the spool's patience, and the runs of operator and job after each other.
const LIMIT: Duration = Duration::from_secs(9 * 60);

fn id<K: Resource>(object: &K) -> Result<String> {
    object.annotations().get(ID_ANNOTATION).cloned().context("it has no id yet")
}

/// A tenant's footage in the store, and its keys in Vault.
struct Footage<'a> {
    vaulted: &'a Vaulted,
    mount: String,
    tenant: TenantId,
}

impl Footage<'_> {
    async fn below(&self, folder: &str) -> Result<Vec<Path>> {
        let found = self.vaulted.store().list(Some(&Path::from(folder)));
        Ok(found.map_ok(|object| object.location).try_collect().await?)
    }

    async fn read(&self, path: &Path) -> Result<Vec<u8>> {
        Ok(self.vaulted.store().get(path).await?.bytes().await?.to_vec())
    }

    /// A camera's segments, oldest first.
    async fn of(&self, camera: &CameraId) -> Result<Vec<SegmentName>> {
        let paths = self.below(&footage_prefix(TENANT, &self.tenant)).await?;
        let names = paths.iter().filter_map(|path| SegmentName::parse(TENANT, path.as_ref()).ok());
        let mut names: Vec<_> = names.filter(|name| name.camera == *camera).collect();
        names.sort_by_key(|name| name.start_ms);
        Ok(names)
    }

    async fn first(&self, camera: &CameraId) -> Result<SegmentName> {
        wait::until("a segment is stored", MINUTE, async || Ok(self.of(camera).await?.into_iter().next()))
            .await
    }

    async fn has_key(&self, name: &str) -> Result<bool> {
        Ok(self.vaulted.vault().list_keys(&self.mount).await?.iter().any(|key| key == name))
    }

    /// Opens a held segment with the hold's copy of its epoch share.
    async fn open(&self, hold: &HoldId, name: &SegmentName) -> Result<Vec<u8>> {
        let vault = self.vaulted.vault();
        let sealed = self.read(&Path::from(name.key(TENANT))).await.context("the held segment is gone")?;
        let expected =
            SegmentExpectation { tenant: name.tenant.clone(), camera: name.camera.clone(), stream_key: None };
        let header = SealedHeader::parse(&sealed)?.authenticate(&expected)?;
        let key = sidecar_key(TENANT, &self.tenant, hold, &header.header().digest());
        let sidecar = Sidecar::from_json(&self.read(&Path::from(key)).await.context("it has no sidecar")?)?;
        let window = custody::window_key(vault, &self.mount, header.header()).await?;
        let share = epoch_share(vault, &self.mount, hold, &header, &sidecar).await?;
        let mut media = Vec::new();
        open(&sealed[..], &expected, window, share)?.read_to_end(&mut media)?;
        Ok(media)
    }
}

/// A hold's life around footage that comes due: it stays past its date, the rest goes, the epoch's key dies for both, the
/// copy opens what is held, and with the hold's end that goes, too.
#[tokio::test]
async fn what_a_hold_covers_stays_and_opens_and_the_rest_goes() -> Result<()> {
    let fleet = installed().await?;
    let vaulted = Vaulted::open(&fleet).await?;
    let scratch = Scratch::new(&fleet, NAME, |tenant| {
        tenant.spec.ingest.spool.max_age = camerafleet_crds::Span::minutes(1);
    })
    .await?;
    let client = scratch.client.clone();
    scratch
        .apply(&json!({"apiVersion": "camerafleet.io/v1alpha1", "kind": "RetentionPolicy",
            "metadata": {"name": "brief", "namespace": NAME},
            "spec": {"keepFor": "1m", "keyEpoch": "1m", "schedule": "* * * * *"}}))
        .await?;
    // A hold is effective when the job of every policy has looked; by default that is once an hour.
    scratch
        .apply(&json!({"apiVersion": "camerafleet.io/v1alpha1", "kind": "RetentionPolicy",
            "metadata": {"name": "standard", "namespace": NAME},
            "spec": {"keepFor": "30d", "schedule": "* * * * *"}}))
        .await?;
    let door = scratch.fixture("front-door")?;
    for camera in ["door", "hall"] {
        scratch.password(camera, "camerafleet.io/camera", &door.password).await?;
        let source = json!({"url": door.url, "credentialsSecretRef": {"name": camera}});
        scratch.camera(camera, json!({"source": source, "retentionPolicyRef": {"name": "brief"}})).await?;
        scratch.camera_says(camera, "Recording").await?;
    }
    let tenant = id(&Api::<Tenant>::all(client.clone()).get(NAME).await?)?;
    let footage =
        Footage { vaulted: &vaulted, mount: format!("camerafleet/{NAME}"), tenant: TenantId::parse(tenant)? };
    let camera = async |name: &str| -> Result<CameraId> {
        Ok(CameraId::parse(id::<Camera>(&scratch.cameras().get(name).await?)?)?)
    };
    let (door, hall) = (camera("door").await?, camera("hall").await?);
    let (held, free) = (footage.first(&door).await?, footage.first(&hall).await?);

    // The hold covers what the one camera has by now. No more is recorded: what comes later would only be in the way.
    let now = Timestamp::from_second(Timestamp::now().as_second())?;
    let hour = SignedDuration::from_hours(1);
    scratch.apply(&legal_hold(&door, now - hour, now)).await?;
    for name in ["door", "hall"] {
        scratch.patch(name, json!({"recording": {"mode": "Disabled"}})).await?;
    }
    let holds = Api::<LegalHold>::namespaced(client.clone(), NAME);
    let hold = wait::until("the hold is effective", LIMIT, async || {
        let hold = holds.get("matter-7").await?;
        Ok(hold.status.as_ref().is_some_and(|status| status.effective).then_some(hold))
    })
    .await?;
    let hold_id = HoldId::parse(id(&hold)?)?;

    // The other camera's goes at its date, and the key of the held one's epoch with it.
    let gone = |camera: CameraId, name: SegmentName| {
        let footage = &footage;
        wait::until("the other camera's segment is deleted", LIMIT, async move || {
            Ok((!footage.of(&camera).await?.contains(&name)).then_some(()))
        })
    };
    gone(hall.clone(), free).await?;
    let key = epoch_key_name(&held.policy, &held.epoch);
    wait::until("the epoch's key is destroyed", LIMIT, async || {
        Ok((!footage.has_key(&key).await?).then_some(()))
    })
    .await?;
    let date = Timestamp::from_millisecond(held.end_ms())? + SignedDuration::from_mins(1);
    ensure!(Timestamp::now() > date, "the key went before its date");
    let segments = footage.of(&door).await?;
    ensure!(segments.contains(&held), "the held segment did not outlive its date: {segments:?}");
    let sealed = footage.read(&Path::from(held.key(TENANT))).await?;
    let header = SealedHeader::parse(&sealed)?;
    let share = custody::epoch_share(vaulted.vault(), &footage.mount, &header).await;
    ensure!(share.is_err(), "the epoch's own share still opens");
    let media = footage.open(&hold_id, &held).await?;
    ensure!(media.get(4..8) == Some(b"ftyp"), "what opened is no MP4");

    // With the hold's end all of it goes: the segment, its copy, the hold's key.
    holds.delete("matter-7", &DeleteParams::default()).await?;
    gone(door.clone(), held).await?;
    let folder = hold_prefix(TENANT, &footage.tenant, &hold_id);
    let hold_key = hold_key_name(&hold_id);
    wait::until("the hold's copies and its key are gone", LIMIT, async || {
        let left = footage.below(&folder).await?;
        Ok((left.is_empty() && !footage.has_key(&hold_key).await?).then_some(()))
    })
    .await?;
    scratch.end(&[]).await
}

fn legal_hold(camera: &CameraId, from: Timestamp, to: Timestamp) -> Value {
    json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "LegalHold",
        "metadata": {"name": "matter-7", "namespace": NAME},
        "spec": {
            "cameras": [{"name": "door", "id": camera}], "duration": "1d",
            "window": {"from": from, "to": to},
            "reference": {"kind": "Matter", "name": "7"},
        },
    })
}
