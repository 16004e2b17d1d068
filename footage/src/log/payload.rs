//! What an entry says, sealed under a key of its own beside the log.

use aws_lc_rs::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    error::Unspecified,
    rand,
};
use zeroize::Zeroizing;

use super::{
    LogError,
    entry::Record,
    leaf::{self, Leaf},
};

/// A payload is no longer: the heads of some twenty thousand cameras.
pub const MAX_PAYLOAD: usize = 4 << 20;
/// Salt and data key, in this order.
pub(super) const SECRET_BYTES: usize = 64;

/// An entry ready to be appended.
pub(super) struct Sealed {
    pub leaf: Leaf,
    pub payload: Vec<u8>,
    pub secret: Secret,
}

/// What makes a payload readable and its commitment checkable; without it neither is left.
pub(super) struct Secret {
    pub salt: [u8; 32],
    key: Zeroizing<[u8; 32]>,
}

impl Secret {
    fn random() -> Result<Self, LogError> {
        let mut secret = Self { salt: [0; 32], key: Zeroizing::new([0; 32]) };
        rand::fill(&mut secret.salt)
            .and_then(|()| rand::fill(secret.key.as_mut_slice()))
            .map_err(|_| LogError::Crypto)?;
        Ok(secret)
    }

    /// The key object's bytes.
    pub fn encode(&self) -> Vec<u8> {
        [self.salt, *self.key].concat()
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (salt, key) = bytes.split_first_chunk()?;
        Some(Self { salt: *salt, key: Zeroizing::new(key.try_into().ok()?) })
    }
}

/// The names of an entry's two objects. Two writers never write the same: the salt is random.
pub(super) fn names(index: u64, leaf: &Leaf) -> (String, String) {
    let name = format!("{}-{}", position(index), crate::digest::hex(&leaf.commitment[..8]));
    (format!("payloads/{name}"), format!("keys/{name}"))
}

/// Sorts as the index does, up to the most that a log may hold.
pub(super) fn position(index: u64) -> String {
    format!("{index:013}")
}

pub(super) fn seal(origin: &str, record: &Record) -> Result<Sealed, LogError> {
    let mut payload =
        serde_jcs::to_vec(record).unwrap_or_else(|e| unreachable!("a record is plain data: {e}"));
    if payload.len() > MAX_PAYLOAD {
        return Err(LogError::TooLarge(format!(
            "an entry for the log has {} bytes, and {MAX_PAYLOAD} are the most: split it",
            payload.len()
        )));
    }
    let secret = Secret::random()?;
    let leaf = Leaf {
        kind: record.entry.kind(),
        minute: leaf::minute(record.at),
        tag: leaf::tag(&record.id),
        commitment: leaf::commitment(&secret.salt, &payload),
    };
    cipher(&secret.key)
        .and_then(|cipher| cipher.seal_in_place_append_tag(nonce(), aad(origin, &leaf), &mut payload))
        .map_err(|_| LogError::Crypto)?;
    Ok(Sealed { leaf, payload, secret })
}

/// The payload, if the secret opens it and the leaf commits to it.
pub(super) fn open(origin: &str, leaf: &Leaf, secret: &Secret, payload: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = payload.to_vec();
    let plain =
        cipher(&secret.key).ok()?.open_in_place(nonce(), aad(origin, leaf), &mut bytes).ok()?.to_vec();
    (leaf::commitment(&secret.salt, &plain) == leaf.commitment).then_some(plain)
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey, Unspecified> {
    Ok(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key)?))
}

/// Zero: each key seals one payload.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

fn aad(origin: &str, leaf: &Leaf) -> Aad<Vec<u8>> {
    Aad::from([origin.as_bytes(), b"\n", &leaf.encode()].concat())
}
