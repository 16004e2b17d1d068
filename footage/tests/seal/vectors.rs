//! The test vectors of `FORMAT.md`: files of a finished stream that every release must read.

use std::fs;
use std::io::Read;
use std::path::PathBuf;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::PrivateDecryptingKey;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use camerafleet_footage::layout::SegmentName;
use camerafleet_footage::seal::{CloseRecord, SealedHeader, SegmentExpectation, open};
use serde_json::{Value, json};

use crate::support::*;

const PREFIX: &str = "vectors";

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "vectors"].iter().collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The media of each segment: as many bytes as this, as [`media`] makes them.
const LENGTHS: [usize; 2] = [0, 70_000];

#[test]
fn the_vectors_open() {
    let index: Value = serde_json::from_slice(&fs::read(folder().join("index.json")).unwrap()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let key = |field: &str| {
        let der = BASE64_STANDARD.decode(text(&index[field])).unwrap();
        TestKey::new(PrivateDecryptingKey::from_pkcs8(&der).unwrap())
    };
    let (camera_key, epoch_key) = (key("cameraKeyPkcs8"), key("epochKeyPkcs8"));
    let close = CloseRecord::from_json(&fs::read(folder().join("close.json")).unwrap()).unwrap();
    close.verify(&close.stream_key).unwrap();
    let mut chain = None;
    for (i, segment) in index["segments"].as_array().unwrap().iter().enumerate() {
        let file = fs::read(folder().join(text(&segment["file"]))).unwrap();
        let header = SealedHeader::parse(&file).unwrap();
        let w = camera_key.decrypt(header.wrapped_window_key().unwrap().1);
        let e = epoch_key.decrypt(header.wrapped_epoch_share().1);
        assert_eq!(hex(w.expose()), text(&segment["windowKey"]));
        assert_eq!(hex(e.expose()), text(&segment["epochShare"]));
        assert_eq!(hex(&header.identity.encoded()), text(&segment["identity"]));
        assert_eq!(header.identity.previous.map(|p| p.digest), chain);
        let name = SegmentName::parse(PREFIX, &text(&segment["key"])).unwrap();
        header.identity.check_name(&name).unwrap();
        let expected = SegmentExpectation { stream_key: Some(close.stream_key), ..expectation() };
        let mut opened = open(&file[..], &expected, w, e).unwrap();
        let mut read = Vec::new();
        opened.read_to_end(&mut read).unwrap();
        assert!(read == media(LENGTHS[i]));
        chain = opened.digest();
        assert_eq!(hex(&chain.unwrap()), text(&segment["digest"]));
    }
    assert_eq!(close.last.map(|last| last.digest), chain);
}

/// Run by hand, for a new version of the format: the files hold fresh random keys each time.
#[test]
#[ignore = "overwrites the vectors"]
fn write_the_vectors() {
    fs::create_dir_all(folder()).unwrap();
    let mut stream = stream();
    let mut segments = Vec::new();
    for (i, length) in LENGTHS.into_iter().enumerate() {
        let (finished, file) = seal_in(&mut stream, &policy(), "2026-11-25T12:00:00Z", &media(length), 1_400);
        let (w, e) = secrets(&file);
        let name = format!("segment-{i}.mp4.age");
        fs::write(folder().join(&name), &file).unwrap();
        segments.push(json!({
            "file": name,
            "key": finished.name.key(PREFIX),
            "digest": hex(&finished.digest),
            "identity": hex(&SealedHeader::parse(&file).unwrap().identity.encoded()),
            "windowKey": hex(w.expose()),
            "epochShare": hex(e.expose()),
        }));
    }
    let close = stream.close("the vectors are complete", at("2026-11-25T12:02:00Z")).unwrap();
    fs::write(folder().join("close.json"), close.to_json()).unwrap();
    let pkcs8 = |key: &TestKey| {
        let der: Pkcs8V1Der<'_> = key.private.as_der().unwrap();
        BASE64_STANDARD.encode(der.as_ref())
    };
    let index = json!({
        "about": "Keys made for these files alone, see FORMAT.md. media[i] = (i mod 251) xor (i >> 16 mod 256).",
        "cameraKeyPkcs8": pkcs8(&keys().0),
        "epochKeyPkcs8": pkcs8(&keys().1),
        "segments": segments,
    });
    fs::write(folder().join("index.json"), serde_json::to_vec_pretty(&index).unwrap()).unwrap();
}
