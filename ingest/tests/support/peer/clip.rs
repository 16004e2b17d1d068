//! A short film in RTP packets, encoded once for all tests of a program.

use std::{process::Command, sync::OnceLock};

use base64::{Engine as _, prelude::BASE64_STANDARD};

/// Ticks of a frame at 25 frames a second, 90 kHz.
pub const FRAME: u32 = 3_600;
/// Bytes of a packet's payload.
const PAYLOAD: usize = 1_200;

/// Frames, each a list of NAL units, in the order in which they are decoded.
pub struct Clip {
    pub sps: Vec<u8>,
    pub pps: Vec<u8>,
    /// Without parameter sets.
    pub frames: Vec<Vec<Vec<u8>>>,
}

/// H.264, 64x64, a key frame every half second, no B-frames.
pub fn h264() -> &'static Clip {
    static CLIP: OnceLock<Clip> = OnceLock::new();
    CLIP.get_or_init(|| {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25", "-frames:v", "25"]);
        ffmpeg.args(["-c:v", "libx264", "-preset", "ultrafast", "-threads", "1", "-g", "12", "-bf", "0"]);
        ffmpeg.args(["-x264-params", "sliced-threads=0:aud=0", "-pix_fmt", "yuv420p", "-f", "h264", "-"]);
        let output = ffmpeg.output().expect("ffmpeg is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let (mut sps, mut pps, mut frames) = (Vec::new(), Vec::new(), Vec::new());
        for nal in annex_b(&output.stdout) {
            match nal[0] & 0x1f {
                7 => sps = nal,
                8 => pps = nal,
                1 | 5 => frames.push(vec![nal]),
                _ => {}
            }
        }
        assert_eq!(frames.len(), 25, "one slice a frame");
        Clip { sps, pps, frames }
    })
}

/// A frame with the time at which it is shown, in ticks since the first, for frames that come in another order.
pub struct Shown {
    pub at: i64,
    pub key: bool,
    pub nals: Vec<Vec<u8>>,
}

/// H.264, 64x64, two B-frames between any others, closed groups of 24 frames; parameter sets apart.
pub fn b_frames(count: usize) -> (Clip, Vec<Shown>) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("film.mp4");
    let frames = count.to_string();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25", "-frames:v", &frames]);
    ffmpeg.args(["-c:v", "libx264", "-preset", "veryfast", "-threads", "1", "-g", "24", "-bf", "2"]);
    ffmpeg.args(["-b_strategy", "0", "-sc_threshold", "0", "-pix_fmt", "yuv420p"]);
    ffmpeg.args(["-x264-params", "sliced-threads=0:open-gop=0", "-bsf:v", "filter_units=remove_types=6"]);
    assert!(ffmpeg.args(["-video_track_timescale", "90000"]).arg(&file).status().unwrap().success());
    let mut raw = Command::new("ffmpeg");
    raw.args(["-v", "error", "-i"]).arg(&file).args(["-c", "copy", "-f", "h264", "-"]);
    let raw = raw.output().unwrap().stdout;
    let (mut sps, mut pps, mut slices) = (Vec::new(), Vec::new(), Vec::new());
    for nal in annex_b(&raw) {
        match nal[0] & 0x1f {
            7 => sps = nal,
            8 => pps = nal,
            1 | 5 => slices.push(nal),
            _ => {}
        }
    }
    let times = super::super::media::probe(&file).times("video", "pts_time");
    assert_eq!(times.len(), slices.len(), "one slice a frame");
    let shown = |(nal, at): (Vec<u8>, &f64)| Shown {
        at: ((at - times[0]) * 90_000.0).round() as i64,
        key: nal[0] & 0x1f == 5,
        nals: vec![nal],
    };
    let shown = slices.into_iter().zip(&times).map(shown).collect();
    (Clip { sps, pps, frames: Vec::new() }, shown)
}

impl Clip {
    /// An `avc1` box (ISO/IEC 14496-15) of 64x64.
    pub fn avc1(&self) -> Vec<u8> {
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_be_bytes();
        let sps = &self.sps;
        let mut config = vec![1, sps[1], sps[2], sps[3], 0xff, 0xe1];
        config.extend([&length(sps)[..], sps, &[1], &length(&self.pps), &self.pps].concat());
        let mut entry = vec![0, 0, 0, 0, 0, 0, 0, 1];
        entry.extend([0; 16]);
        entry.extend([0, 64, 0, 64, 0, 0x48, 0, 0, 0, 0x48, 0, 0, 0, 0, 0, 0, 0, 1]);
        entry.extend([0; 32]);
        entry.extend([0, 0x18, 0xff, 0xff]);
        entry.extend(boxed(b"avcC", &config));
        boxed(b"avc1", &entry)
    }

    /// As `sprop-parameter-sets` has them.
    pub fn sprop(&self) -> String {
        format!("{},{}", BASE64_STANDARD.encode(&self.sps), BASE64_STANDARD.encode(&self.pps))
    }

    /// A frame's NAL units, with the parameter sets before each key frame.
    pub fn frame(&self, n: usize) -> Vec<Vec<u8>> {
        let nals = &self.frames[n % self.frames.len()];
        let is_key = nals.iter().any(|nal| nal[0] & 0x1f == 5);
        let sets = is_key.then(|| [self.sps.clone(), self.pps.clone()]);
        sets.into_iter().flatten().chain(nals.iter().cloned()).collect()
    }
}

fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len() + 8).unwrap().to_be_bytes()[..], kind, content].concat()
}

/// NAL units with four-byte lengths.
pub fn with_lengths(nals: &[Vec<u8>]) -> Vec<u8> {
    let long = |nal: &Vec<u8>| [&u32::try_from(nal.len()).unwrap().to_be_bytes()[..], nal].concat();
    nals.iter().flat_map(long).collect()
}

/// The NAL units of a byte stream (ITU-T H.264, annex B).
pub fn annex_b(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut starts: Vec<usize> =
        stream.windows(3).enumerate().filter(|(_, w)| w == &[0, 0, 1]).map(|(i, _)| i + 3).collect();
    starts.push(stream.len() + 3);
    let trim = |mut nal: &[u8]| {
        while let [rest @ .., 0] = nal {
            nal = rest;
        }
        nal.to_vec()
    };
    starts.windows(2).map(|pair| trim(&stream[pair[0]..pair[1] - 3])).collect()
}

/// What an RTP packet carries.
#[derive(Clone, Debug)]
pub struct Packet {
    pub timestamp: u32,
    pub mark: bool,
    pub payload: Vec<u8>,
}

/// A NAL unit in packets as RFC 6184 has it: whole, or in fragments (FU-A). The last one has the marker bit.
pub fn packets(nal: &[u8], timestamp: u32, mark: bool) -> Vec<Packet> {
    if nal.len() <= PAYLOAD {
        return vec![Packet { timestamp, mark, payload: nal.to_vec() }];
    }
    let chunks: Vec<&[u8]> = nal[1..].chunks(PAYLOAD).collect();
    let last = chunks.len() - 1;
    let fragment = |(i, chunk): (usize, &&[u8])| {
        let start = if i == 0 { 0x80 } else { 0 };
        let end = if i == last { 0x40 } else { 0 };
        let mut payload = vec![(nal[0] & 0xe0) | 28, start | end | (nal[0] & 0x1f)];
        payload.extend_from_slice(chunk);
        Packet { timestamp, mark: mark && i == last, payload }
    };
    chunks.iter().enumerate().map(fragment).collect()
}

/// Several NAL units of one moment; the last packet has the marker bit.
pub fn access_unit(nals: &[Vec<u8>], timestamp: u32) -> Vec<Packet> {
    let last = nals.len() - 1;
    nals.iter().enumerate().flat_map(|(i, nal)| packets(nal, timestamp, i == last)).collect()
}
