//! What a log says of keys, held against what Vault has.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
};

use camerafleet_footage::{
    digest::hex,
    layout::{parse_camera_key_name, parse_epoch_key_name, parse_hold_key_name},
    log::{Entry, Leaf, LogError, Snapshot, entry::kind_name},
    seal::PublicKey,
    vault::{Vault, VaultError},
};
use futures::StreamExt as _;

/// What a log says of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The keys that were made, and their fingerprints.
    pub created: BTreeMap<String, String>,
    /// The keys that were destroyed: none of them may ever be there again.
    pub destroyed: BTreeSet<String>,
}

impl Ledger {
    /// Reads it out of a log.
    ///
    /// # Errors
    /// Where an entry about a key cannot be read: what it says might be that a key was destroyed.
    pub async fn read(log: &Snapshot) -> Result<Self, LogError> {
        let mut ledger = Self::default();
        let mut leaves = pin!(log.leaves(0));
        while let Some(leaf) = leaves.next().await {
            let (index, bytes) = leaf?;
            let leaf = Leaf::decode(&bytes).ok_or(LogError::Newer(index))?;
            if !matches!(kind_name(leaf.kind), Some("KeyCreated" | "KeyDestroyed")) {
                continue;
            }
            match &log.entry(index).await?.record()?.entry {
                Entry::KeyCreated(made) => {
                    _ = ledger.created.insert(made.key.clone(), made.fingerprint.clone())
                }
                Entry::KeyDestroyed(gone) => _ = ledger.destroyed.insert(gone.key.clone()),
                _ => return Err(LogError::Newer(index)),
            }
        }
        Ok(ledger)
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Again {
    /// Destroyed again, or, in a dry run, to be.
    pub destroyed: Vec<String>,
    /// Vault refused, and why.
    pub failed: Vec<String>,
    /// Made, never destroyed, and not there: the snapshot is older. What was sealed with them opens no more.
    pub lost: Vec<String>,
    /// There, and not the key that was made under the name.
    pub replaced: Vec<String>,
    /// There, and unknown to the log.
    pub unlogged: Vec<String>,
}

impl Again {
    /// In one line.
    pub fn summary(&self, dry_run: bool) -> String {
        let done = if dry_run { "to be destroyed again" } else { "destroyed again" };
        format!(
            "{} keys {done}, {} failed; {} lost by the restore, {} replaced, {} not in the log",
            self.destroyed.len(),
            self.failed.len(),
            self.lost.len(),
            self.replaced.len(),
            self.unlogged.len()
        )
    }

    /// Key by key.
    pub fn lists(&self) -> [(&'static str, &[String]); 5] {
        [
            ("had been destroyed", &self.destroyed),
            ("could not be destroyed", &self.failed),
            ("lost", &self.lost),
            ("replaced by another key", &self.replaced),
            ("not in the log", &self.unlogged),
        ]
    }
}

/// Destroys again what the log says was destroyed, and compares the rest. One key that fails keeps no other.
///
/// # Errors
/// [`VaultError`] where Vault does not even list the mount's keys.
pub async fn destroy_again(
    vault: &Vault,
    mount: &str,
    ledger: &Ledger,
    dry_run: bool,
) -> Result<Again, VaultError> {
    let there: BTreeSet<String> =
        vault.list_keys(mount).await?.into_iter().filter(|name| is_ours(name)).collect();
    let mut again = Again::default();
    for name in &there {
        if ledger.destroyed.contains(name) {
            let result = if dry_run { Ok(()) } else { destroy(vault, mount, name).await };
            match result {
                Ok(()) => again.destroyed.push(name.clone()),
                Err(error) => again.failed.push(format!("{name} ({error})")),
            }
            continue;
        }
        let Some(made) = ledger.created.get(name) else {
            again.unlogged.push(name.clone());
            continue;
        };
        let public = vault.public_key(mount, name).await.ok();
        let public = public.and_then(|pem| PublicKey::from_pem(name, &pem).ok());
        if public.is_none_or(|public| hex(&public.fingerprint()) != *made) {
            again.replaced.push(name.clone());
        }
    }
    let missing = |name: &&String| !there.contains(*name) && !ledger.destroyed.contains(*name);
    again.lost = ledger.created.keys().filter(missing).cloned().collect();
    Ok(again)
}

async fn destroy(vault: &Vault, mount: &str, name: &str) -> Result<(), VaultError> {
    match vault.allow_deletion(mount, name).await {
        // A job was faster.
        Err(VaultError::NoSuchKey { .. }) => Ok(()),
        Err(error) => Err(error),
        Ok(()) => vault.delete_key(mount, name).await,
    }
}

/// Keys for wrapping; the mount's own for signing are never destroyed.
fn is_ours(name: &str) -> bool {
    parse_epoch_key_name(name).is_ok()
        || parse_camera_key_name(name).is_ok()
        || parse_hold_key_name(name).is_ok()
        || name.starts_with("release-")
}
