//! What a camera's state is while it cannot be recorded, how soon it is known, and when it is tried again.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{sync::Arc, time::Duration};

use camerafleet_footage::{
    seal::{GapReason, SealedHeader},
    shard::{CameraState, SpoolConfig},
};
use camerafleet_ingest::{camera::limits::Limits, spool::Kind};
use support::{
    peer::{
        Auth, Media, Peer, Scheme, Script,
        clip::{self, Packet},
        sdp,
    },
    rig::{self, Rig},
    spec,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// Kerberos agent#186: the description's parameter sets cannot be read, and none come with the stream.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_cannot_be_read_are_waited_for_and_then_named() {
    let h265 = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\n\
                a=fmtp:96 sprop-vps=QAEMAf//;sprop-sps=QgEBAWAAAAM=;sprop-pps=RAHA\r\na=control:trackID=1\r\n";
    // Slices of no meaning (TRAIL_R), again and again.
    let slice =
        |n: u32| Packet { timestamp: n * 3_600, mark: true, payload: vec![0x02, 0x01, 0xd0, 0x11, 0x22] };
    let peer = Peer::start(Script {
        sdp: sdp::with(&sdp::video(), h265),
        media: Media::Packets((0..500).map(slice).collect()),
        ..Script::default()
    });
    let mut rig = Rig::new(rig::quick());
    rig.camera("c1", &peer.url());
    rig.run();
    let status = rig.until_state("c1", CameraState::NoParameters, PATIENCE).await;
    assert!(status.message.contains("parameter sets"), "{}", status.message);
    rig.stop().await;
    assert_eq!(Limits::default().parameters, Duration::from_secs(15));
}

/// Hub#13: a stalled camera is known within 30 s, the look at the clock and the time to show it included.
#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_stops_sending_is_stalled_and_its_footage_has_a_gap() {
    let film = clip::h264();
    let frames =
        (0..10_u32).flat_map(|n| clip::access_unit(&film.frame(n as usize), n * clip::FRAME)).collect();
    let peer = Peer::start(Script { media: Media::Packets(frames), ..Script::default() });
    let mut rig = Rig::new(rig::quick());
    rig.camera("c1", &peer.url());
    rig.run();
    rig.until_state("c1", CameraState::Recording, PATIENCE).await;
    rig.until_state("c1", CameraState::Stalled, PATIENCE).await;
    let gaps = "camerafleet_ingest_gaps_total{camera=\"c1\",reason=\"Stalled\"}";
    rig.until_counted(gaps, 0.0, PATIENCE).await;
    rig.stop().await;
    let limits = Limits::default();
    assert!(limits.stall + limits.tick * 2 < Duration::from_secs(30));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_is_tried_slowly_and_a_closed_connection_quickly() {
    let auth = Auth { user: spec::USER.into(), password: "another".into(), scheme: Scheme::Plain };
    let refusing = Peer::start(Script { auth: Some(auth), ..Script::default() });
    let closing = Peer::start(Script { media: Media::Frames(3), ..Script::default() });
    let mut rig = Rig::new(rig::quick());
    rig.camera("refused", &refusing.url());
    rig.camera("closing", &closing.url());
    rig.run();
    rig.until_state("refused", CameraState::Unauthorized, PATIENCE).await;
    let ends = "camerafleet_ingest_session_ends_total{camera=\"closing\"";
    rig.until_counted(ends, 10.0, PATIENCE).await;
    let tries = refusing.requests().iter().filter(|r| r.header("Authorization").is_some()).count();
    assert_eq!(tries, 1, "wrong passwords lock accounts");
    rig.stop().await;
}

/// Frigate#2790: a disk that is full is said, what is missing is a gap with a reason, and recording goes on by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_and_recording_goes_on_when_there_is_room() {
    let peer = Peer::start(Script { media: Media::Clip { every_ms: 40 }, ..Script::default() });
    let mut rig = Rig::new(rig::quick());
    let bound = |size| SpoolConfig { size, max_age_seconds: 3_600 };
    rig.camera("c1", &peer.url());
    rig.run();
    let finished = "camerafleet_ingest_segments_finished_total{camera=\"c1\"}";
    rig.until_counted(finished, 0.0, PATIENCE).await;
    // Less than a chunk: what waits goes first, then nothing can be written.
    rig.spool.limit(bound(20_000));
    let status = rig.until_state("c1", CameraState::SpoolFull, PATIENCE).await;
    assert!(status.message.contains("spool"), "{}", status.message);
    rig.until_counted("camerafleet_ingest_gaps_total{camera=\"c1\",reason=\"SpoolFull\"}", 0.0, PATIENCE)
        .await;
    rig.spool.limit(bound(64 << 20));
    rig.until_state("c1", CameraState::Recording, PATIENCE).await;
    let before = rig.counted(finished);
    rig.until_counted(finished, before, PATIENCE).await;
    let mut gaps = Vec::new();
    while let Ok(entry) = rig.spool.take(std::time::Instant::now()) {
        if entry.meta.kind == Kind::Segment {
            let bytes = std::fs::read(rig.spool.path(entry.number)).unwrap();
            gaps.extend(SealedHeader::parse(&bytes).unwrap().identity.gap);
        }
        rig.spool.give_back(entry.number, true, None);
    }
    assert!(gaps.contains(&GapReason::parse("spool-full").unwrap()), "{gaps:?}");
    rig.stop().await;
}

/// Moonfire's and retina's lesson: a session of ours that was not yet torn down may hold the only one there is.
#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_session_is_waited_for() {
    let slow = |request: &support::peer::Request, _: &mut std::net::TcpStream| {
        if request.method == "TEARDOWN" {
            std::thread::sleep(Duration::from_millis(600));
        }
        false
    };
    let peer =
        Peer::start(Script { media: Media::Silence, instead: Some(Arc::new(slow)), ..Script::default() });
    let mut rig = Rig::new(Limits { stall: Duration::from_millis(300), ..rig::quick() });
    rig.camera("c1", &peer.url());
    rig.run();
    rig.until_counted("camerafleet_ingest_session_ends_total{camera=\"c1\"", 2.0, PATIENCE).await;
    let order: Vec<String> = peer.requests().into_iter().map(|request| request.method).collect();
    for (i, _) in order.iter().enumerate().skip(1).filter(|(_, method)| *method == "DESCRIBE") {
        assert_eq!(order[i - 1], "TEARDOWN", "{order:?}");
    }
    rig.stop().await;
}
