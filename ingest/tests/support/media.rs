//! What ffprobe and ffmpeg say of a segment.

#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::{path::Path, process::Command};

use serde_json::Value;

pub struct Media {
    pub streams: Vec<Value>,
    pub duration: f64,
    pub packets: Vec<Value>,
}

pub fn probe(path: &Path) -> Media {
    let (media, complaints) = look(path);
    assert_eq!(complaints, "");
    media
}

/// Of a file that has no end.
pub fn probe_cut_off(path: &Path) -> Media {
    look(path).0
}

fn look(path: &Path) -> (Media, String) {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json", "-show_streams", "-show_format", "-show_packets"])
        .arg(path)
        .output()
        .expect("ffprobe is installed");
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{complaints}");
    let mut json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let list = |value: Value| value.as_array().cloned().unwrap_or_default();
    let media = Media {
        duration: json["format"]["duration"].as_str().map_or(0.0, |text| text.parse().unwrap()),
        streams: list(json["streams"].take()),
        packets: list(json["packets"].take()),
    };
    (media, complaints)
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

    /// The sum of a track's samples, seconds: its length as MP4 has it.
    pub fn length(&self, kind: &str) -> f64 {
        self.times(kind, "duration_time").iter().sum()
    }

    /// The end of the picture, seconds.
    pub fn video_end(&self) -> f64 {
        let ends = self.times("video", "pts_time").into_iter().zip(self.times("video", "duration_time"));
        ends.map(|(at, length)| at + length).fold(0.0, f64::max)
    }
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
