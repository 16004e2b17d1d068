//! The keys of what was granted, and of nothing else: a hundred segments' at a time.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use camerafleet_footage::{
    custody::CustodyError,
    disclosure::{Bundle, RequestDigest, release_key_name},
    hold::{self, MAX_SIDECAR_BYTES, Sidecar},
    ids::{HoldId, RequestUid},
    layout::sidecar_key,
    seal::{AuthenticatedHeader, Secret32, combine},
    vault::{MAX_BATCH, Secret, Vault, VaultError},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::{ObjectStore, ObjectStoreExt as _, path::Path};

use super::JobError;
use camerafleet_footage::digest::sha256;

/// Requests to Vault at a time. It decrypts the shares of one request one after the other, which takes milliseconds each.
const CONCURRENCY: usize = 4;
/// Shares in a request: a batch of segments keeps all requests busy.
const SHARES: usize = MAX_BATCH / CONCURRENCY;

/// The two secrets of a segment, or why they cannot be had, for people.
pub(super) type Secrets = Result<(Secret32, Secret32), String>;

/// What opens footage.
pub(super) struct KeyRing {
    pub vault: Vault,
    pub mount: String,
    pub prefix: String,
    pub store: Arc<dyn ObjectStore>,
    pub holds: Vec<HoldId>,
    /// The owners' shares.
    pub bundles: Vec<Bundle>,
    /// Window keys by the digest of what they were wrapped as: one serves an hour.
    pub windows: HashMap<[u8; 32], Result<Secret32, String>>,
}

/// Opens the owners' bundles with the request's own key.
pub(super) async fn open_bundles(
    vault: &Vault,
    mount: &str,
    (request, digest): (&RequestUid, &RequestDigest),
    bundles: &[String],
) -> Result<Vec<Bundle>, JobError> {
    let mut opened = Vec::with_capacity(bundles.len());
    if bundles.is_empty() {
        return Ok(opened);
    }
    let shares = |error: camerafleet_footage::disclosure::ReleaseError| JobError::Shares(error.to_string());
    let wrapped: Vec<Vec<u8>> =
        bundles.iter().map(|b| Bundle::wrapped_key(b)).collect::<Result<_, _>>().map_err(shares)?;
    let keys = vault.decrypt(mount, &release_key_name(request), &wrapped).await?;
    for (bundle, key) in bundles.iter().zip(keys) {
        let key = secret(key?).ok_or_else(|| JobError::Shares("a key in it is none".to_owned()))?;
        opened.push(Bundle::open(bundle, &key, request, digest).map_err(shares)?);
    }
    Ok(opened)
}

fn secret(plain: Secret) -> Option<Secret32> {
    Secret32::try_from(plain.expose()).ok()
}

impl KeyRing {
    /// The secrets of some segments, in their order.
    pub async fn secrets(&mut self, headers: &[&AuthenticatedHeader]) -> Result<Vec<Secrets>, JobError> {
        self.fetch_windows(headers).await?;
        let shares = self.epoch_shares(headers).await?;
        let mut all = Vec::with_capacity(headers.len());
        for (header, share) in headers.iter().zip(shares) {
            let window = match header.header().wrapped_window_key() {
                Some((_, wrapped)) => self
                    .windows
                    .get(&sha256(wrapped))
                    .cloned()
                    .unwrap_or_else(|| Err("Vault gave no window key".to_owned())),
                None => self.combined(header)?,
            };
            all.push(window.and_then(|window| Ok((window, share?))));
        }
        Ok(all)
    }

    /// The window keys that are not there yet.
    async fn fetch_windows(&mut self, headers: &[&AuthenticatedHeader]) -> Result<(), JobError> {
        let mut missing: BTreeMap<&str, BTreeMap<[u8; 32], Vec<u8>>> = BTreeMap::new();
        for header in headers {
            if let Some((key, wrapped)) = header.header().wrapped_window_key()
                && !self.windows.contains_key(&sha256(wrapped))
            {
                missing.entry(key).or_default().insert(sha256(wrapped), wrapped.to_vec());
            }
        }
        for (key, wrapped) in missing {
            let (digests, wrapped): (Vec<_>, Vec<_>) = wrapped.into_iter().unzip();
            let found = self.decrypt(key, &wrapped).await?;
            self.windows.extend(digests.into_iter().zip(found));
        }
        Ok(())
    }

    /// The owners' shares, put together.
    fn combined(&mut self, header: &AuthenticatedHeader) -> Result<Result<Secret32, String>, JobError> {
        let header = header.header();
        let window = header.owners_window().ok_or_else(|| JobError::Shares("it has none".to_owned()))?;
        let context = window.context(&header.identity);
        let id = sha256(context.window.as_str().as_bytes());
        if let Some(key) = self.windows.get(&id) {
            return Ok(key.clone());
        }
        let wrong = |error: camerafleet_footage::seal::ShareError| JobError::Shares(error.to_string());
        let shares: Vec<_> =
            self.bundles.iter().filter_map(|b| b.share(&context)).collect::<Result<_, _>>().map_err(wrong)?;
        let key = combine(&shares, &context).map_err(wrong)?;
        self.windows.insert(id, Ok(key.clone()));
        Ok(Ok(key))
    }

    async fn epoch_shares(
        &self,
        headers: &[&AuthenticatedHeader],
    ) -> Result<Vec<Result<Secret32, String>>, JobError> {
        let mut by_key: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, header) in headers.iter().enumerate() {
            by_key.entry(header.header().wrapped_epoch_share().0).or_default().push(place);
        }
        let mut shares: Vec<Result<Secret32, String>> =
            headers.iter().map(|_| Err("Vault gave no epoch share".to_owned())).collect();
        let mut requests = Vec::new();
        for (key, places) in &by_key {
            requests.extend(places.chunks(SHARES).map(|places| self.shares_of(headers, key, places)));
        }
        let mut answers = stream::iter(requests).buffered(CONCURRENCY);
        while let Some((places, found)) = answers.try_next().await? {
            for (&place, share) in places.iter().zip(found) {
                shares[place] = match share {
                    Ok(share) => Ok(share),
                    Err(why) => self.held(headers[place]).await?.ok_or(why),
                };
            }
        }
        Ok(shares)
    }

    /// What one request gives.
    async fn shares_of<'p>(
        &self,
        headers: &[&AuthenticatedHeader],
        key: &str,
        places: &'p [usize],
    ) -> Result<(&'p [usize], Vec<Result<Secret32, String>>), JobError> {
        let wrapped: Vec<Vec<u8>> =
            places.iter().map(|i| headers[*i].header().wrapped_epoch_share().1.to_vec()).collect();
        Ok((places, self.decrypt(key, &wrapped).await?))
    }

    /// The epoch share from a hold's copy, where one was made.
    async fn held(&self, header: &AuthenticatedHeader) -> Result<Option<Secret32>, JobError> {
        for hold in &self.holds {
            let key =
                sidecar_key(&self.prefix, &header.header().identity.tenant, hold, &header.header().digest());
            let path = Path::parse(key).map_err(|source| object_store::Error::InvalidPath { source });
            let path = path.map_err(JobError::store("name a hold's copy"))?;
            let bytes = match self.store.get(&path).await {
                Ok(found) if found.meta.size <= MAX_SIDECAR_BYTES as u64 => {
                    found.bytes().await.map_err(JobError::store("read a hold's copy"))?
                }
                Ok(_) | Err(object_store::Error::NotFound { .. }) => continue,
                Err(error) => return Err(JobError::store("read a hold's copy")(error)),
            };
            let Ok(sidecar) = Sidecar::from_json(&bytes) else { continue };
            match hold::epoch_share(&self.vault, &self.mount, hold, header, &sidecar).await {
                Ok(share) => return Ok(Some(share)),
                Err(hold::HoldError::Vault(error)) if !is_gone(&error) => return Err(error.into()),
                Err(_) => (),
            }
        }
        Ok(None)
    }

    /// Each ciphertext's secret; a key that is gone is each one's own misfortune, a Vault that is away is all of theirs.
    async fn decrypt(
        &self,
        key: &str,
        wrapped: &[Vec<u8>],
    ) -> Result<Vec<Result<Secret32, String>>, JobError> {
        match self.vault.decrypt(&self.mount, key, wrapped).await {
            Ok(found) => Ok(found
                .into_iter()
                .map(|plain| {
                    let not_ours = CustodyError::NotASecret { key: key.to_owned() };
                    plain.map_err(|e| e.to_string()).and_then(|p| secret(p).ok_or(not_ours.to_string()))
                })
                .collect()),
            Err(error) if is_gone(&error) => Ok(wrapped.iter().map(|_| Err(error.to_string())).collect()),
            Err(error) => Err(error.into()),
        }
    }
}

fn is_gone(error: &VaultError) -> bool {
    matches!(error, VaultError::NoSuchKey { .. } | VaultError::Undecryptable { .. })
}
