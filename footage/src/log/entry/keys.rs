//! Keys: made, meant for destruction, gone.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A camera's, an epoch's, a hold's or a release's Transit key was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyCreated {
    /// The key's name in the tenant's mount.
    pub key: String,
    /// SHA-256 (hex) of the public half's SubjectPublicKeyInfo, DER. Headers name it, too, so that a key that somebody made
    /// again under the name shows.
    pub fingerprint: String,
}

/// The operator computed that a key is to be destroyed, and will allow it in Vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DestroyIntent {
    /// The key's name in the tenant's mount.
    pub key: String,
    /// By which rule.
    pub cause: DestroyCause,
    /// The uid of the RetentionPolicy by which it is past its date, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The end of the key's epoch, of an epoch's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch_end: Option<Timestamp>,
}

/// Why a key is to be destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DestroyCause {
    /// Everything under it is past its policy's date.
    PastKeepFor,
    /// Somebody chose `deletionPolicy: Shred`.
    Shred,
    /// The request that it was made for has its Outcome, or the hold has ended.
    NoLongerNeeded,
}

/// An intent no longer stands: its key is needed again, as after a longer time to keep or for a hold. Vault was told
/// before not to let it be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DestroyWithdrawn {
    /// The key's name in the tenant's mount.
    pub key: String,
    /// The index of the DestroyIntent. One that is meant later is another one.
    pub intent: u64,
}

/// A key is gone from Vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyDestroyed {
    /// The key's name in the tenant's mount.
    pub key: String,
}

/// The payloads of earlier entries are erased. What is unreadable and not named by one of these was erased by
/// somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PayloadErased {
    /// Their indices.
    pub entries: Vec<u64>,
    /// For people; nothing personal.
    pub reason: String,
}
