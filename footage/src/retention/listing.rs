//! Looking into the store, page by page: no listing is held in memory.

use std::{collections::BTreeSet, pin::pin};

use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use jiff::Timestamp;
use object_store::{
    ObjectMeta, ObjectStore,
    list::{PaginatedListOptions, PaginatedListStore},
    path::Path,
};

use super::counts_from;
use crate::{
    hold::{HeldEpoch, HeldNames, HoldTerms, Holds},
    ids::{CameraId, PolicyId, TenantId},
    layout::{Epoch, SegmentName, camera_prefix, epoch_prefix, footage_prefix, policy_prefix},
};

/// Requests at once.
const CONCURRENCY: usize = 8;

/// Whose footage is looked at, and below which folder of the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The folder.
    pub prefix: String,
    /// The tenant.
    pub tenant: TenantId,
    /// The policy that it was recorded under.
    pub policy: PolicyId,
}

/// An object in an epoch's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A segment.
    Segment(Box<Stored>),
    /// No recorder's: it is left alone, whatever it is.
    Foreign,
}

/// A segment as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its key.
    pub path: Path,
    /// What the key says.
    pub name: SegmentName,
    /// Bytes.
    pub size: u64,
    /// When the store took it.
    pub last_modified: Timestamp,
}

/// What an epoch's folder holds, summed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// From when on the newest segment's time counts; none if there is no segment.
    pub newest: Option<Timestamp>,
    /// Segments.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What each hold has of it, in the holds' order.
    pub held: Vec<HeldEpoch>,
}

impl Place {
    /// The policy's epochs that have objects, oldest first, and how many names beside them are no epoch's.
    ///
    /// # Errors
    /// What the store says.
    pub async fn epochs(&self, store: &dyn ObjectStore) -> object_store::Result<(BTreeSet<Epoch>, u64)> {
        let folder = path(&policy_prefix(&self.prefix, &self.tenant, &self.policy))?;
        let list = store.list_with_delimiter(Some(&folder)).await?;
        let mut epochs = BTreeSet::new();
        let mut foreign = list.objects.len() as u64;
        for folder in list.common_prefixes {
            match folder.filename().and_then(|name| name.parse().ok()) {
                Some(epoch) => _ = epochs.insert(epoch),
                None => foreign += 1,
            }
        }
        Ok((epochs, foreign))
    }

    /// The folders of an epoch's cameras, and how many objects lie beside them, which are no recorder's.
    ///
    /// # Errors
    /// What the store says.
    pub async fn cameras(
        &self,
        store: &dyn ObjectStore,
        epoch: &Epoch,
    ) -> object_store::Result<(Vec<Path>, u64)> {
        let folder = path(&epoch_prefix(&self.prefix, &self.tenant, &self.policy, epoch))?;
        let list = store.list_with_delimiter(Some(&folder)).await?;
        Ok((list.common_prefixes, list.objects.len() as u64))
    }

    /// What lies in one of these folders, oldest first.
    pub fn objects_in(
        &self,
        store: &dyn ObjectStore,
        epoch: &Epoch,
        folder: &Path,
    ) -> BoxStream<'static, object_store::Result<Found>> {
        self.below(store, epoch, folder.as_ref())
    }

    /// What lies in an epoch's folder.
    pub fn objects(
        &self,
        store: &dyn ObjectStore,
        epoch: &Epoch,
    ) -> BoxStream<'static, object_store::Result<Found>> {
        self.below(store, epoch, &epoch_prefix(&self.prefix, &self.tenant, &self.policy, epoch))
    }

    fn below(
        &self,
        store: &dyn ObjectStore,
        epoch: &Epoch,
        folder: &str,
    ) -> BoxStream<'static, object_store::Result<Found>> {
        let folder = match path(folder) {
            Ok(folder) => folder,
            Err(error) => return futures::stream::once(async { Err(error) }).boxed(),
        };
        let (place, epoch) = (self.clone(), *epoch);
        store.list(Some(&folder)).map_ok(move |object| place.read(&epoch, object)).boxed()
    }

    /// The segments of an epoch that a hold covers, in the order of their keys.
    pub fn held(
        &self,
        store: &dyn ObjectStore,
        epoch: &Epoch,
        terms: &HoldTerms,
    ) -> BoxStream<'static, object_store::Result<Stored>> {
        let found = match terms.cameras() {
            None => self.objects(store, epoch),
            Some(cameras) => {
                let of = |camera: CameraId| {
                    let folder = camera_prefix(&self.prefix, &self.tenant, &self.policy, epoch, &camera);
                    self.below(store, epoch, &folder)
                };
                // A set's order is that of the folders.
                futures::stream::iter(cameras.map(of).collect::<Vec<_>>()).flatten().boxed()
            }
        };
        let terms = terms.clone();
        found
            .try_filter_map(move |found| {
                let held = match found {
                    Found::Segment(segment) if terms.covers(&segment.name) => Some(*segment),
                    _ => None,
                };
                futures::future::ready(Ok(held))
            })
            .boxed()
    }

    /// The start of an epoch's oldest segment, from the first name of each camera: nothing else is listed, however much
    /// lies there.
    ///
    /// # Errors
    /// What the store says.
    pub async fn oldest(
        &self,
        store: &dyn ObjectStore,
        pages: &dyn PaginatedListStore,
        epoch: &Epoch,
    ) -> object_store::Result<Option<Timestamp>> {
        let cameras = self.cameras(store, epoch).await?.0;
        let first = |folder: Path| self.first(pages, epoch, folder);
        let firsts = futures::stream::iter(cameras).map(first).buffer_unordered(CONCURRENCY);
        firsts
            .try_fold(None, |oldest: Option<Timestamp>, one| async move {
                Ok(oldest.into_iter().chain(one).min())
            })
            .await
    }

    /// The start of the first segment in a folder: hours and starts are in order.
    async fn first(
        &self,
        pages: &dyn PaginatedListStore,
        epoch: &Epoch,
        folder: Path,
    ) -> object_store::Result<Option<Timestamp>> {
        let prefix = format!("{folder}/");
        let mut options = PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() };
        loop {
            let page = pages.list_paginated(Some(&prefix), options).await?;
            for object in page.result.objects {
                if let Found::Segment(segment) = self.read(epoch, object) {
                    return Ok(Timestamp::from_millisecond(segment.name.start_ms).ok());
                }
            }
            // Behind something that is no recorder's, page by page.
            options = match page.page_token {
                Some(token) => {
                    PaginatedListOptions { page_token: Some(token), ..PaginatedListOptions::default() }
                }
                None => return Ok(None),
            };
        }
    }

    /// Looks through an epoch once: its newest segment, and what each hold has of it.
    ///
    /// # Errors
    /// What the store says: then nothing is known.
    pub async fn survey(
        &self,
        store: &dyn ObjectStore,
        epoch: &Epoch,
        holds: &Holds,
    ) -> object_store::Result<Survey> {
        let (mut newest, mut segments, mut bytes) = (None, 0, 0);
        let mut held: Vec<HeldNames> = holds.iter().map(|_| HeldNames::default()).collect();
        let mut objects = self.objects(store, epoch);
        while let Some(found) = objects.try_next().await? {
            let Found::Segment(segment) = found else { continue };
            segments += 1;
            bytes += segment.size;
            newest = newest.max(Some(counts_from(&segment.name, segment.last_modified)));
            for (hold, names) in holds.iter().zip(&mut held) {
                if hold.terms.covers(&segment.name) {
                    names.add(&segment.name, segment.size);
                }
            }
        }
        Ok(Survey { newest, segments, bytes, held: held.into_iter().map(|names| names.sum(0)).collect() })
    }

    fn read(&self, epoch: &Epoch, object: ObjectMeta) -> Found {
        let ObjectMeta { location: path, size, last_modified, .. } = object;
        let last_modified = Timestamp::from_millisecond(last_modified.timestamp_millis()).ok();
        match (self.ours(epoch, path.as_ref()), last_modified) {
            (Some(name), Some(last_modified)) => {
                Found::Segment(Box::new(Stored { path, name, size, last_modified }))
            }
            _ => Found::Foreign,
        }
    }

    /// What an object of an epoch's folder is, by its key.
    pub fn found(&self, epoch: &Epoch, key: &str, size: u64, last_modified: Timestamp) -> Found {
        match (self.ours(epoch, key), Path::parse(key)) {
            (Some(name), Ok(path)) => Found::Segment(Box::new(Stored { path, name, size, last_modified })),
            _ => Found::Foreign,
        }
    }

    /// A listing by prefix gives no other; what is deleted is never taken on trust.
    fn ours(&self, epoch: &Epoch, key: &str) -> Option<SegmentName> {
        SegmentName::parse(&self.prefix, key)
            .ok()
            .filter(|name| name.tenant == self.tenant && name.policy == self.policy && name.epoch == *epoch)
    }
}

/// Whether anything of a camera is left, under whatever policy. Oldest epochs first: while something is left, it is
/// mostly found there at once.
///
/// # Errors
/// What the store says: then nothing is known.
pub async fn has_footage(
    store: &dyn ObjectStore,
    prefix: &str,
    tenant: &TenantId,
    camera: &CameraId,
) -> object_store::Result<bool> {
    let policies = store.list_with_delimiter(Some(&path(&footage_prefix(prefix, tenant))?)).await?;
    for folder in policies.common_prefixes {
        let Some(policy) = folder.filename().and_then(|name| PolicyId::parse(name).ok()) else { continue };
        let place = Place { prefix: prefix.to_owned(), tenant: tenant.clone(), policy };
        for epoch in place.epochs(store).await?.0 {
            let folder = path(&camera_prefix(prefix, tenant, &place.policy, &epoch, camera))?;
            if pin!(store.list(Some(&folder))).try_next().await?.is_some() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn path(folder: &str) -> object_store::Result<Path> {
    Path::parse(folder).map_err(|source| object_store::Error::InvalidPath { source })
}
