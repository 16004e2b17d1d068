//! Ten thousand reconnects leave memory as it was (mediamtx#4674, frigate#23409). The only test of its program, so that
//! what the process holds is the recorder's; the cameras are another process.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use camerafleet_footage::shard::SpoolConfig;
use camerafleet_ingest::camera::{limits::Limits, retry};
use support::{
    peer::{Media, Peer, Script},
    rig::{self, Rig},
};

const CAMERAS: usize = 8;
const WARM_UP: f64 = 2_000.0;
const RECONNECTS: f64 = 10_000.0;
/// What memory may differ by for reasons that do not grow: the allocator's caches, and how many sessions there are at
/// the moment that is looked at. A leak of a kilobyte a session would be 8 MB.
const NOISE: u64 = 6 << 20;

#[test]
#[ignore = "the cameras' process, which the test below starts"]
fn cameras() {
    let ordinary = Script { media: Media::Frames(3), ..Script::default() };
    let relayed = Script { session: "12345678;x=y".into(), ..ordinary.clone() };
    let peers = [ordinary, relayed].map(Peer::start);
    println!("\nports {} {}", peers[0].port, peers[1].port);
    // Until the parent is gone.
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            peers.iter().for_each(Peer::forget);
        }
    });
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_reconnects_leave_memory_flat() {
    let mut cameras = Command::new(std::env::current_exe().unwrap());
    cameras.args(["cameras", "--exact", "--ignored", "--nocapture"]);
    let mut cameras = cameras.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // Kept open until the end, so that the other process can write its last line.
    let mut lines = BufReader::new(cameras.stdout.take().unwrap()).lines();
    let ports =
        lines.by_ref().map_while(Result::ok).find_map(|line| line.strip_prefix("ports ").map(str::to_owned));
    // Every other camera goes through the relay.
    let urls: Vec<_> =
        ports.unwrap().split(' ').map(|port| format!("rtsp://127.0.0.1:{port}/stream")).collect();

    let at_once = Duration::from_millis(1);
    let retry = retry::Limits { least: at_once, base: at_once, cap: at_once, ..retry::Limits::default() };
    let mut rig = Rig::new(Limits { retry, ..rig::quick() });
    let spool = SpoolConfig { size: 1 << 20, max_age_seconds: 3_600 };
    rig.config["spool"] = serde_json::to_value(spool).unwrap();
    rig.spool.limit(spool);
    for n in 0..CAMERAS {
        rig.camera(&format!("c{n}"), &urls[n % 2]);
    }
    rig.run();
    let ends = "camerafleet_ingest_session_ends_total";
    let mut measured = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(600);
    for mark in [WARM_UP, WARM_UP + RECONNECTS / 2.0, WARM_UP + RECONNECTS] {
        let count = rig.until_counted(ends, mark, deadline.saturating_duration_since(Instant::now())).await;
        measured.push((count, rig::resident()));
    }
    println!("reconnects and resident bytes: {measured:?}");
    let (first, last) = (measured[0].1, measured[2].1);
    assert!(last < first + NOISE, "{measured:?}");
    let sound = rig.counted("camerafleet_ingest_segments_finished_total");
    assert!(sound > RECONNECTS / 2.0, "they were sessions that recorded: {sound} segments");
    rig.stop().await;
    drop(cameras.stdin.take());
    cameras.wait().unwrap();
}
