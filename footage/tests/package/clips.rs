//! The form Clip.

use std::fs;

use camerafleet_footage::digest::sha256;
use camerafleet_footage::package::mp4::{Clip, Cut, remux};

use crate::world::*;

fn open(world: &World, contents: &camerafleet_footage::package::Contents, program: &str) -> Recipient {
    let written = world.clips(contents).unwrap();
    assert_eq!((written.bytes, written.sha256), (written.out.len() as u64, sha256(&written.out)));
    let recipient = Recipient::new(world, &written.out);
    recipient.decrypt(program, "package", "package.tar");
    recipient.untar("package.tar");
    recipient.check();
    assert_eq!(written.manifest, sha256(&fs::read(recipient.path("manifest.json")).unwrap()));
    recipient
}

/// The only clip, and what the manifest says of it.
fn only_clip(recipient: &Recipient) -> (std::path::PathBuf, serde_json::Value) {
    let manifest = recipient.manifest();
    let clips = manifest["clips"].as_array().unwrap();
    assert_eq!(clips.len(), 1, "{manifest}");
    (recipient.path(clips[0]["file"].as_str().unwrap()), clips[0].clone())
}

/// The packets of all segments' pictures, with times since noon.
fn recorded(world: &World, stream: &str) -> Vec<Packet> {
    let folder = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for name in &world.names {
        let path = folder.path().join("segment.mp4");
        fs::write(&path, &world.media[&name.key("elm")]).unwrap();
        #[allow(clippy::cast_precision_loss)]
        let start = (name.start_ms - NOON) as f64 / 1000.0;
        all.extend(packets(&path, stream).into_iter().map(|p| Packet { at: p.at + start, ..p }));
    }
    all
}

fn hashes(packets: &[Packet]) -> Vec<&str> {
    packets.iter().map(|packet| packet.hash.as_str()).collect()
}

#[test]
fn whole_segments_are_one_clip_whose_frames_are_the_recorders() {
    let world = World::new(&[Film::PLAIN; 3]);
    for (program, window) in [("age", (0, 12_000)), ("rage", (-5_000, 20_000))] {
        let recipient = open(&world, &world.contents(window.0, window.1, false), program);
        let (clip, said) = only_clip(&recipient);
        let (found, all) = (packets(&clip, "v"), recorded(&world, "v"));
        assert_eq!(hashes(&found), hashes(&all));
        assert_eq!((found.len(), frames(&clip)), (300, 300));
        assert_eq!((said["frames"].as_u64(), said["fromMs"].as_i64()), (Some(300), Some(NOON)));
        assert_eq!(said["toMs"].as_i64(), Some(NOON + 12_000));
        for (one, other) in found.iter().zip(&all) {
            assert!((one.at - other.at).abs() < 0.001, "{one:?} {other:?}");
        }
    }
}

#[test]
fn a_clip_begins_at_a_key_frame_in_the_window_and_ends_in_it_and_hides_nothing() {
    let world = World::new(&[Film::PLAIN; 3]);
    // From the first segment's middle to the third's: key frames are a second apart.
    let recipient = open(&world, &world.contents(1_500, 10_300, false), "age");
    let (clip, said) = only_clip(&recipient);
    let (found, all) = (packets(&clip, "v"), recorded(&world, "v"));
    assert_eq!(hashes(&found), hashes(&all[50..257]), "from 2.00 s to 10.28 s");
    assert!(found[0].key && found[0].at == 0.0);
    assert_eq!(frames(&clip), 207);
    assert_eq!(said["fromMs"].as_i64(), Some(NOON + 2_000));
    assert_eq!(said["toMs"].as_i64(), Some(NOON + 10_280));
}

#[test]
fn what_was_left_out_is_not_even_in_bytes_that_no_player_looks_at() {
    let world = World::new(&[Film::PLAIN]);
    let recipient = open(&world, &world.contents(1_500, 3_300, false), "age");
    let (clip, _) = only_clip(&recipient);
    let (bytes, media) = (fs::read(&clip).unwrap(), &world.media[&world.names[0].key("elm")]);
    // The media of the four seconds, each of which begins with a key frame.
    let starts: Vec<usize> =
        (4..media.len()).filter(|i| media[*i..].starts_with(b"mdat")).map(|i| i + 4).collect();
    assert_eq!(starts.len(), 4);
    let holds = |at: usize| bytes.windows(64).any(|window| window == &media[at..at + 64]);
    let inside: Vec<bool> = starts.iter().map(|start| holds(start + 2_000)).collect();
    assert_eq!(inside, [false, false, true, true]);
    let (last, end) = (starts[3], media.len() - 64);
    assert!(!holds(end), "the last frame of {} bytes", media.len() - last);
}

#[test]
fn a_window_between_two_key_frames_gives_no_clip() {
    let world = World::new(&[Film::PLAIN]);
    let recipient = open(&world, &world.contents(1_100, 1_900, false), "age");
    assert_eq!(recipient.manifest()["clips"].as_array().unwrap().len(), 0);
    assert!(!recipient.path("clips").exists());
}

#[test]
fn sound_is_there_only_if_it_was_granted() {
    let world = World::new(&[Film { sound: true, ..Film::PLAIN }; 2]);
    let (pictures, sound) = (recorded(&world, "v"), recorded(&world, "a"));
    let silent = open(&world, &world.contents(0, 8_000, false), "age");
    let (clip, _) = only_clip(&silent);
    assert_eq!(streams(&clip), ["video"]);
    assert_eq!(hashes(&packets(&clip, "v")), hashes(&pictures));
    assert_eq!(frames(&clip), 200);

    let loud = open(&world, &world.contents(0, 8_000, true), "age");
    let (clip, _) = only_clip(&loud);
    assert_eq!(streams(&clip), ["video", "audio"]);
    assert_eq!(hashes(&packets(&clip, "v")), hashes(&pictures));
    assert_eq!(hashes(&packets(&clip, "a")), hashes(&sound));

    // Sound outside the window goes with its pictures.
    let cut = open(&world, &world.contents(1_500, 6_500, true), "age");
    let (clip, _) = only_clip(&cut);
    let heard = packets(&clip, "a");
    assert!((180..=220).contains(&heard.len()), "4.5 s of 1,024 samples: {}", heard.len());
    assert!(heard.iter().all(|p| p.at > -0.03 && p.at < 4.5), "{heard:?}");
    let hashes_of_all = hashes(&sound);
    assert!(heard.iter().all(|p| hashes_of_all.contains(&p.hash.as_str())));
}

#[test]
fn frames_that_come_in_another_order_than_they_are_shown_survive_a_cut() {
    let world = World::new(&[Film { reordered: true, ..Film::PLAIN }; 2]);
    let all = recorded(&world, "v");
    for (from, to) in [(0, 8_000), (1_500, 8_000), (1_500, 6_500), (0, 6_510)] {
        let recipient = open(&world, &world.contents(from, to, false), "age");
        let (clip, said) = only_clip(&recipient);
        let found = packets(&clip, "v");
        assert_eq!(frames(&clip), found.len() as u64, "every frame that is there is shown");
        assert_eq!(said["frames"].as_u64(), Some(found.len() as u64));
        let hashes_of_all = hashes(&all);
        let first = hashes_of_all.iter().position(|hash| *hash == found[0].hash).unwrap();
        assert_eq!(hashes(&found), hashes_of_all[first..first + found.len()], "{from} to {to}");
        assert!(said["fromMs"].as_i64() >= Some(NOON + from) && said["toMs"].as_i64() <= Some(NOON + to));
    }
}

#[test]
fn segments_of_another_shape_are_another_clip() {
    let sound = Film { sound: true, ..Film::PLAIN };
    let world = World::new(&[Film::PLAIN, sound, sound]);
    let recipient = open(&world, &world.contents(0, 12_000, true), "age");
    let manifest = recipient.manifest();
    let clips = manifest["clips"].as_array().unwrap();
    let counted: Vec<u64> =
        clips.iter().map(|clip| frames(&recipient.path(clip["file"].as_str().unwrap()))).collect();
    assert_eq!(counted, [100, 200]);
}

/// Frames are 40 ms long, and key frames a second apart.
#[test]
fn every_window_gives_the_frames_from_its_first_key_frame_on_that_end_in_it() {
    let world = World::new(&[Film::PLAIN]);
    let media = &world.media[&world.names[0].key("elm")];
    for from in (-100..4_100).step_by(97) {
        for to in (from + 1..4_200).step_by(131) {
            let cut =
                Cut { start_ms: NOON, from_ms: Some(NOON + from), to_ms: Some(NOON + to), audio: false };
            let mut clip = Clip::default();
            remux(&mut &media[..], &cut, &mut clip, &mut std::io::sink()).unwrap();
            let first = (from.max(0) + 999) / 1_000 * 25;
            let end = (to / 40).min(100);
            let expected = u64::try_from(end - first).unwrap_or(0);
            assert_eq!(clip.frames(), expected, "{from} to {to}");
            let shown = (expected > 0).then_some((NOON + first * 40, NOON + end * 40));
            assert_eq!(clip.shown_ms(), shown, "{from} to {to}");
        }
    }
}
