//! Who goes through the relay and who does not, and that what goes through it is what a camera would be sent without it.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{process::Command, time::Duration};

use camerafleet_footage::shard::{CameraState, Transport};
use camerafleet_ingest::camera::{failure::Failure, relay::Way};
use support::{
    Camera, H264, PASSWORD, Process, USER, film, free_port,
    peer::{Auth, Media, Peer, Scheme, Script},
    rig::{self, Rig},
    spec, wait_for_port,
    watch::{is_relayed, watch_over},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// One that answers as the library wants it, and one that does not; each ends its sessions again and again.
#[tokio::test(flavor = "multi_thread")]
async fn only_an_unusual_camera_goes_through_the_relay_and_until_its_url_changes() {
    let ordinary = Script { media: Media::Frames(30), ..Script::default() };
    let unusual = Script { session: "12345678;timeout=60;x=y".into(), ..ordinary.clone() };
    let (ordinary, unusual) = (Peer::start(ordinary), Peer::start(unusual));
    let mut rig = Rig::new(rig::quick());
    rig.camera("ordinary", &ordinary.url());
    rig.camera("unusual", &unusual.url());
    rig.run();
    for id in ["ordinary", "unusual"] {
        let ends = format!("camerafleet_ingest_session_ends_total{{camera=\"{id}\",reason=\"Ended\"}}");
        rig.until_counted(&ends, 5.0, PATIENCE).await;
    }
    assert!(!is_relayed(&ordinary), "many failures, none of which the relay puts right");
    let directly = |peer: &Peer| -> Vec<bool> {
        peer.asked("DESCRIBE").iter().map(|request| request.port() == Some(peer.port)).collect()
    };
    let ways = directly(&unusual);
    assert!(ways[0] && !ways[1..].iter().any(|directly| *directly), "{ways:?}");
    let needed = "camerafleet_ingest_session_ends_total{camera=\"unusual\",reason=\"NeedsRelay\"}";
    assert_eq!(rig.counted(needed), 1.0);

    // Another URL may be another camera.
    unusual.forget();
    rig.config["cameras"]["unusual"]["url"] = format!("{}/other", unusual.url()).into();
    rig.run();
    rig.until_counted(needed, 1.0, PATIENCE).await;
    let other = unusual.asked("DESCRIBE");
    let first = other.iter().find(|request| request.uri.ends_with("/other")).unwrap();
    assert_eq!(first.port(), Some(unusual.port));
    rig.until_state("unusual", CameraState::Recording, PATIENCE).await;
    rig.stop().await;
}

/// Request line and `uri=` name the relay's address.
#[tokio::test(flavor = "multi_thread")]
async fn passwords_log_in_through_the_relay_by_every_scheme() {
    use Scheme::{Basic, Both, Md5, Plain, PlainSha256, Sha256};
    for scheme in [Basic, Plain, PlainSha256, Md5, Sha256, Both] {
        for (password, want) in [(spec::PASSWORD, Ok(5)), ("another", Err(Failure::Unauthorized))] {
            let auth = Auth { user: spec::USER.into(), password: password.into(), scheme };
            let peer = Peer::start(Script { auth: Some(auth), ..Script::default() });
            let spec = spec::spec(&peer.url(), Transport::Tcp, false, true);
            let seen = watch_over(&spec, Way::Relayed, 5).await;
            assert_eq!(seen.map(|frames| frames.len()), want, "{scheme:?}");
            assert!(is_relayed(&peer));
        }
    }
}

/// Servers that many cameras have inside, with Digest: gortsplib's and GStreamer's.
#[tokio::test(flavor = "multi_thread")]
async fn real_servers_take_what_the_relay_passes() {
    let film = film(H264);
    let go = Camera::of(film.clone());
    let port = free_port();
    let mut gstreamer = Command::new("/usr/bin/python3");
    gstreamer.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/gst-camera.py")).arg(port.to_string());
    gstreamer.arg(film).env("CAMERA_USER", USER).env("CAMERA_PASSWORD", PASSWORD);
    let _gstreamer = Process::spawn(&mut gstreamer);
    wait_for_port(port);
    for url in [go.url(), format!("rtsp://127.0.0.1:{port}/film")] {
        for audio in [false, true] {
            let spec = spec::spec(&url, Transport::Tcp, audio, true);
            // The film begins a moment after the server.
            let deadline = tokio::time::Instant::now() + PATIENCE;
            let seen = loop {
                match watch_over(&spec, Way::Relayed, 50).await {
                    Err(Failure::NotFound) if tokio::time::Instant::now() < deadline => {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    seen => break seen,
                }
            };
            assert_eq!(seen.map(|frames| frames.len()), Ok(50), "{url} (audio: {audio})");
        }
        let spec = spec::spec(&url, Transport::Tcp, false, false);
        assert_eq!(watch_over(&spec, Way::Relayed, 1).await, Err(Failure::CredentialsMissing), "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_keeps_to_the_tenant_s_networks() {
    for (url, want) in [
        ("rtsp://169.254.169.254/", Failure::OutsideNetworks),
        ("rtsp://u:p@127.0.0.1/", Failure::BadUrl),
        ("rtsp://127.0.0.1:1/", Failure::ConnectionRefused),
    ] {
        let spec = spec::spec(url, Transport::Tcp, false, true);
        assert_eq!(watch_over(&spec, Way::Relayed, 1).await, Err(want), "{url}");
    }
}
