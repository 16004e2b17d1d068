//! What the recorder's own muxer writes goes into clips, pictures that are shown in another order than they come included.

use std::{fs, path::Path, process::Command};

use camerafleet_footage::package::mp4::{Clip, Cut, Init, remux};
use camerafleet_ingest::mux::{AudioSample, AudioTrack, Muxer, VideoSample, VideoTrack, init::g711};
use mp4_atom::{Any, Decode as _};
use serde_json::Value;

/// Four seconds at 25 frames a second, a key frame in each: the picture's description, and its frames in the order of
/// decoding with the times at which they are shown (90 kHz).
fn pictures(reordered: bool) -> (Vec<u8>, Vec<VideoSample>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args([
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x240:rate=25:duration=4",
        "-c:v",
        "libx264",
    ]);
    ffmpeg.args(["-preset", "ultrafast", "-g", "25", "-bf", if reordered { "2" } else { "0" }]);
    ffmpeg.args([
        "-video_track_timescale",
        "90000",
        "-movflags",
        "frag_keyframe+empty_moov+default_base_moof",
    ]);
    assert!(ffmpeg.args(["-f", "mp4"]).arg(&path).status().unwrap().success());
    let bytes = fs::read(path).unwrap();
    let at = bytes.windows(4).position(|window| window == b"avc1" && window != b"isom").unwrap();
    // The brand may say so, too: the entry is the one with a length before it that fits.
    let at =
        bytes[at + 1..].windows(4).position(|window| window == b"avc1").map_or(at, |next| at + 1 + next) - 4;
    let length = usize::try_from(u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())).unwrap();
    let entry = bytes[at..at + length].to_vec();
    let (mut samples, mut rest) = (Vec::new(), &bytes[..]);
    while !rest.is_empty() {
        let start = bytes.len() - rest.len();
        let Any::Moof(moof) = Any::decode(&mut rest).unwrap() else { continue };
        let traf = &moof.traf[0];
        let mut decoded = i64::try_from(traf.tfdt.as_ref().unwrap().base_media_decode_time).unwrap();
        for run in &traf.trun {
            let mut place = start + usize::try_from(run.data_offset.unwrap()).unwrap();
            for sample in run.samples.iter() {
                let size = usize::try_from(sample.size.unwrap()).unwrap();
                let flags = sample.flags.or(traf.tfhd.default_sample_flags).unwrap();
                let pts = decoded + sample.cts.unwrap_or(0);
                let data = bytes[place..place + size].to_vec().into();
                samples.push(VideoSample { pts, sync: flags & 0x1_0000 == 0, data });
                decoded += i64::from(sample.duration.or(traf.tfhd.default_sample_duration).unwrap());
                place += size;
            }
        }
    }
    let first = samples[0].pts;
    samples.iter_mut().for_each(|sample| sample.pts -= first);
    (entry, samples)
}

/// A segment as the recorder writes it, with sound at 8 kHz.
fn segment(reordered: bool, created: i64) -> (Vec<u8>, Vec<VideoSample>) {
    let (entry, samples) = pictures(reordered);
    let video = VideoTrack { sample_entry: entry, width: 320, height: 240 };
    let audio = AudioTrack { sample_entry: g711(b"ulaw", 1, 8_000), clock_rate: 8_000 };
    let mut muxer = Muxer::new(video, Some(audio), created, None);
    let mut bytes = Vec::new();
    let mut add = |fragment: Option<camerafleet_ingest::mux::Fragment>| {
        if let Some(fragment) = fragment {
            bytes.extend_from_slice(&fragment.head);
            fragment.payload.iter().for_each(|part| bytes.extend_from_slice(part));
        }
    };
    for (i, sample) in (0_i64..).zip(samples.iter()) {
        let fragment = muxer.video(sample.clone()).unwrap();
        add(fragment);
        muxer.audio(AudioSample { pts: i * 320, length: 320, data: vec![0x55; 320].into() });
    }
    let last = muxer.finish(Some(4 * 90_000), |end, _| end).unwrap();
    add(last);
    (bytes, samples)
}

fn probe(path: &Path, more: &[&str]) -> Value {
    let output =
        Command::new("ffprobe").args(["-v", "error", "-of", "json"]).args(more).arg(path).output().unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn recorders_segments_become_one_clip() {
    for reordered in [false, true] {
        let (one, samples) = segment(reordered, 1);
        let (other, _) = segment(reordered, 5);
        assert_eq!(samples.len(), 100);
        for audio in [false, true] {
            // From the first one's second second, to the end of the other; sizes as a package's tar would have them.
            let cuts = [(0, Some(1_000)), (4_000, None)].map(|(start_ms, from_ms)| Cut {
                start_ms,
                from_ms,
                to_ms: None,
                audio,
            });
            let (mut clip, mut bytes) = (Clip::default(), Vec::new());
            remux(&mut &one[..], &cuts[0], &mut clip, &mut bytes).unwrap();
            let before = bytes.len();
            remux(&mut &other[..], &cuts[1], &mut clip, &mut bytes).unwrap();
            let init = Init::read(&mut &other[..]).unwrap();
            if cuts[1].is_whole(&init) {
                assert_eq!((bytes.len() - before) as u64, other.len() as u64 - init.length());
            }
            assert_eq!(clip.frames(), 175, "{reordered}");
            assert_eq!(clip.shown_ms(), Some((1_000, 8_000)));
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("clip.mp4");
            fs::write(&path, &bytes).unwrap();
            let counted =
                probe(&path, &["-count_frames", "-show_entries", "stream=codec_type,nb_read_frames"]);
            let streams = counted["streams"].as_array().unwrap();
            assert_eq!(streams.len(), if audio { 2 } else { 1 });
            assert_eq!(streams[0]["nb_read_frames"], "175", "{reordered} {audio}: every frame is shown");
            let shown = probe(&path, &["-select_streams", "v", "-show_entries", "frame=pts_time"]);
            let times: Vec<f64> = shown["frames"]
                .as_array()
                .unwrap()
                .iter()
                .map(|frame| frame["pts_time"].as_str().unwrap().parse().unwrap())
                .collect();
            assert!(times[0].abs() < 0.001, "{times:?}");
            for pair in times.windows(2) {
                assert!((pair[1] - pair[0] - 0.04).abs() < 0.002, "{reordered}: {pair:?}");
            }
        }
    }
}
