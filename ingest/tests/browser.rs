//! A segment plays alone in Chromium's media stack, as a file and through Media Source Extensions, where the build has the
//! codec: Debian's has H.264 and AAC. `make browser`.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use camerafleet_footage::{layout::SegmentName, shard::StoreState};
use support::{Camera, H264, H264_B_FRAMES, H265, MJPEG, PREFIX, S3, Shard, browser, until};

/// `avc1.` and the profile, its constraints and the level, as RFC 6381 has them, from the segment's own `avcC`.
fn avc1(segment: &[u8]) -> String {
    let at = segment.windows(4).position(|four| four == b"avcC").unwrap() + 5;
    format!("avc1.{:02x}{:02x}{:02x}", segment[at], segment[at + 1], segment[at + 2])
}

#[test]
#[ignore = "it needs Debian's chromium-headless-shell: `make browser`"]
fn segments_play_alone_in_chromium() {
    let directory = tempfile::tempdir().unwrap();
    let mut s3 = S3::new(&directory.path().join("s3"));
    s3.make_bucket();
    s3.on();
    let [plain, reordered, h265, mjpeg] = [H264, H264_B_FRAMES, H265, MJPEG].map(Camera::start);
    let mut shard = Shard::new(&directory.path().join("shard"), s3.port);
    shard.camera("silent", &plain.url(), false);
    shard.camera("sound", &plain.url(), true);
    shard.camera("bframes", &reordered.url(), false);
    shard.camera("g711", &reordered.url(), true);
    shard.camera("hevc", &h265.url(), false);
    shard.camera("mjpeg", &mjpeg.url(), false);
    shard.start();
    until("two segments of each camera", Duration::from_secs(90), || {
        let cameras = shard.status().cameras;
        let stored = cameras
            .values()
            .filter(|camera| camera.stored == StoreState::Stored && camera.recorder.last_sequence >= Some(1));
        (stored.count() == 6).then_some(())
    });
    assert_eq!(shard.stop(), Some(0), "{}", shard.log());

    for (id, codecs) in [
        ("silent", "AVC1"),
        ("sound", "AVC1, mp4a.40.2"),
        ("bframes", "AVC1"),
        ("g711", "AVC1, alaw"),
        ("hevc", "hvc1.1.6.L93.B0"),
        ("mjpeg", "jpeg"),
    ] {
        let of_camera = |key: &&String| key.contains("/footage/") && key.contains(&format!("/{id}/"));
        // Not the first one: that nothing of it is needed is what is asked.
        let (name, sealed) = s3
            .keys()
            .iter()
            .filter(of_camera)
            .map(|key| (SegmentName::parse(PREFIX, key).unwrap(), s3.read(key)))
            .find(|(name, _)| name.sequence == 1)
            .unwrap();
        let segment = shard.unseal(&name, &sealed).2;
        let codecs =
            if codecs.contains("AVC1") { codecs.replace("AVC1", &avc1(&segment)) } else { codecs.to_owned() };
        let said = browser::play(&segment, &format!("video/mp4; codecs=\"{codecs}\""));
        println!("{id}: {said}");
        if !said["unsupported"].is_null() {
            assert!(!["silent", "sound", "bframes"].contains(&id), "{id}: {said}");
            continue;
        }
        let length = name.duration_ms as f64 / 1_000.0;
        for way in ["file", "extended"] {
            let played = &said[way];
            let number = |field: &str| played[field].as_f64().unwrap_or(f64::NAN);
            assert_eq!((number("width"), number("height")), (640.0, 360.0), "{id} {way}: {said}");
            // A frame of sound may be longer than the last one of the picture.
            for field in ["duration", "end"] {
                assert!((number(field) - length).abs() < 0.1, "{id} {way} {field} of {length}: {said}");
            }
            let frames = (length * 25.0).round();
            assert_eq!((number("frames"), number("corrupted")), (frames, 0.0), "{id} {way}: {said}");
            assert!(number("video") > 0.0, "{id} {way}: {said}");
            assert_eq!(number("audio") > 0.0, id == "sound", "{id} {way}: {said}");
        }
    }
}
