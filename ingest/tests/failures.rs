//! Cameras and stores that fail and heal, as the status says it.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use camerafleet_footage::{
    ids::CameraId,
    layout::SegmentName,
    shard::{CameraState, StoreState},
};
use serde_json::json;
use support::{Camera, H264, PASSWORD, PREFIX, S3, Shard, free_port, until};

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn cameras_fail_for_a_reason_and_heal() {
    let directory = tempfile::tempdir().unwrap();
    let mut s3 = S3::new(&directory.path().join("s3"));
    s3.make_bucket();
    s3.on();
    let mut camera = Camera::start(H264);
    let mut shard = Shard::new(&directory.path().join("shard"), s3.port);
    for id in ["good", "wrong", "missing"] {
        shard.camera(id, &camera.url(), false);
    }
    shard.camera("nobody", &format!("rtsp://127.0.0.1:{}/stream", free_port()), false);
    shard.camera("outside", "rtsp://192.0.2.1/stream", false);
    shard.camera("off", &camera.url(), false);
    shard.camera("never", &camera.url(), false);
    shard.config["cameras"]["off"]["recording"] = json!({"mode": "Off"});
    // A schedule without windows never records.
    shard.config["cameras"]["never"]["recording"] = json!({"mode": "Schedule", "windows": []});
    shard.secret("camera.wrong.password", "not it");
    let secrets = shard.directory.join("secret");
    std::fs::remove_file(secrets.join("camera.missing.username")).unwrap();
    std::fs::remove_file(secrets.join("camera.missing.password")).unwrap();
    shard.start();
    for (id, state) in [
        ("good", CameraState::Recording),
        ("wrong", CameraState::Unauthorized),
        ("missing", CameraState::CredentialsMissing),
        ("nobody", CameraState::Unreachable),
        ("outside", CameraState::OutsideCameraNetworks),
        ("off", CameraState::Off),
        ("never", CameraState::ScheduledOff),
    ] {
        let status = shard.until_state(id, state, PATIENCE);
        let camera = &status.cameras[&CameraId::parse(id).unwrap()];
        assert!(!camera.message.contains(PASSWORD) && camera.message.ends_with('.'), "{}", camera.message);
    }
    assert_eq!(shard.get("/readyz").0, 200, "each has a reason of its own");

    // A password that is put right is used at once; the others' sessions stay as they are.
    let ends = |shard: &Shard| {
        shard
            .get("/metrics")
            .1
            .lines()
            .filter(|l| l.contains("session_ends") && l.contains("\"good\""))
            .count()
    };
    let good = CameraId::parse("good").unwrap();
    let before = shard.status().cameras[&good].recorder.stream.clone();
    shard.secret("camera.wrong.password", PASSWORD);
    shard.until_state("wrong", CameraState::Recording, Duration::from_secs(10));
    assert_eq!(ends(&shard), 0);

    // A bad configuration changes nothing but is told.
    let config = shard.config.clone();
    let digest = shard.status().config_digest;
    shard.config["cameras"]["good"]["segmentDurationMs"] = json!(0);
    shard.write();
    until("the error", PATIENCE, || shard.get("/status").1.contains("\"configError\"").then_some(()));
    assert_eq!(shard.status().config_digest, digest);
    shard.config = config;
    shard.write();
    until("the error to go", PATIENCE, || {
        (!shard.get("/status").1.contains("\"configError\"")).then_some(())
    });

    // Another SharingPolicy cuts a segment and no session.
    shard.config["cameras"]["wrong"]["sharingPolicyDigest"] = json!("0a".repeat(32));
    shard.write();
    until("a segment under the other policy", PATIENCE, || {
        s3.keys().iter().filter(|key| key.contains("/footage/") && key.contains("/wrong/")).find_map(|key| {
            let name = SegmentName::parse(PREFIX, key).unwrap();
            (shard.unseal(&name, &s3.read(key)).0.sharing_policy == [10; 32]).then_some(())
        })
    });
    assert_eq!(ends(&shard), 0);

    // The camera dies and comes back.
    camera.off();
    shard.until_state("good", CameraState::Unreachable, PATIENCE);
    camera.on();
    let status = shard.until_state("good", CameraState::Recording, Duration::from_secs(60));
    assert_eq!(status.cameras[&good].recorder.stream, before, "one stream over all sessions");

    // A camera that leaves is gone from the status once its footage is stored.
    shard.config["cameras"].as_object_mut().unwrap().remove("good");
    shard.write();
    until("the camera to leave", PATIENCE, || (!shard.status().cameras.contains_key(&good)).then_some(()));
    assert_eq!(shard.stop(), Some(0), "{}", shard.log());
    assert!(!shard.log().contains(PASSWORD) && !shard.log().contains("not it"));
}

#[test]
fn stores_fail_for_a_reason_and_nothing_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let mut s3 = S3::new(&directory.path().join("s3"));
    let camera = Camera::start(H264);
    let mut shard = Shard::new(&directory.path().join("shard"), s3.port);
    shard.camera("c1", &camera.url(), false);
    shard.start();
    let c1 = CameraId::parse("c1").unwrap();
    let failing = |shard: &Shard, want: &str| {
        until(want, PATIENCE, || match &shard.status().cameras.get(&c1)?.stored {
            StoreState::Failing { reason, .. } if reason == want => Some(()),
            _ => None,
        });
    };
    failing(&shard, "StoreUnreachable");
    assert!(shard.status().spool_bytes > 0);
    assert_eq!(shard.status().cameras[&c1].state, CameraState::Recording, "it records all the same");

    // Killed, not stopped: whole segments wait on disk for the next container.
    let stream = shard.status().cameras[&c1].recorder.stream.clone();
    shard.kill();
    shard.start();
    shard.until_state("c1", CameraState::Recording, PATIENCE);

    shard.secret("store.secretAccessKey", "wrong");
    s3.on();
    failing(&shard, "AccessDenied");
    shard.secret("store.secretAccessKey", "rootsecret");
    failing(&shard, "BucketMissing");
    s3.make_bucket();
    until("the store to take segments", Duration::from_secs(60), || {
        (shard.status().cameras[&c1].stored == StoreState::Stored).then_some(())
    });
    until("the killed container's segments", PATIENCE, || {
        s3.keys().iter().any(|key| key.contains(stream.as_str())).then_some(())
    });
    assert_eq!(shard.stop(), Some(0), "{}", shard.log());
    let mut numbers: Vec<u64> = Vec::new();
    for key in s3.keys().iter().filter(|key| key.contains("/footage/")) {
        let name = SegmentName::parse(PREFIX, key).unwrap();
        let (_, whole) = shard.unseal_what_there_is(&name, &s3.read(key));
        if name.stream == stream {
            numbers.push(name.sequence);
        }
        assert!(
            whole || name.stream == stream,
            "only what was open when the container was killed is cut off"
        );
    }
    numbers.sort_unstable();
    let expected: Vec<u64> = (0..u64::try_from(numbers.len()).unwrap()).collect();
    assert_eq!(numbers, expected, "all that the killed container had begun");
    assert!(!shard.log().contains("rootsecret"));
}

#[test]
fn a_store_with_a_certificate_of_its_own_needs_the_bundle() {
    let directory = tempfile::tempdir().unwrap();
    let mut s3 = S3::new(&directory.path().join("s3"));
    let bundle = s3.https(directory.path());
    s3.make_bucket();
    s3.on();
    let camera = Camera::start(H264);
    let mut shard = Shard::new(&directory.path().join("shard"), s3.port);
    shard.config["store"]["endpoint"] = json!(format!("https://127.0.0.1:{}", s3.port));
    shard.camera("c1", &camera.url(), false);
    shard.start();
    let c1 = CameraId::parse("c1").unwrap();
    let stored = |shard: &Shard| Some(shard.status().cameras.get(&c1)?.stored.clone());
    until("a failure", PATIENCE, || match stored(&shard)? {
        StoreState::Failing { reason, message } => {
            assert!(
                reason == "StoreUnreachable" && message.contains("not known here"),
                "{reason}: {message}"
            );
            Some(())
        }
        _ => None,
    });
    shard.config["store"]["caBundle"] = json!(bundle);
    shard.write();
    until("the store to be trusted", PATIENCE, || (stored(&shard)? == StoreState::Stored).then_some(()));
    assert_eq!(shard.stop(), Some(0), "{}", shard.log());
}
