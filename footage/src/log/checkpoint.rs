//! The signed head of a log: a C2SP checkpoint in a C2SP signed note.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use signed_note::{Note, Signature, StandardVerifier, VerifierList, is_key_name_valid, key_id};
use tlog_tiles::{Checkpoint, EMPTY_HASH, Hash};

use super::LogError;
use crate::{
    ids::TenantId,
    vault::{TransitKeys, VaultError},
};

/// The Transit key that signs a tenant's checkpoints, in the tenant's mount.
pub const LOG_KEY: &str = "log";
/// C2SP signed-note's byte for Ed25519.
const ED25519: u8 = 1;
/// No log of ours comes near. Beyond it, arithmetic on tiles would overflow.
const MAX_SIZE: u64 = 1 << 40;

/// A log's name in its checkpoints. The cluster's id is the uid of its namespace `kube-system`.
pub fn origin(cluster: &str, tenant: &TenantId) -> String {
    format!("camerafleet.io/{cluster}/{tenant}")
}

/// Who signs: the log's origin and public key, which a reader takes from Vault and never from the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKey {
    origin: String,
    public_key: [u8; 32],
}

impl LogKey {
    /// Checks the origin's form. The key itself is checked when something is verified under it.
    pub fn new(origin: impl Into<String>, public_key: [u8; 32]) -> Result<Self, LogError> {
        let origin = origin.into();
        if is_key_name_valid(&origin) {
            Ok(Self { origin, public_key })
        } else {
            Err(LogError::InvalidOrigin(origin))
        }
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    fn encoded(&self) -> Vec<u8> {
        [&[ED25519], self.public_key.as_slice()].concat()
    }

    fn id(&self) -> u32 {
        key_id(&self.origin, &self.encoded())
    }

    /// The verifier key as C2SP signed-note writes it, `<origin>+<key id>+<base64>`, for other tools.
    pub fn vkey(&self) -> String {
        format!("{}+{:08x}+{}", self.origin, self.id(), BASE64_STANDARD.encode(self.encoded()))
    }

    /// From a verifier key as [`LogKey::vkey`] writes it. One way of writing it is taken, and Ed25519 alone.
    ///
    /// # Errors
    /// [`LogError::InvalidOrigin`] for whatever is none.
    pub fn from_vkey(vkey: &str) -> Result<Self, LogError> {
        let invalid = || LogError::InvalidOrigin(vkey.to_owned());
        let (origin, rest) = vkey.split_once('+').ok_or_else(invalid)?;
        let (_, encoded) = rest.split_once('+').ok_or_else(invalid)?;
        let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| invalid())?;
        let public_key = bytes.strip_prefix(&[ED25519]).and_then(|key| key.try_into().ok());
        let key = Self::new(origin, public_key.ok_or_else(invalid)?)?;
        if key.vkey() == vkey { Ok(key) } else { Err(invalid()) }
    }

    /// Reads a checkpoint and verifies its signature and origin. Signatures of others, as witnesses', are ignored.
    pub fn open(&self, note: &[u8]) -> Result<SignedCheckpoint, LogError> {
        let verifier = StandardVerifier::new(&self.vkey())
            .map_err(|_| LogError::NotSigned("the log's key is no Ed25519 key"))?;
        let parsed = Note::from_bytes(note).map_err(|_| LogError::NotSigned("it is no signed note"))?;
        parsed
            .verify(&VerifierList::new(vec![Box::new(verifier)]))
            .map_err(|_| LogError::NotSigned("the log's key did not sign it"))?;
        let checkpoint =
            Checkpoint::from_bytes(parsed.text()).map_err(|_| LogError::NotSigned("it is malformed"))?;
        if checkpoint.origin() != self.origin {
            return Err(LogError::NotSigned("it is another log's"));
        }
        if checkpoint.size() > MAX_SIZE || (checkpoint.size() == 0 && *checkpoint.hash() != EMPTY_HASH) {
            return Err(LogError::NotSigned("its size is impossible"));
        }
        let note = String::from_utf8(note.to_vec()).map_err(|_| LogError::NotSigned("it is no text"))?;
        Ok(SignedCheckpoint { note, size: checkpoint.size(), root: checkpoint.hash().0 })
    }

    /// Has a tree's head signed, and verifies the signature before anyone else sees it.
    pub(super) async fn sign(
        &self,
        signer: &impl CheckpointSigner,
        size: u64,
        root: Hash,
    ) -> Result<SignedCheckpoint, LogError> {
        let malformed = || LogError::InvalidOrigin(self.origin.clone());
        let text = Checkpoint::new(&self.origin, size, root, "").map_err(|_| malformed())?.to_bytes();
        let signature = signer.sign(&text).await.map_err(LogError::Sign)?;
        let signature =
            Signature::new(self.origin.clone(), self.id(), signature.to_vec()).map_err(|_| malformed())?;
        let note = Note::new(&text, &[signature]).map_err(|_| malformed())?;
        self.open(&note.to_bytes())
    }
}

/// A verified checkpoint: how many entries a log had, and their tree's hash. Kept as its note, it convinces others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    note: String,
    size: u64,
    root: [u8; 32],
}

impl SignedCheckpoint {
    /// The signed note.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// How many entries the log has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hash of the tree of its entries (RFC 6962).
    pub fn root(&self) -> [u8; 32] {
        self.root
    }
}

/// What signs checkpoints: the log's key, wherever it lies.
pub trait CheckpointSigner: Sync {
    /// An Ed25519 signature (RFC 8032) over the message.
    fn sign(&self, message: &[u8]) -> impl Future<Output = Result<[u8; 64], VaultError>> + Send;
}

/// The Transit key [`LOG_KEY`] of a tenant's mount.
pub struct VaultSigner<'a, K> {
    /// With the right to sign with the key.
    pub vault: &'a K,
    /// The tenant's mount.
    pub mount: &'a str,
}

impl<K: TransitKeys> CheckpointSigner for VaultSigner<'_, K> {
    async fn sign(&self, message: &[u8]) -> Result<[u8; 64], VaultError> {
        self.vault.sign(self.mount, LOG_KEY, message).await
    }
}

/// A proof that a log only grew between two checkpoints (RFC 6962, 2.1.2). It holds nothing personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConsistencyProof {
    /// The older checkpoint's note.
    pub older: String,
    /// The newer checkpoint's note.
    pub newer: String,
    /// Hashes, base64.
    pub hashes: Vec<String>,
}

impl ConsistencyProof {
    /// Checks both signatures and the proof. Returns older and newer.
    pub fn verify(&self, key: &LogKey) -> Result<(SignedCheckpoint, SignedCheckpoint), LogError> {
        let (older, newer) = (key.open(self.older.as_bytes())?, key.open(self.newer.as_bytes())?);
        let hashes = self.hashes.iter().map(|hash| Hash::parse_hash(hash)).collect::<Result<Vec<_>, _>>();
        check_consistency(
            &hashes.map_err(|_| LogError::InvalidProof("a hash is malformed"))?,
            &older,
            &newer,
        )?;
        Ok((older, newer))
    }
}

pub(super) fn check_consistency(
    hashes: &Vec<Hash>,
    older: &SignedCheckpoint,
    newer: &SignedCheckpoint,
) -> Result<(), LogError> {
    if older.size > newer.size {
        return Err(LogError::Stale { remembered: older.size, found: newer.size });
    }
    // Every log begins with the empty tree.
    if older.size == 0 {
        return Ok(());
    }
    tlog_tiles::check_tree(hashes, newer.size, Hash(newer.root), older.size, Hash(older.root))
        .map_err(|_| LogError::Forked { older: older.size, newer: newer.size })
}
