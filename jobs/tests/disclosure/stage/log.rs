//! The operator's side: what it logs.

use camerafleet_footage::{
    digest::{hex, sharing_policy},
    disclosure::{Frozen, Logged},
    log::{Entry, LOG_KEY, LogKey, NewEntry, VaultSigner, Writer, entry},
};
use jiff::Timestamp;
use serde_json::Value;

use super::*;

impl Stage {
    pub(super) fn camera_policy(&self) -> Entry {
        entry::CameraPolicy { camera: camera(), policy: Some(POLICY.into()) }.into()
    }

    /// Appends to the log as the operator does.
    pub async fn log(&self, entries: Vec<(&str, Timestamp, Entry)>) -> Vec<u64> {
        let public = self.root.create_signing_key(MOUNT, LOG_KEY).await.unwrap();
        let (key, signer) =
            (LogKey::new(ORIGIN, public).unwrap(), VaultSigner { vault: &self.root, mount: MOUNT });
        let mut writer = Writer::open(self.bucket("log"), "", &tenant(), key, &signer, None).await.unwrap();
        let new: Vec<NewEntry> =
            entries.into_iter().map(|(id, at, entry)| NewEntry { id: id.to_owned(), at, entry }).collect();
        writer.append(&signer, &new).await.unwrap()
    }
}

pub fn revision(policy: &Value) -> Entry {
    let spec = spec(policy);
    let canonical = String::from_utf8(serde_jcs::to_vec(&spec).unwrap()).unwrap();
    entry::PolicyRevision { policy: POLICY.into(), digest: hex(&sharing_policy(&spec)), spec: canonical }
        .into()
}

pub fn frozen(kind: &'static str, object: &Value) -> Frozen {
    Frozen::read(kind, object, Logged { index: 0, at: now() }).unwrap()
}

/// The digest as the log has it, hex.
pub fn digest(kind: &'static str, object: &Value) -> String {
    hex(&frozen(kind, object).digest(kind).0)
}
