//! An owner's shares on their way into a release: one bundle in the Approval, sealed to the request's own Transit key.

use std::collections::BTreeMap;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::objects::RequestDigest;
use crate::digest::{hex, unhex};
use crate::ids::{RequestUid, WindowId};
use crate::seal::encode::push_item;
use crate::seal::{PublicKey, SealError, Secret32, ShareContext, ShareError, WindowShare};

/// The most window keys of one request.
pub const MAX_WINDOWS: usize = 1_024;
/// The longest bundle in base64, as the API takes it.
pub const MAX_BUNDLE_BYTES: usize = 256 * 1024;

const LABEL: &[u8] = b"camerafleet.io/release";
const VERSION: u32 = 1;

/// The Transit key that owners seal their shares of this request to: `release-<request>`.
pub fn release_key_name(request: &RequestUid) -> String {
    format!("release-{request}")
}

/// A bundle cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// It is none, or of another request.
    #[error("the release bundle does not open: it was damaged, or made for another request or key")]
    Damaged,
    /// Of another release's format.
    #[error("the release bundle has version {0}, which this release cannot read: use a newer one")]
    UnknownVersion(u32),
    /// More than [`MAX_WINDOWS`], or too long.
    #[error("there are more window keys than one request may have: ask for a shorter window")]
    TooMany,
    /// Sealing failed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// What lies in the Approval, in base64.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Outer {
    version: u32,
    /// A key for this bundle alone, wrapped to the request's.
    key: String,
    sealed: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Share {
    window: WindowId,
    index: u8,
    share: Zeroizing<String>,
}

/// One owner's shares. A secret: no `Debug`.
pub struct Bundle {
    shares: BTreeMap<WindowId, (u8, Zeroizing<[u8; 32]>)>,
}

/// Binds a bundle to its request.
fn bound(request: &RequestUid, digest: &RequestDigest) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    push_item(&mut out, LABEL);
    push_item(&mut out, request.as_str().as_bytes());
    push_item(&mut out, &digest.0.0);
    out
}

fn cipher(key: &Secret32) -> Result<LessSafeKey, SealError> {
    let unbound = UnboundKey::new(&CHACHA20_POLY1305, key.expose());
    unbound.map(LessSafeKey::new).map_err(|_| SealError::Crypto { doing: "sealing a release" })
}

/// Each key seals one bundle.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

impl Bundle {
    /// Seals shares that their owner has opened and checked. The text for `release.bundle`.
    ///
    /// # Errors
    /// [`ReleaseError::TooMany`].
    pub fn seal(
        shares: &[WindowShare],
        to: &PublicKey,
        request: &RequestUid,
        digest: &RequestDigest,
    ) -> Result<String, ReleaseError> {
        let crypto = || SealError::Crypto { doing: "sealing a release" };
        if shares.len() > MAX_WINDOWS {
            return Err(ReleaseError::TooMany);
        }
        let mut list = Vec::with_capacity(shares.len());
        for share in shares {
            #[derive(Deserialize)]
            struct Value {
                share: Zeroizing<String>,
            }
            let Value { share: value } =
                serde_json::from_slice(&share.to_plaintext()).map_err(|_| ReleaseError::Damaged)?;
            let context = share.context();
            list.push(Share { window: context.window.window.clone(), index: context.index, share: value });
        }
        let mut plain = Zeroizing::new(serde_json::to_vec(&list).map_err(|_| ReleaseError::Damaged)?);
        let key = Secret32::random().map_err(|_| crypto())?;
        let aad = Aad::from(bound(request, digest));
        cipher(&key)?.seal_in_place_append_tag(nonce(), aad, &mut *plain).map_err(|_| crypto())?;
        let outer = Outer {
            version: VERSION,
            key: BASE64_STANDARD.encode(to.wrap(&key)?),
            sealed: BASE64_STANDARD.encode(plain.as_slice()),
        };
        let text = BASE64_STANDARD.encode(serde_json::to_vec(&outer).map_err(|_| ReleaseError::Damaged)?);
        if text.len() > MAX_BUNDLE_BYTES { Err(ReleaseError::TooMany) } else { Ok(text) }
    }

    /// The ciphertext that the request's Transit key decrypts to the key for [`Bundle::open`].
    ///
    /// # Errors
    /// [`ReleaseError::Damaged`].
    pub fn wrapped_key(bundle: &str) -> Result<Vec<u8>, ReleaseError> {
        BASE64_STANDARD.decode(outer(bundle)?.key).map_err(|_| ReleaseError::Damaged)
    }

    /// Opens a bundle.
    ///
    /// # Errors
    /// [`ReleaseError::Damaged`].
    pub fn open(
        bundle: &str,
        key: &Secret32,
        request: &RequestUid,
        digest: &RequestDigest,
    ) -> Result<Self, ReleaseError> {
        let damaged = |_| ReleaseError::Damaged;
        let mut sealed =
            Zeroizing::new(BASE64_STANDARD.decode(outer(bundle)?.sealed).map_err(|_| ReleaseError::Damaged)?);
        let aad = Aad::from(bound(request, digest));
        let plain = cipher(key)?.open_in_place(nonce(), aad, &mut sealed).map_err(damaged)?;
        let list: Vec<Share> = serde_json::from_slice(plain).map_err(|_| ReleaseError::Damaged)?;
        if list.len() > MAX_WINDOWS {
            return Err(ReleaseError::TooMany);
        }
        let mut shares = BTreeMap::new();
        for Share { window, index, share } in list {
            let value = unhex(&share).map(Zeroizing::new).ok_or(ReleaseError::Damaged)?;
            shares.insert(window, (index, value));
        }
        Ok(Self { shares })
    }

    /// The owner's share of a window key, as what the header says it must be. None: it is not in the bundle.
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn share(&self, window: &crate::seal::WindowContext) -> Option<Result<WindowShare, ShareError>> {
        let (index, value) = self.shares.get(&window.window)?;
        let expected = ShareContext { window: window.clone(), index: *index };
        let plain = serde_json::json!({
            "version": 1,
            "tenant": window.tenant, "camera": window.camera, "hour": window.hour.to_string(),
            "window": window.window, "index": index, "threshold": window.threshold, "shares": window.shares,
            "commitment": hex(&window.commitment), "share": hex(value.as_slice()),
        });
        let plain = Zeroizing::new(serde_jcs::to_vec(&plain).unwrap_or_default());
        Some(WindowShare::from_plaintext(&plain, &expected))
    }
}

fn outer(bundle: &str) -> Result<Outer, ReleaseError> {
    let bytes = BASE64_STANDARD.decode(bundle).map_err(|_| ReleaseError::Damaged)?;
    let outer: Outer = serde_json::from_slice(&bytes).map_err(|_| ReleaseError::Damaged)?;
    if outer.version == VERSION { Ok(outer) } else { Err(ReleaseError::UnknownVersion(outer.version)) }
}
