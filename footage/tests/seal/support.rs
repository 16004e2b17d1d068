//! Keys, a stream with fixed ids, and a custodian that unwraps what a header carries.

use std::io::{Read, Write};
use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine as _;
use camerafleet_footage::ids::{CameraId, PolicyId, TenantId};
use camerafleet_footage::layout::{Epoch, Tracks, camera_key_name, epoch_key_name};
use camerafleet_footage::seal::{
    FinishedSegment, OpenError, PublicKey, RecorderStream, SealedHeader, Secret32, SegmentExpectation,
    SegmentPolicy, WindowCustody, open,
};
use jiff::Timestamp;

/// An RSA key of both halves.
pub struct TestKey {
    pub private: PrivateDecryptingKey,
    pub pem: String,
}

impl TestKey {
    pub fn new(private: PrivateDecryptingKey) -> Self {
        let der: PublicKeyX509Der<'_> = private.public_key().as_der().unwrap();
        let pem = pem("PUBLIC KEY", der.as_ref());
        Self { private, pem }
    }

    /// What Transit's `decrypt` does.
    pub fn decrypt(&self, ciphertext: &[u8]) -> Secret32 {
        let key = OaepPrivateDecryptingKey::new(self.private.clone()).unwrap();
        let mut plain = vec![0; key.min_output_size()];
        let plain = key.decrypt(&OAEP_SHA256_MGF1SHA256, ciphertext, &mut plain, None).unwrap();
        Secret32::try_from(&*plain).unwrap()
    }
}

pub fn pem(label: &str, der: &[u8]) -> String {
    let body = base64::prelude::BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// A camera's and an epoch's key. Made once: a key takes a good part of a second.
pub fn keys() -> &'static (TestKey, TestKey) {
    static KEYS: OnceLock<(TestKey, TestKey)> = OnceLock::new();
    KEYS.get_or_init(|| {
        let key = || TestKey::new(PrivateDecryptingKey::generate(KeySize::Rsa3072).unwrap());
        (key(), key())
    })
}

pub fn tenant() -> TenantId {
    TenantId::parse("0c9f0f6e-8a35-4a53-9d39-0a1d1c5ce0a0").unwrap()
}

pub fn camera() -> CameraId {
    CameraId::parse("7b0e7f5c-5b6d-4b0c-8f8e-1f0d6c1f7a11").unwrap()
}

pub fn retention() -> PolicyId {
    PolicyId::parse("f2d1a9de-64a3-4c7c-a4f5-93f7b7d5f3c2").unwrap()
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn policy_with(camera_key: &TestKey, epoch_key: &TestKey) -> SegmentPolicy {
    let epoch = Epoch::containing(at("2026-11-25T12:00:00Z"), 86_400);
    SegmentPolicy {
        retention_policy: retention(),
        epoch,
        epoch_key: PublicKey::from_pem(&epoch_key_name(&retention(), &epoch), &epoch_key.pem).unwrap(),
        window: WindowCustody::Vault(
            PublicKey::from_pem(&camera_key_name(&camera()), &camera_key.pem).unwrap(),
        ),
        sharing_policy: [0x5a; 32],
    }
}

pub fn policy() -> SegmentPolicy {
    policy_with(&keys().0, &keys().1)
}

pub fn stream() -> RecorderStream {
    RecorderStream::new(tenant(), camera()).unwrap()
}

/// Seals `media` in pieces of `piece` bytes, opened at `opened`.
pub fn seal_in(
    stream: &mut RecorderStream,
    policy: &SegmentPolicy,
    opened: &str,
    media: &[u8],
    piece: usize,
) -> (FinishedSegment, Vec<u8>) {
    let mut writer = stream.open(policy, at(opened), None, Tracks::Video, Vec::new()).unwrap();
    for piece in media.chunks(piece) {
        writer.write_all(piece).unwrap();
    }
    let start = at(opened).as_millisecond() - 40;
    stream.finish(writer, start, 60_000).unwrap()
}

pub fn seal(stream: &mut RecorderStream, media: &[u8]) -> (FinishedSegment, Vec<u8>) {
    seal_in(stream, &policy(), "2026-11-25T12:59:59.9994Z", media, 1_400)
}

/// The two secrets of a file, as the keys' custodian unwraps them.
pub fn secrets(file: &[u8]) -> (Secret32, Secret32) {
    let header = SealedHeader::parse(file).unwrap();
    (
        keys().0.decrypt(header.wrapped_window_key().unwrap().1),
        keys().1.decrypt(header.wrapped_epoch_share().1),
    )
}

pub fn expectation() -> SegmentExpectation {
    SegmentExpectation { tenant: tenant(), camera: camera(), stream_key: None }
}

/// Opens and reads to the end.
pub fn open_whole(file: &[u8], w: &Secret32, e: &Secret32) -> Result<Vec<u8>, OpenError> {
    let mut opened = open(file, &expectation(), w.clone(), e.clone())?;
    let mut media = Vec::new();
    match opened.read_to_end(&mut media) {
        Ok(_) => Ok(media),
        Err(error) => Err(error.downcast().unwrap()),
    }
}

/// Media of a length that shows a chunk's place.
pub fn media(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i % 251) as u8 ^ (i >> 16) as u8).collect()
}

/// The file with one piece of text in its header replaced.
pub fn replaced(file: &[u8], from: &str, to: &str) -> Vec<u8> {
    let length = SealedHeader::parse(file).unwrap().byte_length();
    let header = std::str::from_utf8(&file[..length]).unwrap();
    assert!(header.contains(from), "{from:?} is not in the header");
    [header.replacen(from, to, 1).as_bytes(), &file[length..]].concat()
}

/// A stanza's body as age wraps it.
pub fn wrapped(body: &[u8]) -> String {
    let text = base64::prelude::BASE64_STANDARD_NO_PAD.encode(body);
    let mut out = String::new();
    for line in text.as_bytes().chunks(64) {
        out += std::str::from_utf8(line).unwrap();
        out.push('\n');
    }
    if text.len().is_multiple_of(64) {
        out.push('\n');
    }
    out
}

/// The reverse of [`wrapped`].
pub fn unwrapped(text: &str) -> Vec<u8> {
    base64::prelude::BASE64_STANDARD_NO_PAD.decode(text.replace('\n', "")).unwrap()
}
