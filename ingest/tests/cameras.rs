//! What real cameras did to other software, played by a scripted peer. Each row names the report that it comes from.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{io::Write, net::TcpStream, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use camerafleet_footage::shard::Transport;
use camerafleet_ingest::camera::{failure::Failure, relay::Way};
use support::{
    peer::{
        Auth, Media, Peer, Request, Scheme, Script,
        clip::{self, FRAME, Packet},
        sdp,
    },
    spec,
    watch::{is_relayed, watch},
};

/// Frames after which a stream plays.
const ENOUGH: usize = 5;

fn script(change: impl FnOnce(&mut Script)) -> Script {
    let mut script = Script::default();
    change(&mut script);
    script
}

fn described(sdp: Vec<u8>) -> Script {
    script(|script| script.sdp = sdp)
}

fn sprop(parameters: &str) -> Script {
    let film = clip::h264();
    described(sdp::with(&format!("sprop-parameter-sets={}", film.sprop()), parameters))
}

/// Those that the library understands.
fn ordinary() -> Vec<(&'static str, Script)> {
    let film = clip::h264();
    let origin = "o=- 1001 1 IN IP4 127.0.0.1\r\n";
    let set_up = |transport: &str| script(|script| script.transport = transport.into());
    let based = |headers: &str| script(|script| script.describe_headers = headers.into());
    let played = |headers: &str| script(|script| script.play_headers = headers.into());
    vec![
        ("the base", Script::default()),
        ("retina#52: no origin", described(sdp::with(origin, ""))),
        ("retina#33: no time", described(sdp::with("t=0 0\r\n", ""))),
        (
            "retina#33: an absolute control URL",
            described(sdp::with("control:trackID=1", "control:rtsp://127.0.0.1/stream/trackID=1")),
        ),
        (
            "retina#33: ONVIF metadata beside the video",
            described(sdp::after(
                "m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:trackID=3\r\n",
            )),
        ),
        ("mediamtx#5033: a short origin", described(sdp::with(origin, "o=- 1001 1 IN \r\n"))),
        ("mediamtx#5033: a shorter origin", described(sdp::with(origin, "o=- 1001 1 IN\r\n"))),
        ("go2rtc#1663: a short connection", described(sdp::with("c=IN IP4 127.0.0.1", "c=IN "))),
        ("gortsplib#618: a shorter connection", described(sdp::with("c=IN IP4 127.0.0.1", "c=IN"))),
        (
            "moonfire#238: a field too many",
            described(sdp::with("IN IP4 127.0.0.1\r\ns=", "IN IP4 127.0.0.1 x\r\ns=")),
        ),
        (
            "go2rtc#708: a medium of nobody's kind",
            described(sdp::after(
                "m=application/TP-LINK 0 RTP/AVP smart/1/90000\r\na=rtpmap:95 TP-LINK/90000\r\na=control:trackID=3\r\n",
            )),
        ),
        (
            "mediamtx#5949: over 64 bits",
            described(sdp::with("1001 1 IN", "99999999999999999999999 99999999999999999999999 IN")),
        ),
        ("mediamtx#2555: a float", described(sdp::with("1001 1 IN", "1001.5 1.5 IN"))),
        ("mediamtx#231: a negative", described(sdp::with("1001 1 IN", "-1001 -1 IN"))),
        (
            "moonfire#213: a space after the format",
            described(sdp::with("H264/90000\r\n", "H264/90000 \r\na=framerate:0S\r\n")),
        ),
        ("mediacommon#144: no parameters", sprop("x=1")),
        (
            "mediamtx#3669: an empty PPS",
            sprop(&format!("sprop-parameter-sets={},", film.sprop().split(',').next().unwrap())),
        ),
        ("retina#42: a parameter set of no known type", sprop("sprop-parameter-sets=Hw==,Hw==")),
        (
            "no format parameters at all",
            described(sdp::with(
                &format!("a=fmtp:96 packetization-mode=1;sprop-parameter-sets={}\r\n", film.sprop()),
                "",
            )),
        ),
        ("retina#102: the description's SPS has more bytes", {
            let mut longer = film.sps.clone();
            longer.extend_from_slice(&[0, 0]);
            sprop(&format!(
                "sprop-parameter-sets={},{}",
                BASE64_STANDARD.encode(longer),
                BASE64_STANDARD.encode(&film.pps)
            ))
        }),
        ("retina#117: empty parameters, zeros", played("RTP-Info: url={url}/trackID=1;seq=0;rtptime=0;\r\n")),
        ("retina#64: no numbers at all", played("RTP-Info: url={url}/trackID=1\r\n")),
        ("retina#120: a short SSRC in hex", set_up(";ssrc=0x6f7c")),
        (
            "retina#138: an SSRC in hex, another in decimal",
            script(|script| {
                script.transport = ";ssrc=0154F6D4".into();
                script.play_headers =
                    "RTP-Info: url={url}/trackID=1;seq=1000;rtptime=3433148934;ssrc=22345684\r\n".into();
            }),
        ),
        ("retina#120: an SSRC in decimal", played("RTP-Info: url={url}/trackID=1;ssrc=22345684\r\n")),
        (
            "moonfire#356: a base without a scheme",
            based("Content-Type: application/sdp\r\nContent-Base: 127.0.0.1:554/stream/\r\n"),
        ),
        ("moonfire#298: no type", based("Content-Base: {url}/\r\n")),
        ("retina#137: a longer one", set_up(";ssrc=4294962989")),
        (
            "a session with a space before its time-out",
            script(|script| script.session = "1234; timeout=60".into()),
        ),
        ("a medium without formats", described(sdp::before("m=audio 0 RTP/AVP \r\n"))),
        (
            "mediacommon#144: sound of another payload type",
            described(sdp::after(&sdp::AAC.replace("fmtp:104", "fmtp:97"))),
        ),
        (
            "sound with a broken configuration",
            described(sdp::after(&sdp::AAC.replace("config=1188", "config=zz"))),
        ),
        ("bandwidth of no number", described(sdp::with("t=0 0\r\n", "b=AS:unlimited\r\nt=0 0\r\n"))),
    ]
}

/// Those that it refuses, and that the relay puts right.
fn unusual() -> Vec<(&'static str, Script)> {
    let based = |headers: &str| script(|script| script.describe_headers = headers.into());
    let session = |session: &str| script(|script| script.session = session.into());
    vec![
        ("moonfire#298: a wrong type", based("Content-Type: text/plain\r\nContent-Base: {url}/\r\n")),
        ("a type with a parameter", based("Content-Type: application/sdp; charset=utf-8\r\n")),
        (
            "gortsplib#636: a relative base",
            strict(based("Content-Type: application/sdp\r\nContent-Base: /stream/\r\n")),
        ),
        ("a base that is none", based("Content-Type: application/sdp\r\nContent-Base: ://[\r\n")),
        ("a session with more", session("1;timeout=60;x=y")),
        ("a session with other things", session("1;x=y;timeout=60")),
        ("a session with no time-out", session("1;timeout=0")),
        ("a session with another time-out", session("1;timeout=soon")),
        (
            "retina#137: an SSRC in decimal where it is in hex",
            script(|script| {
                script.transport = ";ssrc=22345684".into();
                script.ssrc = 22_345_684;
            }),
        ),
        (
            "all of it",
            strict(script(|script| {
                script.describe_headers = "Content-Type: text/plain\r\nContent-Base: stream/\r\n".into();
                script.session = "1;x=y".into();
                script.transport = ";ssrc=22345684".into();
                script.ssrc = 22_345_684;
            })),
        ),
    ]
}

/// Knows its tracks under an address only.
fn strict(script: Script) -> Script {
    let instead = |request: &Request, out: &mut TcpStream| {
        let refused = request.method == "SETUP" && !request.uri.starts_with("rtsp://127.0.0.1:");
        let cseq = request.header("CSeq").unwrap_or_default();
        refused && write!(out, "RTSP/1.0 404 Not Found\r\nCSeq: {cseq}\r\n\r\n").is_ok()
    };
    Script { instead: Some(Arc::new(instead)), ..script }
}

async fn play(rows: Vec<(&'static str, Script)>, way: Way) {
    let mut failed = Vec::new();
    for (report, script) in rows {
        for audio in [false, true] {
            let peer = Peer::start(script.clone());
            if let Err(failure) = watch(&peer.url(), Transport::Tcp, audio, ENOUGH).await {
                failed.push(format!("{report} (audio: {audio}): {failure:?}"));
            } else if is_relayed(&peer) != (way == Way::Relayed) {
                failed.push(format!("{report} (audio: {audio}) did not play {way:?}"));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn descriptions_and_answers_of_all_kinds_play_without_the_relay() {
    play(ordinary(), Way::Direct).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_the_library_refuses_play_through_the_relay() {
    play(unusual(), Way::Relayed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn control_urls_are_resolved() {
    let base = |value: &str| format!("Content-Type: application/sdp\r\n{value}");
    // `{port}` is that of the address that was asked, the camera's or the relay's.
    for (headers, way, want) in [
        (base("Content-Base: {url}/\r\n"), Way::Direct, "rtsp://127.0.0.1:{port}/stream/trackID=1"),
        (base("Content-Base: 127.0.0.1:554/other/\r\n"), Way::Direct, "rtsp://127.0.0.1:554/other/trackID=1"),
        (base("Content-Location: {url}/\r\n"), Way::Direct, "rtsp://127.0.0.1:{port}/stream/trackID=1"),
        (base(""), Way::Direct, "rtsp://127.0.0.1:{port}/stream/trackID=1"),
        (base("Content-Base: /other/\r\n"), Way::Relayed, "rtsp://127.0.0.1:{port}/other/trackID=1"),
        (base("Content-Base: other/\r\n"), Way::Relayed, "rtsp://127.0.0.1:{port}/other/trackID=1"),
        (base("Content-Location: ://\r\n"), Way::Relayed, "rtsp://127.0.0.1:{port}/stream/trackID=1"),
    ] {
        let peer = Peer::start(strict(script(|script| script.describe_headers = headers.clone())));
        watch(&peer.url(), Transport::Tcp, false, 1).await.unwrap();
        assert_eq!(is_relayed(&peer), way == Way::Relayed, "{headers}");
        let asked = peer.asked("DESCRIBE").last().unwrap().port().unwrap();
        let set_up = peer.asked("SETUP").pop().unwrap().uri;
        assert_eq!(set_up, want.replace("{port}", &asked.to_string()), "{headers}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_relay_could_put_right_wants_tcp() {
    for (report, script) in unusual() {
        let peer = Peer::start(script);
        let failure = watch(&peer.url(), Transport::Udp, false, 1).await.unwrap_err();
        assert_eq!(failure, Failure::NeedsTcp, "{report}");
        assert!(failure.message().contains("spec.source.transport to TCP"), "{}", failure.message());
        assert!(!is_relayed(&peer));
    }
}

/// Plays packets and gives the frames' times since the first.
async fn played(packets: Vec<Packet>, frames: usize) -> Vec<i64> {
    let peer = Peer::start(script(|script| script.media = Media::Packets(packets)));
    let times = watch(&peer.url(), Transport::Tcp, false, frames).await.unwrap();
    times.iter().map(|time| time - times[0]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn marker_bits_and_timestamps_of_all_kinds_give_whole_frames() {
    let film = clip::h264();
    let start = 3_433_148_934_u32;
    let at = |n: u32| start + n * FRAME;
    let slice = |n: usize| film.frames[n][0].clone();
    let key = |timestamp| clip::access_unit(&film.frame(0), timestamp);
    let step = i64::from(FRAME);

    // retina#13: the parameter sets come with the marker bit and the time of the frame before them.
    let mut packets = [key(at(0)), clip::access_unit(&[slice(1)], at(1))].concat();
    for set in [&film.sps, &film.pps] {
        packets.extend(clip::packets(set, at(1), true));
    }
    packets.extend(clip::access_unit(&[slice(12)], at(2)));
    packets.extend(clip::access_unit(&[slice(13)], at(3)));
    assert_eq!(played(packets, 4).await, [0, step, 2 * step, 3 * step]);

    // moonfire#352: an SEI with the marker bit, then the slice of the same time.
    let sei = vec![0x06, 0x05, 0x01, 0x00, 0x80];
    let mut packets = key(at(0));
    for n in 1..4 {
        packets.extend(clip::packets(&sei, at(n), true));
        packets.extend(clip::packets(&slice(n as usize), at(n), true));
    }
    packets.extend(clip::access_unit(&[slice(4)], at(4)));
    assert_eq!(played(packets, 5).await, [0, step, 2 * step, 3 * step, 4 * step]);

    // retina#61: frames that are shown in another order than they come.
    let mut packets = key(3_433_148_934);
    for (n, time) in [(1, 3_433_156_134), (2, 3_433_150_734)] {
        packets.extend(clip::access_unit(&[slice(n)], time));
    }
    packets.extend(clip::access_unit(&[slice(3)], 3_433_158_000));
    assert_eq!(played(packets, 3).await, [0, 7_200, 1_800]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tracks_that_are_not_granted_are_never_set_up() {
    let everything = [
        sdp::AAC,
        sdp::BACKCHANNEL,
        "m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:trackID=4\r\n",
    ]
    .concat();
    for (audio, want) in [(false, &["trackID=1"][..]), (true, &["trackID=1", "trackID=2"])] {
        let peer = Peer::start(described(sdp::after(&everything)));
        watch(&peer.url(), Transport::Tcp, audio, ENOUGH).await.unwrap();
        let tracks = |peer: &Peer| -> Vec<String> {
            peer.asked("SETUP").iter().map(|r| r.uri.rsplit('/').next().unwrap().to_owned()).collect()
        };
        assert_eq!(tracks(&peer), want, "audio: {audio}");
        for request in peer.requests() {
            assert!(request.header("Require").is_none(), "no back channel is asked for: {}", request.head);
        }
    }
    // A back channel alone is no sound of the camera's.
    let peer = Peer::start(described(sdp::after(sdp::BACKCHANNEL)));
    watch(&peer.url(), Transport::Tcp, true, ENOUGH).await.unwrap();
    assert_eq!(peer.asked("SETUP").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_of_any_characters_log_in_by_every_scheme() {
    use Scheme::{Basic, Both, Md5, Plain, PlainSha256, Sha256};
    for scheme in [Basic, Plain, PlainSha256, Md5, Sha256, Both] {
        // retina's answer to this one lacks the algorithm: one try without the relay, which adds it.
        let is_short = matches!(scheme, PlainSha256);
        let auth = |password: &str| Auth { user: spec::USER.into(), password: password.into(), scheme };
        let peer = Peer::start(script(|script| script.auth = Some(auth(spec::PASSWORD))));
        watch(&peer.url(), Transport::Tcp, false, ENOUGH)
            .await
            .unwrap_or_else(|e| panic!("{scheme:?}: {e:?}"));
        assert_eq!(is_relayed(&peer), is_short, "{scheme:?}");
        let peer = Peer::start(script(|script| script.auth = Some(auth("another"))));
        let refused = watch(&peer.url(), Transport::Tcp, false, 1).await;
        assert_eq!(refused, Err(Failure::Unauthorized), "{scheme:?}");
        let tries = peer.requests().iter().filter(|r| r.header("Authorization").is_some()).count();
        assert_eq!(tries, if is_short { 2 } else { 1 }, "{scheme:?}: more lock accounts");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn udp_plays_and_only_from_the_camera() {
    let peer = Peer::start(Script::default());
    watch(&peer.url(), Transport::Udp, false, ENOUGH).await.unwrap();
    let asked = peer.asked("SETUP")[0].header("Transport").unwrap().to_owned();
    assert!(asked.contains("client_port="), "{asked}");
    let peer = Peer::start(script(|script| script.transport = ";source=127.0.0.2".into()));
    assert_eq!(watch(&peer.url(), Transport::Udp, false, 1).await, Err(Failure::OutsideNetworks));
}
