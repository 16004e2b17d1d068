//! Opening what was recorded, with the fixtures' root credentials: until disclosure exists there is no other
//! way, and the demo says so.

use std::{io::Read, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use camerafleet_crds::{Camera, ID_ANNOTATION, Tenant};
use camerafleet_footage::{
    custody,
    ids::{CameraId, TenantId},
    layout::{self, SegmentName, Tracks},
    log,
    seal::{self, SealedHeader, SegmentExpectation},
    shard::StoreConfig,
    store::{self, StoreCredential},
    vault::{Vault, VaultConfig},
};
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt};
use object_store::{ObjectStore, ObjectStoreExt, aws::AmazonS3, path::Path};
use serde_json::Value;
use tokio::process::Command;

use super::{Installed, TENANT, wait};
use crate::{
    fixtures::{Credentials, PortForward, S3_PORT, S3Fixture, VAULT_PORT},
    tools::command,
};

/// The length of a segment in `examples/`, and what it takes to be finished, sealed and uploaded.
const FIRST_SEGMENT: Duration = Duration::from_secs(60);
/// The chart's default for `log.s3.prefix`.
const LOG_PREFIX: &str = "";
/// A segment's media may be so much longer or shorter than its name says: one frame.
const TOLERANCE_S: f64 = 0.1;

/// Vault and the store, reached from this machine.
pub struct Vaulted {
    vault: Vault,
    mount: String,
    store: AmazonS3,
    _forwards: [PortForward; 2],
}

/// A segment in the store.
#[derive(Clone, Debug)]
pub struct StoredSegment {
    /// What its name says.
    pub name: SegmentName,
    /// Its key.
    pub path: Path,
}

/// An opened segment, as ffprobe sees it.
#[derive(Debug)]
pub struct Clip {
    /// What the segment's name says.
    pub name: SegmentName,
    /// The sealed object's bytes.
    pub sealed_bytes: usize,
    /// `h264`, `hevc`.
    pub codec: String,
    /// Pixels.
    pub width: u64,
    /// Pixels.
    pub height: u64,
    /// Seconds.
    pub duration: f64,
    /// The audio track's codec, if there is one.
    pub audio: Option<String>,
}

impl Clip {
    /// A line for people.
    pub fn account(&self) -> String {
        let audio = self.audio.as_deref().unwrap_or("none");
        format!(
            "{} {}x{}, {:.2} s, audio: {audio}; {} bytes sealed",
            self.codec, self.width, self.height, self.duration, self.sealed_bytes
        )
    }
}

impl Vaulted {
    /// Reaches both, with the fixtures' root credentials.
    pub async fn open(installed: &Installed) -> Result<Self> {
        let client = &installed.ground.client;
        let fixtures = &installed.fixtures;
        let vault_forward = PortForward::open(client, "vault", VAULT_PORT).await?;
        let store_forward = PortForward::open(client, "s3", S3_PORT).await?;
        let config = VaultConfig {
            address: format!("https://{}", vault_forward.address()).parse()?,
            namespace: None,
            ca_pem: Some(fixtures.vault.ca_pem.clone()),
            timeout: Duration::from_secs(10),
        };
        let s3 = &fixtures.s3;
        let store = store(s3, store_forward.address(), &s3.bucket, &s3.root)?;
        Ok(Self {
            vault: Vault::with_token(&config, fixtures.vault.root_token.clone())?,
            mount: format!("camerafleet/{TENANT}"),
            store,
            _forwards: [vault_forward, store_forward],
        })
    }

    /// The store as another credential sees it.
    pub fn store_as(&self, installed: &Installed, credential: &Credentials) -> Result<AmazonS3> {
        let s3 = &installed.fixtures.s3;
        store(s3, self._forwards[1].address(), &s3.bucket, credential)
    }

    /// The store of footage under the root credential.
    pub fn store(&self) -> &AmazonS3 {
        &self.store
    }

    /// The tenant's mount in Vault.
    pub fn mount(&self) -> &str {
        &self.mount
    }

    /// The tenant's disclosure log, as a job with the reader's credential and Vault's word on the log's key has it.
    pub async fn log(&self, installed: &Installed, tenant: &TenantId) -> Result<log::Reader> {
        let s3 = &installed.fixtures.s3;
        let store = store(s3, self._forwards[1].address(), &s3.log_bucket, &s3.log_reader)?;
        let namespaces = Api::<Namespace>::all(installed.ground.client.clone());
        let cluster = namespaces.get("kube-system").await?.uid().context("kube-system has no uid")?;
        let public = self.vault.signing_public_key(&self.mount, log::LOG_KEY).await?;
        let key = log::LogKey::new(log::origin(&cluster, tenant), public)?;
        Ok(log::Reader::new(Arc::new(store), LOG_PREFIX, tenant, key))
    }

    /// Vault under the root token.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Where Vault is reached from this machine.
    pub fn vault_address(&self) -> String {
        format!("https://{}", self._forwards[0].address())
    }

    /// All segments of a camera, oldest first.
    pub async fn segments(&self, installed: &Installed, camera: &str) -> Result<Vec<StoredSegment>> {
        let (tenant, camera) = identities(installed, camera).await?;
        let prefix = layout::footage_prefix(TENANT, &tenant);
        let objects: Vec<_> =
            self.store.list(Some(&Path::from(prefix))).try_collect().await.context("list the footage")?;
        let mut found = Vec::new();
        for object in objects {
            let name = SegmentName::parse(TENANT, object.location.as_ref())
                .with_context(|| format!("{} is no segment's name", object.location))?;
            if name.camera == camera {
                found.push(StoredSegment { name, path: object.location });
            }
        }
        found.sort_by_key(|s| s.name.start_ms);
        Ok(found)
    }

    /// The camera's newest segment, once there is one.
    pub async fn wait_for_segment(&self, installed: &Installed, camera: &str) -> Result<StoredSegment> {
        wait::until(&format!("a segment of {camera} is in the store"), FIRST_SEGMENT, async || {
            Ok(self.segments(installed, camera).await?.pop())
        })
        .await
    }

    /// The sealed bytes.
    pub async fn sealed(&self, segment: &StoredSegment) -> Result<Vec<u8>> {
        Ok(self.store.get(&segment.path).await.context("fetch the segment")?.bytes().await?.to_vec())
    }

    /// Opens sealed bytes: both secrets come from Vault, header, signature and payload are checked.
    pub async fn unseal(&self, name: &SegmentName, sealed: &[u8]) -> Result<Vec<u8>> {
        let header = SealedHeader::parse(sealed)?;
        header.identity.check_name(name)?;
        let (window, epoch) = custody::unwrap(&self.vault, &self.mount, &header).await?;
        let expected =
            SegmentExpectation { tenant: name.tenant.clone(), camera: name.camera.clone(), stream_key: None };
        let mut media = Vec::new();
        seal::open(sealed, &expected, window, epoch)?.read_to_end(&mut media).context("read the segment")?;
        Ok(media)
    }

    /// Fetches, opens and probes a segment, and holds it against its name.
    pub async fn clip(&self, segment: &StoredSegment) -> Result<Clip> {
        let sealed = self.sealed(segment).await?;
        ensure!(sealed.starts_with(b"age-encryption.org/v1\n"), "the stored object is no age file");
        let media = self.unseal(&segment.name, &sealed).await?;
        let file = tempfile::Builder::new().suffix(".mp4").tempfile()?;
        std::fs::write(file.path(), &media)?;
        let clip = probe(&segment.name, sealed.len(), file.path()).await?;
        let promised = std::time::Duration::from_millis(segment.name.duration_ms).as_secs_f64();
        ensure!(
            (clip.duration - promised).abs() <= TOLERANCE_S,
            "the segment's name says {promised} s and its media {} s",
            clip.duration
        );
        let has_audio = clip.audio.is_some();
        ensure!(
            has_audio == (segment.name.tracks == Tracks::VideoAudio),
            "the name and the media differ about audio: {clip:?}"
        );
        Ok(clip)
    }
}

/// The store through a port of this machine.
fn store(s3: &S3Fixture, address: SocketAddr, bucket: &str, credential: &Credentials) -> Result<AmazonS3> {
    let config = StoreConfig {
        endpoint: format!("https://{address}"),
        region: s3.region.clone(),
        bucket: bucket.to_owned(),
        prefix: TENANT.to_owned(),
        path_style: true,
        ca_bundle: Some(s3.ca_pem.clone()),
    };
    let credential = StoreCredential {
        access_key_id: credential.access.clone().into(),
        secret_access_key: credential.secret.clone().into(),
    };
    store::s3(&config, &credential, Duration::from_secs(30)).context("reach the S3 server")
}

/// The ids of the demo's tenant and of one of its cameras.
pub async fn identities(installed: &Installed, camera: &str) -> Result<(TenantId, CameraId)> {
    let client = &installed.ground.client;
    let tenant = Api::<Tenant>::all(client.clone()).get(TENANT).await.context("read the Tenant")?;
    let camera =
        Api::<Camera>::namespaced(client.clone(), TENANT).get(camera).await.context("read the Camera")?;
    let id =
        |annotations: &std::collections::BTreeMap<String, String>| annotations.get(ID_ANNOTATION).cloned();
    let tenant = id(tenant.annotations()).context("the Tenant has no id yet")?;
    let camera = id(camera.annotations()).context("the Camera has no id yet")?;
    Ok((TenantId::parse(tenant)?, CameraId::parse(camera)?))
}

/// What ffprobe and a whole decode by ffmpeg say of a file.
async fn probe(name: &SegmentName, sealed_bytes: usize, file: &std::path::Path) -> Result<Clip> {
    const LIMIT: Duration = Duration::from_secs(60);
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "error", "-of", "json", "-show_streams", "-show_format"]).arg(file);
    let json: Value =
        serde_json::from_str(&command::output("ask ffprobe about the clip", &mut ffprobe, LIMIT).await?)?;
    let stream = |kind: &str| {
        let streams = json["streams"].as_array().into_iter().flatten();
        streams.filter(|s| s["codec_type"] == kind).cloned().collect::<Vec<Value>>()
    };
    let [video] = stream("video").try_into().map_err(|v| anyhow::anyhow!("not one video track: {v:?}"))?;
    let audio = stream("audio");
    ensure!(audio.len() <= 1, "more than one audio track");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-xerror", "-i"]).arg(file).args(["-f", "null", "-"]);
    command::output("decode the clip whole", &mut ffmpeg, LIMIT).await?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let Some(duration) = text(&video["duration"]).or_else(|| text(&json["format"]["duration"])) else {
        bail!("ffprobe knows no duration: {json}");
    };
    Ok(Clip {
        name: name.clone(),
        sealed_bytes,
        codec: text(&video["codec_name"]).unwrap_or_default(),
        width: video["width"].as_u64().unwrap_or(0),
        height: video["height"].as_u64().unwrap_or(0),
        duration: duration.parse().context("ffprobe's duration is no number")?,
        audio: audio.first().and_then(|a| text(&a["codec_name"])),
    })
}
