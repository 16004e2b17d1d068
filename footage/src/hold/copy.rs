//! Moving epoch shares into a hold, checking what was moved, and using it.

use std::collections::BTreeMap;

use crate::ids::HoldId;
use crate::layout::hold_key_name;
use crate::seal::{AuthenticatedHeader, PublicKey, Secret32};
use crate::vault::{MAX_BATCH, TransitKeys, VaultError};

use super::{HoldError, Sidecar};

/// A hold with the public half of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    id: HoldId,
    key: PublicKey,
}

impl Hold {
    /// The key's name must be the hold's.
    pub fn new(id: HoldId, key: PublicKey) -> Result<Self, HoldError> {
        let expected = hold_key_name(&id);
        if key.name() == expected {
            Ok(Self { id, key })
        } else {
            Err(HoldError::WrongKeyName { expected, found: key.name().to_owned() })
        }
    }

    /// Its id.
    pub fn id(&self) -> &HoldId {
        &self.id
    }
}

/// Makes the sidecars of many segments, in their order. At most [`MAX_BATCH`] shares are in memory at a time, and
/// they are wiped before the next are fetched.
///
/// # Errors
/// For one segment, why its share could not be copied: [`VaultError::NoSuchKey`] inside says that its epoch's key is
/// already destroyed. For all, a Vault that denies or cannot be reached.
pub async fn make_sidecars(
    keys: &impl TransitKeys,
    mount: &str,
    hold: &Hold,
    headers: &[&AuthenticatedHeader],
) -> Result<Vec<Result<Sidecar, HoldError>>, VaultError> {
    let mut sidecars = Vec::with_capacity(headers.len());
    for chunk in headers.chunks(MAX_BATCH) {
        for (share, header) in shares(keys, mount, chunk).await?.into_iter().zip(chunk) {
            sidecars.push(share.and_then(|share| {
                let wrapped = hold.key.wrap(&share)?;
                Ok(Sidecar::new(header.header(), (&hold.id, hold.key.fingerprint()), wrapped, &share))
            }));
        }
    }
    Ok(sidecars)
}

/// Says of sidecars that were read back from the store whether each is right: of this segment and this hold, wrapped
/// to the hold's present key, and exactly as it was made by someone who had the segment's share in hand. It takes the
/// epoch's key, so it is done before that is destroyed. Results are in order.
///
/// # Errors
/// As [`make_sidecars`].
pub async fn check_sidecars(
    keys: &impl TransitKeys,
    mount: &str,
    hold: &Hold,
    stored: &[(&AuthenticatedHeader, &[u8])],
) -> Result<Vec<Result<(), HoldError>>, VaultError> {
    let mut results = Vec::with_capacity(stored.len());
    for chunk in stored.chunks(MAX_BATCH) {
        let headers: Vec<&AuthenticatedHeader> = chunk.iter().map(|(header, _)| *header).collect();
        for (share, (header, bytes)) in shares(keys, mount, &headers).await?.into_iter().zip(chunk) {
            results.push(share.and_then(|share| {
                let sidecar = Sidecar::from_json(bytes)?;
                sidecar.check_place(header.header(), &hold.id)?;
                if sidecar.hold_key != hold.key.fingerprint() {
                    let (what, found) = ("a key with SHA-256", crate::digest::hex(&sidecar.hold_key));
                    let expected = crate::digest::hex(&hold.key.fingerprint());
                    return Err(HoldError::Misplaced { what, expected, found });
                }
                sidecar.check_tag(&share)
            }));
        }
    }
    Ok(results)
}

/// The epoch share E of a held segment, from the hold's key.
pub async fn epoch_share(
    keys: &impl TransitKeys,
    mount: &str,
    hold: &HoldId,
    header: &AuthenticatedHeader,
    sidecar: &Sidecar,
) -> Result<Secret32, HoldError> {
    sidecar.check_place(header.header(), hold)?;
    let key = hold_key_name(hold);
    let not_a_secret = || HoldError::NotASecret { key: key.clone() };
    let mut answers = keys.unwrap(mount, &key, std::slice::from_ref(&sidecar.wrapped)).await?;
    let secret = answers.pop().ok_or_else(not_a_secret)??;
    let share = Secret32::try_from(secret.expose()).map_err(|_| not_a_secret())?;
    sidecar.check_tag(&share)?;
    Ok(share)
}

/// The epoch shares of one chunk of segments, in their order.
async fn shares(
    keys: &impl TransitKeys,
    mount: &str,
    headers: &[&AuthenticatedHeader],
) -> Result<Vec<Result<Secret32, HoldError>>, VaultError> {
    let mut by_key: BTreeMap<&str, Vec<(usize, Vec<u8>)>> = BTreeMap::new();
    for (i, header) in headers.iter().enumerate() {
        let (key, wrapped) = header.header().wrapped_epoch_share();
        by_key.entry(key).or_default().push((i, wrapped.to_vec()));
    }
    let mut shares: Vec<Option<Result<Secret32, HoldError>>> = headers.iter().map(|_| None).collect();
    for (key, wrapped) in by_key {
        let (places, ciphertexts): (Vec<usize>, Vec<Vec<u8>>) = wrapped.into_iter().unzip();
        let not_a_secret = || HoldError::NotASecret { key: key.to_owned() };
        match keys.unwrap(mount, key, &ciphertexts).await {
            Ok(secrets) => {
                for (place, secret) in places.into_iter().zip(secrets) {
                    shares[place] = Some(match secret {
                        Ok(secret) => Secret32::try_from(secret.expose()).map_err(|_| not_a_secret()),
                        Err(error) => Err(error.into()),
                    });
                }
            }
            Err(error @ VaultError::NoSuchKey { .. }) => {
                places.into_iter().for_each(|place| shares[place] = Some(Err(error.clone().into())));
            }
            Err(error) => return Err(error),
        }
    }
    // A custodian that answers fewer than it was asked gives no share for the rest.
    let answered = |(share, header): (Option<_>, &&AuthenticatedHeader)| {
        let key = header.header().wrapped_epoch_share().0.to_owned();
        share.unwrap_or(Err(HoldError::NotASecret { key }))
    };
    Ok(shares.into_iter().zip(headers).map(answered).collect())
}
