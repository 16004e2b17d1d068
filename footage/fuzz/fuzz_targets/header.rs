//! A header that is accepted says what its bytes say, in the one way there is to say it.
#![no_main]

use camerafleet_footage::seal::{OpenError, SEGMENT_STANZA, SealedHeader};
use libfuzzer_sys::fuzz_target;

/// The items of an identity, which is what the parser understood written out again.
fn items(mut encoded: &[u8]) -> Vec<&str> {
    let mut items = Vec::new();
    while let Some((length, rest)) = encoded.split_first_chunk::<4>() {
        let (item, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        items.push(std::str::from_utf8(item).expect("arguments are ASCII"));
        encoded = rest;
    }
    assert!(encoded.is_empty());
    items
}

fuzz_target!(|file: &[u8]| {
    let header = match SealedHeader::parse(file) {
        Ok(header) => header,
        // More bytes may help only where there is no end yet.
        Err(OpenError::Truncated { .. }) => {
            assert!(!file.split(|b| *b == b'\n').any(|line| line.starts_with(b"---")) || !file.ends_with(b"\n"));
            return;
        }
        Err(_) => return,
    };
    let length = header.byte_length();
    let bytes = &file[..length];
    assert_eq!(SealedHeader::parse(bytes).expect("the header alone"), header);
    assert_eq!(SealedHeader::read(&mut &file[..]).expect("read and parse agree"), header);
    for shorter in [length - 1, length / 2, 0] {
        assert!(matches!(SealedHeader::parse(&file[..shorter]), Err(OpenError::Truncated { .. })));
    }
    let encoded = header.identity.encoded();
    let written = items(&encoded);
    assert_eq!(written[0], SEGMENT_STANZA);
    let line = format!("\n-> {} ", written.join(" "));
    let text = std::str::from_utf8(bytes).expect("a header that is accepted is ASCII");
    assert_eq!(text.matches(&line).count(), 1, "the arguments are not written the one way");
    match (header.wrapped_window_key(), header.owners_window()) {
        (Some((window, _)), None) => assert!(text.contains(&format!(" {window}\n"))),
        (None, Some(owners)) => {
            assert!((1..=owners.sealed_shares().len()).contains(&usize::from(owners.threshold())));
        }
        both => panic!("a window key of no custody or of two: {}", both.0.is_some()),
    }
    let (epoch, _) = header.wrapped_epoch_share();
    assert!(text.contains(&format!(" {epoch}\n")));
    // A signature that the fuzzer cannot have made: only the seeds have good ones.
    let _ = header.verify_signature(&header.identity.stream_key);
});
