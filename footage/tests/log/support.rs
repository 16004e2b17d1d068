//! A key of our own, entries, and a store that counts, fails and waits on purpose.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use camerafleet_footage::{
    ids::TenantId,
    log::{
        CheckpointSigner, Entry, LogError, LogKey, NewEntry, Reader, SignedCheckpoint, Writer,
        entry::KeyDestroyed, origin,
    },
    vault::VaultError,
};
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use jiff::Timestamp;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result as StoreResult,
    memory::InMemory, path::Path,
};
use tokio::sync::Notify;

pub const PREFIX: &str = "logs";

pub fn tenant() -> TenantId {
    TenantId::parse("t-1").unwrap()
}

/// A signer in memory.
pub struct Signer(Ed25519KeyPair);

impl Signer {
    pub fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    pub fn key(&self) -> LogKey {
        LogKey::new(origin("c-1", &tenant()), self.0.public_key().as_ref().try_into().unwrap()).unwrap()
    }
}

impl CheckpointSigner for Signer {
    async fn sign(&self, message: &[u8]) -> Result<[u8; 64], VaultError> {
        Ok(self.0.sign(message).as_ref().try_into().unwrap())
    }
}

pub fn now() -> Timestamp {
    Timestamp::now()
}

pub fn entry(n: u64) -> NewEntry {
    NewEntry {
        id: format!("key/{n}/destroyed"),
        at: "2026-11-25T00:00:30Z".parse().unwrap(),
        entry: Entry::from(KeyDestroyed { key: format!("epoch-{n}") }),
    }
}

pub fn entries(range: std::ops::Range<u64>) -> Vec<NewEntry> {
    range.map(entry).collect()
}

pub async fn open(
    store: &Arc<dyn ObjectStore>,
    signer: &Signer,
    remembered: Option<&SignedCheckpoint>,
) -> Result<Writer, LogError> {
    Writer::open(Arc::clone(store), PREFIX, &tenant(), signer.key(), signer, remembered.cloned()).await
}

pub fn reader(store: &Arc<dyn ObjectStore>, signer: &Signer) -> Reader {
    Reader::new(Arc::clone(store), PREFIX, &tenant(), signer.key())
}

/// A log in memory with so many entries.
pub async fn log(size: u64) -> (Arc<dyn ObjectStore>, Signer, Writer) {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let signer = Signer::new(1);
    let mut writer = open(&store, &signer, None).await.unwrap();
    for start in (0..size).step_by(256) {
        writer.append(&signer, &entries(start..size.min(start + 256))).await.unwrap();
    }
    (store, signer, writer)
}

/// The keys that a log has destroyed, in order, all read and verified.
pub async fn read(reader: &Reader, checkpoint: &SignedCheckpoint) -> Result<Vec<String>, LogError> {
    let snapshot = reader.at(checkpoint);
    let key = |entry: &camerafleet_footage::log::LogEntry| {
        Ok(match &entry.record()?.entry {
            Entry::KeyDestroyed(gone) => gone.key.clone(),
            other => panic!("{other:?}"),
        })
    };
    snapshot.entries(0).map(|entry| key(&entry?)).try_collect().await
}

/// An object's path in a log of these tests.
pub fn path(name: &str) -> Path {
    Path::from(format!("{PREFIX}/{}/log/{name}", tenant()))
}

pub async fn get(store: &Arc<dyn ObjectStore>, name: &str) -> Vec<u8> {
    store.get(&path(name)).await.unwrap().bytes().await.unwrap().to_vec()
}

pub async fn put(store: &Arc<dyn ObjectStore>, name: &str, bytes: Vec<u8>) {
    store.put(&path(name), bytes.into()).await.unwrap();
}

pub async fn remove(store: &Arc<dyn ObjectStore>, name: &str) {
    store.delete(&path(name)).await.unwrap();
}

/// Names below a folder of the log.
pub async fn list(store: &Arc<dyn ObjectStore>, folder: &str) -> Vec<String> {
    let root = format!("{}/", path(""));
    let found: Vec<_> = store.list(Some(&path(folder))).try_collect().await.unwrap();
    let mut names: Vec<_> =
        found.iter().map(|meta| meta.location.as_ref().trim_start_matches(&root).to_owned()).collect();
    names.sort();
    names
}

/// A copy of everything in a store.
pub async fn copy(store: &Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
    let copy: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    restore(store, &copy).await;
    copy
}

/// Puts everything of one store into the other.
pub async fn restore(from: &Arc<dyn ObjectStore>, to: &Arc<dyn ObjectStore>) {
    for meta in from.list(None).try_collect::<Vec<_>>().await.unwrap() {
        let bytes = from.get(&meta.location).await.unwrap().bytes().await.unwrap();
        to.put(&meta.location, bytes.into()).await.unwrap();
    }
}

/// How the k-th request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is not done.
    Refused,
    /// It is done, and the answer is lost.
    AnswerLost,
    /// It is not done, nor is anything after it.
    Crash,
    /// It is done, and nothing after it.
    CrashAfter,
    /// It waits until another has done something.
    Waits,
    /// It is done, another does something, and it is sent again: so does the client after an answer of 503.
    Repeated,
}

/// A store that counts its requests and fails at one of them.
#[derive(Debug)]
pub struct Scripted {
    pub store: Arc<dyn ObjectStore>,
    pub requests: AtomicUsize,
    pub fault: Option<(usize, Mode)>,
    /// What was written as a checkpoint.
    pub published: Mutex<Vec<Vec<u8>>>,
    pub waiting: Notify,
    pub go_on: Notify,
    /// Whether objects have a version, as in a bucket that keeps them.
    pub versions: AtomicBool,
}

impl Scripted {
    pub fn new(store: &Arc<dyn ObjectStore>, fault: Option<(usize, Mode)>) -> Arc<Self> {
        Arc::new(Self {
            store: Arc::clone(store),
            requests: AtomicUsize::new(0),
            fault,
            published: Mutex::default(),
            waiting: Notify::new(),
            go_on: Notify::new(),
            versions: AtomicBool::new(false),
        })
    }

    pub fn count(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    fn failure() -> Error {
        Error::Generic { store: "test", source: "the connection was reset".into() }
    }

    /// Before a request: whether it is done, and whether its answer arrives.
    fn next(&self) -> (bool, bool) {
        let now = self.requests.fetch_add(1, Ordering::SeqCst);
        match self.fault {
            Some((at, mode)) if now == at => match mode {
                Mode::Refused | Mode::Crash => (false, false),
                Mode::AnswerLost | Mode::CrashAfter => (true, false),
                Mode::Waits | Mode::Repeated => (true, true),
            },
            Some((at, Mode::Crash | Mode::CrashAfter)) if now > at => (false, false),
            _ => (true, true),
        }
    }

    async fn run<T>(&self, request: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        if let Some((at, Mode::Waits)) = self.fault
            && self.count() == at
        {
            self.requests.fetch_add(1, Ordering::SeqCst);
            self.waiting.notify_one();
            self.go_on.notified().await;
            return request.await;
        }
        let (done, answered) = self.next();
        if !done {
            return Err(Self::failure());
        }
        let answer = request.await;
        if answered { answer } else { Err(Self::failure()) }
    }
}

impl fmt::Display for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scripted store")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Scripted {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> StoreResult<PutResult> {
        let bytes = payload.iter().flat_map(|part| part.to_vec()).collect();
        if self.fault == Some((self.count(), Mode::Repeated)) {
            self.requests.fetch_add(1, Ordering::SeqCst);
            self.store.put_opts(path, payload.clone(), options.clone()).await?;
            self.waiting.notify_one();
            self.go_on.notified().await;
        }
        self.run(async {
            let done = self.store.put_opts(path, payload, options).await?;
            if path.filename() == Some("checkpoint") {
                self.published.lock().unwrap().push(bytes);
            }
            Ok(done)
        })
        .await
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        panic!("nothing of a log is so large")
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> StoreResult<GetResult> {
        let mut got = self.run(self.store.get_opts(path, options)).await?;
        if self.versions.load(Ordering::SeqCst) {
            got.meta.version = Some("3sL4kqtJlcpXroDTDmJ".into());
        }
        Ok(got)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, StoreResult<Path>>,
    ) -> BoxStream<'static, StoreResult<Path>> {
        let (done, answered) = self.next();
        if !done {
            return futures::stream::once(async { Err(Self::failure()) }).boxed();
        }
        let deleted = self.store.delete_stream(locations);
        deleted.map(move |path| if answered { path } else { Err(Self::failure()) }).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        if self.next() == (true, true) {
            self.store.list(prefix)
        } else {
            futures::stream::once(async { Err(Self::failure()) }).boxed()
        }
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> StoreResult<ListResult> {
        panic!("no log is listed so")
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> StoreResult<()> {
        panic!("nothing of a log is copied")
    }
}
