//! What ffprobe and ffmpeg say of a segment.

#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::{path::Path, process::Command};

use mp4_atom::{Any, Decode};
use serde_json::Value;

pub struct Media {
    pub streams: Vec<Value>,
    pub duration: f64,
    pub packets: Vec<Value>,
}

pub fn probe(path: &Path) -> Media {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json", "-show_streams", "-show_format", "-show_packets"])
        .arg(path)
        .output()
        .expect("ffprobe is installed");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{complaints}");
    let mut json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let list = |value: Value| value.as_array().cloned().unwrap_or_default();
    Media {
        duration: json["format"]["duration"].as_str().map_or(0.0, |text| text.parse().unwrap()),
        streams: list(json["streams"].take()),
        packets: list(json["packets"].take()),
    }
}

impl Media {
    pub fn stream(&self, kind: &str) -> Option<&Value> {
        self.streams.iter().find(|stream| stream["codec_type"] == kind)
    }

    /// Times of a track in seconds.
    pub fn times(&self, kind: &str, field: &str) -> Vec<f64> {
        let packets = self.packets.iter().filter(|packet| packet["codec_type"] == kind);
        packets.map(|packet| packet[field].as_str().unwrap_or("NaN").parse().unwrap()).collect()
    }
}

/// The length of the picture as the boxes have it, ms: the sum of its samples' durations. (ffprobe tells those that the
/// codec's own parameters ask for.) What is cut off does not count.
pub fn length_ms(path: &Path) -> f64 {
    let bytes = std::fs::read(path).unwrap();
    let mut rest = &bytes[..];
    let mut ticks = 0;
    while let Ok(Any::Moof(_) | Any::Ftyp(_) | Any::Moov(_) | Any::Mdat(_) | Any::Free(_)) =
        Any::decode(&mut &*rest)
    {
        if let Ok(Any::Moof(moof)) = Any::decode(&mut rest) {
            let picture = moof.traf.iter().filter(|traf| traf.tfhd.track_id == 1);
            let samples = picture.flat_map(|traf| &traf.trun).flat_map(|trun| trun.samples.iter());
            ticks += samples.map(|sample| u64::from(sample.duration.unwrap())).sum::<u64>();
        }
    }
    ticks as f64 / 90.0
}

/// Decodes all of it, with the times that it has and not at a rate; what ffmpeg complains of.
pub fn decode(path: &Path) -> String {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-i"])
        .arg(path)
        .args(["-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "-"])
        .output()
        .expect("ffmpeg is installed");
    String::from_utf8_lossy(&output.stderr).into_owned()
}
