//! Nothing in a file can be changed unnoticed.

use std::io::Read;

use camerafleet_footage::layout::Tracks;
use camerafleet_footage::seal::{
    MAX_HEADER_BYTES, OpenError, SealedHeader, Secret32, combine, hash_segment, open,
};
use proptest::prelude::*;

use crate::owners::Owners;
use crate::support::*;

/// A second segment of a stream, so that every argument has a value.
fn second() -> (Vec<u8>, Secret32, Secret32) {
    let mut stream = stream();
    seal(&mut stream, b"first");
    let (_, file) = seal(&mut stream, &media(70_000));
    let (w, e) = secrets(&file);
    (file, w, e)
}

#[test]
fn no_bit_of_a_file_can_be_flipped() {
    // Header, stanzas' bodies, MAC, nonce, chunk and tag, bit by bit.
    let mut stream = stream();
    seal(&mut stream, b"first");
    let (_, file) = seal(&mut stream, b"a small payload");
    let (w, e) = secrets(&file);
    assert!(open_whole(&file, &w, &e).is_ok());
    for i in 0..file.len() {
        for bit in 0..8 {
            let mut changed = file.clone();
            changed[i] ^= 1 << bit;
            assert!(open_whole(&changed, &w, &e).is_err(), "bit {bit} of byte {i} of {}", file.len());
        }
    }
}

#[test]
fn no_byte_of_a_file_in_the_owners_keeping_can_be_changed() {
    let owners = Owners::new(2, 2);
    let (_, file) = seal_in(&mut stream(), &owners.policy(), "2026-11-25T12:00:00Z", b"media", 5);
    let header = SealedHeader::parse(&file).unwrap();
    let context = header.owners_window().unwrap().context(&header.identity);
    let w = combine(&owners.shares(&file, &[0, 1]), &context).unwrap();
    let e = keys().1.decrypt(header.wrapped_epoch_share().1);
    assert!(open_whole(&file, &w, &e).is_ok());
    for i in 0..file.len() {
        let mut changed = file.clone();
        changed[i] ^= 1 << (i % 8);
        assert!(open_whole(&changed, &w, &e).is_err(), "byte {i} of {}", file.len());
    }
}

#[test]
fn no_argument_can_be_replaced() {
    let (file, w, e) = second();
    let header = SealedHeader::parse(&file).unwrap();
    let text = String::from_utf8(file[..header.byte_length()].to_vec()).unwrap();
    let line = text.lines().find(|l| l.starts_with("-> camerafleet.io/segment ")).unwrap();
    let arguments: Vec<&str> = line.split(' ').skip(2).collect();
    assert_eq!(arguments.len(), 19);
    // Every one is replaced by a well-formed other value, that of another stream where there is one.
    let mut other = stream();
    seal(&mut other, b"other");
    let (_, other_file) = seal_in(&mut other, &policy(), "2026-11-25T14:00:00Z", b"other", 5);
    let other = SealedHeader::parse(&other_file).unwrap();
    let other_text = String::from_utf8(other_file[..other.byte_length()].to_vec()).unwrap();
    let other_line = other_text.lines().find(|l| l.starts_with("-> camerafleet.io/segment ")).unwrap();
    let others: Vec<&str> = other_line.split(' ').skip(2).collect();
    let digest = "A".repeat(43);
    for (i, argument) in arguments.iter().enumerate() {
        let value = match i {
            0 => "2",
            1 => "somebody",
            2 | 3 => "another",
            6 => "2",
            8 | 10 | 11 => digest.as_str(),
            9 => "epoch-another-20261125T000000Z-86400",
            12 => "-",
            14 => "0",
            15 => "60001",
            16 => "stalled",
            17 => "va",
            i => others[i],
        };
        assert_ne!(*argument, value, "{i}");
        let mut changed = arguments.clone();
        changed[i] = value;
        let changed = format!("-> camerafleet.io/segment {}", changed.join(" "));
        let file = replaced(&file, line, &changed);
        let refused = open(&file[..], &expectation(), w.clone(), e.clone()).map(|_| ());
        let error = refused.expect_err(&format!("argument {i}"));
        match i {
            0 | 1 => assert!(matches!(error, OpenError::UnknownVersion { .. }), "{i}: {error:?}"),
            2 => assert!(matches!(error, OpenError::WrongTenant { .. }), "{error:?}"),
            // the window and epoch stanzas then are for other keys; the id is not the key's; only one `-`;
            // a jump in the numbers without a gap
            3 | 4 | 5 | 6 | 9 | 12 => assert!(matches!(error, OpenError::Malformed { .. }), "{i}: {error:?}"),
            _ => assert!(matches!(error, OpenError::BadSignature { .. }), "{i}: {error:?}"),
        }
    }
    // The other custody, whose window stanza has another form.
    let mut changed = arguments.clone();
    changed[1] = "owners";
    let changed = format!("-> camerafleet.io/segment {}", changed.join(" "));
    let refused = SealedHeader::parse(&replaced(&file, line, &changed));
    assert!(matches!(refused, Err(OpenError::Malformed { .. })), "{refused:?}");
    // An identity that is consistent in itself, and another's: the signature shows it.
    let renamed = replaced(&file, line, &line.replace(tenant().as_str(), "another"));
    let header = SealedHeader::parse(&renamed).unwrap();
    let refused = header.verify_signature(&header.identity.stream_key);
    assert!(matches!(refused, Err(OpenError::BadSignature { .. })));
}

#[test]
fn a_genuine_identity_carries_no_other_keys() {
    // Somebody who can write to the store takes a genuine signed stanza and puts wrapped secrets of their own
    // beside it.
    let mut stream = stream();
    let (_, first) = seal(&mut stream, b"first");
    let (_, second) = seal(&mut stream, b"second");
    let body = |file: &[u8], tag: &str| {
        let length = SealedHeader::parse(file).unwrap().byte_length();
        let text = String::from_utf8(file[..length].to_vec()).unwrap();
        let from = text.find(&format!("-> {tag} ")).unwrap();
        let from = from + text[from..].find('\n').unwrap() + 1;
        let to = from + text[from..].find("-> ").unwrap();
        text[from..to].to_owned()
    };
    for tag in ["camerafleet.io/segment", "camerafleet.io/epoch"] {
        let forged = replaced(&first, &body(&first, tag), &body(&second, tag));
        let header = SealedHeader::parse(&forged).unwrap();
        let refused = header.verify_signature(&header.identity.stream_key);
        assert!(matches!(refused, Err(OpenError::BadSignature { .. })), "{tag}");
    }
    // The payload of one under the header of the other does not authenticate.
    let (w, e) = secrets(&first);
    let length = |file: &[u8]| SealedHeader::parse(file).unwrap().byte_length();
    let mixed = [&first[..length(&first)], &second[length(&second)..]].concat();
    assert!(matches!(open_whole(&mixed, &w, &e), Err(OpenError::TamperedPayload)));
}

#[test]
fn another_streams_signature_is_refused() {
    let (file, ..) = second();
    let header = SealedHeader::parse(&file).unwrap();
    header.verify_signature(&header.identity.stream_key).unwrap();
    let refused = header.verify_signature(&stream().public_key());
    assert!(matches!(refused, Err(OpenError::WrongStreamKey { .. })));
}

#[test]
fn an_added_or_missing_stanza_is_refused() {
    let (file, w, e) = second();
    let attempt = |file: &[u8]| open(file, &expectation(), w.clone(), e.clone()).map(|_| ()).unwrap_err();
    let first = "-> camerafleet.io/segment ";
    let foreign = replaced(&file, first, &format!("-> other AAAA\n\n{first}"));
    assert!(matches!(attempt(&foreign), OpenError::TamperedHeader));
    let newer = replaced(&file, first, &format!("-> camerafleet.io/newer\n\n{first}"));
    assert!(matches!(attempt(&newer), OpenError::UnknownVersion { .. }));
    let twice = replaced(&file, first, &format!("-> camerafleet.io/epoch x\n\n{first}"));
    assert!(matches!(attempt(&twice), OpenError::Malformed { .. }));
    for (tag, other) in [("segment", "x"), ("window", "y"), ("epoch", "z")] {
        let without = replaced(&file, &format!("-> camerafleet.io/{tag} "), &format!("-> {other} "));
        let error = attempt(&without);
        match tag {
            "segment" => assert!(matches!(error, OpenError::NotSealed { .. }), "{error:?}"),
            _ => assert!(matches!(error, OpenError::Malformed { .. }), "{error:?}"),
        }
    }
    // The key that a job is to use cannot be another camera's.
    let window = "-> camerafleet.io/window vault camera-";
    let other = replaced(&file, window, &format!("{window}x"));
    assert!(matches!(attempt(&other), OpenError::Malformed { .. }));
}

#[test]
fn what_is_no_sealed_segment_says_so() {
    let parse = |file: &[u8]| SealedHeader::parse(file).unwrap_err();
    assert!(matches!(parse(b""), OpenError::Truncated { part: "header" }));
    assert!(matches!(parse(b"\0\0\0\x18ftypiso6"), OpenError::NotSealed { .. }));
    assert!(matches!(parse(b"-----BEGIN AGE ENCRYPTED FILE-----"), OpenError::NotSealed { .. }));
    assert!(matches!(parse(b"age-encryption.org/v2\n"), OpenError::UnknownVersion { .. }));
    let key = age::x25519::Identity::generate();
    let plain_age = age::encrypt(&key.to_public(), b"media").unwrap();
    assert!(matches!(parse(&plain_age), OpenError::NotSealed { .. }));
    let endless = [b"age-encryption.org/v1\n".to_vec(), vec![b'-'; 10 * MAX_HEADER_BYTES]].concat();
    assert!(matches!(parse(&endless), OpenError::HeaderTooLong { .. }));
    let endless = std::io::repeat(b'\n');
    let refused = SealedHeader::read(&mut (&b"age-encryption.org/v1\n"[..]).chain(endless));
    assert!(matches!(refused, Err(OpenError::HeaderTooLong { .. })));
    assert!(matches!(hash_segment(&b"x"[..]), Err(OpenError::NotSealed { .. })));
}

#[test]
fn a_name_must_say_what_the_header_says() {
    let (finished, file) = seal(&mut stream(), b"media");
    let identity = SealedHeader::parse(&file).unwrap().identity;
    identity.check_name(&finished.name).unwrap();
    let mut sound = finished.name.clone();
    sound.tracks = Tracks::VideoAudio;
    let mut later = finished.name.clone();
    later.hour = later.hour.next();
    let mut number = finished.name.clone();
    number.sequence += 1;
    let mut who = finished.name;
    who.stream = stream().id().clone();
    for name in [sound, later, number, who] {
        assert!(matches!(identity.check_name(&name), Err(OpenError::Misnamed { .. })));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_bit_of_the_file_can_be_changed(at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let (file, w, e) = second();
        let mut changed = file.clone();
        changed[at.index(file.len())] ^= 1 << bit;
        prop_assert!(open_whole(&changed, &w, &e).is_err());
    }
}
