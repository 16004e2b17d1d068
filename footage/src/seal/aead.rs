//! The key-encryption key and what it wraps.

use age_core::format::{FILE_KEY_BYTES, FileKey};
use age_core::secrecy::ExposeSecret;
use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{hkdf, hmac};
use zeroize::{Zeroize, Zeroizing};

use super::secret::Secret32;

const TAG_BYTES: usize = 16;
/// The length of a wrapped file key.
pub(super) const WRAPPED_FILE_KEY_BYTES: usize = FILE_KEY_BYTES + TAG_BYTES;

struct KeyLength;

impl hkdf::KeyType for KeyLength {
    fn len(&self) -> usize {
        32
    }
}

/// `HKDF-SHA256(salt = none, ikm = W || E, info = identity)`, 32 bytes, as a ChaCha20-Poly1305 key.
fn kek(w: &Secret32, e: &Secret32, identity: &[u8]) -> Result<LessSafeKey, Unspecified> {
    let mut ikm = Zeroizing::new([0u8; 64]);
    ikm[..32].copy_from_slice(w.expose());
    ikm[32..].copy_from_slice(e.expose());
    let prk = hkdf::Salt::none(hkdf::HKDF_SHA256).extract(ikm.as_slice());
    let mut key = Zeroizing::new([0u8; 32]);
    prk.expand(&[identity], KeyLength)?.fill(key.as_mut_slice())?;
    Ok(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key.as_slice())?))
}

/// A zero nonce, as age's own stanzas have it: E is fresh for each segment, so each key seals one message.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

/// The key of age's MAC over the header (C2SP age, "Header MAC").
pub(super) fn header_mac_key(file_key: &FileKey) -> Result<hmac::Key, Unspecified> {
    let prk = hkdf::Salt::none(hkdf::HKDF_SHA256).extract(file_key.expose_secret());
    Ok(hmac::Key::from(prk.expand(&[b"header"], hmac::HMAC_SHA256)?))
}

pub(super) fn wrap(
    w: &Secret32,
    e: &Secret32,
    identity: &[u8],
    file_key: &FileKey,
) -> Result<Vec<u8>, Unspecified> {
    let mut body = Vec::with_capacity(WRAPPED_FILE_KEY_BYTES); // sealing in place must not move the key
    body.extend_from_slice(file_key.expose_secret());
    if let Err(error) =
        kek(w, e, identity).and_then(|k| k.seal_in_place_append_tag(nonce(), Aad::empty(), &mut body))
    {
        body.zeroize();
        return Err(error);
    }
    Ok(body)
}

pub(super) fn unwrap(
    w: &Secret32,
    e: &Secret32,
    identity: &[u8],
    body: &[u8; WRAPPED_FILE_KEY_BYTES],
) -> Result<FileKey, Unspecified> {
    let mut body = Zeroizing::new(*body);
    let plain = kek(w, e, identity)?.open_in_place(nonce(), Aad::empty(), body.as_mut_slice())?;
    FileKey::try_init_with_mut(|key| {
        if plain.len() != key.len() {
            return Err(Unspecified);
        }
        key.copy_from_slice(plain);
        Ok(())
    })
}
