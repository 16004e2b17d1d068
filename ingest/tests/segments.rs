//! From frames to stored segments, with time made up: frames that come in another order than they are shown, clocks that
//! jump, drift and stop. What is asserted is what a player sees and what the names say.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{sync::Arc, time::Instant};

use camerafleet_footage::{
    ids::{CameraId, PolicyId},
    layout::{Epoch, SegmentName, camera_key_name, epoch_key_name},
};
use camerafleet_ingest::{
    camera::limits::Limits,
    config::{Secrets, diff, parse},
    metrics::Metrics,
    mux::VideoTrack,
    segment::{Access, Context, Recorder, VideoFrame},
    spool::{Kind, Spool},
    status::Board,
};
use serde_json::json;
use support::{
    Key, PREFIX, media,
    peer::clip::{self, Clip, Shown},
    unseal, unseal_what_there_is,
};

const SECOND: i64 = 1_000_000;
const TICKS: i64 = 90_000;
const FRAME: i64 = 3_600;
/// When it begins, µs.
const ZERO: i64 = 1_795_611_600 * SECOND;

struct Bench {
    recorder: Recorder,
    spool: Arc<Spool>,
    metrics: Metrics,
    keys: [Key; 2],
    track: Arc<VideoTrack>,
    _directory: tempfile::TempDir,
}

/// A finished segment as it lies in the spool.
struct Segment {
    name: SegmentName,
    media: media::Media,
    length_ms: f64,
    complaints: String,
    /// What its header says of the time before it.
    gap: Option<String>,
}

impl Bench {
    fn new(film: &Clip, segment_ms: u64) -> Self {
        Self::shortened(film, segment_ms, 0)
    }

    /// With the stream's first segment shortened by so many milliseconds.
    fn shortened(film: &Clip, segment_ms: u64, by: u64) -> Self {
        let camera = CameraId::parse("c1").unwrap();
        let epoch = Epoch::containing(jiff::Timestamp::now(), 86_400);
        let policy = PolicyId::parse(support::POLICY).unwrap();
        let keys = [camera_key_name(&camera), epoch_key_name(&policy, &epoch)].map(Key::generate);
        let key = |key: &Key| json!({"name": key.name, "pem": key.pem});
        let config = json!({
            "tenant": support::TENANT,
            "store": {"endpoint": "http://127.0.0.1:9", "region": "eu-1", "bucket": "footage", "prefix": PREFIX, "pathStyle": true},
            "cameraNetworks": [],
            "spool": {"size": 1, "maxAgeSeconds": 3_600},
            "cameras": {"c1": {
                "name": "door", "url": "rtsp://127.0.0.1/", "transport": "TCP", "maxSessions": 2, "audio": false,
                "recording": {"mode": "Continuous"}, "segmentDurationMs": segment_ms, "expectedBitrate": 1_000_000,
                "retentionPolicy": support::POLICY, "window": {"custody": "Vault", "key": key(&keys[0])},
            }},
            "epochKeys": {support::POLICY: [{"start": epoch.start().as_second(), "length": 86_400, "key": key(&keys[1])}]},
        });
        let shard = parse::shard(&config.to_string()).unwrap();
        let spec = diff::cameras(&shard, &Secrets::default()).into_values().next().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let metrics = Metrics::new();
        let spool = Spool::open(directory.path(), metrics.clone()).unwrap();
        let board = Arc::new(Board::new("uid-1".into(), spool.clone()));
        let context =
            Context { spool: spool.clone(), board, metrics: metrics.clone(), limits: Limits::default() };
        let mut recorder = Recorder::new(context, spec, by).unwrap();
        recorder.begin_session(None);
        let track = Arc::new(VideoTrack { sample_entry: film.avc1(), width: 64, height: 64 });
        Self { recorder, spool, metrics, keys, track, _directory: directory }
    }

    /// A frame that is stamped `raw` (90 kHz) and comes at `at` (µs after the beginning).
    async fn frame(&mut self, frame: &Shown, raw: i64, at: i64) {
        let access = if frame.key { Access::Start } else { Access::Other };
        let data = clip::with_lengths(&frame.nals).into();
        let frame = VideoFrame { raw, at_us: ZERO + at, access, track: self.track.clone(), data };
        self.recorder.video(frame).await.unwrap();
    }

    /// What has been finished since the last call.
    fn segments(&self, look: bool) -> Vec<Segment> {
        let mut segments = Vec::new();
        while let Ok(entry) = self.spool.take(Instant::now()) {
            if entry.meta.kind == Kind::Segment {
                let name = SegmentName::parse(PREFIX, &entry.meta.key).unwrap();
                let mut segment = Segment {
                    name,
                    media: media::Media { streams: Vec::new(), duration: 0.0, packets: Vec::new() },
                    length_ms: 0.0,
                    complaints: String::new(),
                    gap: None,
                };
                if look {
                    let sealed = std::fs::read(self.spool.path(entry.number)).unwrap();
                    let (identity, _, bytes) = unseal(&segment.name, &sealed, &self.keys[0], &self.keys[1]);
                    let file = tempfile::NamedTempFile::new().unwrap();
                    std::fs::write(file.path(), bytes).unwrap();
                    segment.media = media::probe(file.path());
                    segment.length_ms = media::length_ms(file.path());
                    segment.complaints = media::decode(file.path());
                    segment.gap = identity.gap.map(|gap| gap.to_string());
                }
                segments.push(segment);
            }
            self.spool.give_back(entry.number, true, None);
        }
        segments
    }

    fn gaps(&self, reason: &str) -> u64 {
        self.metrics.gaps.with_label_values(&["c1", reason]).get()
    }
}

fn said(segments: &[Segment]) -> Vec<&str> {
    segments.iter().map(|segment| segment.gap.as_deref().unwrap_or_default()).collect()
}

/// Name, manifest and media agree to the millisecond, and what a player is given can be played.
fn check(segments: &[Segment]) {
    for Segment { name, media, length_ms, complaints, .. } in segments {
        assert_eq!(complaints, "", "{name:?}");
        let said = name.duration_ms as f64;
        assert!((length_ms - said).abs() <= 1.0, "{said} ms in the name, {length_ms} ms of media");
        let dts = media.times("video", "dts_time");
        assert!(dts.windows(2).all(|pair| pair[1] > pair[0]), "{dts:?}");
        let mut pts = media.times("video", "pts_time");
        pts.sort_by(f64::total_cmp);
        assert!(pts[0].abs() < 0.001, "{pts:?}");
        assert!(pts.windows(2).all(|pair| (pair[1] - pair[0] - 0.04).abs() < 0.001), "{pts:?}");
    }
    for pair in segments.windows(2) {
        assert_eq!(pair[0].name.sequence + 1, pair[1].name.sequence);
        assert!(pair[1].name.start_ms >= pair[0].name.end_ms(), "none overlaps the next");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_come_in_another_order_are_shown_in_theirs() {
    let (film, frames) = clip::b_frames(240);
    assert!(frames.windows(2).any(|pair| pair[1].at < pair[0].at), "they do");
    let mut bench = Bench::new(&film, 2_000);
    for (n, frame) in frames.iter().enumerate() {
        bench.frame(frame, frame.at, n as i64 * 40_000).await;
    }
    bench.recorder.end_session("Stop").await.unwrap();
    let segments = bench.segments(true);
    // Groups are of 0.96 s, so that every third is one after 2 s.
    assert_eq!(segments.len(), 4);
    check(&segments);
    for pair in segments.windows(2) {
        assert_eq!(pair[0].name.end_ms(), pair[1].name.start_ms);
    }
    assert_eq!(segments.iter().map(|s| s.media.packets.len()).sum::<usize>(), 240, "every frame, once");
}

/// A pod's cameras begin together; their segments are not to end together.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_stream_s_first_segment_is_shortened() {
    let (film, frames) = clip::b_frames(240);
    let mut bench = Bench::shortened(&film, 3_000, 1_000);
    for (n, frame) in frames.iter().enumerate() {
        bench.frame(frame, frame.at, n as i64 * 40_000).await;
    }
    bench.recorder.end_session("Stop").await.unwrap();
    let segments = bench.segments(true);
    check(&segments);
    // Groups are of 0.96 s: three are the first after 2 s, four the first after 3 s.
    let lengths: Vec<_> = segments.iter().map(|segment| segment.name.duration_ms).collect();
    assert_eq!(lengths, [2_880, 3_840, 2_880]);
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_jump_cost_no_frame_and_make_no_long_segment() {
    let (film, frames) = clip::b_frames(240);
    let mut bench = Bench::new(&film, 60_000);
    for (n, frame) in frames.iter().enumerate() {
        let at = n as i64 * 40_000;
        let raw = match n {
            // One that lies: mediamtx#5984.
            30 => frame.at + 7_200 * TICKS,
            // The camera's clock is set back by an hour, for good.
            100.. => frame.at - 3_600 * TICKS,
            _ => frame.at,
        };
        bench.frame(frame, raw, at).await;
    }
    bench.recorder.end_session("Stop").await.unwrap();
    let segments = bench.segments(true);
    assert_eq!(segments.len(), 2, "one before, one from the next key frame on");
    assert_eq!(bench.gaps("Clock"), 1);
    assert_eq!(said(&segments), ["start", "clock"]);
    assert_eq!(segments.iter().map(|s| s.media.packets.len()).sum::<usize>(), 240, "every frame, once");
    let lengths: Vec<_> = segments.iter().map(|s| s.name.duration_ms).collect();
    assert!(lengths.iter().sum::<u64>().abs_diff(9_600) <= 200, "{lengths:?}");
    for segment in &segments {
        assert_eq!(segment.complaints, "");
        let mut pts = segment.media.times("video", "pts_time");
        pts.sort_by(f64::total_cmp);
        assert!(pts.windows(2).all(|pair| (0.005..0.2).contains(&(pair[1] - pair[0]))), "{pts:?}");
    }
    assert!(segments[1].name.start_ms.abs_diff(segments[0].name.end_ms()) <= 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_a_gap_with_a_reason_and_not_a_long_frame() {
    let (film, frames) = clip::b_frames(96);
    let mut bench = Bench::new(&film, 60_000);
    for (n, frame) in frames.iter().enumerate() {
        // Nothing for twenty seconds, and both clocks say so.
        let pause = if n >= 48 { 20 } else { 0 };
        bench.frame(frame, frame.at + pause * TICKS, n as i64 * 40_000 + pause * SECOND).await;
    }
    bench.recorder.end_session("Stop").await.unwrap();
    let segments = bench.segments(true);
    assert_eq!((segments.len(), bench.gaps("Gap")), (2, 1));
    assert_eq!(said(&segments), ["start", "no-frames"]);
    check(&segments);
    assert!(segments[0].name.duration_ms.abs_diff(1_920) <= 40, "{}", segments[0].name.duration_ms);
    let gap = segments[1].name.start_ms - segments[0].name.end_ms();
    assert!((gap - 20_000).abs() <= 100, "{gap} ms");
}

/// The whole way from frames to names, a camera whose clock is 300 ppm fast, and a network that holds frames back.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_segments_follow_each_other_and_the_clock() {
    let film = clip::h264();
    let key = Shown { at: 0, key: true, nals: film.frame(0) };
    let mut bench = Bench::new(film, 10_000);
    let (mut segments, mut random) = (Vec::new(), 1_u64);
    let mut looked = Vec::new();
    // A key frame a second, ten seconds a segment.
    for n in 0..10_001_i64 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let late = i64::try_from(random >> 44).unwrap() / 10;
        bench.frame(&key, n * TICKS, n * (SECOND - 300) + late).await;
        if n < 50 {
            looked.extend(bench.segments(true));
        } else {
            segments.extend(bench.segments(false));
        }
    }
    assert!(looked.iter().any(|segment| segment.name.duration_ms < 9_999), "some are corrected");
    for Segment { name, length_ms, .. } in &looked {
        assert!((length_ms - name.duration_ms as f64).abs() <= 1.0, "{length_ms} ms of media in {name:?}");
    }
    looked.append(&mut segments);
    let segments = looked;
    assert_eq!(segments.len(), 1_000);
    for (n, segment) in segments.iter().enumerate() {
        let is = ZERO / 1_000 + n as i64 * 10 * 1_000 - n as i64 * 3;
        let error = segment.name.start_ms - is;
        assert!(error.abs() <= 110, "segment {n}: {error} ms off");
    }
    for pair in segments.windows(2) {
        assert_eq!(pair[0].name.end_ms(), pair[1].name.start_ms, "no seam");
        assert!((9_990..=10_005).contains(&pair[0].name.duration_ms));
    }
    assert_eq!(FRAME * 25, TICKS);
}

/// Parameter sets come with every key frame; only other ones are a change.
#[tokio::test(flavor = "multi_thread")]
async fn only_other_parameters_begin_a_segment() {
    let film = clip::h264();
    let mut bench = Bench::new(film, 60_000);
    let same = Arc::new(VideoTrack::clone(&bench.track));
    let mut other = VideoTrack::clone(&bench.track);
    let last = other.sample_entry.len() - 1;
    other.sample_entry[last] ^= 1;
    let key = Shown { at: 0, key: true, nals: film.frame(0) };
    for n in 0..9 {
        // An equal one that is another object, as after parameter sets that were sent again.
        bench.track = if n < 6 { same.clone() } else { Arc::new(other.clone()) };
        bench.frame(&key, n * TICKS, n * SECOND).await;
    }
    bench.recorder.end_session("Stop").await.unwrap();
    let segments = bench.segments(true);
    let lengths: Vec<_> = segments.iter().map(|s| s.name.duration_ms / 1_000).collect();
    assert_eq!(lengths, [6, 3]);
    assert_eq!(segments[0].name.end_ms(), segments[1].name.start_ms, "and no gap");
    assert_eq!(said(&segments), ["start", ""]);
}

/// What is sealed goes to disk in whole chunks, and a camera at night may send a few kilobytes a second.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_takes_no_more_of_a_camera_that_sends_little() {
    let film = clip::h264();
    let key = Shown { at: 0, key: true, nals: film.frame(0) };
    let mut bench = Bench::new(film, 60_000);
    for n in 0..20 {
        bench.frame(&key, n * TICKS, n * SECOND).await;
    }
    let Bench { recorder, keys, spool, _directory: directory, .. } = bench;
    // Killed.
    std::mem::forget(recorder);
    drop(spool);
    let spool = Spool::open(directory.path(), Metrics::new()).unwrap();
    let entry = spool.take(Instant::now()).expect("what was open");
    let name = SegmentName::parse(PREFIX, &entry.meta.key).unwrap();
    assert!((15_000..=19_000).contains(&name.duration_ms), "{} of 19,000 ms", name.duration_ms);
    let sealed = std::fs::read(spool.path(entry.number)).unwrap();
    let media = unseal_what_there_is(&name, &sealed, &keys[0], &keys[1]).0;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), media).unwrap();
    assert_eq!(media::decode(file.path()), "");
    assert!(media::length_ms(file.path()) >= name.duration_ms as f64);
}
