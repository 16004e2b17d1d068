//! A log that the real writer writes, with a key of its own.

use std::sync::Arc;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use camerafleet_footage::{
    ids::{CameraId, TenantId},
    log::{CheckpointSigner, InclusionProof, LogKey, NewEntry, Reader, Writer, entry},
    package::ManifestKey,
    vault::VaultError,
};
use jiff::Timestamp;
use object_store::{ObjectStore, memory::InMemory};

pub const REQUEST: &str = "00000500-0000-4000-8000-000000000000";
pub const SIGNER: &str = "tenant@example.com";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// An Ed25519 key, as Vault would have it.
pub struct Key(Ed25519KeyPair);

impl Key {
    pub fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    pub fn public(&self) -> [u8; 32] {
        self.0.public_key().as_ref().try_into().unwrap()
    }

    pub fn log_key(&self, tenant: &TenantId) -> LogKey {
        LogKey::new(camerafleet_footage::log::origin("c-1", tenant), self.public()).unwrap()
    }

    /// The line for allowed_signers, and a signature over a manifest.
    pub fn manifest(&self, manifest: &[u8]) -> (String, String) {
        let key = ManifestKey::new(self.public());
        let raw = self.0.sign(&key.message(manifest).unwrap()).as_ref().try_into().unwrap();
        (key.signers(SIGNER).unwrap(), key.signature(manifest, raw).unwrap())
    }

    pub fn fingerprint(&self) -> String {
        ManifestKey::new(self.public()).fingerprint()
    }
}

impl CheckpointSigner for Key {
    async fn sign(&self, message: &[u8]) -> Result<[u8; 64], VaultError> {
        Ok(self.0.sign(message).as_ref().try_into().unwrap())
    }
}

/// What is logged of the request, some entries before it, and so many more afterwards.
pub struct Log {
    pub key: Key,
    reader: Reader,
    writer: Writer,
}

impl Log {
    pub async fn new(tenant: &TenantId, seed: u8) -> Self {
        Self::on(Arc::new(InMemory::new()), tenant, seed).await
    }

    pub async fn on(store: Arc<dyn ObjectStore>, tenant: &TenantId, seed: u8) -> Self {
        let key = Key::new(seed);
        let mut writer =
            Writer::open(Arc::clone(&store), "", tenant, key.log_key(tenant), &key, None).await.unwrap();
        let at = at("2026-11-25T12:30:00Z");
        let gone = |n: u8| entry::KeyDestroyed { key: format!("epoch-{n}-{seed}") };
        let intent = entry::Intent {
            request: REQUEST.into(),
            request_digest: "0".repeat(64),
            decision: 0,
            cameras: vec![CameraId::parse("c-1").unwrap()],
            from: at,
            to: at,
            audio: false,
            form: "Clip".into(),
            recipient: String::new(),
        };
        let entries = [
            NewEntry { id: "key/1/destroyed".into(), at, entry: gone(1).into() },
            NewEntry { id: format!("intent/{REQUEST}"), at, entry: intent.clone().into() },
            NewEntry { id: "intent/00000501-0000-4000-8000-000000000000".into(), at, entry: intent.into() },
        ];
        writer.append(&key, &entries).await.unwrap();
        let reader = Reader::new(store, "", tenant, key.log_key(tenant));
        Self { key, reader, writer }
    }

    pub async fn prove(&self, index: u64) -> InclusionProof {
        self.reader.at(self.writer.checkpoint().unwrap()).prove(index).await.unwrap()
    }

    /// So many entries more, about keys that begin with this.
    pub async fn append(&mut self, about: &str, count: u32) {
        let entry = |n: u32| {
            let gone = entry::KeyDestroyed { key: format!("{about}-{n}") };
            NewEntry {
                id: format!("key/{about}-{n}/destroyed"),
                at: at("2026-11-25T13:00:00Z"),
                entry: gone.into(),
            }
        };
        let entries: Vec<_> = (0..count).map(entry).collect();
        for part in entries.chunks(256) {
            self.writer.append(&self.key, part).await.unwrap();
        }
    }

    pub async fn grow(&mut self) {
        self.append("epoch-9", 1).await;
    }

    pub fn checkpoint(&self) -> &str {
        self.writer.checkpoint().unwrap().note()
    }
}
