//! A store that fails on purpose.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::{StreamExt as _, stream::BoxStream};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result as StoreResult, path::Path,
};

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
