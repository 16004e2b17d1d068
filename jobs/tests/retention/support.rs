//! A real S3 server over a folder, into which objects of any age are put; a policy that answers what a test
//! says; and a store that fails on purpose.

use std::{
    fmt, fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use camerafleet_crds::{ID_ANNOTATION, RetentionPolicy, RetentionPolicyStatus};
use camerafleet_footage::{
    ids::{CameraId, PolicyId, StreamId, TenantId},
    layout::{Epoch, Hour, SegmentName, Tracks},
    log::{LOG_KEY, LogKey, NewEntry, VaultSigner, Writer, entry},
    retention::{JobConfig, LogAccess, VaultAccess},
    shard::StoreConfig,
    store::{self, StoreCredential},
    vault::Vault,
};
use futures::{StreamExt as _, stream::BoxStream};
use jiff::{SignedDuration, Timestamp};
use jobs::retention::{Answer, Job, JobError, Keys, PolicySource, StoreClock};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result as StoreResult, path::Path,
};
use serde_json::json;

pub const BUCKET: &str = "footage";
pub const LOG_BUCKET: &str = "log";
pub const ORIGIN: &str = "camerafleet.io/c-1/t-1";
pub const PREFIX: &str = "elm";
pub const TENANT: &str = "t-1";
pub const POLICY: &str = "p-1";
pub const MOUNT: &str = "camerafleet/elm-street";

/// A tenant's bucket and the log's on a real S3 server.
pub struct S3(camerafleet_testkit::S3);

impl S3 {
    pub fn start() -> Self {
        Self(camerafleet_testkit::S3::start(&[BUCKET, LOG_BUCKET], &[]))
    }

    pub fn config(&self) -> StoreConfig {
        StoreConfig {
            endpoint: self.0.endpoint(),
            region: camerafleet_testkit::S3::REGION.into(),
            bucket: BUCKET.into(),
            prefix: PREFIX.into(),
            path_style: true,
            ca_bundle: None,
        }
    }

    pub fn store(&self) -> Arc<dyn ObjectStore> {
        self.bucket(BUCKET)
    }

    pub fn bucket(&self, name: &str) -> Arc<dyn ObjectStore> {
        let credential = StoreCredential {
            access_key_id: "root".to_owned().into(),
            secret_access_key: "rootsecret".to_owned().into(),
        };
        let config = StoreConfig { bucket: name.to_owned(), ..self.config() };
        Arc::new(store::s3(&config, &credential, Duration::from_secs(10)).unwrap())
    }

    /// An object that the store took at `stored`.
    pub fn put(&self, key: &str, body: &[u8], stored: Timestamp) {
        let path = self.0.folder(BUCKET).join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, body).unwrap();
        fs::File::options().write(true).open(path).unwrap().set_modified(stored.into()).unwrap();
    }

    /// All objects' keys below a folder.
    pub fn keys(&self, below: &str) -> Vec<String> {
        self.0.keys(BUCKET, below)
    }

    pub fn read(&self, key: &str) -> Vec<u8> {
        fs::read(self.0.folder(BUCKET).join(key)).unwrap()
    }
}

pub fn ago(minutes: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_mins(minutes)
}

pub fn policy_id() -> PolicyId {
    PolicyId::parse(POLICY).unwrap()
}

/// The hour that began so many hours before the present one.
pub fn epoch(hours_ago: i64) -> Epoch {
    Epoch::containing(Timestamp::now() - SignedDuration::from_hours(hours_ago), 3_600)
}

/// A segment of a minute from the epoch's start on.
pub fn segment(policy: &str, epoch: Epoch, camera: &str, sequence: u64) -> SegmentName {
    SegmentName {
        tenant: TenantId::parse(TENANT).unwrap(),
        policy: PolicyId::parse(policy).unwrap(),
        epoch,
        camera: CameraId::parse(camera).unwrap(),
        hour: Hour::containing(epoch.start()),
        start_ms: epoch.start().as_millisecond(),
        duration_ms: 60_000,
        stream: StreamId::from_bytes([7; 16]),
        sequence,
        tracks: Tracks::Video,
    }
}

/// The RetentionPolicy of a test.
#[derive(Clone)]
pub struct Policy {
    pub object: Arc<Mutex<Option<RetentionPolicy>>>,
    pub date: fn() -> Option<Timestamp>,
    /// The cameras that are declared.
    pub cameras: Vec<String>,
}

impl Policy {
    pub fn new(keep_for: &str) -> Self {
        let spec = serde_json::from_value(json!({"keepFor": keep_for, "keyEpoch": "1m"})).unwrap();
        let mut policy = RetentionPolicy::new("short", spec);
        policy.metadata.uid = Some("uid-1".into());
        policy.metadata.annotations = Some([(ID_ANNOTATION.to_owned(), POLICY.to_owned())].into());
        Self {
            object: Arc::new(Mutex::new(Some(policy))),
            date: || Some(Timestamp::now()),
            cameras: Vec::new(),
        }
    }

    /// What the operator names for destruction, after it has logged it.
    pub async fn intend(&self, s3: &S3, vault: &Vault, keys: &[&str]) {
        let indices = log_intents(s3, vault, keys).await;
        self.name(&keys.iter().copied().zip(indices.into_iter().map(Some)).collect::<Vec<_>>());
    }

    /// What the status names, whatever the log says.
    pub fn name(&self, intents: &[(&str, Option<u64>)]) {
        let at = Timestamp::now();
        let intent = |(key, index): &(&str, Option<u64>)| json!({"key": key, "epochEnd": at, "intendedAt": at, "logIndex": index});
        let intents: Vec<_> = intents.iter().map(intent).collect();
        let status: RetentionPolicyStatus =
            serde_json::from_value(json!({"destroyIntents": intents})).unwrap();
        self.change(|policy| policy.status = Some(status));
    }

    pub fn change(&self, change: impl FnOnce(&mut RetentionPolicy)) {
        change(self.object.lock().unwrap().as_mut().unwrap());
    }
}

impl PolicySource for Policy {
    async fn read(&self) -> Result<Answer, JobError> {
        Ok(Answer { policy: self.object.lock().unwrap().clone(), date: (self.date)() })
    }

    async fn declares(&self, camera: &CameraId) -> Result<bool, JobError> {
        Ok(self.cameras.iter().any(|declared| declared == camera.as_str()))
    }
}

/// Logs intents as the operator does.
pub async fn log_intents(s3: &S3, vault: &Vault, keys: &[&str]) -> Vec<u64> {
    let public = vault.create_signing_key(MOUNT, LOG_KEY).await.unwrap();
    let (key, signer) = (LogKey::new(ORIGIN, public).unwrap(), VaultSigner { vault, mount: MOUNT });
    let tenant = TenantId::parse(TENANT).unwrap();
    let mut writer = Writer::open(s3.bucket(LOG_BUCKET), "", &tenant, key, &signer, None).await.unwrap();
    let entry = |key: &&str| NewEntry {
        id: format!("destroy-intent/{key}"),
        at: Timestamp::now(),
        entry: entry::DestroyIntent {
            key: (*key).to_owned(),
            cause: entry::DestroyCause::PastKeepFor,
            policy: None,
            epoch_end: None,
        }
        .into(),
    };
    writer.append(&signer, &keys.iter().map(entry).collect::<Vec<_>>()).await.unwrap()
}

/// A run with the real clock. Without `vault` nobody may ask for it.
pub fn job(s3: &S3, store: Arc<dyn ObjectStore>, policy: &Policy, keys: Option<Keys>) -> Job<Policy> {
    let config = JobConfig {
        tenant: TenantId::parse(TENANT).unwrap(),
        policy: policy_id(),
        policy_uid: "uid-1".into(),
        store: s3.config(),
        vault: VaultAccess {
            address: "http://127.0.0.1:1".into(),
            namespace: None,
            ca_pem: None,
            auth_mount: "kubernetes".into(),
            role: "camerafleet-retention".into(),
            mount: MOUNT.into(),
        },
        log: Some(LogAccess {
            store: StoreConfig { bucket: LOG_BUCKET.into(), prefix: String::new(), ..s3.config() },
            origin: ORIGIN.into(),
        }),
    };
    Job {
        log_store: Some(s3.bucket(LOG_BUCKET)),
        store_clock: StoreClock::new(&config.store).unwrap(),
        config,
        store,
        policy: policy.clone(),
        keys: keys.unwrap_or(Keys::Login { token_file: "/nonexistent".into() }),
        now: Timestamp::now,
        run: "retention-p-1-1".into(),
        time_limit: Duration::from_secs(60),
    }
}

/// What a [`Faulty`] store does when it is asked to delete.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// It refuses each object, as for a lock.
    Refuses,
    /// It does so many requests and then answers no more.
    HangsAfter(usize),
}

/// A store that fails on purpose.
#[derive(Debug)]
pub struct Faulty {
    pub store: Arc<dyn ObjectStore>,
    pub fault: Fault,
    pub deletes: AtomicUsize,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a faulty store")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    fn delete_stream(
        &self,
        locations: BoxStream<'static, StoreResult<Path>>,
    ) -> BoxStream<'static, StoreResult<Path>> {
        let refuse = |path: Path| object_store::Error::Generic {
            store: "test",
            source: format!("{path} is locked").into(),
        };
        match self.fault {
            Fault::Refuses => locations.map(move |path| Err(refuse(path?))).boxed(),
            Fault::HangsAfter(n) if self.deletes.fetch_add(1, Ordering::SeqCst) >= n => {
                futures::stream::pending().boxed()
            }
            Fault::HangsAfter(_) => self.store.delete_stream(locations),
        }
    }

    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> StoreResult<PutResult> {
        self.store.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> StoreResult<GetResult> {
        self.store.get_opts(path, options).await
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        self.store.copy_opts(from, to, options).await
    }
}
