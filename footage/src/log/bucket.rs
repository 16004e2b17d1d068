//! The log's folder in the bucket: every request under a timeout, every body under a bound, every write conditional.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use object_store::{
    Error as StoreError, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, UpdateVersion,
    path::Path,
};

use super::LogError;
use crate::{ids::TenantId, store};

/// The longest that one request may take, the client's own retries included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub(super) struct Bucket {
    store: Arc<dyn ObjectStore>,
    root: Path,
}

/// An object as it was read.
pub(super) struct Got {
    pub bytes: Bytes,
    pub version: UpdateVersion,
}

/// What a conditional write came to.
pub(super) enum Put {
    /// The object has these bytes, by this write or an equal one.
    Done(UpdateVersion),
    /// It has other ones.
    Lost,
}

impl Bucket {
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str, tenant: &TenantId) -> Self {
        Self {
            store,
            root: Path::from_iter(
                prefix.split('/').chain([tenant.as_str(), "log"]).filter(|p| !p.is_empty()),
            ),
        }
    }

    pub fn path(&self, name: &str) -> Path {
        Path::from(format!("{}/{name}", self.root))
    }

    pub fn root(&self) -> String {
        self.root.to_string()
    }

    /// `None`: there is no such object.
    pub async fn get(&self, name: &str, limit: u64) -> Result<Option<Got>, LogError> {
        let doing = || format!("read {name}");
        let path = self.path(name);
        let read = async {
            let answer = self.store.get(&path).await?;
            let version =
                UpdateVersion { e_tag: answer.meta.e_tag.clone(), version: answer.meta.version.clone() };
            if answer.meta.size > limit {
                return Ok(None);
            }
            Ok(Some(Got { bytes: answer.bytes().await?, version }))
        };
        match timed(doing, read).await {
            Ok(Some(got)) => Ok(Some(got)),
            Ok(None) => Err(LogError::Oversized(name.to_owned())),
            Err(LogError::Store { source: StoreError::NotFound { .. }, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates an object. One that has the same bytes already is as good: a write whose answer was lost.
    pub async fn create(&self, name: &str, bytes: Bytes) -> Result<Put, LogError> {
        self.put(name, bytes, PutMode::Create).await
    }

    /// Replaces exactly the version that was read.
    pub async fn replace(&self, name: &str, bytes: Bytes, read: &UpdateVersion) -> Result<Put, LogError> {
        self.put(name, bytes, PutMode::Update(read.clone())).await
    }

    async fn put(&self, name: &str, bytes: Bytes, mode: PutMode) -> Result<Put, LogError> {
        let path = self.path(name);
        let options = PutOptions { mode, ..PutOptions::default() };
        let write = self.store.put_opts(&path, PutPayload::from_bytes(bytes.clone()), options);
        match timed(|| format!("write {name}"), write).await {
            Ok(done) => Ok(Put::Done(UpdateVersion { e_tag: done.e_tag, version: done.version })),
            // The client repeats a request whose answer was lost: the winner may be the first of the two.
            Err(LogError::Store {
                source: StoreError::AlreadyExists { .. } | StoreError::Precondition { .. },
                ..
            }) => Ok(match self.get(name, bytes.len() as u64).await {
                Ok(Some(got)) if got.bytes == bytes => Put::Done(got.version),
                Ok(_) | Err(LogError::Oversized(_)) => Put::Lost,
                Err(error) => return Err(error),
            }),
            Err(error) => Err(error),
        }
    }

    /// Deletes an object; one that is not there is no error. Whether the bucket kept a version of it.
    pub async fn delete(&self, name: &str) -> Result<bool, LogError> {
        let path = self.path(name);
        let act = async {
            let kept = match self.store.head(&path).await {
                Ok(meta) => meta.version.is_some_and(|version| version != "null"),
                Err(StoreError::NotFound { .. }) => return Ok(false),
                Err(error) => return Err(error),
            };
            match self.store.delete(&path).await {
                Ok(()) | Err(StoreError::NotFound { .. }) => Ok(kept),
                Err(error) => Err(error),
            }
        };
        timed(|| format!("delete {name}"), act).await
    }

    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }
}

/// Runs a request under the timeout and says what it was for.
pub(super) async fn timed<T>(
    doing: impl Fn() -> String,
    request: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, LogError> {
    match tokio::time::timeout(REQUEST_TIMEOUT, request).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(LogError::Store { doing: doing(), fault: store::fault(&source), source }),
        Err(_) => Err(LogError::Timeout { doing: doing(), after: REQUEST_TIMEOUT }),
    }
}
