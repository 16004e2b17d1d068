//! The form Sealed.

use std::fs;

use camerafleet_footage::digest::{hex, sha256};
use camerafleet_footage::package::PackageError;
use camerafleet_footage::seal::SealedHeader;

use crate::world::*;

#[test]
fn stock_programs_open_segments_whose_payload_is_untouched() {
    let world = World::new(&[Film::PLAIN; 2]);
    let written = world.sealed(&world.contents(0, 8_000, false)).unwrap();
    assert_eq!((written.bytes, written.sha256), (written.out.len() as u64, sha256(&written.out)));
    let recipient = Recipient::new(&world, &written.out);
    recipient.untar("package");
    recipient.decrypt("rage", "rest.tar.age", "rest.tar");
    recipient.untar("rest.tar");
    recipient.check();
    let manifest = recipient.manifest();
    for (segment, program) in manifest["segments"].as_array().unwrap().iter().zip(["age", "rage"]) {
        let (object, file) = (segment["object"].as_str().unwrap(), segment["file"].as_str().unwrap());
        recipient.decrypt(program, file, "segment.mp4");
        assert_eq!(
            hex(&sha256(&fs::read(recipient.path("segment.mp4")).unwrap())),
            hex(&sha256(&world.media[object]))
        );
        assert_eq!(frames(&recipient.path("segment.mp4")), 100);
        let (source, copy) = (&world.files[object], fs::read(recipient.path(file)).unwrap());
        let payload = &source[SealedHeader::parse(source).unwrap().byte_length()..];
        assert!(copy.ends_with(payload), "the payload's bytes are the recorder's");
        assert!(!copy.windows(15).any(|w| w == b"camerafleet.io/"));
    }
    // Another's key opens nothing of it.
    let other = World::new(&[]);
    let stranger = Recipient::new(&other, &written.out);
    stranger.untar("package");
    let file = manifest["segments"][0]["file"].as_str().unwrap();
    let arguments = ["--decrypt", "--identity", "key.txt", "--output", "x", file];
    let refused = stranger.command(camerafleet_testkit::tool("age"), &arguments).output().unwrap();
    assert!(!refused.status.success());
}

#[test]
fn what_is_not_granted_whole_is_not_given_sealed() {
    let plain = World::new(&[Film::PLAIN; 2]);
    let loud = World::new(&[Film { sound: true, ..Film::PLAIN }; 2]);
    for (world, from, to, audio, fine) in [
        (&plain, 0, 8_000, false, true),
        (&plain, 1, 8_000, false, false),
        (&plain, 0, 7_999, false, false),
        (&loud, 0, 8_000, false, false),
        (&loud, 0, 8_000, true, true),
    ] {
        let result = world.sealed(&world.contents(from, to, audio));
        assert_eq!(result.is_ok(), fine, "{from} {to} {audio}");
        if let Err(error) = result {
            assert!(matches!(error, PackageError::NotWhole { .. }), "{error}");
        }
    }
}

/// Whoever writes to the store chooses the name, and not what is in the media.
#[test]
fn sound_that_nobody_told_of_is_seen() {
    let world = World::new(&[Film { sound: true, untold: true, ..Film::PLAIN }]);
    let refused = world.sealed(&world.contents(0, 4_000, false));
    assert!(matches!(refused, Err(PackageError::NotWhole { .. })));
}

#[test]
fn a_segment_renamed_to_a_silent_one_is_refused() {
    let mut world = World::new(&[Film { sound: true, ..Film::PLAIN }]);
    let mut silent = world.names[0].clone();
    silent.tracks = camerafleet_footage::layout::Tracks::Video;
    let file = world.files.remove(&world.names[0].key("elm")).unwrap();
    world.files.insert(silent.key("elm"), file);
    world.names[0] = silent;
    assert!(matches!(world.segment(0), Err(PackageError::Damaged { .. })));
}
