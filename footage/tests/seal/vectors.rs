//! The test vectors of `FORMAT.md`: files that every release must read, and files that it must refuse for the
//! right reason. `make vectors` writes them.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::io::Read;
use std::path::PathBuf;

use aws_lc_rs::rsa::PrivateDecryptingKey;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use camerafleet_footage::digest::hex;
use camerafleet_footage::ids::{CameraId, TenantId};
use camerafleet_footage::layout::SegmentName;
use camerafleet_footage::seal::{
    CloseRecord, LossRecord, OpenError, OwnersCustody, SealedHeader, Secret32, SegmentExpectation,
    StreamRecordError, WindowShare, combine, open,
};
use serde_json::Value;

use crate::support::{TestKey, media};

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "testdata"].iter().collect()
}

fn index() -> Value {
    serde_json::from_slice(&fs::read(folder().join("index.json")).unwrap()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn bytes(value: &Value) -> [u8; 32] {
    let text = text(value);
    std::array::from_fn(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
}

/// The name of an error's variant, as the index has it.
fn kind(error: impl Debug) -> String {
    let text = format!("{error:?}");
    text.split([' ', '(', '{']).next().unwrap().to_owned()
}

/// All that a reader does with a segment.
fn read_segment(index: &Value, vector: &Value, file: &[u8]) -> Result<(Vec<u8>, [u8; 32]), OpenError> {
    let expected = SegmentExpectation {
        tenant: TenantId::parse(text(&index["tenant"])).unwrap(),
        camera: CameraId::parse(text(&index["camera"])).unwrap(),
        stream_key: Some(bytes(&index["streamKey"])),
    };
    let secret = |field: &str| Secret32::from_bytes(&bytes(&vector[field]));
    let header = SealedHeader::parse(file)?.authenticate(&expected)?;
    let identity = &header.header().identity;
    if let Some(window) = header.header().owners_window() {
        window.check_owners(identity, &owners(vector))?;
    }
    let mut opened = open(file, &expected, secret("windowKey"), secret("epochShare"))?;
    opened
        .identity()
        .check_name(&SegmentName::parse(text(&index["prefix"]), text(&vector["key"])).unwrap())?;
    let mut read = Vec::new();
    opened.read_to_end(&mut read).map_err(|error| error.downcast::<OpenError>().unwrap())?;
    Ok((read, opened.digest().unwrap()))
}

/// The owners that the SharingPolicy names.
fn owners(vector: &Value) -> OwnersCustody {
    let threshold = usize::try_from(vector["owners"]["threshold"].as_u64().unwrap()).unwrap();
    OwnersCustody::new(threshold, vector["owners"]["recipients"].as_array().unwrap().iter().map(text))
        .unwrap()
}

fn read_record(index: &Value, vector: &Value, file: &[u8]) -> Result<(), StreamRecordError> {
    let stream_key = bytes(&index["streamKey"]);
    match text(&vector["kind"]) {
        "close" => CloseRecord::from_json(file)?.verify(&stream_key),
        "loss" => LossRecord::from_json(file)?.verify(&stream_key),
        other => panic!("a vector of kind {other}"),
    }
}

#[test]
fn every_vector_is_read_or_refused_as_the_index_says() {
    let index = index();
    let mut files = BTreeSet::from(["index.json".to_owned()]);
    let mut seen = BTreeSet::new();
    for vector in index["vectors"].as_array().unwrap() {
        let name = text(&vector["file"]);
        files.insert(name.to_owned());
        let file = fs::read(folder().join(name)).unwrap();
        let found = if vector["kind"] == "segment" {
            read_segment(&index, vector, &file).map(Some).map_err(kind)
        } else {
            read_record(&index, vector, &file).map(|()| None).map_err(kind)
        };
        match (&vector["error"], found) {
            (Value::Null, Ok(read)) => {
                if let Some((read, digest)) = read {
                    let length = usize::try_from(vector["mediaBytes"].as_u64().unwrap()).unwrap();
                    assert!(read == media(length), "{name}");
                    assert_eq!(hex(&digest), text(&vector["digest"]), "{name}");
                }
            }
            (expected, Err(error)) => {
                assert_eq!(expected.as_str(), Some(&*error), "{name}");
                seen.insert(error);
            }
            (expected, Ok(_)) => panic!("{name} is read, though it should be refused: {expected}"),
        }
    }
    // The folder holds nothing else, and there is a vector for each error that a file alone can cause.
    for folder_name in ["valid", "invalid"] {
        for entry in fs::read_dir(folder().join(folder_name)).unwrap() {
            let name = format!("{folder_name}/{}", entry.unwrap().file_name().to_str().unwrap());
            assert!(files.contains(&name), "{name} is not in the index");
        }
    }
    let all = "BadSignature Malformed Misnamed NotSealed TamperedHeader TamperedPayload Truncated UnknownVersion \
               WrongCamera WrongOwners WrongSecret WrongStreamKey WrongTenant";
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>().join(" "), all);
}

#[test]
fn the_valid_vectors_are_one_stream() {
    let index = index();
    let key = |field: &str| {
        let der = BASE64_STANDARD.decode(text(&index[field])).unwrap();
        TestKey::new(PrivateDecryptingKey::from_pkcs8(&der).unwrap())
    };
    let (camera_key, epoch_key) = (key("cameraKeyPkcs8"), key("epochKeyPkcs8"));
    let owners_keys: Vec<age::x25519::Identity> =
        index["owners"].as_array().unwrap().iter().map(|key| text(key).parse().unwrap()).collect();
    let loss = LossRecord::from_json(&fs::read(folder().join("valid/loss.json")).unwrap()).unwrap();
    let close = CloseRecord::from_json(&fs::read(folder().join("valid/close.json")).unwrap()).unwrap();
    let mut head = None;
    for vector in index["vectors"].as_array().unwrap() {
        if vector["kind"] != "segment" || !vector["error"].is_null() {
            continue;
        }
        let header = SealedHeader::parse(&fs::read(folder().join(text(&vector["file"]))).unwrap()).unwrap();
        assert_eq!(hex(&header.identity.encoded()), text(&vector["identity"]));
        let windows = match (header.wrapped_window_key(), header.owners_window()) {
            (Some((_, wrapped)), _) => vec![camera_key.decrypt(wrapped)],
            (None, Some(window)) => {
                let sealed: Vec<_> = window.shares(&header.identity).collect();
                let share = |i: usize| WindowShare::open(sealed[i].1, &owners_keys[i], &sealed[i].0).unwrap();
                let context = window.context(&header.identity);
                [(0, 1), (0, 2), (1, 2)]
                    .map(|(a, b)| combine(&[share(a), share(b)], &context).unwrap())
                    .into_iter()
                    .collect()
            }
            (None, None) => unreachable!(),
        };
        let e = epoch_key.decrypt(header.wrapped_epoch_share().1);
        for w in windows {
            assert_eq!(hex(w.expose()), text(&vector["windowKey"]));
        }
        assert_eq!(hex(e.expose()), text(&vector["epochShare"]));
        if header.identity.previous == Some(loss.segment) {
            assert_eq!(loss.previous.map(|p| p.digest), head);
            assert_eq!(vector["gap"], "camera-gone");
        } else {
            assert_eq!(header.identity.previous.map(|p| p.digest), head);
        }
        head = Some(bytes(&vector["digest"]));
    }
    assert_eq!(close.last.map(|last| last.digest), head);
}
