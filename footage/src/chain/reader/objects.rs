//! What is read of an object.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _};

use super::super::evidence::{CheckedHeader, FoundRecord, FoundSegment, Record, StreamAnchor};
use super::{Bodies, CONCURRENT, MAX_OBJECTS, Place, ReadError, path, timed};
use crate::ids::StreamId;
use crate::layout::{SegmentName, camera_streams_prefix, parse_close_record_key, parse_loss_record_key};
use crate::seal::{CloseRecord, LossRecord, MAX_HEADER_BYTES, MAX_RECORD_BYTES, OpenError, SealedHeader};

/// How much of an object is read for its header at first; a header of custody `Vault` has about 2,100 bytes.
const HEADER_GUESS: u64 = 4 * 1024;
/// For a whole segment.
const BODY_TIMEOUT: Duration = Duration::from_secs(600);

pub(super) async fn segment(
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

/// The close and loss records of the log's streams.
pub(super) async fn records(
    store: &dyn ObjectStore,
    place: &Place,
    streams: &BTreeMap<&StreamId, &StreamAnchor>,
) -> Result<Vec<FoundRecord>, ReadError> {
    let folder = path(&camera_streams_prefix(&place.prefix, &place.tenant, &place.camera))?;
    let mut listing = store.list(Some(&folder));
    let mut objects = Vec::new();
    while let Some(object) = timed(async { listing.next().await.transpose() }).await? {
        let key = object.location.as_ref();
        let close = parse_close_record_key(&place.prefix, &place.tenant, key).map(|(_, stream)| stream);
        let loss = || parse_loss_record_key(&place.prefix, &place.tenant, key).map(|(_, stream, _)| stream);
        let is_close = close.is_some();
        if close.or_else(loss).is_some_and(|stream| streams.contains_key(&stream)) {
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
