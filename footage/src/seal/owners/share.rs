//! The reader's side: one owner's share, and what a threshold of them gives.

use std::io::Read;
use std::iter;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde::{Deserialize, Serialize};
use vsss_rs::Gf256;
use zeroize::{Zeroize, Zeroizing};

use crate::ids::{CameraId, TenantId, WindowId};
use crate::layout::Hour;
use crate::seal::encode::{hex, unhex};
use crate::seal::secret::Secret32;

use super::commitment;

/// The longest that an opened share may be, in bytes. One has about 450.
pub const MAX_SHARE_BYTES: usize = 1024;

const VERSION: u32 = 1;

/// What all shares of one window key have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowContext {
    /// Whose footage it is.
    pub tenant: TenantId,
    /// Which camera's.
    pub camera: CameraId,
    /// The UTC hour of the segments' openings.
    pub hour: Hour,
    /// Which of that hour's window keys.
    pub window: WindowId,
    /// How many shares give the key.
    pub threshold: u8,
    /// How many there are.
    pub shares: u8,
    /// What the key must hash to.
    pub commitment: [u8; 32],
}

/// What one share must say of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareContext {
    /// The window key's.
    pub window: WindowContext,
    /// The owner's place among the SharingPolicy's owners, from 1.
    pub index: u8,
}

/// A share cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// Another owner's.
    #[error(
        "share {index} is not sealed to this key: take the owner's own, or look whether the share is theirs"
    )]
    #[allow(missing_docs)]
    NotForThisKey { index: u8 },
    /// Cut off or changed.
    #[error("share {index} does not open: it was damaged or tampered with")]
    #[allow(missing_docs)]
    Damaged { index: u8 },
    /// It opens, and is no share of this format.
    #[error("share {index} is no share of a window key: {why}")]
    #[allow(missing_docs)]
    Malformed { index: u8, why: String },
    /// Of another release's format.
    #[error("share {index} has version {found}, which this release cannot read: use a newer one")]
    #[allow(missing_docs)]
    UnknownVersion { index: u8, found: u64 },
    /// A share of something else was put in this one's place.
    #[error(
        "share {index} is for {what} {found}, not {expected}: it was put in the wrong place and is not used"
    )]
    #[allow(missing_docs)]
    WrongContext { index: u8, what: &'static str, expected: String, found: String },
    /// One owner's share counts once.
    #[error("share {index} was given twice: shares of different owners are needed")]
    #[allow(missing_docs)]
    Twice { index: u8 },
    /// Not enough owners have released theirs.
    #[error("{have} shares were given, and {need} are needed: wait for more owners to release theirs")]
    #[allow(missing_docs)]
    TooFew { have: usize, need: u8 },
    /// At least one of them holds another value than the recorder sealed.
    #[error(
        "shares {indexes:?} do not give the key that the recorder committed to: one of them was made up; ask these owners again"
    )]
    #[allow(missing_docs)]
    WrongKey { indexes: Vec<u8> },
}

/// An owner's share, opened and checked. A secret: no `Debug`, and wiped when dropped.
pub struct WindowShare {
    context: ShareContext,
    share: Secret32,
}

/// The plaintext: JSON as RFC 8785 writes it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    version: u32,
    tenant: TenantId,
    camera: CameraId,
    hour: String,
    window: WindowId,
    index: u8,
    threshold: u8,
    shares: u8,
    commitment: String,
    share: Zeroizing<String>,
}

impl WindowShare {
    pub(super) fn new(context: ShareContext, share: Secret32) -> Self {
        Self { context, share }
    }

    /// Opens a sealed share with its owner's key. It must say of itself what is expected, word for word.
    pub fn open(sealed: &[u8], key: &dyn age::Identity, expected: &ShareContext) -> Result<Self, ShareError> {
        let index = expected.index;
        let damaged = ShareError::Damaged { index };
        let reader = age::Decryptor::new(sealed)
            .and_then(|decryptor| decryptor.decrypt(iter::once(key)))
            .map_err(|error| match error {
                age::DecryptError::NoMatchingKeys => ShareError::NotForThisKey { index },
                _ => damaged.clone(),
            })?;
        // One more than may be, so that a longer one is noticed; growing would leave copies.
        let mut plain = Zeroizing::new(Vec::with_capacity(MAX_SHARE_BYTES + 1));
        reader.take(MAX_SHARE_BYTES as u64 + 1).read_to_end(&mut plain).map_err(|_| damaged)?;
        Self::from_plaintext(&plain, expected)
    }

    /// A share as its owner passes it on, inside something else that is sealed.
    pub fn from_plaintext(plain: &[u8], expected: &ShareContext) -> Result<Self, ShareError> {
        let index = expected.index;
        let malformed = |why: &str| ShareError::Malformed { index, why: why.to_owned() };
        if plain.len() > MAX_SHARE_BYTES {
            return Err(malformed("it is too long"));
        }
        #[derive(Deserialize)]
        struct Version {
            version: u64,
        }
        let Version { version } =
            serde_json::from_slice(plain).map_err(|_| malformed("it has no version"))?;
        if version != u64::from(VERSION) {
            return Err(ShareError::UnknownVersion { index, found: version });
        }
        // serde's words could repeat the share.
        let json: Json =
            serde_json::from_slice(plain).map_err(|_| malformed("it lacks a field or has another"))?;
        let found = ShareContext {
            window: WindowContext {
                tenant: json.tenant,
                camera: json.camera,
                hour: json.hour.parse().map_err(|_| malformed("its hour"))?,
                window: json.window,
                threshold: json.threshold,
                shares: json.shares,
                commitment: unhex(&json.commitment).ok_or_else(|| malformed("its commitment"))?,
            },
            index: json.index,
        };
        found.check(expected)?;
        let bytes = unhex(&json.share).map(Zeroizing::new).ok_or_else(|| malformed("its value"))?;
        let share = Self::new(found, Secret32::from_bytes(&bytes));
        if *share.to_plaintext() != plain {
            return Err(malformed("it is not written the one way"));
        }
        Ok(share)
    }

    /// The plaintext: JSON as RFC 8785 writes it.
    pub fn to_plaintext(&self) -> Zeroizing<Vec<u8>> {
        let ShareContext { window, index } = &self.context;
        let json = Json {
            version: VERSION,
            tenant: window.tenant.clone(),
            camera: window.camera.clone(),
            hour: window.hour.to_string(),
            window: window.window.clone(),
            index: *index,
            threshold: window.threshold,
            shares: window.shares,
            commitment: hex(&window.commitment),
            share: Zeroizing::new(hex(self.share.expose())),
        };
        Zeroizing::new(serde_jcs::to_vec(&json).unwrap_or_else(|e| unreachable!("it is plain data: {e}")))
    }

    /// What it says of itself.
    pub fn context(&self) -> &ShareContext {
        &self.context
    }
}

impl ShareContext {
    /// The first difference to what is expected, by its name.
    fn check(&self, expected: &Self) -> Result<(), ShareError> {
        let expected_index = expected.index;
        let texts = |context: &Self| {
            let window = &context.window;
            [
                ("tenant", window.tenant.to_string()),
                ("camera", window.camera.to_string()),
                ("hour", window.hour.to_string()),
                ("window", window.window.to_string()),
                ("the threshold", window.threshold.to_string()),
                ("the number of shares", window.shares.to_string()),
                ("the commitment", hex(&window.commitment)),
                ("the owner of number", context.index.to_string()),
            ]
        };
        match texts(self).into_iter().zip(texts(expected)).find(|(found, expected)| found != expected) {
            None => Ok(()),
            Some(((what, found), (_, expected))) => {
                Err(ShareError::WrongContext { index: expected_index, what, expected, found })
            }
        }
    }
}

/// The window key, from the shares of a threshold of owners. More than those are not used.
///
/// # Errors
/// [`ShareError::WrongKey`] names the shares that were used. Which of them was made up, the shares do not show.
pub fn combine(shares: &[WindowShare], expected: &WindowContext) -> Result<Secret32, ShareError> {
    let mut indexes = Vec::with_capacity(shares.len());
    for share in shares {
        let index = share.context.index;
        share.context.check(&ShareContext { window: expected.clone(), index })?;
        if indexes.contains(&index) {
            return Err(ShareError::Twice { index });
        }
        indexes.push(index);
    }
    let need = usize::from(expected.threshold);
    let (Some(first), true) = (shares.first(), shares.len() >= need) else {
        return Err(ShareError::TooFew { have: shares.len(), need: expected.threshold });
    };
    indexes.truncate(need);
    let wrong = || ShareError::WrongKey { indexes: indexes.clone() };
    let key = if need == 1 {
        first.share.clone()
    } else {
        let point = |share: &WindowShare| [&[share.context.index], share.share.expose().as_slice()].concat();
        let mut points: Vec<Vec<u8>> = shares.iter().take(need).map(point).collect();
        let combined = Gf256::combine_bytes(&points).map(Zeroizing::new);
        points.iter_mut().for_each(Zeroize::zeroize);
        Secret32::try_from(combined.map_err(|_| wrong())?.as_slice()).map_err(|_| wrong())?
    };
    verify_slices_are_equal(&commitment(&key), &expected.commitment).map_err(|_| wrong())?;
    Ok(key)
}
