//! Which objects a window's verdict needs: by their names.

use std::collections::BTreeMap;
use std::ops::Bound;

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use object_store::ObjectStore;
use object_store::path::Path;

use super::super::LATE_MS;
use super::super::evidence::{StreamAnchor, Window};
use super::{CONCURRENT, MAX_OBJECTS, Place, ReadError, path, timed};
use crate::ids::StreamId;
use crate::layout::{Hour, MAX_SEGMENT_DURATION_MS, SegmentName, footage_prefix};

/// Streams that are looked for, each with the time in which it can be.
type Wanted = BTreeMap<StreamId, (i64, i64)>;

/// The camera's folders of hours, in every epoch of every policy: a pod that gets no newer key goes on with an
/// old one, so an hour's segments may lie in an earlier epoch's folder.
pub(super) struct Folders<'p> {
    place: &'p Place,
    hours: BTreeMap<Hour, Vec<Path>>,
}

impl<'p> Folders<'p> {
    pub(super) async fn list(store: &dyn ObjectStore, place: &'p Place) -> Result<Self, ReadError> {
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
    pub(super) async fn names(
        &self,
        store: &dyn ObjectStore,
        window: Window,
        anchors: &[StreamAnchor],
        over: &BTreeMap<&StreamId, i64>,
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
        let over_ms = |stream: &StreamId| over.get(stream).copied().unwrap_or(i64::MAX);
        let has = |names: &[(String, SegmentName)], stream: &StreamId, from_ms: i64| {
            names.iter().any(|(_, name)| name.stream == *stream && name.start_ms >= from_ms)
        };
        let concerned: Vec<&StreamAnchor> = anchors
            .iter()
            .filter(|a| {
                let began = a.started_ms.saturating_sub(LATE_MS);
                let alive = began < window.to_ms && over_ms(&a.stream) > window.from_ms;
                alive || has(&names, &a.stream, i64::MIN)
            })
            .collect();
        // What follows the window in its stream signs the window's last segment.
        let mut after: Wanted = concerned
            .iter()
            .filter(|a| !has(&names, &a.stream, window.to_ms))
            .map(|a| (a.stream.clone(), (i64::MIN, over_ms(&a.stream))))
            .collect();
        let later = self.hours.range((Bound::Excluded(last), Bound::Unbounded)).map(|(hour, _)| hour);
        self.nearest(store, later, &mut after, &mut names, |new, old| new.sequence < old.sequence).await?;
        // Of a stream that was silent in the window, what came before says so.
        let mut before: Wanted = concerned
            .iter()
            .filter(|a| !has(&names, &a.stream, i64::MIN))
            .map(|a| (a.stream.clone(), (a.started_ms.saturating_sub(LATE_MS), i64::MAX)))
            .collect();
        let earlier = self.hours.range(..first).rev().map(|(hour, _)| hour);
        self.nearest(store, earlier, &mut before, &mut names, |new, old| new.sequence > old.sequence).await?;
        Ok(names)
    }

    /// Goes through hours until each stream in `wanted` has turned up, and takes the nearest of its segments.
    async fn nearest(
        &self,
        store: &dyn ObjectStore,
        hours: impl Iterator<Item = &Hour>,
        wanted: &mut Wanted,
        names: &mut Vec<(String, SegmentName)>,
        nearer: impl Fn(&SegmentName, &SegmentName) -> bool,
    ) -> Result<(), ReadError> {
        for hour in hours {
            let (from, to) = (hour.start().as_millisecond(), hour.next().start().as_millisecond());
            wanted.retain(|_, (earliest, latest)| from <= *latest && to >= *earliest);
            if wanted.is_empty() {
                break;
            }
            let mut best: BTreeMap<StreamId, (String, SegmentName)> = BTreeMap::new();
            for (key, name) in self.hour(store, hour).await? {
                if wanted.contains_key(&name.stream)
                    && best.get(&name.stream).is_none_or(|(_, old)| nearer(&name, old))
                {
                    best.insert(name.stream.clone(), (key, name));
                }
            }
            wanted.retain(|stream, _| !best.contains_key(stream));
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
