//! Session descriptions.

use super::clip;

/// With parameter sets, without sound.
pub fn h264() -> Vec<u8> {
    of(clip::h264())
}

/// Of another film.
pub fn of(film: &clip::Clip) -> Vec<u8> {
    text(&format!(
        "v=0\r\no=- 1001 1 IN IP4 127.0.0.1\r\ns=Session\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\na=control:*\r\n{}",
        video_of(film)
    ))
}

pub fn video() -> String {
    video_of(clip::h264())
}

fn video_of(film: &clip::Clip) -> String {
    format!(
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets={}\r\na=control:trackID=1\r\n",
        film.sprop()
    )
}

pub fn text(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// The base description with something in it replaced; it must be there.
pub fn with(from: &str, to: &str) -> Vec<u8> {
    let base = String::from_utf8(h264()).unwrap();
    assert!(base.contains(from), "{from}");
    text(&base.replace(from, to))
}

/// The base description with another media before the video.
pub fn before(media: &str) -> Vec<u8> {
    with("m=video", &format!("{media}m=video"))
}

/// The base description with something behind it.
pub fn after(more: &str) -> Vec<u8> {
    [h264(), text(more)].concat()
}

/// AAC, 48 kHz, one channel.
pub const AAC: &str = "m=audio 0 RTP/AVP 104\r\na=rtpmap:104 mpeg4-generic/48000/1\r\na=fmtp:104 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1188\r\na=control:trackID=2\r\n";
/// G.711, mu-law, the static payload type.
pub const PCMU: &str = "m=audio 0 RTP/AVP 0\r\na=control:trackID=2\r\n";
/// A loudspeaker on the camera, as ONVIF has it.
pub const BACKCHANNEL: &str =
    "m=audio 0 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=control:trackID=3\r\na=sendonly\r\n";
