//! The window stanza's body: what anyone can read of a window key without any key.

use crate::seal::encode::push_item;
use crate::seal::error::OpenError;
use crate::seal::identity::SegmentIdentity;

use super::share::{ShareContext, WindowContext};
use super::{MAX_OWNERS, OwnersCustody, Scope};

/// The longest that one sealed share may be, in bytes. One has 700 to 1,200.
pub const MAX_SEALED_SHARE_BYTES: usize = 2048;

/// A window key among its owners: threshold, commitment and the sealed shares in the owners' order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnersWindow {
    pub(super) threshold: u8,
    pub(super) commitment: [u8; 32],
    pub(super) sealed: Vec<Vec<u8>>,
}

impl OwnersWindow {
    /// How many owners it takes.
    pub fn threshold(&self) -> u8 {
        self.threshold
    }

    /// Each owner's share, an age file to that owner, in the order of the SharingPolicy's owners.
    pub fn sealed_shares(&self) -> &[Vec<u8>] {
        &self.sealed
    }

    /// What every share of this window must say of itself, in a segment with this identity.
    pub fn context(&self, identity: &SegmentIdentity) -> WindowContext {
        WindowContext {
            tenant: identity.tenant.clone(),
            camera: identity.camera.clone(),
            hour: identity.hour(),
            window: scope(identity).window(&self.commitment),
            threshold: self.threshold,
            shares: u8::try_from(self.sealed.len())
                .unwrap_or_else(|_| unreachable!("at most 16 were parsed")),
            commitment: self.commitment,
        }
    }

    /// The sealed shares, each with what it must say of itself.
    pub fn shares(&self, identity: &SegmentIdentity) -> impl Iterator<Item = (ShareContext, &[u8])> {
        let window = self.context(identity);
        (1..)
            .zip(&self.sealed)
            .map(move |(index, sealed)| (ShareContext { window: window.clone(), index }, sealed.as_slice()))
    }

    /// Whether the key was split among these owners, with this threshold and in this order. The header does not
    /// name them: they are the SharingPolicy's.
    pub fn check_owners(&self, identity: &SegmentIdentity, owners: &OwnersCustody) -> Result<(), OpenError> {
        let same = usize::from(self.threshold) == usize::from(owners.threshold())
            && self.sealed.len() == owners.recipients().len()
            && identity.window_recipient == owners.digest(&self.commitment);
        if same { Ok(()) } else { Err(OpenError::WrongOwners) }
    }

    /// `m || n || commitment`, one byte, one byte and 32, then each sealed share with its length.
    pub(in crate::seal) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(34 + self.sealed.len() * 1024);
        out.push(self.threshold);
        out.push(u8::try_from(self.sealed.len()).unwrap_or_else(|_| unreachable!("at most 16 are made")));
        out.extend_from_slice(&self.commitment);
        for share in &self.sealed {
            push_item(&mut out, share);
        }
        out
    }

    /// Accepts exactly what [`Self::encode`] writes.
    pub(in crate::seal) fn parse(body: &[u8]) -> Result<Self, OpenError> {
        let malformed = |what| OpenError::Malformed { what };
        let short = || malformed("the window stanza's body ends too early");
        let (&[threshold, owners], rest) = body.split_first_chunk::<2>().ok_or_else(short)?;
        let (commitment, mut rest) = rest.split_first_chunk::<32>().ok_or_else(short)?;
        if !(1..=MAX_OWNERS).contains(&owners.into()) || !(1..=owners).contains(&threshold) {
            return Err(malformed("the window key's threshold and number of owners"));
        }
        let mut sealed = Vec::with_capacity(owners.into());
        for _ in 0..owners {
            let (length, after) = rest.split_first_chunk::<4>().ok_or_else(short)?;
            let length = usize::try_from(u32::from_be_bytes(*length))
                .ok()
                .filter(|length| (1..=MAX_SEALED_SHARE_BYTES).contains(length))
                .ok_or_else(|| malformed("a sealed share's length"))?;
            let (share, after) = after.split_at_checked(length).ok_or_else(short)?;
            sealed.push(share.to_vec());
            rest = after;
        }
        if !rest.is_empty() {
            return Err(malformed("the window stanza's body is too long"));
        }
        Ok(Self { threshold, commitment: *commitment, sealed })
    }

    /// The window stanza's second argument.
    pub(in crate::seal) fn id(&self, identity: &SegmentIdentity) -> String {
        scope(identity).window(&self.commitment).to_string()
    }
}

fn scope(identity: &SegmentIdentity) -> Scope<'_> {
    Scope {
        tenant: &identity.tenant,
        camera: &identity.camera,
        stream: &identity.stream,
        hour: identity.hour(),
        sharing_policy: &identity.sharing_policy,
    }
}
