//! Custody `Owners`: the window key is split among the owners, so that no key in Vault opens a segment.
//!
//! The recorder's side ([`OwnersCustody`]) knows the owners' public keys only. A header shows each owner's sealed
//! share without any key ([`OwnersWindow`]); an owner opens theirs ([`WindowShare::open`]), and a threshold of them
//! gives the window key back ([`combine`]).

mod share;
mod split;
mod window;

use std::fmt;
use std::sync::Arc;

use age::x25519::Recipient;
use aws_lc_rs::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};

use crate::ids::{CameraId, StreamId, TenantId, WindowId};
use crate::layout::Hour;

use super::encode::{push_item, sha256};
use super::secret::Secret32;

pub use share::{MAX_SHARE_BYTES, ShareContext, ShareError, WindowContext, WindowShare, combine};
pub(super) use split::SealedWindow;
pub use window::{MAX_SEALED_SHARE_BYTES, OwnersWindow};

/// The most owners there can be, as in a SharingPolicy.
pub const MAX_OWNERS: usize = 16;

/// Labels: the first item of whatever is hashed, so that no digest serves for something else.
const OWNERS_LABEL: &[u8] = b"camerafleet.io/owners";
const WINDOW_LABEL: &[u8] = b"camerafleet.io/owners-window";
const COMMITMENT_LABEL: &[u8] = b"camerafleet.io/window-key";

/// The owners cannot keep a window key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOwners {
    /// None, or more than [`MAX_OWNERS`].
    #[error("there must be 1 to 16 owners, not {0}")]
    Count(usize),
    /// The threshold cannot be met, or asks nobody.
    #[error("a threshold of {threshold} among {owners} owners cannot be: it must be from 1 to their number")]
    #[allow(missing_docs)]
    Threshold { threshold: usize, owners: usize },
    /// Not an age X25519 recipient that something can be sealed to.
    #[error(
        "the age recipient of owner {owner} cannot be used ({why}): it must be the `age1…` line that age-keygen writes"
    )]
    #[allow(missing_docs)]
    Recipient { owner: usize, why: &'static str },
    /// One key would count twice.
    #[error("the owners {first} and {second} have the same age recipient: each must have a key of their own")]
    #[allow(missing_docs)]
    SameRecipient { first: usize, second: usize },
}

/// A threshold of owners keeps the window key. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnersCustody(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    threshold: u8,
    recipients: Vec<Recipient>,
}

impl OwnersCustody {
    /// From the SharingPolicy's threshold and its owners' age X25519 recipients, in its order.
    pub fn new<'a>(
        threshold: usize,
        recipients: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidOwners> {
        let mut parsed: Vec<Recipient> = Vec::new();
        for (i, text) in recipients.into_iter().enumerate() {
            if i == MAX_OWNERS {
                return Err(InvalidOwners::Count(i + 1));
            }
            let recipient = parse(text).map_err(|why| InvalidOwners::Recipient { owner: i + 1, why })?;
            if let Some(first) = parsed.iter().position(|other| *other == recipient) {
                return Err(InvalidOwners::SameRecipient { first: first + 1, second: i + 1 });
            }
            parsed.push(recipient);
        }
        let owners = parsed.len();
        if owners == 0 {
            return Err(InvalidOwners::Count(0));
        }
        let threshold = u8::try_from(threshold)
            .ok()
            .filter(|m| (1..=owners).contains(&usize::from(*m)))
            .ok_or(InvalidOwners::Threshold { threshold, owners })?;
        Ok(Self(Arc::new(Inner { threshold, recipients: parsed })))
    }

    /// How many owners it takes.
    pub fn threshold(&self) -> u8 {
        self.0.threshold
    }

    /// The owners' recipients, in order.
    pub fn recipients(&self) -> &[Recipient] {
        &self.0.recipients
    }

    /// What the header says of the owners: threshold, number, every recipient in order and the commitment.
    pub(super) fn digest(&self, commitment: &[u8; 32]) -> [u8; 32] {
        let mut items = Vec::with_capacity(1536);
        push_item(&mut items, OWNERS_LABEL);
        push_item(&mut items, self.0.threshold.to_string().as_bytes());
        push_item(&mut items, self.0.recipients.len().to_string().as_bytes());
        for recipient in &self.0.recipients {
            push_item(&mut items, recipient.to_string().as_bytes());
        }
        push_item(&mut items, commitment);
        sha256(&items)
    }
}

impl fmt::Debug for OwnersCustody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnersCustody")
            .field("threshold", &self.0.threshold)
            .field("recipients", &self.0.recipients)
            .finish()
    }
}

fn parse(text: &str) -> Result<Recipient, &'static str> {
    let recipient: Recipient = text.parse()?;
    let point: Vec<u8> = age_core::primitives::bech32_decode(
        text,
        |_| "invalid Bech32 encoding",
        |_| Ok(()),
        |_, bytes| Ok(bytes.collect()),
    )?;
    // A point of low order gives every sender the same shared secret. Nobody can hold its key, and age would end
    // the recorder's thread when it seals to it.
    let own = EphemeralPrivateKey::generate(&X25519, &aws_lc_rs::rand::SystemRandom::new())
        .map_err(|_| "the system gave no randomness to try it with")?;
    agree_ephemeral(own, UnparsedPublicKey::new(&X25519, point), "it is a point of low order", |_| Ok(()))?;
    Ok(recipient)
}

/// What the recorder says of a window key without showing it.
pub(super) fn commitment(key: &Secret32) -> [u8; 32] {
    let mut items = zeroize::Zeroizing::new(Vec::with_capacity(96)); // growing would leave a copy
    push_item(&mut items, COMMITMENT_LABEL);
    push_item(&mut items, key.expose());
    sha256(&items)
}

/// What a window key is for.
pub(super) struct Scope<'a> {
    pub tenant: &'a TenantId,
    pub camera: &'a CameraId,
    pub stream: &'a StreamId,
    pub hour: Hour,
    pub sharing_policy: &'a [u8; 32],
}

impl Scope<'_> {
    /// The window's id: it follows from what the key is for and from its commitment.
    pub(super) fn window(&self, commitment: &[u8; 32]) -> WindowId {
        let mut items = Vec::with_capacity(384);
        push_item(&mut items, WINDOW_LABEL);
        for text in [self.tenant.as_str(), self.camera.as_str(), self.stream.as_str(), &self.hour.to_string()]
        {
            push_item(&mut items, text.as_bytes());
        }
        push_item(&mut items, self.sharing_policy);
        push_item(&mut items, commitment);
        let mut id = [0; 16];
        id.copy_from_slice(&sha256(&items)[..16]);
        WindowId::from_bytes(id)
    }
}
