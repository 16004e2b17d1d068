//! The operator's part: what it writes into the tenant's log.

use camerafleet_footage::{
    ids::TenantId,
    log::{Entry, LOG_KEY, LogKey, NewEntry, VaultSigner, Writer, entry},
    vault::Vault,
};
use jiff::Timestamp;

use super::{LOG_BUCKET, MOUNT, ORIGIN, S3, TENANT};

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
