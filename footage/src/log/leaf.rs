//! A leaf: what of an entry is public, and the commitment to the rest.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

/// A leaf's length.
pub const LEAF_BYTES: usize = 55;
const VERSION: u8 = 1;
/// Separates these hashes from others.
const ID_DOMAIN: &[u8] = b"camerafleet.io/log/id/v1\n";
const COMMITMENT_DOMAIN: &[u8] = b"camerafleet.io/log/commitment/v1\n";

/// A leaf of the tree (`LOG.md`, "Leaves"). It holds nothing personal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The entry's kind, as its code: a count of disclosures stays provable when what they were about is erased.
    pub kind: u16,
    /// When it was logged, in whole minutes since the Unix epoch.
    pub minute: u32,
    /// Of the caller's id.
    pub tag: [u8; 16],
    /// To salt and payload.
    pub commitment: [u8; 32],
}

impl Leaf {
    /// The bytes that the tree hashes.
    pub fn encode(&self) -> [u8; LEAF_BYTES] {
        let mut out = [0; LEAF_BYTES];
        out[0] = VERSION;
        out[1..3].copy_from_slice(&self.kind.to_be_bytes());
        out[3..7].copy_from_slice(&self.minute.to_be_bytes());
        out[7..23].copy_from_slice(&self.tag);
        out[23..].copy_from_slice(&self.commitment);
        out
    }

    /// Whether the entry was appended under this id.
    pub fn has_id(&self, id: &str) -> bool {
        self.tag == tag(id)
    }

    /// What an id leaves in a leaf: by it, entries are put together of which one cannot be read any more.
    pub fn tag_of(id: &str) -> [u8; 16] {
        tag(id)
    }

    /// When it was logged, to the minute.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_second(i64::from(self.minute) * 60).unwrap_or(Timestamp::MAX)
    }

    /// `None`: another release's.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; LEAF_BYTES] = bytes.try_into().ok()?;
        let (kind, minute) = (bytes[1..3].try_into().ok()?, bytes[3..7].try_into().ok()?);
        (bytes[0] == VERSION).then_some(Self {
            kind: u16::from_be_bytes(kind),
            minute: u32::from_be_bytes(minute),
            tag: bytes[7..23].try_into().ok()?,
            commitment: bytes[23..].try_into().ok()?,
        })
    }
}

/// What an id leaves in the leaf. Ids are made from uids and key names, which tell nobody anything.
pub(super) fn tag(id: &str) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::new().chain_update(ID_DOMAIN).chain_update(id).finalize().into();
    std::array::from_fn(|i| digest[i])
}

/// Binding to the payload; and with a salt that nobody knows, no guess of the payload can be confirmed.
pub(super) fn commitment(salt: &[u8; 32], payload: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(COMMITMENT_DOMAIN).chain_update(salt).chain_update(payload).finalize().into()
}

/// Whole minutes; a time before 1970 counts as 1970.
pub(super) fn minute(at: Timestamp) -> u32 {
    u32::try_from(at.as_second().max(0) / 60).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_is_these_bytes() {
        let leaf = Leaf { kind: 0x0102, minute: 0x0304_0506, tag: [7; 16], commitment: [8; 32] };
        let bytes = leaf.encode();
        assert_eq!(bytes[..7], [1, 1, 2, 3, 4, 5, 6]);
        assert_eq!(Leaf::decode(&bytes), Some(leaf));
        let mut newer = bytes;
        newer[0] = 2;
        assert_eq!(Leaf::decode(&newer), None);
        assert_eq!(Leaf::decode(&bytes[1..]), None);
    }
}
