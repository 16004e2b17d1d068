//! Round trips, and what is refused before the payload is used.

use std::io::{self, Read, Write};

use camerafleet_footage::ids::{CameraId, TenantId};
use camerafleet_footage::layout::Tracks;
use camerafleet_footage::seal::{OpenError, SealedHeader, Secret32, SegmentExpectation, hash_segment, open};
use proptest::prelude::*;

use crate::support::*;

/// One byte at a time, to find what relies on whole reads.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = out.len().min(1);
        self.0.read(&mut out[..n])
    }
}

#[test]
fn what_was_sealed_opens() {
    for length in [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000] {
        for piece in [7, 65_536, 1 << 20] {
            let media = media(length);
            let (finished, file) = seal_in(&mut stream(), &policy(), "2026-11-25T12:00:00Z", &media, piece);
            let (w, e) = secrets(&file);
            assert!(open_whole(&file, &w, &e).unwrap() == media, "{length} in {piece}");
            assert_eq!(finished.bytes, file.len() as u64);
            let header = SealedHeader::parse(&file).unwrap();
            header.identity.check_name(&finished.name).unwrap();
            assert_eq!(finished.header_digest, header.digest());
            // nonce, payload, a tag for each chunk, of which there is always one
            let chunks = length.div_ceil(65_536).max(1);
            assert_eq!(file.len(), header.byte_length() + 16 + length + 16 * chunks);
        }
    }
}

#[test]
fn the_readers_digest_is_the_writers() {
    let (finished, file) = seal(&mut stream(), &media(150_000));
    let (w, e) = secrets(&file);
    let mut opened = open(Trickle(&file), &expectation(), w, e).unwrap();
    assert_eq!(opened.digest(), None);
    io::copy(&mut opened, &mut io::sink()).unwrap();
    assert_eq!(opened.digest(), Some(finished.digest));
    let (header, digest) = hash_segment(Trickle(&file)).unwrap();
    assert_eq!(digest, finished.digest);
    assert_eq!(&header.identity, opened.identity());
}

#[test]
fn a_header_is_read_from_its_bytes_alone() {
    let (_, file) = seal(&mut stream(), &media(1));
    let length = SealedHeader::parse(&file).unwrap().byte_length();
    let whole = SealedHeader::parse(&file[..length]).unwrap();
    let mut rest = &file[..];
    assert_eq!(SealedHeader::read(&mut rest).unwrap(), whole);
    assert_eq!(rest.len(), file.len() - length, "nothing after the header is consumed");
    for end in 0..length {
        let cut = SealedHeader::parse(&file[..end]);
        assert!(matches!(cut, Err(OpenError::Truncated { part: "header" })), "{end}: {cut:?}");
    }
}

#[test]
fn both_secrets_are_needed_each_in_its_place() {
    let mut stream = stream();
    let (_, file) = seal(&mut stream, b"media");
    let (_, other) = seal_in(&mut stream, &policy(), "2026-11-25T13:00:00Z", b"other", 1);
    let ((w, e), (other_w, other_e)) = (secrets(&file), secrets(&other));
    for (case, w, e) in [
        ("wrong W", &other_w, &e),
        ("wrong E", &w, &other_e),
        ("both wrong", &other_w, &other_e),
        ("swapped", &e, &w),
        ("W twice", &w, &w),
        ("E twice", &e, &e),
    ] {
        let refused = open_whole(&file, w, e);
        assert!(matches!(refused, Err(OpenError::WrongSecret)), "{case}: {:?}", refused.err());
    }
}

#[test]
fn it_must_be_the_segment_that_was_expected() {
    let stream_ = stream();
    let key = stream_.public_key();
    let mut stream_ = stream_;
    let (_, file) = seal(&mut stream_, b"media");
    let (w, e) = secrets(&file);
    let attempt = |expected: SegmentExpectation| open(&file[..], &expected, w.clone(), e.clone()).map(|_| ());
    attempt(SegmentExpectation { stream_key: Some(key), ..expectation() }).unwrap();
    let other = TenantId::parse("other").unwrap();
    let refused = attempt(SegmentExpectation { tenant: other, ..expectation() });
    assert!(matches!(refused, Err(OpenError::WrongTenant { .. })));
    let other = CameraId::parse("other").unwrap();
    let refused = attempt(SegmentExpectation { camera: other, ..expectation() });
    assert!(matches!(refused, Err(OpenError::WrongCamera { .. })));
    let other = stream().public_key();
    let refused = attempt(SegmentExpectation { stream_key: Some(other), ..expectation() });
    assert!(matches!(refused, Err(OpenError::WrongStreamKey { .. })));
}

/// What can be read of a file, and how it ended.
fn prefix(file: &[u8], w: &Secret32, e: &Secret32) -> (Vec<u8>, OpenError, bool) {
    let mut opened = open(file, &expectation(), w.clone(), e.clone()).unwrap();
    let mut media = Vec::new();
    let error = opened.read_to_end(&mut media).unwrap_err();
    assert_eq!(opened.digest(), None);
    assert!(opened.read(&mut [0]).is_err(), "it stays so");
    (media, error.downcast().unwrap(), opened.is_truncated())
}

#[test]
fn a_crash_leaves_a_readable_prefix_that_says_so() {
    let whole = media(200_000);
    let (_, file) = seal(&mut stream(), &whole);
    let (w, e) = secrets(&file);
    let payload = SealedHeader::parse(&file).unwrap().byte_length() + 16;
    let chunk = 65_536 + 16;
    for end in [payload - 16, payload - 1] {
        // Not even age's nonce is there.
        let cut = open_whole(&file[..end], &w, &e);
        assert!(matches!(cut, Err(OpenError::Truncated { part: "payload" })), "{end}: {:?}", cut.err());
    }
    for (end, chunks) in [
        (payload, 0), // at a chunk's end
        (payload + chunk, 1),
        (payload + 3 * chunk, 3),
    ] {
        let (read, error, truncated) = prefix(&file[..end], &w, &e);
        assert!(read == whole[..chunks * 65_536], "{end}: {}", read.len());
        assert!(truncated && matches!(error, OpenError::Truncated { part: "payload" }), "{end}: {error:?}");
    }
    for (end, chunks) in [
        (payload + 1, 0), // inside a chunk
        (payload + chunk - 1, 0),
        (payload + chunk + 1, 1),
        (payload + chunk + 40_000, 1),
        (file.len() - 1, 3),
    ] {
        let (read, error, truncated) = prefix(&file[..end], &w, &e);
        assert!(read == whole[..chunks * 65_536], "{end}: {}", read.len());
        assert!(truncated && matches!(error, OpenError::TamperedPayload), "{end}: {error:?}");
    }
    // A chunk that was changed in the middle of the file is no truncation.
    let mut changed = file.clone();
    changed[payload + chunk + 5] ^= 1;
    let (read, error, truncated) = prefix(&changed, &w, &e);
    assert!(read == whole[..65_536]);
    assert!(!truncated && matches!(error, OpenError::TamperedPayload), "{error:?}");
    // A whole file is none, either.
    let mut opened = open(&file[..], &expectation(), w, e).unwrap();
    io::copy(&mut opened, &mut io::sink()).unwrap();
    assert!(!opened.is_truncated());

    // The last chunk is full: then only its mark as the last one shows the end.
    let (_, file) = seal(&mut stream(), &media(131_072));
    let (w, e) = secrets(&file);
    let (_, error, truncated) = prefix(&file[..file.len() - chunk], &w, &e);
    assert!(truncated && matches!(error, OpenError::Truncated { part: "payload" }), "{error:?}");
    let (_, error, _) = prefix(&[&file[..], b"x"].concat(), &w, &e);
    assert!(matches!(error, OpenError::TamperedPayload), "{error:?}");
}

#[test]
fn after_an_error_nothing_more_is_read() {
    let (_, mut file) = seal(&mut stream(), &media(200_000));
    let (w, e) = secrets(&file);
    let payload = SealedHeader::parse(&file).unwrap().byte_length() + 16;
    file[payload + 70_000] ^= 1; // the second chunk
    let mut opened = open(&file[..], &expectation(), w, e).unwrap();
    let mut out = vec![0; 65_536];
    opened.read_exact(&mut out).unwrap();
    assert!(out == media(65_536));
    for _ in 0..3 {
        assert_eq!(opened.read(&mut out).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
    assert_eq!(opened.digest(), None);
}

#[test]
fn a_failing_file_is_no_forgery() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::ConnectionReset))
        }
    }
    let (_, file) = seal(&mut stream(), &media(100_000));
    let (w, e) = secrets(&file);
    for end in [0, 100, 1_000] {
        let file = (&file[..end]).chain(Broken);
        let refused = open(file, &expectation(), w.clone(), e.clone()).map(|_| ());
        assert!(matches!(refused, Err(OpenError::Io(_))), "{end}: {refused:?}");
    }
    let mut opened = open((&file[..50_000]).chain(Broken), &expectation(), w, e).unwrap();
    let error = io::copy(&mut opened, &mut io::sink()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_media_in_any_pieces_round_trips(
        length in 0..300_000usize,
        pieces in prop::collection::vec(0..100_000usize, 0..20),
    ) {
        let media = media(length);
        let mut stream = stream();
        let mut writer =
            stream.open(&policy(), at("2026-11-25T12:00:00Z"), None, Tracks::Video, Vec::new()).unwrap();
        let mut rest = &media[..];
        for piece in pieces {
            let (now, later) = rest.split_at(piece.min(rest.len()));
            writer.write_all(now).unwrap();
            rest = later;
        }
        writer.write_all(rest).unwrap();
        let (finished, file) = stream.finish(writer, 0, 60_000).unwrap();
        let (w, e) = secrets(&file);
        prop_assert!(open_whole(&file, &w, &e).unwrap() == media);
        prop_assert_eq!(hash_segment(&file[..]).unwrap().1, finished.digest);
    }

    #[test]
    fn one_secret_alone_opens_nothing(guess in any::<[u8; 32]>()) {
        let (_, file) = seal(&mut stream(), b"media");
        let (w, e) = secrets(&file);
        let guess = Secret32::from_bytes(&guess);
        for (w, e) in [(&w, &guess), (&guess, &e), (&guess, &guess)] {
            let refused = open_whole(&file, w, e);
            prop_assert!(matches!(refused, Err(OpenError::WrongSecret)));
        }
    }

    #[test]
    fn no_input_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), stanza in "\\PC{0,200}") {
        prop_assert!(SealedHeader::parse(&bytes).is_err());
        let file = format!("age-encryption.org/v1\n-> camerafleet.io/segment {stanza}\n\n--- {}\n", "A".repeat(43));
        prop_assert!(SealedHeader::parse(file.as_bytes()).is_err());
    }
}
