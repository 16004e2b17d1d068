//! The writer's own object: the newest signed checkpoint with the leaves that it added. Replacing it is what commits
//! an append; tiles and the published checkpoint follow from it and can be written again by anyone.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::super::{LogError, LogKey, SignedCheckpoint};

/// The object.
pub(super) const HEAD: &str = "head";
/// A batch of leaves in base64, and a note.
pub(super) const MAX_HEAD: u64 = 256 << 10;

pub(super) struct Head {
    pub checkpoint: SignedCheckpoint,
    pub leaves: Vec<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    checkpoint: String,
    leaves: Vec<String>,
}

impl Head {
    pub fn encode<L: AsRef<[u8]>>(checkpoint: &SignedCheckpoint, leaves: &[L]) -> Bytes {
        let leaves = leaves.iter().map(|leaf| BASE64_STANDARD.encode(leaf)).collect();
        let written = Written { checkpoint: checkpoint.note().to_owned(), leaves };
        serde_json::to_vec(&written).unwrap_or_else(|e| unreachable!("texts are plain data: {e}")).into()
    }

    pub fn decode(bytes: &[u8], key: &LogKey) -> Result<Self, LogError> {
        let written: Written = serde_json::from_slice(bytes).map_err(|_| LogError::HeadAltered)?;
        let checkpoint = key.open(written.checkpoint.as_bytes())?;
        let leaves: Vec<_> = written
            .leaves
            .iter()
            .map(|leaf| BASE64_STANDARD.decode(leaf))
            .collect::<Result<_, _>>()
            .map_err(|_| LogError::HeadAltered)?;
        if leaves.len() as u64 > checkpoint.size() {
            return Err(LogError::HeadAltered);
        }
        Ok(Self { checkpoint, leaves })
    }

    /// The size of the tree before these leaves.
    pub fn base(&self) -> u64 {
        self.checkpoint.size() - self.leaves.len() as u64
    }
}
