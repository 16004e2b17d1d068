//! The sidecar object.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::digest::{hex, unhex};
use crate::ids::{HoldId, TenantId};
use crate::layout::{parse_epoch_key_name, sidecar_key};
use crate::seal::encode::push_item;
use crate::seal::{SealedHeader, Secret32};

use super::HoldError;

/// The largest sidecar that is read, in bytes. One with RSA-3072 has about 1,000.
pub const MAX_SIDECAR_BYTES: usize = 4096;

const VERSION: u32 = 1;
const TAG_LABEL: &[u8] = b"camerafleet.io/hold";

/// A held segment's epoch share, wrapped to the hold's key. Nothing of it is authentic before
/// [`super::check_sidecars`] or [`super::epoch_share`] has seen it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidecar {
    /// Whose footage is held.
    pub tenant: TenantId,
    /// By which hold.
    pub hold: HoldId,
    /// SHA-256 of the hold's public key (SubjectPublicKeyInfo, DER).
    pub hold_key: [u8; 32],
    /// SHA-256 of the held segment's header.
    pub segment: [u8; 32],
    /// The key that the segment itself wraps the share to.
    pub epoch_key: String,
    pub(super) wrapped: Vec<u8>,
    tag: [u8; 32],
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Json {
    version: u32,
    tenant: TenantId,
    hold: HoldId,
    hold_key: String,
    segment: String,
    epoch_key: String,
    share: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
}

impl Sidecar {
    /// For a segment with this header, whose share `wrapped` is.
    pub(super) fn new(
        header: &SealedHeader,
        (hold, hold_key): (&HoldId, [u8; 32]),
        wrapped: Vec<u8>,
        share: &Secret32,
    ) -> Self {
        let mut sidecar = Self {
            tenant: header.identity.tenant.clone(),
            hold: hold.clone(),
            hold_key,
            segment: header.digest(),
            epoch_key: header.wrapped_epoch_share().0.to_owned(),
            wrapped,
            tag: [0; 32],
        };
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, share.expose()), &sidecar.tagged());
        sidecar.tag.copy_from_slice(tag.as_ref());
        sidecar
    }

    /// Where it lies in the store.
    pub fn key(&self, prefix: &str) -> String {
        sidecar_key(prefix, &self.tenant, &self.hold, &self.segment)
    }

    /// The object: JSON as RFC 8785 writes it.
    pub fn to_json(&self) -> Vec<u8> {
        self.canonical(Some(hex(&self.tag)))
    }

    /// Reads a sidecar back. Accepts exactly what [`Sidecar::to_json`] writes.
    pub fn from_json(bytes: &[u8]) -> Result<Self, HoldError> {
        let malformed = |why: &str| HoldError::Malformed { why: why.to_owned() };
        if bytes.len() > MAX_SIDECAR_BYTES {
            return Err(malformed("it is too long"));
        }
        #[derive(Deserialize)]
        struct Version {
            version: u64,
        }
        let Version { version } =
            serde_json::from_slice(bytes).map_err(|_| malformed("it has no version"))?;
        if version != u64::from(VERSION) {
            return Err(HoldError::UnknownVersion(version));
        }
        let json: Json =
            serde_json::from_slice(bytes).map_err(|error| HoldError::Malformed { why: error.to_string() })?;
        parse_epoch_key_name(&json.epoch_key).map_err(|_| malformed("the epoch key's name"))?;
        let sidecar = Self {
            tenant: json.tenant,
            hold: json.hold,
            hold_key: unhex(&json.hold_key).ok_or_else(|| malformed("the hold key's digest"))?,
            segment: unhex(&json.segment).ok_or_else(|| malformed("the segment's digest"))?,
            epoch_key: json.epoch_key,
            wrapped: BASE64_STANDARD_NO_PAD.decode(json.share).map_err(|_| malformed("the share"))?,
            tag: json.tag.as_deref().and_then(unhex).ok_or_else(|| malformed("the tag"))?,
        };
        if sidecar.to_json() == bytes { Ok(sidecar) } else { Err(malformed("it is not written the one way")) }
    }

    /// Whether it is the sidecar of this segment under this hold. It still may hold anything.
    pub(super) fn check_place(&self, header: &SealedHeader, hold: &HoldId) -> Result<(), HoldError> {
        let pairs = [
            ("tenant", header.identity.tenant.to_string(), self.tenant.to_string()),
            ("hold", hold.to_string(), self.hold.to_string()),
            ("segment", hex(&header.digest()), hex(&self.segment)),
            ("the epoch key", header.wrapped_epoch_share().0.to_owned(), self.epoch_key.clone()),
        ];
        match pairs.into_iter().find(|(_, expected, found)| expected != found) {
            None => Ok(()),
            Some((what, expected, found)) => Err(HoldError::Misplaced { what, expected, found }),
        }
    }

    /// Whether whoever made it had this share in hand.
    pub(super) fn check_tag(&self, share: &Secret32) -> Result<(), HoldError> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, share.expose());
        hmac::verify(&key, &self.tagged(), &self.tag).map_err(|_| HoldError::WrongCopy)
    }

    fn tagged(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1536);
        push_item(&mut out, TAG_LABEL);
        push_item(&mut out, &self.canonical(None));
        out
    }

    fn canonical(&self, tag: Option<String>) -> Vec<u8> {
        let json = Json {
            version: VERSION,
            tenant: self.tenant.clone(),
            hold: self.hold.clone(),
            hold_key: hex(&self.hold_key),
            segment: hex(&self.segment),
            epoch_key: self.epoch_key.clone(),
            share: BASE64_STANDARD_NO_PAD.encode(&self.wrapped),
            tag,
        };
        serde_jcs::to_vec(&json).unwrap_or_else(|e| unreachable!("it is plain data: {e}"))
    }
}
