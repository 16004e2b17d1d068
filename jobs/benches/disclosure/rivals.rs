//! What the job is held against.

use std::{
    collections::HashMap,
    io::{self, BufRead as _, Write},
    sync::Arc,
};

use aws_lc_rs::digest::{Context, SHA256};
use camerafleet_footage::{
    package::{Source as _, StoreSource, Upload, part_bytes},
    seal::{SealedHeader, Secret32, SegmentExpectation, open},
    vault::{Secret, Vault},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::{ObjectStore, ObjectStoreExt as _, path::Path};

use super::{
    Task,
    job::{bucket, vault},
    stage::{MOUNT, PREFIX, camera, tenant},
};

/// Requests at a time.
const CONCURRENCY: usize = 8;
/// Shares in a request to Vault, and requests at a time.
const SHARES: (usize, usize) = (25, 4);

/// Where a rival's package goes.
async fn upload(task: &Task, store: &dyn ObjectStore) -> Upload {
    let path = Path::parse(format!("{PREFIX}/t-1/packages/rival")).unwrap();
    let bytes = task.objects.iter().map(|(_, bytes)| bytes).sum();
    Upload::begin(store, &path, part_bytes(bytes)).await.unwrap()
}

/// The segments' secrets, as few requests as the job needs for them.
async fn secrets(task: &Task, store: &dyn ObjectStore, vault: &Vault) -> Vec<(Secret32, Secret32)> {
    let header = |(key, _): &(String, u64)| {
        let path = Path::parse(key).unwrap();
        async move { SealedHeader::parse(&store.get_range(&path, 0..4_096).await.unwrap()).unwrap() }
    };
    let headers: Vec<SealedHeader> =
        stream::iter(&task.objects).map(header).buffered(CONCURRENCY).collect().await;
    let secret = |plain: Secret| Secret32::try_from(plain.expose()).unwrap();
    let share = |batch: &[SealedHeader]| {
        let name = batch[0].wrapped_epoch_share().0.to_owned();
        let wrapped: Vec<Vec<u8>> = batch.iter().map(|h| h.wrapped_epoch_share().1.to_vec()).collect();
        async move { vault.decrypt(MOUNT, &name, &wrapped).await.unwrap() }
    };
    let shares: Vec<_> = stream::iter(headers.chunks(SHARES.0)).map(share).buffered(SHARES.1).collect().await;
    let mut windows: HashMap<Vec<u8>, Secret32> = HashMap::new();
    let mut all = Vec::new();
    for (header, share) in headers.iter().zip(shares.into_iter().flatten()) {
        let (name, wrapped) = header.wrapped_window_key().unwrap();
        if !windows.contains_key(wrapped) {
            let found = vault.decrypt(MOUNT, name, &[wrapped.to_vec()]).await.unwrap().pop().unwrap();
            windows.insert(wrapped.to_vec(), secret(found.unwrap()));
        }
        all.push((windows[wrapped].clone(), secret(share.unwrap())));
    }
    all
}

/// Opens each segment, and seals it anew with age.
pub async fn reencrypt(task: Task) {
    let (store, vault) = (bucket(&task.config.store), vault(&task));
    let recipient: age::x25519::Recipient = task.recipient.parse().unwrap();
    let expected = SegmentExpectation { tenant: tenant(), camera: camera(), stream_key: None };
    let secrets = secrets(&task, &*store, &vault).await;
    let mut package = Hashing::new(upload(&task, &*store).await);
    let source = StoreSource::new(store);
    let written = tokio::spawn(async move {
        tokio::task::block_in_place(|| {
            source.announce(task.objects.clone());
            for ((key, _), (w, e)) in task.objects.iter().zip(secrets) {
                let mut media = open(source.open(key).unwrap(), &expected, w, e).unwrap();
                let mut file = Hashing::new(&mut package);
                let recipients = std::iter::once(&recipient as &dyn age::Recipient);
                let age = age::Encryptor::with_recipients(recipients).unwrap();
                let mut out = age.wrap_output(&mut file).unwrap();
                io::copy(&mut io::BufReader::with_capacity(1 << 16, &mut media), &mut out).unwrap();
                out.finish().unwrap();
                std::hint::black_box((media.digest().unwrap(), file.hash.finish()));
            }
        });
        std::hint::black_box(package.hash.finish());
        package.out.finish().await.unwrap();
    });
    written.await.unwrap();
}

struct Hashing<W> {
    out: W,
    hash: Context,
}

impl<W> Hashing<W> {
    fn new(out: W) -> Self {
        Self { out, hash: Context::new(&SHA256) }
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Every byte from the store and to the store.
pub async fn copy(task: Task) {
    let store = bucket(&task.config.store);
    let mut package = upload(&task, &*store).await;
    let source = StoreSource::new(store);
    let written = tokio::spawn(async move {
        tokio::task::block_in_place(|| {
            source.announce(task.objects.clone());
            for (key, _) in &task.objects {
                let mut file = source.open(key).unwrap();
                loop {
                    let shown = file.fill_buf().unwrap();
                    if shown.is_empty() {
                        break;
                    }
                    package.write_all(shown).unwrap();
                    let passed = shown.len();
                    file.consume(passed);
                }
            }
        });
        package.finish().await.unwrap();
    });
    written.await.unwrap();
}

/// Each object by itself, without a byte through this process.
pub async fn server_copy(task: Task) {
    let store = bucket(&task.config.store);
    let copy = |(n, (key, _)): (usize, &(String, u64))| {
        let (from, to) =
            (Path::parse(key).unwrap(), Path::parse(format!("{PREFIX}/t-1/packages/{n}")).unwrap());
        let store = Arc::clone(&store);
        async move { store.copy(&from, &to).await }
    };
    let copies = stream::iter(task.objects.iter().enumerate()).map(copy).buffered(CONCURRENCY);
    copies.try_collect::<()>().await.unwrap();
}
