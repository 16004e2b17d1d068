//! A store, a log, and recorders that fill both; and a forger who may write to the store and knows all public
//! keys.

use std::collections::BTreeMap;

use camerafleet_footage::chain::{
    Anchors, Bodies, Kind, LoggedClose, Place, Report, StreamAnchor, Window, read, verify,
};
use camerafleet_footage::digest::{hex, sha256};
use camerafleet_footage::ids::CameraId;
use camerafleet_footage::layout::{SegmentName, Tracks};
use camerafleet_footage::log::entry::{ChainHead, ChainHeads, StreamClosed, StreamStarted, Version};
use camerafleet_footage::log::{Entry, Record};
use camerafleet_footage::seal::{FinishedSegment, GapReason, RecorderStream, SealedHeader, hash_segment};
use jiff::Timestamp;
use object_store::ObjectStoreExt as _;
use object_store::memory::InMemory;
use object_store::path::Path;

use crate::support::*;

pub const PREFIX: &str = "elm";
/// 2026-11-25T12:00:00Z.
pub const NOON: i64 = 1_795_608_000_000;

#[derive(Clone, Default)]
pub struct World {
    /// Segments by key.
    pub segments: BTreeMap<String, Vec<u8>>,
    /// Close and loss records by key.
    pub records: BTreeMap<String, Vec<u8>>,
    pub anchors: Vec<StreamAnchor>,
}

/// A recorder at work.
pub struct Recording {
    pub stream: RecorderStream,
    /// The media's end so far.
    pub at_ms: i64,
    pub finished: Vec<FinishedSegment>,
    pub started_ms: i64,
}

impl Recording {
    pub fn start(at_ms: i64) -> Self {
        Self { stream: stream(), at_ms, finished: Vec::new(), started_ms: at_ms }
    }

    /// Seals a segment and gives its bytes; what is lost is not stored.
    pub fn seal(&mut self, duration_ms: u64, gap: Option<(&str, i64)>) -> Vec<u8> {
        use std::io::Write as _;
        let reason = gap.map(|(reason, _)| GapReason::parse(reason).unwrap());
        self.at_ms += gap.map_or(0, |(_, length)| length);
        let opened = Timestamp::from_millisecond(self.at_ms).unwrap();
        let mut writer = self.stream.open(&policy(), opened, reason, Tracks::Video, Vec::new()).unwrap();
        writer.write_all(&self.at_ms.to_be_bytes()).unwrap();
        let (finished, file) = self.stream.finish(writer, self.at_ms, duration_ms).unwrap();
        self.at_ms += i64::try_from(duration_ms).unwrap();
        self.finished.push(finished);
        file
    }

    pub fn store(&mut self, world: &mut World, duration_ms: u64, gap: Option<(&str, i64)>) {
        let file = self.seal(duration_ms, gap);
        world.segments.insert(self.finished.last().unwrap().name.key(PREFIX), file);
    }

    pub fn give_up(&mut self) {
        let opened = Timestamp::from_millisecond(self.at_ms).unwrap();
        self.stream.open(&policy(), opened, None, Tracks::Video, Vec::new()).unwrap();
        self.stream.abandon();
    }

    pub fn lose(&mut self, world: &mut World, duration_ms: u64) {
        self.seal(duration_ms, None);
        let finished = self.finished.last().unwrap();
        let at = Timestamp::from_millisecond(self.at_ms).unwrap();
        let record = self.stream.lose(finished, "SpoolFull", at).unwrap();
        world.records.insert(record.key(PREFIX), record.to_json());
    }

    /// Logs the stream, with some of its heads.
    pub fn log(&self, world: &mut World, heads: &[usize], closed: Option<LoggedClose>) {
        let (camera, stream) = (camera(), self.stream.id().clone());
        let mut anchors = Anchors::of(camera.clone());
        let started = StreamStarted {
            camera: camera.clone(),
            stream: stream.clone(),
            public_key: hex(&self.stream.public_key()),
            pod_uid: "pod".into(),
            image_digest: "sha256:0".into(),
        };
        anchors.add(&entry(self.started_ms, started));
        for i in heads {
            let finished = &self.finished[*i];
            let sequence = finished.name.sequence;
            let head = |camera: &CameraId, sequence, digest: &[u8; 32]| {
                let (camera, stream) = (camera.clone(), stream.clone());
                ChainHead { camera, stream, sequence, digest: hex(digest) }
            };
            // What is said of another camera is not this one's.
            let another = head(&CameraId::parse("another").unwrap(), sequence + 1, &[0; 32]);
            let heads = vec![head(&camera, sequence, &finished.digest), another];
            let at = Timestamp::from_millisecond(finished.name.end_ms()).unwrap();
            anchors.add(&entry(at.as_millisecond(), ChainHeads { at, heads }));
        }
        if let Some(LoggedClose { at_ms, record }) = closed {
            let close_record = record.map(|record| hex(&record));
            anchors.add(&entry(at_ms, StreamClosed { camera, stream, last: None, close_record }));
        }
        world.anchors.extend(anchors.finish());
    }

    /// Closes and logs the stream.
    pub fn close(self, world: &mut World, heads: &[usize], logged: bool) -> i64 {
        let at_ms = self.at_ms;
        self.log(world, heads, None);
        let record = self.stream.close("Stop", Timestamp::from_millisecond(at_ms).unwrap()).unwrap();
        if logged {
            let record = Some(sha256(&record.to_json()));
            world.anchors.last_mut().unwrap().closed = Some(LoggedClose { at_ms, record });
        }
        world.records.insert(record.key(PREFIX), record.to_json());
        at_ms
    }
}

impl World {
    /// The verdict as an auditor gets it: through the store.
    pub fn judge(&self, from_ms: i64, to_ms: i64, bodies: Bodies) -> Report {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let store = InMemory::new();
            for (key, bytes) in self.segments.iter().chain(&self.records) {
                store.put(&Path::parse(key).unwrap(), bytes.clone().into()).await.unwrap();
            }
            let place = Place { prefix: PREFIX.into(), tenant: tenant(), camera: camera() };
            let window = Window { from_ms, to_ms };
            let evidence = read(&store, &place, window, self.anchors.clone(), bodies).await.unwrap();
            verify(&evidence)
        })
    }

    pub fn key(&self, index: usize) -> String {
        self.segments.keys().nth(index).unwrap().clone()
    }

    /// Moves an object.
    pub fn rename(&mut self, from: &str, to: &str) {
        let bytes = self.segments.remove(from).unwrap();
        self.segments.insert(to.into(), bytes);
    }

    pub fn swap(&mut self, one: &str, other: &str) {
        let (a, b) = (self.segments[one].clone(), self.segments[other].clone());
        self.segments.insert(one.into(), b);
        self.segments.insert(other.into(), a);
    }
}

fn entry(at_ms: i64, entry: impl Into<Entry>) -> Record {
    let at = Timestamp::from_millisecond(at_ms).unwrap();
    Record { version: Version::V1, id: String::new(), at, entry: entry.into() }
}

/// The same name with another time.
pub fn shifted(key: &str, by_ms: i64) -> String {
    let name = SegmentName::parse(PREFIX, key).unwrap();
    SegmentName { start_ms: name.start_ms + by_ms, ..name }.key(PREFIX)
}

/// A segment that a forger seals himself, to the genuine public keys, at a genuine one's time.
pub fn forged(genuine: &SegmentName) -> (FinishedSegment, Vec<u8>) {
    let mut forger = Recording::start(genuine.start_ms);
    let file = forger.seal(genuine.duration_ms, None);
    (forger.finished.pop().unwrap(), file)
}

/// The forger's header over a genuine payload.
pub fn reheaded(file: &[u8]) -> Vec<u8> {
    let header = SealedHeader::parse(file).unwrap();
    let start_ms = header.identity.opened_at.as_millisecond();
    let mut forger = Recording::start(start_ms);
    let own = forger.seal(1_000, None);
    let own_header = SealedHeader::parse(&own).unwrap().byte_length();
    [&own[..own_header], &file[header.byte_length()..]].concat()
}

pub fn kinds(report: &Report) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = report.findings.iter().map(|finding| finding.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// A file's digest is what the chain says it is.
pub fn digest(file: &[u8]) -> [u8; 32] {
    hash_segment(file).unwrap().1
}
