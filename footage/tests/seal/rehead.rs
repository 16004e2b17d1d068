//! Re-heading: opened by two implementations of age that are not ours.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use camerafleet_footage::ids::CameraId;
use camerafleet_footage::seal::{
    FinishedSegment, OpenError, Reheaded, SealedHeader, Secret32, SegmentExpectation, combine, hash_segment,
    rehead,
};

use camerafleet_testkit::tool;

use crate::owners::Owners;
use crate::support::*;

/// What another implementation reads with this key; `None` if it refuses.
fn decrypt_with(name: &str, key: &Identity, file: &[u8]) -> Option<Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let key_file = dir.path().join("key.txt");
    std::fs::write(&key_file, key.to_string().expose_secret()).unwrap();
    let mut child = Command::new(tool(name))
        .args(["--decrypt", "--identity"])
        .arg(&key_file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let file = file.to_vec();
    // It may refuse before it has read all.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&file)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.status.success().then_some(output.stdout)
}

fn reheaded(file: &[u8], w: &Secret32, e: &Secret32, to: &Identity) -> (Reheaded, Vec<u8>) {
    let mut out = Vec::new();
    let result = rehead(file, &expectation(), (w, e), &to.to_public(), &mut out).unwrap();
    (result, out)
}

fn check(finished: &FinishedSegment, file: &[u8], result: &Reheaded, out: &[u8]) {
    let header = SealedHeader::parse(file).unwrap();
    let payload = &file[header.byte_length()..];
    assert!(out.ends_with(payload), "the payload is untouched");
    assert_eq!(result.source_digest, finished.digest);
    assert_eq!(result.bytes, out.len() as u64);
    assert!(out.len() - payload.len() < 300, "no stanza but the recipient's: {}", out.len() - payload.len());
}

#[test]
fn other_implementations_open_a_reheaded_segment() {
    let recipient = Identity::generate();
    for length in [0, 65_536, 300_000] {
        let media = media(length);
        let (finished, file) = seal(&mut stream(), &media);
        let (w, e) = secrets(&file);
        let (result, out) = reheaded(&file, &w, &e, &recipient);
        check(&finished, &file, &result, &out);
        for name in ["age", "rage"] {
            assert!(decrypt_with(name, &recipient, &out).unwrap() == media, "{name}, {length} bytes");
            assert_eq!(decrypt_with(name, &Identity::generate(), &out), None, "{name}: another's key");
            let mut changed = out.clone();
            *changed.last_mut().unwrap() ^= 1;
            assert_eq!(decrypt_with(name, &recipient, &changed), None, "{name}: a changed payload");
        }
    }
    // Under custody Owners it is the same.
    let owners = Owners::new(2, 3);
    let (finished, file) = seal_in(&mut stream(), &owners.policy(), "2026-11-25T12:00:00Z", b"media", 5);
    let header = SealedHeader::parse(&file).unwrap();
    let w =
        combine(&owners.shares(&file, &[2, 0]), &header.owners_window().unwrap().context(&header.identity));
    let e = keys().1.decrypt(header.wrapped_epoch_share().1);
    let (result, out) = reheaded(&file, &w.unwrap(), &e, &recipient);
    check(&finished, &file, &result, &out);
    // An owner's sealed share is a file that stock age opens, too.
    let sealed = owners.shares(&file, &[1]).pop().unwrap().to_plaintext().to_vec();
    for name in ["age", "rage"] {
        assert_eq!(decrypt_with(name, &recipient, &out).unwrap(), b"media", "{name}");
        let share = &header.owners_window().unwrap().sealed_shares()[1];
        assert_eq!(decrypt_with(name, &owners.keys[1], share).unwrap(), sealed, "{name}");
    }
}

#[test]
fn the_new_digest_is_known_from_the_payloads_alone() {
    let (finished, file) = seal(&mut stream(), &media(70_000));
    let (w, e) = secrets(&file);
    let recipient = Identity::generate();
    let (result, out) = reheaded(&file, &w, &e, &recipient);
    // The header alone, with a payload that was hashed before, gives the same as the whole file would.
    let header = SealedHeader::parse(&file).unwrap().authenticate(&expectation()).unwrap();
    let new = header.rehead(&w, &e, &recipient.to_public()).unwrap();
    let again = [new.as_bytes(), &file[header.header().byte_length()..]].concat();
    assert_ne!(again, out, "each header has a fresh key of its own");
    let length = out.len() - (file.len() - header.header().byte_length());
    let sha256 = camerafleet_footage::digest::sha256;
    let by_hand = sha256(&[sha256(&out[..length]), result.payload_digest].concat());
    assert_eq!(result.digest, by_hand);
    let by_hand = sha256(&[sha256(new.as_bytes()), result.payload_digest].concat());
    assert_eq!(new.digest(&result.payload_digest), by_hand);
    assert_eq!(hash_segment(&file[..]).unwrap().1, finished.digest);
}

#[test]
fn only_an_authenticated_segment_gets_a_new_header() {
    let mut stream_ = stream();
    let (_, file) = seal(&mut stream_, b"media");
    let (w, e) = secrets(&file);
    let recipient = Identity::generate().to_public();
    let attempt = |file: &[u8], expected: &SegmentExpectation, w: &Secret32, e: &Secret32| {
        let mut out = Vec::new();
        let error = rehead(file, expected, (w, e), &recipient, &mut out).unwrap_err();
        assert_eq!(out, b"", "nothing is written before the checks");
        error
    };
    let other = SegmentExpectation { camera: CameraId::parse("other").unwrap(), ..expectation() };
    assert!(matches!(attempt(&file, &other, &w, &e), OpenError::WrongCamera { .. }));
    let other = SegmentExpectation { stream_key: Some(stream().public_key()), ..expectation() };
    assert!(matches!(attempt(&file, &other, &w, &e), OpenError::WrongStreamKey { .. }));
    assert!(matches!(attempt(&file, &expectation(), &e, &w), OpenError::WrongSecret));
    let renamed = replaced(&file, tenant().as_str(), "another");
    let other = SegmentExpectation {
        tenant: camerafleet_footage::ids::TenantId::parse("another").unwrap(),
        ..expectation()
    };
    assert!(matches!(attempt(&renamed, &other, &w, &e), OpenError::BadSignature { .. }));
    // The signature does not cover foreign stanzas; age's MAC does, and is checked before the file key is passed on.
    let first = "-> camerafleet.io/segment ";
    let foreign = replaced(&file, first, &format!("-> other AAAA\n\n{first}"));
    assert!(matches!(attempt(&foreign, &expectation(), &w, &e), OpenError::TamperedHeader));
    let length = SealedHeader::parse(&file).unwrap().byte_length();
    let mut mac = file.clone();
    mac[length - 10] = if mac[length - 10] == b'A' { b'B' } else { b'A' };
    assert!(matches!(attempt(&mac, &expectation(), &w, &e), OpenError::TamperedHeader));
}

#[test]
fn a_failing_disk_is_told() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (_, file) = seal(&mut stream(), b"media");
    let (w, e) = secrets(&file);
    let refused = rehead(&file[..], &expectation(), (&w, &e), &Identity::generate().to_public(), Full);
    assert!(matches!(refused, Err(OpenError::Io(error)) if error.kind() == io::ErrorKind::StorageFull));
}
