//! A real S3 server over a folder, into which objects of any age are put; a policy that answers what a test
//! says; and a store that fails on purpose.

use std::{
    collections::VecDeque,
    fmt, fs,
    io::Write as _,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use camerafleet_crds::{ID_ANNOTATION, LegalHold, RetentionPolicy, RetentionPolicyStatus, Span};
use camerafleet_footage::{
    ids::{CameraId, PolicyId, StreamId, TenantId},
    layout::{Epoch, Hour, SegmentName, Tracks, camera_key_name, epoch_key_name},
    log::{Entry, LOG_KEY, LogKey, NewEntry, VaultSigner, Writer, entry},
    retention::{JobConfig, LogAccess, VaultAccess},
    seal::{PublicKey, RecorderStream, SegmentPolicy, WindowCustody},
    shard::StoreConfig,
    store::{self, StoreCredential},
    vault::Vault,
};
use futures::{StreamExt as _, stream::BoxStream};
use jiff::{SignedDuration, Timestamp};
use jobs::retention::{Answer, Declared, Job, JobError, Keys, PolicySource, StoreClock};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result as StoreResult, aws::AmazonS3, path::Path,
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
        self.client(name)
    }

    pub fn client(&self, name: &str) -> Arc<AmazonS3> {
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

    pub fn file(&self, key: &str) -> PathBuf {
        self.0.folder(BUCKET).join(key)
    }

    pub fn read(&self, key: &str) -> Vec<u8> {
        fs::read(self.file(key)).unwrap()
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
    /// After it was read so often, it keeps for another time.
    pub changes: Arc<Mutex<Option<(usize, Span)>>>,
    /// The cameras that are declared.
    pub cameras: Vec<String>,
    /// Those that are deleted to be shredded.
    pub to_shred: Vec<String>,
    /// The holds: the first answer is given once, the last for ever; none is a failure.
    pub holds: Arc<Mutex<VecDeque<Option<Vec<LegalHold>>>>>,
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
            changes: Arc::default(),
            cameras: Vec::new(),
            to_shred: Vec::new(),
            holds: Arc::new(Mutex::new([Some(Vec::new())].into())),
        }
    }

    /// What the API server answers about holds from now on, one answer after the other.
    pub fn answer(&self, answers: impl IntoIterator<Item = Option<Vec<LegalHold>>>) {
        *self.holds.lock().unwrap() = answers.into_iter().collect();
    }

    pub fn hold(&self, holds: &[LegalHold]) {
        self.answer([Some(holds.to_vec())]);
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
        if let Some((left, keep_for)) = self.changes.lock().unwrap().as_mut() {
            match left.checked_sub(1) {
                Some(less) => *left = less,
                None => self.change(|policy| policy.spec.keep_for = *keep_for),
            }
        }
        Ok(Answer { policy: self.object.lock().unwrap().clone(), date: (self.date)() })
    }

    async fn holds(&self) -> Result<Vec<LegalHold>, JobError> {
        let mut answers = self.holds.lock().unwrap();
        let answer = match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop_front().unwrap(),
        };
        answer.ok_or_else(|| JobError::Holds { why: "it does not answer".to_owned() })
    }

    async fn declares(&self, camera: &CameraId) -> Result<Declared, JobError> {
        let is_in = |cameras: &[String]| cameras.iter().any(|declared| declared == camera.as_str());
        Ok(match () {
            () if is_in(&self.cameras) => Declared::Yes,
            () if is_in(&self.to_shred) => Declared::ToShred,
            () => Declared::No,
        })
    }
}

/// A hold of an hour around the epoch's start, on these cameras or on all.
pub fn legal_hold(id: &str, epoch: Epoch, cameras: &[&str]) -> LegalHold {
    let cameras: Vec<_> = cameras.iter().map(|id| json!({"name": id, "id": id})).collect();
    serde_json::from_value(json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "LegalHold",
        "metadata": {"name": id, "annotations": {ID_ANNOTATION: id}, "creationTimestamp": ago(10)},
        "spec": {
            "cameras": cameras, "allCameras": cameras.is_empty(), "duration": "24h",
            "window": {"from": epoch.start() - SignedDuration::from_mins(10), "to": epoch.start() + SignedDuration::from_mins(50)},
            "reference": {"kind": "Matter", "name": "7"},
        },
    }))
    .unwrap()
}

/// Seals a minute of a camera from the epoch's start on, as a recorder does; its keys are made if they are not there.
pub async fn seal(vault: &Vault, of: Epoch, camera: &str) -> (SegmentName, Vec<u8>) {
    let (tenant, camera) = (TenantId::parse(TENANT).unwrap(), CameraId::parse(camera).unwrap());
    let (camera_key, epoch_key) = (camera_key_name(&camera), epoch_key_name(&policy_id(), &of));
    let camera_pem = vault.create_key(MOUNT, &camera_key).await.unwrap();
    let epoch_pem = vault.create_key(MOUNT, &epoch_key).await.unwrap();
    let policy = SegmentPolicy {
        retention_policy: policy_id(),
        epoch: of,
        epoch_key: PublicKey::from_pem(&epoch_key, &epoch_pem).unwrap(),
        window: WindowCustody::Vault(PublicKey::from_pem(&camera_key, &camera_pem).unwrap()),
        sharing_policy: [0; 32],
    };
    let mut stream = RecorderStream::new(tenant, camera).unwrap();
    let mut writer = stream.open(&policy, of.start(), None, Tracks::Video, Vec::new()).unwrap();
    writer.write_all(b"a frame").unwrap();
    let (finished, file) = stream.finish(writer, of.start().as_millisecond(), 60_000).unwrap();
    (finished.name, file)
}

/// Appends to the tenant's log as the operator does.
pub async fn log(s3: &S3, vault: &Vault, entries: &[(String, Entry)]) -> Vec<u64> {
    let public = vault.create_signing_key(MOUNT, LOG_KEY).await.unwrap();
    let (key, signer) = (LogKey::new(ORIGIN, public).unwrap(), VaultSigner { vault, mount: MOUNT });
    let tenant = TenantId::parse(TENANT).unwrap();
    let mut writer = Writer::open(s3.bucket(LOG_BUCKET), "", &tenant, key, &signer, None).await.unwrap();
    let new = |(id, entry): &(String, Entry)| NewEntry {
        id: id.clone(),
        at: Timestamp::now(),
        entry: entry.clone(),
    };
    writer.append(&signer, &entries.iter().map(new).collect::<Vec<_>>()).await.unwrap()
}

/// Logs intents as the operator does.
pub async fn log_intents(s3: &S3, vault: &Vault, keys: &[&str]) -> Vec<u64> {
    log_intents_by(entry::DestroyCause::PastKeepFor, s3, vault, keys).await
}

pub async fn log_intents_by(cause: entry::DestroyCause, s3: &S3, vault: &Vault, keys: &[&str]) -> Vec<u64> {
    let intent = |key: &&str| {
        let intent = entry::DestroyIntent { key: (*key).to_owned(), cause, policy: None, epoch_end: None };
        (format!("destroy-intent/{key}"), intent.into())
    };
    log(s3, vault, &keys.iter().map(intent).collect::<Vec<_>>()).await
}

/// A run with the real clock. Without `keys` nobody may ask for Vault, and no log is configured.
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
        log: keys.is_some().then(|| LogAccess {
            store: StoreConfig { bucket: LOG_BUCKET.into(), prefix: String::new(), ..s3.config() },
            origin: ORIGIN.into(),
        }),
        log_required: false,
    };
    Job {
        log_store: Some(s3.bucket(LOG_BUCKET)),
        pages: s3.client(BUCKET),
        versions: None,
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
    /// Somebody else deletes each object first, and it says so.
    Overtaken,
    /// It does so many requests and then answers no more.
    HangsAfter(usize),
    /// It takes so many objects and then answers no more.
    TakesOnly(usize),
}

/// A store that fails on purpose.
#[derive(Debug)]
pub struct Faulty {
    pub store: Arc<dyn ObjectStore>,
    pub fault: Fault,
    pub requests: AtomicUsize,
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
            Fault::Overtaken => {
                let gone = |path: Path| {
                    object_store::Error::Generic {
                    store: "S3",
                    source: format!(
                        "DeleteObjects request failed for key {path}: The specified key does not exist. (code: NoSuchKey)"
                    )
                    .into(),
                }
                };
                self.store.delete_stream(locations).map(move |path| Err(gone(path?))).boxed()
            }
            Fault::HangsAfter(n) if self.requests.fetch_add(1, Ordering::SeqCst) >= n => {
                futures::stream::pending().boxed()
            }
            Fault::HangsAfter(_) | Fault::TakesOnly(_) => self.store.delete_stream(locations),
        }
    }

    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> StoreResult<PutResult> {
        if let Fault::TakesOnly(n) = self.fault
            && self.requests.fetch_add(1, Ordering::SeqCst) >= n
        {
            futures::future::pending::<()>().await;
        }
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
