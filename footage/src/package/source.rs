//! Where segments are read: one object after the other, fetched ahead of whoever reads them.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf as _, Bytes};
use futures::TryStreamExt as _;
use object_store::{ObjectStore, ObjectStoreExt as _, path::Path};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Objects that are fetched ahead, beside the one that is read.
const AHEAD: usize = 3;
/// And their bytes in all: a large object is read without another waiting behind it, whose request would grow old.
const AHEAD_BYTES: u64 = 32 << 20;
/// Pieces of an object that wait to be read. hyper hands out at most 400 KiB at a time, so that all objects together hold
/// 26 MiB at most, whatever their length turns out to be.
const PIECES: usize = 16;

/// Where segments are read: whole objects, one after the other, from their start.
pub trait Source {
    /// Says which objects will be opened next, in their order, and how long they are about. A source that can fetches
    /// ahead.
    fn announce(&self, _objects: Vec<(String, u64)>) {}

    /// Begins to read an object.
    fn open(&self, key: &str) -> io::Result<Box<dyn BufRead + '_>>;
}

/// Objects of a store, for a thread that may block, inside a runtime.
pub struct StoreSource {
    store: Arc<dyn ObjectStore>,
    runtime: Handle,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    announced: VecDeque<(String, u64)>,
    fetched: VecDeque<(String, u64, Pieces)>,
}

/// Ends with an empty piece: a sender that is gone without one has not come to the object's end.
type Pieces = mpsc::Receiver<object_store::Result<Bytes>>;

impl StoreSource {
    /// Only inside a runtime.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, runtime: Handle::current(), queue: Mutex::default() }
    }

    /// Begins to fetch an object. Whoever drops the pieces ends it.
    fn fetch(&self, key: &str) -> io::Result<Pieces> {
        let path = Path::parse(key).map_err(io::Error::other)?;
        let (sender, pieces) = mpsc::channel(PIECES);
        let store = Arc::clone(&self.store);
        self.runtime.spawn(async move {
            if let Err(error) = send(&*store, &path, &sender).await {
                // Nobody may be there any more.
                let _ = sender.send(Err(error)).await;
            }
        });
        Ok(pieces)
    }

    fn fill(&self, queue: &mut Queue) -> io::Result<()> {
        while let Some((_, bytes)) = queue.announced.front()
            && queue.fetched.len() < AHEAD
            && bytes + queue.fetched.iter().map(|(_, bytes, _)| bytes).sum::<u64>() <= AHEAD_BYTES
            && let Some((key, bytes)) = queue.announced.pop_front()
        {
            let pieces = self.fetch(&key)?;
            queue.fetched.push_back((key, bytes, pieces));
        }
        Ok(())
    }
}

async fn send(
    store: &dyn ObjectStore,
    path: &Path,
    to: &mpsc::Sender<object_store::Result<Bytes>>,
) -> object_store::Result<()> {
    let mut pieces = store.get(path).await?.into_stream();
    while let Some(piece) = pieces.try_next().await? {
        if !piece.is_empty() && to.send(Ok(piece)).await.is_err() {
            return Ok(());
        }
    }
    let _ = to.send(Ok(Bytes::new())).await;
    Ok(())
}

impl Queue {
    /// An object that is under way; what was announced before it is not wanted.
    fn take(&mut self, key: &str) -> Option<Pieces> {
        if let Some(at) = self.fetched.iter().position(|(own, ..)| own == key) {
            return self.fetched.drain(..=at).next_back().map(|(_, _, pieces)| pieces);
        }
        if let Some(at) = self.announced.iter().position(|(own, _)| own == key) {
            self.fetched.clear();
            self.announced.drain(..=at);
        }
        None
    }
}

impl Source for StoreSource {
    fn announce(&self, objects: Vec<(String, u64)>) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        *queue = Queue { announced: objects.into(), fetched: VecDeque::new() };
    }

    fn open(&self, key: &str) -> io::Result<Box<dyn BufRead + '_>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let pieces = match queue.take(key) {
            Some(pieces) => pieces,
            None => self.fetch(key)?,
        };
        self.fill(&mut queue)?;
        Ok(Box::new(StoreReader { pieces, piece: Bytes::new(), ended: false }))
    }
}

struct StoreReader {
    pieces: Pieces,
    piece: Bytes,
    ended: bool,
}

impl BufRead for StoreReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.piece.is_empty() && !self.ended {
            let cut_off = || io::Error::other("the object's download stopped before its end");
            self.piece = self.pieces.blocking_recv().ok_or_else(cut_off)??;
            self.ended = self.piece.is_empty();
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, n: usize) {
        self.piece.advance(n);
    }
}

impl Read for StoreReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let shown = self.fill_buf()?;
        let n = out.len().min(shown.len());
        out[..n].copy_from_slice(&shown[..n]);
        self.consume(n);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use futures::stream::{self, BoxStream, StreamExt as _};
    use object_store::memory::InMemory;
    use object_store::{
        CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
        PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    };

    use super::*;

    /// Counts downloads, and breaks off those of one object in the middle.
    #[derive(Debug)]
    struct Watched {
        store: InMemory,
        begun: AtomicUsize,
        broken: &'static str,
    }

    impl std::fmt::Display for Watched {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a store that is watched")
        }
    }

    #[async_trait]
    impl ObjectStore for Watched {
        async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
            self.store.put_opts(path, payload, options).await
        }

        async fn put_multipart_opts(
            &self,
            path: &Path,
            options: PutMultipartOptions,
        ) -> Result<Box<dyn MultipartUpload>> {
            self.store.put_multipart_opts(path, options).await
        }

        async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
            self.begun.fetch_add(1, Ordering::SeqCst);
            let got = self.store.get_opts(path, options).await?;
            if path.as_ref() != self.broken {
                return Ok(got);
            }
            let (meta, range) = (got.meta.clone(), got.range.clone());
            let attributes = got.attributes.clone();
            let half = got.bytes().await?.slice(..usize::try_from(meta.size / 2).unwrap());
            let broken = Err(object_store::Error::Generic { store: "test", source: "broken off".into() });
            let stream = stream::iter([Ok(half), broken]).boxed();
            Ok(GetResult {
                payload: GetResultPayload::Stream(stream),
                meta,
                range,
                attributes,
                extensions: Default::default(),
            })
        }

        fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
            self.store.delete_stream(paths)
        }

        fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
            self.store.list(prefix)
        }

        async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
            self.store.list_with_delimiter(prefix).await
        }

        async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
            self.store.copy_opts(from, to, options).await
        }
    }

    async fn store(broken: &'static str) -> Arc<Watched> {
        let store = Watched { store: InMemory::new(), begun: AtomicUsize::new(0), broken };
        for n in 0..10 {
            let body = vec![n; 1_000 + usize::from(n)];
            store.store.put(&Path::from(format!("o/{n}")), body.into()).await.unwrap();
        }
        Arc::new(store)
    }

    fn read(source: &StoreSource, key: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        source.open(key)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn announced(length: u64) -> Vec<(String, u64)> {
        (0..10).map(|n| (format!("o/{n}"), length)).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn objects_come_whole_in_whatever_order_they_are_asked_for() {
        let watched = store("").await;
        let source = StoreSource::new(watched.clone());
        for announced in [Vec::new(), announced(1_000), announced(AHEAD_BYTES)] {
            source.announce(announced);
            tokio::task::block_in_place(|| {
                for n in [0, 1, 2, 5, 3, 9, 9, 0] {
                    assert_eq!(read(&source, &format!("o/{n}")).unwrap(), vec![n; 1_000 + usize::from(n)]);
                }
                assert_eq!(read(&source, "o/none").unwrap_err().kind(), io::ErrorKind::NotFound);
            });
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn not_more_is_fetched_ahead_than_has_room() {
        for (length, ahead) in [(1_000, AHEAD), (AHEAD_BYTES / 2, 2), (AHEAD_BYTES + 1, 0)] {
            let watched = store("").await;
            let source = StoreSource::new(watched.clone());
            source.announce(announced(length));
            let first = tokio::task::block_in_place(|| source.open("o/0").unwrap());
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
            assert_eq!(source.queue.lock().unwrap().fetched.len(), ahead, "{length}");
            assert!(watched.begun.load(Ordering::SeqCst) <= 1 + ahead, "{length}");
            drop(first);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_download_that_breaks_off_is_an_error_and_no_short_object() {
        let source = StoreSource::new(store("o/1").await);
        source.announce(announced(1_000));
        tokio::task::block_in_place(|| {
            assert_eq!(read(&source, "o/0").unwrap().len(), 1_000);
            assert!(read(&source, "o/1").unwrap_err().to_string().contains("broken off"));
            assert_eq!(read(&source, "o/2").unwrap().len(), 1_002);
            // A task that dies says nothing at all.
            let (sender, pieces) = mpsc::channel(1);
            sender.blocking_send(Ok(Bytes::from_static(b"half"))).unwrap();
            drop(sender);
            let mut cut_off = StoreReader { pieces, piece: Bytes::new(), ended: false };
            assert!(cut_off.read_to_end(&mut Vec::new()).is_err());
        });
    }
}
