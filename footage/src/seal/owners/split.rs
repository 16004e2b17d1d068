//! The recorder's side: once for each window key.

use std::io::{self, Write};
use std::iter;

use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use vsss_rs::Gf256;
use zeroize::{Zeroize, Zeroizing};

use crate::ids::WindowId;
use crate::seal::error::SealError;
use crate::seal::secret::Secret32;

use super::share::{ShareContext, WindowContext, WindowShare};
use super::{OwnersCustody, OwnersWindow, Scope, commitment};

/// A window key in the owners' keeping.
pub(in crate::seal) struct SealedWindow {
    pub id: WindowId,
    /// [`OwnersCustody::digest`].
    pub owners: [u8; 32],
    /// The window stanza's body.
    pub body: Vec<u8>,
}

impl OwnersCustody {
    /// Splits the key and seals each owner's share, with what it is for, to that owner alone.
    pub(in crate::seal) fn seal(&self, key: &Secret32, scope: &Scope<'_>) -> Result<SealedWindow, SealError> {
        let commitment = commitment(key);
        let id = scope.window(&commitment);
        let recipients = self.recipients();
        let owners = u8::try_from(recipients.len())
            .map_err(|_| SealError::Crypto { doing: "counting the owners of a window key" })?;
        let window = WindowContext {
            tenant: scope.tenant.clone(),
            camera: scope.camera.clone(),
            hour: scope.hour,
            window: id.clone(),
            threshold: self.threshold(),
            shares: owners,
            commitment,
        };
        let mut sealed = Vec::with_capacity(recipients.len());
        for ((share, recipient), index) in
            split(key, self.threshold(), owners)?.iter().zip(recipients).zip(1..)
        {
            let context = ShareContext { window: window.clone(), index };
            let plain = WindowShare::new(context, share.clone()).to_plaintext();
            let file = seal_to(recipient, &plain)
                .map_err(|_| SealError::Crypto { doing: "sealing a share to an owner" })?;
            sealed.push(file);
        }
        let body = OwnersWindow { threshold: self.threshold(), commitment, sealed }.encode();
        Ok(SealedWindow { id, owners: self.digest(&commitment), body })
    }
}

/// The shares of owners 1 to `owners`, in order.
fn split(key: &Secret32, threshold: u8, owners: u8) -> Result<Vec<Secret32>, SealError> {
    // A polynomial of degree 0, which the library takes for a mistake.
    if threshold == 1 {
        return Ok(vec![key.clone(); owners.into()]);
    }
    let crypto = || SealError::Crypto { doing: "splitting a window key" };
    // age, too, ends the thread when the system gives no randomness: there is nothing to go on with.
    let rng = UnwrapErr(SysRng);
    let mut points =
        Gf256::split_bytes(threshold.into(), owners.into(), key.expose(), rng).map_err(|_| crypto())?;
    let shares = points
        .iter()
        .zip(1u8..)
        .map(|(point, index)| match point.split_first() {
            Some((x, y)) if *x == index => Secret32::try_from(y).map_err(|_| crypto()),
            _ => Err(crypto()),
        })
        .collect();
    points.iter_mut().for_each(Zeroize::zeroize);
    shares
}

/// An age file that stock age opens.
fn seal_to(recipient: &age::x25519::Recipient, plain: &Zeroizing<Vec<u8>>) -> io::Result<Vec<u8>> {
    let encryptor = age::Encryptor::with_recipients(iter::once(recipient as &dyn age::Recipient))
        .map_err(io::Error::other)?;
    let mut writer = encryptor.wrap_output(Vec::with_capacity(1024))?;
    writer.write_all(plain)?;
    writer.finish()
}
