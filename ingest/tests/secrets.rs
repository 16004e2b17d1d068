//! No password leaves the recorder, in no form: cameras and people repeat them where it hurts (frigate#4257, #5798, #1431,
//! #6684, mediamtx PR#6158). Every word of a run is looked through: its log, its status, its metrics.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{
    io::Write,
    net::TcpStream,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};
use camerafleet_footage::shard::CameraState;
use support::{
    PASSWORD, S3, Shard, USER,
    peer::{Auth, Media, Peer, Request, Scheme, Script, clip::Packet, sdp},
};

const PATIENCE: Duration = Duration::from_secs(30);
const STORE_SECRET: &str = "s3cr/t+key=of@store";

/// All that a camera could repeat of what it was sent, or of what it knows.
fn everything() -> String {
    let encoded: String = url::form_urlencoded::byte_serialize(PASSWORD.as_bytes()).collect();
    let basic = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
    format!(
        "{PASSWORD} {encoded} {} {basic} rtsp://{USER}:{PASSWORD}@h/ rtsp://{USER}:{encoded}@h/",
        BASE64_STANDARD.encode(PASSWORD)
    )
}

fn answering(method: &'static str, answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Script {
    let instead = move |request: &Request, out: &mut TcpStream| {
        let given = request.header("Authorization").unwrap_or_default();
        // First it asks for the password, so that it is sent.
        if request.method != method || given.is_empty() {
            return false;
        }
        let said = format!("{} {given}", everything());
        let answer = answer(&said).replace("{cseq}", request.header("CSeq").unwrap_or_default());
        out.write_all(answer.as_bytes()).is_ok()
    };
    Script { auth: auth(Scheme::Basic, PASSWORD), instead: Some(Arc::new(instead)), ..Script::default() }
}

fn auth(scheme: Scheme, password: &str) -> Option<Auth> {
    Some(Auth { user: USER.into(), password: password.into(), scheme })
}

fn scripts() -> Vec<(&'static str, Script)> {
    let script = |auth, sdp: Vec<u8>| Script { auth, sdp, ..Script::default() };
    let words = everything();
    let packet = |payload: Vec<u8>| Packet { timestamp: 0, mark: true, payload };
    vec![
        ("basic", script(auth(Scheme::Basic, PASSWORD), sdp::h264())),
        ("wrong-basic", script(auth(Scheme::Basic, "another"), sdp::h264())),
        ("wrong-digest", script(auth(Scheme::Plain, "another"), sdp::h264())),
        (
            "redirect",
            answering("DESCRIBE", |said| {
                format!(
                    "RTSP/1.0 302 {said}\r\nCSeq: {{cseq}}\r\nLocation: rtsp://{USER}:{PASSWORD}@127.0.0.1/{said}\r\n\r\n"
                )
            }),
        ),
        (
            "error",
            answering("DESCRIBE", |said| {
                format!("RTSP/1.0 500 {said}\r\nCSeq: {{cseq}}\r\nX: {said}\r\n\r\n")
            }),
        ),
        ("no-rtsp", answering("DESCRIBE", |said| format!("HTTP/1.1 200 {said}\r\n\r\n"))),
        ("no-cseq", answering("DESCRIBE", |said| format!("RTSP/1.0 200 {said}\r\n\r\n"))),
        (
            "type",
            answering("DESCRIBE", |said| {
                format!("RTSP/1.0 200 OK\r\nCSeq: {{cseq}}\r\nContent-Type: {said}\r\n\r\n")
            }),
        ),
        (
            "base",
            answering("DESCRIBE", |said| {
                format!(
                    "RTSP/1.0 200 OK\r\nCSeq: {{cseq}}\r\nContent-Base: ://{said}\r\nContent-Length: 7\r\n\r\nv=0\r\n\r\n"
                )
            }),
        ),
        (
            "session",
            answering("SETUP", |said| {
                format!("RTSP/1.0 200 OK\r\nCSeq: {{cseq}}\r\nSession: 1;{said}\r\n\r\n")
            }),
        ),
        (
            "transport",
            answering("SETUP", |said| {
                format!(
                    "RTSP/1.0 200 OK\r\nCSeq: {{cseq}}\r\nSession: 1\r\nTransport: interleaved={said}\r\n\r\n"
                )
            }),
        ),
        (
            "play",
            answering("PLAY", |said| {
                format!("RTSP/1.0 200 OK\r\nCSeq: {{cseq}}\r\nRTP-Info: {said}\r\n\r\n")
            }),
        ),
        // Of these the sessions after the first go through the relay.
        (
            "relayed",
            Script {
                describe_headers: "Content-Type: text/plain\r\nContent-Base: {url}/\r\n".into(),
                ..script(auth(Scheme::Basic, PASSWORD), sdp::h264())
            },
        ),
        ("relayed-digest", script(auth(Scheme::PlainSha256, PASSWORD), sdp::h264())),
        (
            "relayed-sdp",
            answering("DESCRIBE", |said| {
                format!(
                    "RTSP/1.0 200 OK\r\nCSeq: {{cseq}}\r\nContent-Type: {said}\r\nContent-Length: 5\r\n\r\nv=0\r\n"
                )
            }),
        ),
        (
            "relayed-base",
            answering("DESCRIBE", |said| {
                let sdp = String::from_utf8(sdp::h264()).unwrap();
                format!(
                    "RTSP/1.0 200 OK\r\nCSeq: {{cseq}}\r\nContent-Type: x\r\nContent-Base: {said}\r\nContent-Length: {}\r\n\r\n{sdp}",
                    sdp.len()
                )
            }),
        ),
        (
            "relayed-session",
            answering("SETUP", |said| {
                format!(
                    "RTSP/1.0 200 OK\r\nCSeq: {{cseq}}\r\nSession: {said};x=y\r\nTransport: {said};ssrc={said}\r\n\r\n"
                )
            }),
        ),
        ("closes", answering("DESCRIBE", |said| said.to_owned())),
        ("sdp", script(auth(Scheme::Basic, PASSWORD), sdp::text(&words))),
        (
            "control",
            script(
                auth(Scheme::Basic, PASSWORD),
                sdp::with("control:trackID=1", &format!("control:rtsp://[{words}")),
            ),
        ),
        (
            "challenge",
            Script {
                instead: Some(Arc::new(|request: &Request, out: &mut TcpStream| {
                    let cseq = request.header("CSeq").unwrap_or_default();
                    write!(
                        out,
                        "RTSP/1.0 401 {}\r\nCSeq: {cseq}\r\nWWW-Authenticate: {}\r\n\r\n",
                        everything(),
                        everything()
                    )
                    .is_ok()
                })),
                ..Script::default()
            },
        ),
        (
            "packets",
            Script {
                auth: auth(Scheme::Basic, PASSWORD),
                media: Media::Packets(
                    (0..50).map(|_| packet([&[0x7c, 0x05], words.as_bytes()].concat())).collect(),
                ),
                ..Script::default()
            },
        ),
    ]
}

fn forms(secret: &str) -> Vec<String> {
    let plus: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let every: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![secret.to_owned(), plus.replace('+', "%20"), plus.to_lowercase(), every, hex, plus];
    for text in [secret.to_owned(), format!("{USER}:{secret}"), format!(":{secret}")] {
        forms.push(BASE64_STANDARD.encode(&text));
        forms.push(BASE64_STANDARD_NO_PAD.encode(&text));
        forms.push(BASE64_URL_SAFE.encode(&text));
        forms.push(BASE64_URL_SAFE_NO_PAD.encode(&text));
    }
    forms
}

fn look_through(what: &str, text: &str) {
    for secret in [PASSWORD, STORE_SECRET, "not it"] {
        for form in forms(secret) {
            let line = text.lines().find(|line| line.contains(&form));
            assert!(line.is_none(), "{what} has {form}: {}", line.unwrap_or_default());
        }
    }
}

fn run(filter: Option<&'static str>) {
    let directory = tempfile::tempdir().unwrap();
    let mut s3 = S3::new(&directory.path().join("s3"));
    s3.make_bucket();
    s3.on();
    let mut shard = Shard::new(&directory.path().join("shard"), s3.port);
    shard.filter = filter;
    // The store refuses it.
    shard.secret("store.secretAccessKey", STORE_SECRET);
    let peers: Vec<(&str, Peer)> =
        scripts().into_iter().map(|(id, script)| (id, Peer::start(script))).collect();
    for (id, peer) in &peers {
        shard.camera(id, &peer.url(), false);
    }
    // What people write into URLs, in spite of all advice.
    let encoded: String = url::form_urlencoded::byte_serialize(PASSWORD.as_bytes()).collect();
    shard.camera("in-url", &format!("rtsp://{USER}:{encoded}@127.0.0.1/"), false);
    shard.camera("in-query", &format!("rtsp://127.0.0.1:1/?user={USER}&password={encoded}"), false);
    shard.camera("no-url", &format!("rtsp://{USER}:{PASSWORD}@h:{PASSWORD}/"), false);
    shard.start();
    shard.until_state("basic", CameraState::Recording, PATIENCE);
    shard.until_state("relayed", CameraState::Recording, PATIENCE);
    shard.until_state("relayed-digest", CameraState::Recording, PATIENCE);
    shard.until_state("wrong-basic", CameraState::Unauthorized, PATIENCE);
    shard.until_state("wrong-digest", CameraState::Unauthorized, PATIENCE);
    // Each has been asked, and what it answered was dealt with.
    let deadline = Instant::now() + PATIENCE;
    for (id, peer) in peers.iter().filter(|(id, _)| !["basic", "control"].contains(id)) {
        loop {
            let ended = shard.get("/metrics").1.lines().any(|line| {
                let counts = line.contains("session_ends_total") || line.contains("bad_rtp_packets");
                counts && line.contains(&format!("\"{id}\""))
            });
            if ended {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "{id} has not failed; it was asked {} times",
                peer.requests().len()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        look_through("the status", &shard.get("/status").1);
    }
    shard.secret("camera.wrong-basic.password", "not it");
    // A configuration that cannot be read.
    let good = shard.config.clone();
    shard.config["cameras"]["basic"]["transport"] = everything().into();
    shard.write();
    std::thread::sleep(Duration::from_secs(1));
    look_through("the status", &shard.get("/status").1);
    shard.config = good;
    shard.write();
    for path in ["/status", "/metrics", "/readyz", "/healthz"] {
        look_through(path, &shard.get(path).1);
    }
    shard.kill();
    let log = shard.log();
    assert!(log.lines().count() > peers.len(), "something was logged");
    look_through("the log", &log);
    let relayed = |line: &&str| line.contains("goes through the relay");
    let cameras: Vec<&str> = log.lines().filter(relayed).collect();
    for id in ["relayed", "relayed-digest", "relayed-sdp", "relayed-base", "relayed-session"] {
        let said = cameras.iter().any(|line| line.contains(&format!("\"{id}\"")));
        assert!(said, "{id} was relayed: {cameras:?}");
    }
    // By the camera's address; the relay's own is nobody's to look for.
    for line in cameras {
        let of_a_camera = |peer: &Peer| line.contains(&format!("\"127.0.0.1:{}\"", peer.port));
        assert!(peers.iter().any(|(_, peer)| of_a_camera(peer)), "{line}");
    }
}

#[test]
fn no_password_is_told_by_default() {
    run(None);
}

#[test]
fn no_password_is_told_when_everything_is_logged() {
    run(Some("trace"));
}
