//! Writes the test vectors of `FORMAT.md` into `testdata/`: `make vectors`.
//!
//! The two RSA keys and the owners' age keys are kept from one run to the next, in `index.json`. All else is fresh each
//! time, as the format demands: the stream's key, window keys, epoch shares, file keys and the randomness of RSA-OAEP.
//!
//! A new form of segment is one more [`Vectors::segment`]; a new way to be invalid one more [`Vectors::invalid`].

#![allow(clippy::unwrap_used, reason = "a tool for developers: it says by panicking what went wrong")]

mod invalid;
mod owners;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use camerafleet_footage::digest::hex;
use camerafleet_footage::ids::{CameraId, PolicyId, TenantId};
use camerafleet_footage::layout::{Epoch, Tracks, camera_key_name, epoch_key_name};
use camerafleet_footage::seal::{
    FinishedSegment, GapReason, PublicKey, RecorderStream, SealedHeader, SegmentPolicy, WindowCustody,
};
use jiff::Timestamp;
use serde_json::{Value, json};

const PREFIX: &str = "vectors";
const TENANT: &str = "0c9f0f6e-8a35-4a53-9d39-0a1d1c5ce0a0";
const CAMERA: &str = "7b0e7f5c-5b6d-4b0c-8f8e-1f0d6c1f7a11";
/// 2026-11-25T12:00:00Z.
const OPENED_MS: i64 = 1_795_608_000_000;

fn main() {
    let mut vectors = Vectors::new();
    let mut stream = vectors.stream(TENANT, CAMERA);

    let empty = vectors.segment("empty", &mut stream, 0, None, Tracks::Video);
    vectors.segment("chunk", &mut stream, 65_536, None, Tracks::Video);
    let large = vectors.segment("large", &mut stream, 70_000, None, Tracks::Video);
    let sound = vectors.segment("sound", &mut stream, 1_000, None, Tracks::VideoAudio);
    // A segment that never reaches the store, one that is given up, and the gap behind both.
    let (lost, _) = vectors.seal(&mut stream, 10, None, Tracks::Video);
    let loss = stream.lose(&lost, "SpoolFull", at(200_000)).unwrap().to_json();
    let opened =
        stream.open(&vectors.policy(&stream_camera(CAMERA)), at(250_000), None, Tracks::Video, Vec::new());
    drop(opened.unwrap());
    stream.abandon();
    let gap = vectors.segment("gap", &mut stream, 1_000, Some("camera-gone"), Tracks::Video);
    let owners = vectors.owners_segment("owners", &mut stream, 1_000);
    vectors.stream_key = stream.public_key();
    let close = stream.close("the vectors are complete", at(400_000)).unwrap().to_json();
    vectors.record("valid", "close", "close", &close, None);
    vectors.record("valid", "loss", "loss", &loss, None);

    vectors.invalid_segments(&empty, &large, &sound, &gap);
    vectors.invalid_owners(&owners);
    vectors.invalid_records("close", &close, ("\"nextSequence\":8", "\"nextSequence\":9"));
    vectors.invalid_records("loss", &loss, ("SpoolFull", "SpoolFulL"));
    vectors.write();
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(OPENED_MS + ms).unwrap()
}

fn stream_camera(id: &str) -> CameraId {
    CameraId::parse(id).unwrap()
}

/// A valid segment that others are made of.
struct Made {
    name: String,
    file: Vec<u8>,
    index: Value,
}

struct Vectors {
    camera_key: PrivateDecryptingKey,
    epoch_key: PrivateDecryptingKey,
    owners: Vec<Identity>,
    stream_key: [u8; 32],
    /// The media's time so far.
    at_ms: i64,
    index: Vec<Value>,
}

impl Vectors {
    fn new() -> Self {
        let old: Value = fs::read(folder().join("index.json"))
            .map(|bytes| serde_json::from_slice(&bytes).unwrap())
            .unwrap_or_default();
        let key = |field: &str| match old[field].as_str() {
            Some(der) => PrivateDecryptingKey::from_pkcs8(&BASE64_STANDARD.decode(der).unwrap()).unwrap(),
            None => PrivateDecryptingKey::generate(KeySize::Rsa3072).unwrap(),
        };
        let (camera_key, epoch_key) = (key("cameraKeyPkcs8"), key("epochKeyPkcs8"));
        let owners = match old["owners"].as_array() {
            Some(keys) => keys.iter().map(|key| key.as_str().unwrap().parse().unwrap()).collect(),
            None => (0..3).map(|_| Identity::generate()).collect(),
        };
        for kind in ["valid", "invalid"] {
            let _ = fs::remove_dir_all(folder().join(kind));
            fs::create_dir_all(folder().join(kind)).unwrap();
        }
        Self { camera_key, epoch_key, owners, stream_key: [0; 32], at_ms: 0, index: Vec::new() }
    }

    fn stream(&self, tenant: &str, camera: &str) -> RecorderStream {
        RecorderStream::new(TenantId::parse(tenant).unwrap(), stream_camera(camera)).unwrap()
    }

    fn policy(&self, camera: &CameraId) -> SegmentPolicy {
        let retention = PolicyId::parse("f2d1a9de-64a3-4c7c-a4f5-93f7b7d5f3c2").unwrap();
        let epoch = Epoch::containing(at(0), 86_400);
        let key = |name: &str, private: &PrivateDecryptingKey| {
            let der: PublicKeyX509Der<'_> = private.public_key().as_der().unwrap();
            let body = BASE64_STANDARD.encode(der.as_ref());
            PublicKey::from_pem(
                name,
                &format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----"),
            )
            .unwrap()
        };
        SegmentPolicy {
            epoch_key: key(&epoch_key_name(&retention, &epoch), &self.epoch_key),
            window: WindowCustody::Vault(key(&camera_key_name(camera), &self.camera_key)),
            retention_policy: retention,
            epoch,
            sharing_policy: [0x5a; 32],
        }
    }

    fn seal(
        &mut self,
        stream: &mut RecorderStream,
        length: usize,
        gap: Option<&str>,
        tracks: Tracks,
    ) -> (FinishedSegment, Vec<u8>) {
        self.seal_under(stream, &self.policy(&stream_camera(CAMERA)), length, gap, tracks)
    }

    fn seal_under(
        &mut self,
        stream: &mut RecorderStream,
        policy: &SegmentPolicy,
        length: usize,
        gap: Option<&str>,
        tracks: Tracks,
    ) -> (FinishedSegment, Vec<u8>) {
        let media: Vec<u8> = (0..length).map(|i| (i % 251) as u8 ^ (i >> 16) as u8).collect();
        self.at_ms += if gap.is_some() { 30_000 } else { 0 };
        let gap = gap.map(|reason| GapReason::parse(reason).unwrap());
        let mut writer = stream.open(policy, at(self.at_ms), gap, tracks, Vec::new()).unwrap();
        writer.write_all(&media).unwrap();
        let sealed = stream.finish(writer, OPENED_MS + self.at_ms, 60_000).unwrap();
        self.at_ms += 60_000;
        sealed
    }

    /// A valid segment.
    fn segment(
        &mut self,
        name: &str,
        stream: &mut RecorderStream,
        length: usize,
        gap: Option<&str>,
        tracks: Tracks,
    ) -> Made {
        let (finished, file) = self.seal(stream, length, gap, tracks);
        let index = self.describe(&finished, &file, length);
        let made = Made { name: name.to_owned(), file, index };
        self.add("valid", &format!("{name}.mp4.age"), &made.file, made.index.clone());
        made
    }

    /// What a reader is given and must find.
    fn describe(&self, finished: &FinishedSegment, file: &[u8], length: usize) -> Value {
        let header = SealedHeader::parse(file).unwrap();
        json!({
            "kind": "segment",
            "key": finished.name.key(PREFIX),
            "mediaBytes": length,
            "windowKey": self.window_key(&header),
            "epochShare": unwrap(&self.epoch_key, header.wrapped_epoch_share().1),
            "identity": hex(&header.identity.encoded()),
            "gap": header.identity.gap.map(|gap| gap.to_string()),
            "digest": hex(&finished.digest),
        })
    }

    fn record(&mut self, folder: &str, name: &str, kind: &str, json: &[u8], error: Option<&str>) {
        self.add(folder, &format!("{name}.json"), json, json!({ "kind": kind, "error": error }));
    }

    fn add(&mut self, folder_name: &str, file: &str, bytes: &[u8], mut index: Value) {
        let file = format!("{folder_name}/{file}");
        fs::write(folder().join(&file), bytes).unwrap();
        index["file"] = file.into();
        if index.get("error").is_none() {
            index["error"] = Value::Null;
        }
        self.index.push(index);
    }

    fn write(self) {
        let pkcs8 = |key: &PrivateDecryptingKey| {
            let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
            BASE64_STANDARD.encode(der.as_ref())
        };
        let index = json!({
            "about": "See FORMAT.md, \"Test vectors\". The keys were made for these files alone.",
            "cameraKeyPkcs8": pkcs8(&self.camera_key),
            "epochKeyPkcs8": pkcs8(&self.epoch_key),
            "owners": self.owners.iter().map(|key| key.to_string().expose_secret().to_owned()).collect::<Vec<_>>(),
            "prefix": PREFIX,
            "tenant": TENANT,
            "camera": CAMERA,
            "streamKey": hex(&self.stream_key),
            "vectors": self.index,
        });
        let mut json = serde_json::to_vec_pretty(&index).unwrap();
        json.push(b'\n');
        fs::write(folder().join("index.json"), json).unwrap();
    }
}

fn unwrap(key: &PrivateDecryptingKey, body: &[u8]) -> String {
    let key = OaepPrivateDecryptingKey::new(key.clone()).unwrap();
    let mut plain = vec![0; key.min_output_size()];
    hex(key.decrypt(&OAEP_SHA256_MGF1SHA256, body, &mut plain, None).unwrap())
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "testdata"].iter().collect()
}
