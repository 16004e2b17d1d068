//! What is damaged, forged or changed shows.

use std::fs;

use camerafleet_footage::package::PackageError;
use camerafleet_footage::seal::SealedHeader;

use crate::world::*;

#[test]
fn a_package_that_was_changed_no_longer_verifies() {
    let world = World::new(&[Film::PLAIN]);
    let written = world.clips(&world.contents(0, 4_000, false)).unwrap();
    let recipient = Recipient::new(&world, &written.out);
    recipient.decrypt("age", "package", "package.tar");
    recipient.untar("package.tar");
    recipient.check();
    let manifest = recipient.path("manifest.json");
    let mut bytes = fs::read(&manifest).unwrap();
    bytes[10] ^= 1;
    fs::write(&manifest, bytes).unwrap();
    assert!(!recipient.verify().success());
    let sums = recipient.command("sha256sum", &["--check", "--strict", "--status", "SHA256SUMS"]).status();
    assert!(!sums.unwrap().success());
}

#[test]
fn a_damaged_segment_is_named_and_its_media_not_released() {
    for at in [0.3, 0.99] {
        let mut world = World::new(&[Film::PLAIN; 2]);
        let contents = world.contents(0, 8_000, false);
        let key = world.names[1].key("elm");
        let file = world.files.get_mut(&key).unwrap();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let place = (file.len() as f64 * at) as usize;
        file[place] ^= 1;
        match world.clips(&contents) {
            Err(PackageError::Damaged { key: named, .. }) => assert_eq!(named, key),
            other => panic!("{:?}", other.map(|written| written.bytes)),
        }
    }
    let mut world = World::new(&[Film::PLAIN]);
    let contents = world.contents(0, 4_000, false);
    let file = world.files.values_mut().next().unwrap();
    file.truncate(file.len() / 2);
    assert!(matches!(world.clips(&contents), Err(PackageError::Damaged { .. })));
}

/// Whoever writes to the store can do so after the segments were chosen, too.
#[test]
fn what_was_replaced_since_it_was_chosen_is_not_given_sealed() {
    type Change = fn(&World, &mut Vec<u8>);
    let changes: [(&str, Change); 8] = [
        ("a payload's byte", |_, file| *file.last_mut().unwrap() ^= 1),
        ("a header's byte", |_, file| file[1_000] ^= 1),
        ("half of it", |_, file| file.truncate(file.len() / 2)),
        ("half of its header", |_, file| file.truncate(1_000)),
        ("nothing", |_, file| file.clear()),
        ("more", |_, file| file.push(0)),
        ("another genuine segment", |world, file| file.clone_from(&world.files[&world.names[0].key("elm")])),
        ("another payload", |world, file| {
            let other = &world.files[&world.names[0].key("elm")];
            file.truncate(SealedHeader::parse(file).unwrap().byte_length());
            file.extend_from_slice(&other[SealedHeader::parse(other).unwrap().byte_length()..]);
        }),
    ];
    for (what, change) in changes {
        let mut world = World::new(&[Film::PLAIN; 2]);
        let contents = world.contents(0, 8_000, false);
        let key = world.names[1].key("elm");
        let mut file = world.files[&key].clone();
        change(&world, &mut file);
        world.files.insert(key.clone(), file);
        match world.sealed(&contents) {
            Err(PackageError::Damaged { key: named, .. }) => assert_eq!(named, key, "{what}"),
            other => panic!("{what}: {:?}", other.map(|written| written.bytes)),
        }
    }
}

#[test]
fn a_segment_of_another_stream_or_place_is_none() {
    let world = World::new(&[Film::PLAIN; 2]);
    let mut other = World::new(&[]);
    other.names = world.names.clone();
    other.files = world.files.clone();
    assert!(matches!(other.segment(0), Err(PackageError::Damaged { .. })), "the log has another key");
    let mut moved = World::new(&[]);
    moved.stream_key = world.stream_key;
    let mut name = world.names[0].clone();
    name.sequence = 5;
    moved.files.insert(name.key("elm"), world.files[&world.names[0].key("elm")].clone());
    moved.names.push(name);
    assert!(matches!(moved.segment(0), Err(PackageError::Damaged { .. })), "another number");
}

#[test]
fn a_store_that_fails_is_not_the_segments_fault() {
    let mut world = World::new(&[Film::PLAIN]);
    let contents = world.contents(0, 4_000, false);
    world.files.clear();
    assert!(matches!(world.clips(&contents), Err(PackageError::Io(_))));
    assert!(matches!(world.sealed(&contents), Err(PackageError::Io(_))));
}
