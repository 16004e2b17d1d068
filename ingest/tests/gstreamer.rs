//! GStreamer's RTSP server, which many cameras have inside, beside the one that the other tests use: over TCP and over UDP,
//! with Digest, with MJPEG and G.711.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{process::Command, time::Duration};

use camerafleet_footage::{layout::SegmentName, shard::CameraState};
use serde_json::json;
use support::{
    H264, PASSWORD, PREFIX, Process, S3, Shard, USER, film, free_port, media, until, wait_for_port,
};

#[test]
fn a_second_server_is_recorded_over_both_transports() {
    let directory = tempfile::tempdir().unwrap();
    let mut s3 = S3::new(&directory.path().join("s3"));
    s3.make_bucket();
    s3.on();
    let port = free_port();
    // Debian's, for whose the modules are.
    let mut server = Command::new("/usr/bin/python3");
    server.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/gst-camera.py")).arg(port.to_string());
    server.arg(film(H264)).env("CAMERA_USER", USER).env("CAMERA_PASSWORD", PASSWORD);
    let _server = Process::spawn(&mut server);
    wait_for_port(port);
    let mut shard = Shard::new(&directory.path().join("shard"), s3.port);
    let cameras = [
        ("film-tcp", "film", "TCP", ["h264", "pcm_alaw"]),
        ("film-udp", "film", "UDP", ["h264", "pcm_alaw"]),
        ("jpeg-tcp", "jpeg", "TCP", ["mjpeg", "pcm_mulaw"]),
        ("jpeg-udp", "jpeg", "UDP", ["mjpeg", "pcm_mulaw"]),
    ];
    for (id, path, transport, _) in cameras {
        shard.camera(id, &format!("rtsp://127.0.0.1:{port}/{path}"), true);
        shard.config["cameras"][id]["transport"] = json!(transport);
    }
    shard.camera("wrong", &format!("rtsp://127.0.0.1:{port}/film"), false);
    shard.secret("camera.wrong.password", "not it");
    shard.start();
    for (id, ..) in cameras {
        shard.until_state(id, CameraState::Recording, Duration::from_secs(30));
    }
    shard.until_state("wrong", CameraState::Unauthorized, Duration::from_secs(30));
    until("two segments of each", Duration::from_secs(60), || {
        let status = shard.status();
        let recorded = |id: &str| {
            status.cameras.iter().any(|(c, s)| c.as_str() == id && s.recorder.last_sequence >= Some(1))
        };
        cameras.iter().all(|(id, ..)| recorded(id)).then_some(())
    });
    assert_eq!(shard.stop(), Some(0), "{}", shard.log());
    for (id, _, _, codecs) in cameras {
        let keys: Vec<_> = s3
            .keys()
            .into_iter()
            .filter(|key| key.contains("/footage/") && key.contains(&format!("/{id}/")))
            .collect();
        assert!(keys.len() >= 2, "{id}: {keys:?}");
        for key in keys {
            let name = SegmentName::parse(PREFIX, &key).unwrap();
            let (_, _, bytes) = shard.unseal(&name, &s3.read(&key));
            let path = directory.path().join("segment.mp4");
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(media::decode(&path), "", "{name:?}");
            let found = media::probe(&path);
            let names = ["video", "audio"].map(|kind| found.stream(kind).unwrap()["codec_name"].clone());
            assert_eq!(names, codecs.map(|codec| json!(codec)), "{id}");
            let length = media::length_ms(&path);
            assert!((length - name.duration_ms as f64).abs() <= 1.0, "{length} ms of media in {name:?}");
        }
    }
    assert!(!shard.log().contains(PASSWORD));
}
