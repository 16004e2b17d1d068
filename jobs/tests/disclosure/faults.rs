//! Runs that are cut off anywhere, and two at once.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use camerafleet_footage::disclosure::job::Ending;
use futures::{StreamExt as _, stream::BoxStream};
use jobs::disclosure::run;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart, path::Path,
};

use crate::stage::*;

/// A store that answers so many requests, and from then on none: what a run that was killed there has done.
#[derive(Debug)]
struct Dies {
    store: Arc<dyn ObjectStore>,
    left: Arc<AtomicUsize>,
}

fn spend(left: &AtomicUsize) -> Result<()> {
    let spent = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    spent.map(drop).map_err(|_| object_store::Error::Generic { store: "test", source: "killed".into() })
}

impl fmt::Display for Dies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a store that dies")
    }
}

#[derive(Debug)]
struct DyingUpload(Box<dyn MultipartUpload>, Arc<AtomicUsize>);

#[async_trait::async_trait]
impl MultipartUpload for DyingUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        match spend(&self.1) {
            Ok(()) => self.0.put_part(data),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        spend(&self.1)?;
        self.0.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        spend(&self.1)?;
        self.0.abort().await
    }
}

#[async_trait::async_trait]
impl ObjectStore for Dies {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        spend(&self.left)?;
        self.store.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        spend(&self.left)?;
        let upload = self.store.put_multipart_opts(path, options).await?;
        Ok(Box::new(DyingUpload(upload, Arc::clone(&self.left))))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        spend(&self.left)?;
        self.store.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match spend(&self.left) {
            Ok(()) => self.store.delete_stream(paths),
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match spend(&self.left) {
            Ok(()) => self.store.list(prefix),
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        spend(&self.left)?;
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        spend(&self.left)?;
        self.store.copy_opts(from, to, options).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cut_off_anywhere_is_completed_by_the_next() {
    is_completed(&Script::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_is_one_that_gives_sealed_segments() {
    is_completed(&Script { form: "Sealed", window: (0, 12), ..Script::default() }).await;
}

async fn is_completed(script: &Script) {
    let stage = Stage::new(script).await;
    let mut cut_off = 0;
    for requests in 0.. {
        let left = Arc::new(AtomicUsize::new(requests));
        let dies = Dies { store: stage.bucket("footage"), left: Arc::clone(&left) };
        let summary = run(&stage.job(Arc::new(dies)).await).await;
        if summary.outcome == Ending::Delivered && left.load(Ordering::SeqCst) > 0 {
            break;
        }
        cut_off += 1;
        if summary.outcome != Ending::Delivered {
            assert_eq!(summary.outcome, Ending::Failed, "after {requests}: {summary:?}");
        }
        let whole = stage.run().await;
        assert_eq!(whole.outcome, Ending::Delivered, "after {requests}: {whole:?}");
        let receipt = whole.package.unwrap();
        stage.open(&receipt.key);
        let mut expected = [receipt.key, format!("elm/t-1/packages/{REQUEST}/package.json")];
        expected.sort();
        assert_eq!(stage.packages(), expected, "after {requests}");
        std::fs::remove_dir_all(stage.s3.folder("footage").join("elm/t-1/packages")).unwrap();
    }
    assert!(cut_off > 15, "only {cut_off} requests were tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_at_once_one_makes_the_package() {
    let stage = Stage::new(&Script::default()).await;
    let (one, other) = (stage.job(stage.bucket("footage")).await, stage.job(stage.bucket("footage")).await);
    let (one, other) = tokio::join!(
        tokio::spawn(async move { run(&one).await }),
        tokio::spawn(async move { run(&other).await })
    );
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.outcome, Ending::Delivered, "{one:?}");
    assert_eq!(one, other);
    stage.open(&one.package.unwrap().key);
    assert_eq!(stage.packages().len(), 2, "{:?}", stage.packages());
}
