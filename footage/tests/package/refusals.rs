//! What is damaged, forged or changed shows.

use std::fs;

use camerafleet_footage::package::PackageError;

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
}
