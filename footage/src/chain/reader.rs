//! Gathers the evidence from a store.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _};

use super::evidence::{CheckedHeader, Evidence, FoundRecord, FoundSegment, Record, StreamAnchor, Window};
use crate::ids::{CameraId, StreamId, TenantId};
use crate::layout::{
    Hour, MAX_SEGMENT_DURATION_MS, SegmentName, camera_streams_prefix, footage_prefix,
    parse_close_record_key, parse_loss_record_key,
};
use crate::seal::{CloseRecord, LossRecord, MAX_HEADER_BYTES, MAX_RECORD_BYTES, OpenError, SealedHeader};

/// The most objects that are looked at for one window: three weeks of segments of a minute, with room.
pub const MAX_OBJECTS: usize = 40_000;
/// Requests at a time.
const CONCURRENT: usize = 8;
/// How much of an object is read for its header at first; a header of custody `Vault` has about 2,100 bytes.
const HEADER_GUESS: u64 = 4 * 1024;
/// For one request, body included.
const TIMEOUT: Duration = Duration::from_secs(60);
/// For a whole segment.
const BODY_TIMEOUT: Duration = Duration::from_secs(600);

/// Whose footage, and below which folder of the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The folder.
    pub prefix: String,
    /// The tenant.
    pub tenant: TenantId,
    /// The camera.
    pub camera: CameraId,
}

/// How much of each segment is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bodies {
    /// All of it: only so a replaced payload shows.
    Hash,
    /// The header.
    Skip,
}

/// The evidence cannot be had; nothing is known then.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store.
    #[error("the store did not answer as expected: {0}")]
    Store(#[from] object_store::Error),
    /// A request took too long.
    #[error("the store did not answer in time")]
    Timeout,
    /// More than [`MAX_OBJECTS`].
    #[error("there are more than {MAX_OBJECTS} objects in the window: choose a shorter one")]
    TooMany,
}

async fn timed<T>(work: impl Future<Output = object_store::Result<T>>) -> Result<T, ReadError> {
    Ok(tokio::time::timeout(TIMEOUT, work).await.map_err(|_| ReadError::Timeout)??)
}

/// Reads what [`super::verify`] needs. `anchors` are the log's streams of the camera; the more of them are given
/// that cannot concern the window, the more is searched in vain.
///
/// # Errors
/// What the store says: an object that vanishes while it is read is one too, for then retention or somebody
/// else is at work.
pub async fn read(
    store: &dyn ObjectStore,
    place: &Place,
    window: Window,
    anchors: Vec<StreamAnchor>,
    bodies: Bodies,
) -> Result<Evidence, ReadError> {
    let folders = Folders::list(store, place).await?;
    let names = folders.names(store, window, &anchors).await?;
    let by_id: BTreeMap<&StreamId, &StreamAnchor> = anchors.iter().map(|a| (&a.stream, a)).collect();
    let mut streams: BTreeSet<StreamId> = anchors.iter().map(|anchor| anchor.stream.clone()).collect();
    streams.extend(names.iter().map(|(_, name)| name.stream.clone()));
    let segments = futures::stream::iter(names)
        .map(|(key, name)| segment(store, key, name, &by_id, bodies))
        .buffer_unordered(CONCURRENT)
        .try_collect()
        .await?;
    let records = records(store, place, &streams).await?;
    let (tenant, camera) = (place.tenant.clone(), place.camera.clone());
    Ok(Evidence { tenant, camera, window, segments, records, anchors })
}

/// The camera's folders of hours, in every epoch of every policy: a pod that gets no newer key goes on with an
/// old one, so an hour's segments may lie in an earlier epoch's folder.
struct Folders<'p> {
    place: &'p Place,
    hours: BTreeMap<Hour, Vec<Path>>,
}

impl<'p> Folders<'p> {
    async fn list(store: &dyn ObjectStore, place: &'p Place) -> Result<Self, ReadError> {
        let footage = path(&footage_prefix(&place.prefix, &place.tenant))?;
        let policies = timed(store.list_with_delimiter(Some(&footage))).await?.common_prefixes;
        let epochs: Vec<Path> = futures::stream::iter(policies)
            .map(|policy| async move { timed(store.list_with_delimiter(Some(&policy))).await })
            .buffer_unordered(CONCURRENT)
            .try_fold(Vec::new(), |mut all, listed| async {
                all.extend(listed.common_prefixes);
                Ok(all)
            })
            .await?;
        let folders: Vec<Path> = futures::stream::iter(epochs)
            .map(|epoch| {
                let camera = epoch.join(place.camera.as_str());
                async move { timed(store.list_with_delimiter(Some(&camera))).await }
            })
            .buffer_unordered(CONCURRENT)
            .try_fold(Vec::new(), |mut all, listed| async {
                all.extend(listed.common_prefixes);
                if all.len() > MAX_OBJECTS { Err(ReadError::TooMany) } else { Ok(all) }
            })
            .await?;
        let mut hours: BTreeMap<Hour, Vec<Path>> = BTreeMap::new();
        for folder in folders {
            if let Some(hour) = folder.filename().and_then(|name| name.parse().ok()) {
                hours.entry(hour).or_default().push(folder);
            }
        }
        Ok(Self { place, hours })
    }

    /// The segments of an hour.
    async fn hour(
        &self,
        store: &dyn ObjectStore,
        hour: &Hour,
    ) -> Result<Vec<(String, SegmentName)>, ReadError> {
        let mut names = Vec::new();
        for folder in self.hours.get(hour).into_iter().flatten() {
            let mut listing = store.list(Some(folder));
            while let Some(object) = timed(async { listing.next().await.transpose() }).await? {
                let key = object.location.as_ref();
                if let Ok(name) = SegmentName::parse(&self.place.prefix, key) {
                    names.push((key.to_owned(), name));
                }
                if names.len() > MAX_OBJECTS {
                    return Err(ReadError::TooMany);
                }
            }
        }
        Ok(names)
    }

    /// The window's names, from one longest segment before it to one after it, and of each stream that may
    /// concern it the nearest segments outside.
    async fn names(
        &self,
        store: &dyn ObjectStore,
        window: Window,
        anchors: &[StreamAnchor],
    ) -> Result<Vec<(String, SegmentName)>, ReadError> {
        let longest = i64::try_from(MAX_SEGMENT_DURATION_MS).unwrap_or(i64::MAX);
        let first = hour_of(window.from_ms.saturating_sub(longest));
        let last = hour_of(window.to_ms.saturating_add(longest));
        let mut names: Vec<(String, SegmentName)> = Vec::new();
        for (hour, _) in self.hours.range(first..=last) {
            names.extend(self.hour(store, hour).await?);
            if names.len() > MAX_OBJECTS {
                return Err(ReadError::TooMany);
            }
        }
        let concerned = |a: &&StreamAnchor| {
            a.started_ms < window.to_ms && a.closed.is_none_or(|closed| closed.at_ms > window.from_ms)
        };
        let known: BTreeSet<&StreamId> = names.iter().map(|(_, name)| &name.stream).collect();
        let mut after: BTreeSet<StreamId> = anchors
            .iter()
            .filter(concerned)
            .map(|a| a.stream.clone())
            .chain(known.iter().map(|s| (*s).clone()))
            .collect();
        // What follows the window in its stream signs the window's last segment.
        after.retain(|stream| !names.iter().any(|(_, n)| n.stream == *stream && n.start_ms >= window.to_ms));
        let mut before: BTreeSet<StreamId> = anchors
            .iter()
            .filter(concerned)
            .filter(|a| !known.contains(&a.stream))
            .map(|a| a.stream.clone())
            .collect();
        let later = self.hours.range((Bound::Excluded(last), Bound::Unbounded)).map(|(hour, _)| hour);
        self.nearest(store, later, &mut after, &mut names, |new, old| new.sequence < old.sequence).await?;
        before.retain(|stream| !names.iter().any(|(_, name)| name.stream == *stream));
        let earlier = self.hours.range(..first).rev().map(|(hour, _)| hour);
        self.nearest(store, earlier, &mut before, &mut names, |new, old| new.sequence > old.sequence).await?;
        Ok(names)
    }

    /// Goes through hours until each stream in `wanted` has turned up, and takes the nearest of its segments.
    async fn nearest(
        &self,
        store: &dyn ObjectStore,
        hours: impl Iterator<Item = &Hour>,
        wanted: &mut BTreeSet<StreamId>,
        names: &mut Vec<(String, SegmentName)>,
        nearer: impl Fn(&SegmentName, &SegmentName) -> bool,
    ) -> Result<(), ReadError> {
        for hour in hours {
            if wanted.is_empty() {
                break;
            }
            let mut best: BTreeMap<StreamId, (String, SegmentName)> = BTreeMap::new();
            for (key, name) in self.hour(store, hour).await? {
                if wanted.contains(&name.stream)
                    && best.get(&name.stream).is_none_or(|(_, old)| nearer(&name, old))
                {
                    best.insert(name.stream.clone(), (key, name));
                }
            }
            wanted.retain(|stream| !best.contains_key(stream));
            names.extend(best.into_values());
        }
        Ok(())
    }
}

fn hour_of(ms: i64) -> Hour {
    Hour::containing(Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    }))
}

async fn segment(
    store: &dyn ObjectStore,
    key: String,
    name: SegmentName,
    anchors: &BTreeMap<&StreamId, &StreamAnchor>,
    bodies: Bodies,
) -> Result<FoundSegment, ReadError> {
    let location = path(&key)?;
    let (header, payload) = match bodies {
        Bodies::Skip => (header(store, &location).await?, None),
        Bodies::Hash => {
            let work = whole(store, &location);
            tokio::time::timeout(BODY_TIMEOUT, work).await.map_err(|_| ReadError::Timeout)??
        }
    };
    let header = header
        .map(|header| CheckedHeader::new(&header, |stream| anchors.get(stream).copied()))
        .map_err(|error| error.to_string());
    Ok(FoundSegment { key, name, header, payload })
}

/// Only the header: a small range first, all that a header may have if that does not suffice.
async fn header(
    store: &dyn ObjectStore,
    location: &Path,
) -> Result<Result<SealedHeader, OpenError>, ReadError> {
    let mut parsed = Err(OpenError::Truncated { part: "header" });
    for length in [HEADER_GUESS, MAX_HEADER_BYTES as u64 + 1] {
        let options = GetOptions { range: Some(GetRange::Bounded(0..length)), ..GetOptions::default() };
        let bytes = match timed(async { store.get_opts(location, options).await?.bytes().await }).await {
            Ok(bytes) => bytes,
            // Some stores refuse a range of an object without bytes.
            Err(_) if timed(store.head(location)).await?.size == 0 => return Ok(parsed),
            Err(error) => return Err(error),
        };
        parsed = SealedHeader::parse(&bytes);
        if !matches!(parsed, Err(OpenError::Truncated { .. })) || (bytes.len() as u64) < length {
            break;
        }
    }
    Ok(parsed)
}

/// The header, and the digest of what follows it. Piece by piece: of the payload nothing is kept.
async fn whole(
    store: &dyn ObjectStore,
    location: &Path,
) -> object_store::Result<(Result<SealedHeader, OpenError>, Option<[u8; 32]>)> {
    let mut pieces = store.get(location).await?.into_stream();
    let mut head: Vec<u8> = Vec::new();
    let mut parsed: Option<SealedHeader> = None;
    let mut hash = Context::new(&SHA256);
    while let Some(piece) = pieces.try_next().await? {
        if parsed.is_some() {
            hash.update(&piece);
            continue;
        }
        head.extend_from_slice(&piece);
        match SealedHeader::parse(&head) {
            Ok(header) => {
                hash.update(&head[header.byte_length()..]);
                head = Vec::new();
                parsed = Some(header);
            }
            Err(OpenError::Truncated { .. }) => (),
            Err(error) => return Ok((Err(error), None)),
        }
    }
    Ok(match parsed {
        None => (Err(OpenError::Truncated { part: "header" }), None),
        Some(header) => {
            let mut digest = [0; 32];
            digest.copy_from_slice(hash.finish().as_ref());
            (Ok(header), Some(digest))
        }
    })
}

/// The close and loss records of these streams.
async fn records(
    store: &dyn ObjectStore,
    place: &Place,
    streams: &BTreeSet<StreamId>,
) -> Result<Vec<FoundRecord>, ReadError> {
    let folder = path(&camera_streams_prefix(&place.prefix, &place.tenant, &place.camera))?;
    let mut listing = store.list(Some(&folder));
    let mut objects = Vec::new();
    while let Some(object) = timed(async { listing.next().await.transpose() }).await? {
        let key = object.location.as_ref();
        let close = parse_close_record_key(&place.prefix, &place.tenant, key).map(|(_, stream)| stream);
        let loss = || parse_loss_record_key(&place.prefix, &place.tenant, key).map(|(_, stream, _)| stream);
        let is_close = close.is_some();
        if close.or_else(loss).is_some_and(|stream| streams.contains(&stream)) {
            objects.push((object, is_close));
        }
        if objects.len() > MAX_OBJECTS {
            return Err(ReadError::TooMany);
        }
    }
    futures::stream::iter(objects)
        .map(|(object, is_close)| async move {
            let key = object.location.to_string();
            if object.size > MAX_RECORD_BYTES as u64 {
                return Ok(FoundRecord { key, record: Err("it is too long".into()) });
            }
            let bytes = timed(async { store.get(&object.location).await?.bytes().await }).await?;
            let record = parse(&bytes, is_close, &place.prefix, &key);
            Ok(FoundRecord { key, record })
        })
        .buffer_unordered(CONCURRENT)
        .try_collect()
        .await
}

fn parse(bytes: &[u8], is_close: bool, prefix: &str, key: &str) -> Result<Record, String> {
    let (record, named) = if is_close {
        let record = CloseRecord::from_json(bytes).map_err(|error| error.to_string())?;
        let named = record.key(prefix);
        (Record::Close(record), named)
    } else {
        let record = LossRecord::from_json(bytes).map_err(|error| error.to_string())?;
        let named = record.key(prefix);
        (Record::Loss(record), named)
    };
    if named == key { Ok(record) } else { Err("it is another record than its name says".into()) }
}

fn path(folder: &str) -> Result<Path, ReadError> {
    Path::parse(folder).map_err(|source| object_store::Error::InvalidPath { source }.into())
}
