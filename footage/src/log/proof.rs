//! Proofs that travel: in packages and notices, read without the bucket.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use tlog_tiles::{Hash, check_record, record_hash};

use super::{LogError, LogKey, SignedCheckpoint, entry::Record, leaf, leaf::Leaf};

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// A proof has at most 40 hashes; more is no proof of ours.
const MAX_HASHES: usize = 64;

/// That a leaf is in the log, for anyone who has the log's public key. Its text form is C2SP's tlog-proof, with the
/// leaf as the extra data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InclusionProof {
    pub(super) leaf: Vec<u8>,
    pub(super) index: u64,
    pub(super) hashes: Vec<[u8; 32]>,
    pub(super) note: String,
}

impl InclusionProof {
    /// The leaf's bytes.
    pub fn leaf(&self) -> &[u8] {
        &self.leaf
    }

    /// The leaf's place in the log.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The signed checkpoint, a note.
    pub fn checkpoint(&self) -> &str {
        &self.note
    }

    /// Checks signature and proof, and says of which tree it is.
    pub fn verify(&self, key: &LogKey) -> Result<SignedCheckpoint, LogError> {
        let checkpoint = key.open(self.note.as_bytes())?;
        let hashes = self.hashes.iter().copied().map(Hash).collect();
        check_record(
            &hashes,
            checkpoint.size(),
            Hash(checkpoint.root()),
            self.index,
            record_hash(&self.leaf),
        )
        .map_err(|_| LogError::InvalidProof("the leaf is not in the tree that the checkpoint signs"))?;
        Ok(checkpoint)
    }
}

impl From<InclusionProof> for String {
    fn from(proof: InclusionProof) -> Self {
        let mut text =
            format!("{HEADER}\nextra {}\nindex {}\n", BASE64_STANDARD.encode(&proof.leaf), proof.index);
        for hash in proof.hashes {
            text += &BASE64_STANDARD.encode(hash);
            text.push('\n');
        }
        text.push('\n');
        text + &proof.note
    }
}

impl TryFrom<String> for InclusionProof {
    type Error = LogError;

    fn try_from(text: String) -> Result<Self, LogError> {
        let malformed = || {
            LogError::InvalidProof("it is not written as c2sp.org/tlog-proof@v1 with the leaf as extra data")
        };
        let (proof, note) = text.split_once("\n\n").ok_or_else(malformed)?;
        let mut lines = proof.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(malformed());
        }
        let mut field =
            |name: &str| lines.next().and_then(|line| line.strip_prefix(name)).ok_or_else(malformed);
        let leaf = BASE64_STANDARD.decode(field("extra ")?).map_err(|_| malformed())?;
        let index = field("index ")?.parse().map_err(|_| malformed())?;
        let hash = |line: &str| BASE64_STANDARD.decode(line).ok().and_then(|bytes| bytes.try_into().ok());
        let hashes: Vec<[u8; 32]> =
            lines.take(MAX_HASHES + 1).map(hash).collect::<Option<_>>().ok_or_else(malformed)?;
        if hashes.len() > MAX_HASHES {
            return Err(malformed());
        }
        let parsed = Self { leaf, index, hashes, note: note.to_owned() };
        // One way of writing a proof.
        if String::from(parsed.clone()) == text { Ok(parsed) } else { Err(malformed()) }
    }
}

/// A proof together with what the entry says. Whoever has it can read the entry, so it goes only where that is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenedEntry {
    /// That the leaf is in the log.
    pub proof: InclusionProof,
    /// Base64.
    pub salt: String,
    /// The payload, canonical JSON, to the byte.
    pub payload: String,
}

impl OpenedEntry {
    /// Checks the proof and that its leaf commits to the payload.
    ///
    /// # Errors
    /// [`LogError::Newer`] for an entry that is proven and not understood: no decision may rest on it.
    pub fn verify(&self, key: &LogKey) -> Result<(Record, SignedCheckpoint), LogError> {
        let checkpoint = self.proof.verify(key)?;
        let leaf = Leaf::decode(&self.proof.leaf).ok_or(LogError::Newer(self.proof.index))?;
        let salt = BASE64_STANDARD.decode(&self.salt).ok().and_then(|salt| salt.try_into().ok());
        let salt: [u8; 32] = salt.ok_or(LogError::InvalidProof("its salt is malformed"))?;
        if leaf::commitment(&salt, self.payload.as_bytes()) != leaf.commitment {
            return Err(LogError::InvalidProof("the leaf commits to another payload"));
        }
        let record = read_record(&leaf, self.payload.as_bytes()).ok_or(LogError::Newer(self.proof.index))?;
        Ok((record, checkpoint))
    }
}

/// A payload that the leaf commits to, if this release understands it. What the leaf says of it must be true: else
/// a newer release, or a faulty one, wrote it.
pub(super) fn read_record(leaf: &Leaf, payload: &[u8]) -> Option<Record> {
    let record: Record = serde_json::from_slice(payload).ok()?;
    let agrees = record.entry.kind() == leaf.kind
        && leaf::tag(&record.id) == leaf.tag
        && leaf::minute(record.at) == leaf.minute;
    agrees.then_some(record)
}
