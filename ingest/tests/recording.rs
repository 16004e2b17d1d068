//! Records real RTSP servers into a real S3 server, opens what was stored, and looks at it with ffprobe.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{collections::BTreeMap, time::Duration};

use camerafleet_footage::{
    chain::{self, Bodies, LoggedHead, Place, Report, State, StreamAnchor, Stretch, Verdict, Window, verify},
    ids::TenantId,
    layout::{SegmentName, Tracks, parse_close_record_key},
    seal::CloseRecord,
    shard::{CameraState, Recorder, StoreState},
};
use object_store::{ObjectStoreExt as _, memory::InMemory};
use support::{Camera, H264, H264_B_FRAMES, H265, MJPEG, PASSWORD, PREFIX, S3, Shard, TENANT, media, until};

#[test]
fn what_cameras_send_is_stored_sealed_and_whole() {
    let directory = tempfile::tempdir().unwrap();
    let mut s3 = S3::new(&directory.path().join("s3"));
    s3.make_bucket();
    s3.on();
    let [plain, reordered, h265, mjpeg] = [H264, H264_B_FRAMES, H265, MJPEG].map(Camera::start);
    let mut shard = Shard::new(&directory.path().join("shard"), s3.port);
    shard.camera("silent", &plain.url(), false);
    shard.camera("sound", &plain.url(), true);
    shard.camera("bframes", &reordered.url(), true);
    shard.camera("hevc", &h265.url(), false);
    shard.camera("mjpeg", &mjpeg.url(), true);
    shard.start();
    let ids = ["silent", "sound", "bframes", "hevc", "mjpeg"];
    for id in ids {
        shard.until_state(id, CameraState::Recording, Duration::from_secs(20));
    }
    assert_eq!(shard.get("/readyz").0, 200);
    assert_eq!(shard.get("/healthz").0, 200);
    until("two segments of each camera", Duration::from_secs(40), || {
        let status = shard.status();
        status
            .cameras
            .values()
            .all(|c| c.stored == StoreState::Stored && c.recorder.last_sequence >= Some(1))
            .then_some(())
    });
    let status = shard.status();
    assert_eq!(status.pod_uid, "uid-1");
    for (id, camera) in &status.cameras {
        let stream = camera.stream.as_ref().unwrap();
        assert_eq!((stream.width, stream.height), (640, 360));
        assert_eq!(camera.oldest_pending_epoch.as_deref(), Some(shard.epoch.name.as_str()));
        assert_eq!(camera.pending_epochs, Some([shard.epoch.name.clone()].into()));
        assert_eq!(camera.message, "Recording.");
        let sound = match stream.codec.as_str() {
            "MJPEG" => "PCMU",
            "H264" if id.as_str() == "bframes" => "PCMA",
            "H264" if id.as_str() == "sound" => "AAC",
            _ => "",
        };
        assert_eq!(stream.audio, sound, "{id}");
    }
    let metrics = shard.get("/metrics").1;
    assert!(metrics.contains(
        "camerafleet_ingest_camera_state{camera=\"hevc\",name=\"name-hevc\",state=\"Recording\"} 1"
    ));
    assert_eq!(shard.stop(), Some(0), "{}", shard.log());

    let mut chains = BTreeMap::<String, Vec<(SegmentName, [u8; 32])>>::new();
    let keys = s3.keys();
    let segments = || keys.iter().filter(|key| key.contains("/footage/"));
    for key in segments() {
        let name = SegmentName::parse(PREFIX, key).unwrap();
        let is_last = !segments().any(|key| {
            let other = SegmentName::parse(PREFIX, key).unwrap();
            other.camera == name.camera && other.sequence > name.sequence
        });
        let (identity, digest, bytes) = shard.unseal(&name, &s3.read(key));
        identity.check_name(&name).unwrap();
        let path = directory.path().join("segment.mp4");
        std::fs::write(&path, bytes).unwrap();
        check(&path, &name, is_last);
        chains.entry(name.camera.to_string()).or_default().push((name, digest));
    }
    for id in ids {
        let mut chain = chains.remove(id).unwrap_or_else(|| panic!("nothing of {id} was stored"));
        chain.sort_by_key(|(name, _)| name.sequence);
        assert!(chain.len() >= 3, "{id}: {} segments", chain.len());
        for pair in chain.windows(2) {
            let (before, after) = (&pair[0].0, &pair[1].0);
            assert_eq!(before.sequence + 1, after.sequence, "{id}");
            assert_eq!(before.end_ms(), after.start_ms, "{id}: one ends where the next begins");
        }
        // The stream's first is shortened by any part down to 2 s.
        assert!((1_900..=6_100).contains(&chain[0].0.duration_ms), "{id}: {}", chain[0].0.duration_ms);
        for (name, _) in &chain[1..chain.len() - 1] {
            assert!((3_900..=6_100).contains(&name.duration_ms), "{id}: {}", name.duration_ms);
        }
        let (last, digest) = chain.last().unwrap();
        let end = jiff::Timestamp::now().as_millisecond() - last.end_ms();
        assert!((0..30_000).contains(&end), "{id} ended {end} ms ago");
        let tenant = TenantId::parse(TENANT).unwrap();
        let close = s3.keys().into_iter().find(|key| {
            parse_close_record_key(PREFIX, &tenant, key)
                .is_some_and(|(camera, stream)| camera == last.camera && stream == last.stream)
        });
        let close = CloseRecord::from_json(&s3.read(&close.expect("a close record"))).unwrap();
        let said = close.last.as_ref().unwrap();
        assert_eq!(
            (said.sequence, said.digest, said.start_ms, said.duration_ms),
            (last.sequence, *digest, last.start_ms, last.duration_ms)
        );
        let window = Window { from_ms: chain[0].0.start_ms, to_ms: last.end_ms() };
        let report = judge(&s3, last, window, &status.cameras[&last.camera].recorder);
        assert_eq!((report.verdict, &*report.findings), (Verdict::Complete, &[][..]), "{id}");
        let recorded = Stretch { from_ms: window.from_ms, to_ms: window.to_ms, state: State::Recorded };
        assert_eq!(report.timeline, [recorded], "{id}");
    }
    assert!(!shard.log().contains(PASSWORD));
}

/// The chain's verdict, with what the pod's status said in place of the log.
fn judge(s3: &S3, of: &SegmentName, window: Window, recorder: &Recorder) -> Report {
    let digest = |hex: &str| -> [u8; 32] {
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
    };
    let head = LoggedHead {
        sequence: recorder.last_sequence.unwrap(),
        digest: digest(recorder.head.as_ref().unwrap()),
        at_ms: window.to_ms,
    };
    let anchor = StreamAnchor {
        stream: recorder.stream.clone(),
        public_key: digest(&recorder.public_key),
        pod_uid: "uid-1".into(),
        started_ms: window.from_ms,
        heads: vec![head],
        closed: None,
    };
    let place = Place { prefix: PREFIX.into(), tenant: of.tenant.clone(), camera: of.camera.clone() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let store = InMemory::new();
        for key in s3.keys() {
            store.put(&key.as_str().into(), s3.read(&key).into()).await.unwrap();
        }
        verify(&chain::read(&store, &place, window, vec![anchor], Bodies::Hash).await.unwrap())
    })
}

fn check(path: &std::path::Path, name: &SegmentName, is_last: bool) {
    let id = name.camera.as_str();
    assert_eq!(media::decode(path), "", "{name:?}");
    let found = media::probe(path);
    let video = found.stream("video").unwrap();
    let codec = match id {
        "hevc" | "mjpeg" => id,
        _ => "h264",
    };
    assert_eq!(video["codec_name"], codec);
    assert_eq!((video["width"].as_u64(), video["height"].as_u64()), (Some(640), Some(360)));
    let (length, end) = (name.duration_ms as f64, media::length_ms(path));
    assert!((end - length).abs() <= 1.0, "{id}: {end} ms of picture, {length} ms in the name");
    let end = end / 1_000.0;
    let sound = ["sound", "bframes", "mjpeg"].contains(&id);
    assert_eq!(name.tracks, if sound { Tracks::VideoAudio } else { Tracks::Video });
    assert_eq!(found.stream("audio").is_some(), sound, "{id}");
    assert_eq!(found.streams.len(), if sound { 2 } else { 1 });
    for kind in ["video", "audio"] {
        let dts = found.times(kind, "dts_time");
        assert!(dts.windows(2).all(|pair| pair[1] > pair[0]), "{id} {kind}: {dts:?}");
    }
    let mut shown = found.times("video", "pts_time");
    shown.sort_by(f64::total_cmp);
    // Where the recorder was stopped, frames that are shown earlier than they come may be missing.
    let whole = if is_last { &shown[..1] } else { &shown[..] };
    assert!(whole.windows(2).all(|pair| (pair[1] - pair[0] - 0.04).abs() < 0.002), "{id}: {shown:?}");
    assert!(shown[0].abs() < 0.001, "{id} begins at {}", shown[0]);
    if sound {
        let heard = found.times("audio", "pts_time");
        let codec = match id {
            "sound" => "aac",
            "bframes" => "pcm_alaw",
            _ => "pcm_mulaw",
        };
        assert_eq!(found.stream("audio").unwrap()["codec_name"], codec);
        let mut lengths = found.times("audio", "duration_time");
        // ffprobe does not tell that of a first AAC frame.
        if lengths[0].is_nan() {
            lengths[0] = lengths[1];
        }
        let gaps = heard.windows(2).zip(&lengths).map(|(pair, length)| pair[1] - pair[0] - length);
        assert!(gaps.into_iter().all(|gap| gap.abs() < 0.002), "{id}: {heard:?} {lengths:?}");
        assert!(lengths.iter().all(|length| *length <= 0.2), "{id}: no frame covers a hole: {lengths:?}");
        // Within a frame of the picture's ends, so that nothing is missing between two segments.
        let (first, last) = (heard[0], heard[heard.len() - 1]);
        assert!(name.sequence == 0 || first < lengths[0] + 0.01, "{id}: sound begins at {first}");
        let frame = lengths.last().unwrap() + 0.01;
        assert!(is_last || (end - last).abs() < frame, "{id}: sound until {last}, picture until {end}");
    }
}
