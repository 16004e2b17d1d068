//! Cameras that are slow, broken or hostile beside one that is not: each costs its own recording only, gets a state that
//! says why, and memory stays within its bound.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{
    io::Write,
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use camerafleet_footage::shard::CameraState;
use support::{
    peer::{Media, Peer, Request, Script, sdp},
    rig::{self, Rig},
    watch::is_relayed,
};

const PATIENCE: Duration = Duration::from_secs(30);
/// What all of them together may take beside what the process had, bytes.
const MEMORY: u64 = 256 << 20;

fn instead(answer: impl Fn(&Request, &mut TcpStream) -> bool + Send + Sync + 'static) -> Script {
    Script { instead: Some(Arc::new(answer)), ..Script::default() }
}

/// An answer's beginning, then the same bytes again and again, a gigabyte in all or until nobody listens.
fn endless(method: &'static str, begin: &'static str, more: Vec<u8>) -> Script {
    instead(move |request, out| {
        if request.method != method {
            return false;
        }
        let cseq = request.header("CSeq").unwrap_or_default();
        let mut sent = write!(out, "{}", begin.replace("{cseq}", cseq));
        for _ in 0..(1 << 30) / more.len() {
            if sent.is_err() {
                break;
            }
            sent = out.write_all(&more);
        }
        true
    })
}

fn drop_by_drop() -> Script {
    instead(|request, out| {
        for byte in b"RTSP/1.0 200 OK\r\n" {
            if request.method != "DESCRIBE" || out.write_all(&[*byte]).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_secs(1));
        }
        true
    })
}

/// The same after a first session that needs the relay.
fn relayed(script: Script) -> Script {
    let (seen, then) = (AtomicBool::new(false), script.instead.clone());
    let instead = move |request: &Request, out: &mut TcpStream| {
        if !seen.load(Ordering::Relaxed) {
            let cseq = request.header("CSeq").unwrap_or_default();
            let sdp = sdp::h264();
            let sent = write!(
                out,
                "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
                sdp.len()
            );
            seen.store(request.method == "DESCRIBE", Ordering::Relaxed);
            return sent.and_then(|()| out.write_all(&sdp)).is_ok();
        }
        then.as_ref().is_some_and(|then| then(request, out))
    };
    Script { instead: Some(Arc::new(instead)), ..script }
}

/// Frames that say that they are the longest there are, of a channel that nobody asked for, and never come to their end.
fn long_frames() -> Script {
    instead(|request, out| {
        if request.method != "PLAY" {
            return false;
        }
        let cseq = request.header("CSeq").unwrap_or_default();
        let _ = write!(out, "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 12345678\r\n\r\n");
        let _ = out.write_all(b"$\x08\xff\xff");
        true
    })
}

fn slow_body() -> Script {
    instead(|request, out| {
        let cseq = request.header("CSeq").unwrap_or_default();
        let _ = write!(
            out,
            "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n"
        );
        for byte in b"v=0\r\ns=aaaaaaaaaaaaa" {
            if request.method != "DESCRIBE" || out.write_all(&[*byte]).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        true
    })
}

fn silent_at(method: &'static str) -> Script {
    instead(move |request, _| request.method == method)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_camera_costs_its_own_recording_only() {
    const OK: &str = "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n";
    let line = b"X-More: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"
        .repeat(700);
    let long = "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nContent-Type: application/sdp\r\nContent-Length: 1073741824\r\n\r\n";
    let broken = |sdp: Vec<u8>| Script { sdp, ..Script::default() };
    let hostile = [
        ("headers", "TooMuch", endless("DESCRIBE", OK, line.clone())),
        ("header", "TooMuch", endless("DESCRIBE", "RTSP/1.0 200 OK\r\nX: ", vec![b'a'; 60_000])),
        (
            "sdp",
            "TooMuch",
            endless("DESCRIBE", long, b"a=x:yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(1_700)),
        ),
        ("setup", "TooMuch", endless("SETUP", OK, line.clone())),
        ("play", "TooMuch", endless("PLAY", OK, line)),
        ("frame", "TooMuch", Script { media: Media::EndlessFrame, ..Script::default() }),
        ("drops", "Timeout", drop_by_drop()),
        ("silent1", "Timeout", silent_at("DESCRIBE")),
        ("silent2", "Timeout", silent_at("SETUP")),
        ("silent3", "Timeout", silent_at("PLAY")),
        ("stalled", "Stalled", Script { media: Media::Silence, ..Script::default() }),
        ("foreign", "Foreign", Script { transport: ";ssrc=0abcdef0".into(), ..Script::default() }),
        ("nothing", "Garbled", broken(Vec::new())),
        ("noise", "Garbled", broken(vec![0xff; 5_000])),
        ("no-video", "UnsupportedCodec", broken(sdp::text(sdp::PCMU))),
        ("long-frame", "Stalled", long_frames()),
        ("slow-body", "Timeout", slow_body()),
    ];
    // Each once more through the relay, which bounds what it holds itself.
    let through =
        hostile.clone().map(|(id, reason, script)| (format!("{id}-relayed"), reason, relayed(script)));
    let hostile =
        hostile.map(|(id, reason, script)| (id.to_owned(), reason, script)).into_iter().chain(through);
    let good = Peer::start(Script { media: Media::Clip { every_ms: 40 }, ..Script::default() });
    let mut rig = Rig::new(rig::quick());
    rig.camera("good", &good.url());
    let peers: Vec<_> = hostile
        .map(|(id, reason, script)| {
            let peer = Peer::start(script);
            rig.camera(&id, &peer.url());
            (id, reason, peer)
        })
        .collect();

    let before = rig::resident();
    let (most, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (seen, ended) = (most.clone(), done.clone());
    let looking = std::thread::spawn(move || {
        while !ended.load(Ordering::Relaxed) {
            seen.fetch_max(rig::resident(), Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    rig.run();
    rig.until_state("good", CameraState::Recording, PATIENCE).await;
    for (id, reason, peer) in &peers {
        let failures =
            format!("camerafleet_ingest_session_ends_total{{camera=\"{id}\",reason=\"{reason}\"}}");
        rig.until_counted(&failures, 0.0, PATIENCE).await;
        assert_eq!(is_relayed(peer), id.ends_with("-relayed"), "{id}");
        let status = rig.status(id).unwrap();
        assert!(!status.message.is_empty() && status.state != CameraState::Recording, "{id}: {status:?}");
    }
    let ends = rig.counted("camerafleet_ingest_session_ends_total{camera=\"good\"");
    let lost = rig.counted("camerafleet_ingest_lost_rtp_packets_total{camera=\"good\"");
    assert_eq!((ends, lost), (0.0, 0.0), "the good camera's session went on untouched");
    assert_eq!(rig.status("good").unwrap().state, CameraState::Recording);
    assert_eq!(good.connections(), 1);
    done.store(true, Ordering::Relaxed);
    looking.join().unwrap();
    let took = most.load(Ordering::Relaxed).saturating_sub(before);
    assert!(took < MEMORY, "{} MiB more than before", took >> 20);
    println!("at most {} MiB more than before", took >> 20);
    rig.stop().await;
}
