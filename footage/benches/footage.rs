//! `make bench-footage`: what sealing costs over bare age, in one run on one thread. Nothing is written to disk.
//!
//! Each round measures every case once, so that a busy machine slows them alike; the table shows the median and
//! the spread, the ratio is the median of the rounds' own ratios.

#![allow(clippy::unwrap_used, reason = "a tool for developers: it says by panicking what went wrong")]

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::time::Instant;

use age::Decryptor;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use camerafleet_footage::ids::{CameraId, PolicyId, TenantId};
use camerafleet_footage::layout::{Epoch, Tracks, camera_key_name, epoch_key_name};
use camerafleet_footage::seal::{
    PublicKey, RecorderStream, SealedHeader, Secret32, SegmentExpectation, SegmentPolicy, WindowCustody,
    hash_segment, open, rehead,
};
use jiff::Timestamp;

/// A minute of 4 Mbit/s.
const MEDIA_BYTES: usize = 30 << 20;
/// What a recorder writes at a time: a frame or two.
const PIECE_BYTES: usize = 16 << 10;
const ROUNDS: usize = 21;
/// The goals.
const SEAL_RATIO: f64 = 0.9;
const HEADER_BYTES: usize = 2_560;

fn main() {
    let bench = Bench::new();
    let mut sealed = Vec::new();
    bench.seal(&mut sealed);
    let mut bare = Vec::new();
    bench.age(&mut bare);
    // age adds a stanza of random length.
    let header = |_| {
        let mut file = Vec::new();
        bench.seal_media(&[], &mut file);
        SealedHeader::parse(&file).unwrap().byte_length()
    };
    let header_bytes = (0..50).map(header).max().unwrap();

    type Case<'a> = (&'static str, Box<dyn FnMut() + 'a>);
    let mut cases: Vec<Case<'_>> = vec![
        ("age, one X25519 recipient", Box::new(|| bench.age(io::sink()))),
        ("seal", Box::new(|| bench.seal(io::sink()))),
        ("age, opened", Box::new(|| bench.age_open(&bare))),
        ("open", Box::new(|| bench.open(&sealed))),
        ("digest of a stored segment", Box::new(|| _ = black_box(hash_segment(&sealed[..]).unwrap().1))),
        ("re-head", Box::new(|| bench.rehead(&sealed))),
    ];
    let mut speeds: Vec<Vec<f64>> = vec![Vec::new(); cases.len()];
    for round in 0..=ROUNDS {
        for (case, (_, work)) in cases.iter_mut().enumerate() {
            let began = Instant::now();
            work();
            let speed = MEDIA_BYTES as f64 / 1e6 / began.elapsed().as_secs_f64();
            // The first round warms up.
            if round > 0 {
                speeds[case].push(speed);
            }
        }
    }

    println!(
        "{ROUNDS} rounds of {} MB in pieces of {} KiB, MB/s",
        MEDIA_BYTES / 1_000_000,
        PIECE_BYTES >> 10
    );
    println!("{:<28} {:>8} {:>8} {:>8}", "", "median", "lowest", "highest");
    for ((name, _), speeds) in cases.iter().zip(&speeds) {
        let (low, middle, high) = spread(speeds.clone());
        println!("{name:<28} {middle:>8.0} {low:>8.0} {high:>8.0}");
    }
    let ratios: Vec<f64> = speeds[1].iter().zip(&speeds[0]).map(|(seal, age)| seal / age).collect();
    let (low, ratio, high) = spread(ratios);
    let verdict = |met: bool| if met { "met" } else { "MISSED" };
    println!(
        "seal / age: {ratio:.2} ({low:.2} to {high:.2}), goal {SEAL_RATIO}: {}",
        verdict(ratio >= SEAL_RATIO)
    );
    println!("header: {header_bytes} bytes, goal {HEADER_BYTES}: {}", verdict(header_bytes <= HEADER_BYTES));
    let summary = serde_json::json!({
        "bench": "footage",
        "seal_ratio": (ratio * 100.0).round() / 100.0,
        "open_mb_s": spread(speeds[3].clone()).1.round(),
        "rehead_mb_s": spread(speeds[5].clone()).1.round(),
        "header_bytes": header_bytes,
    });
    println!("{summary}");
}

fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[0], values[values.len() / 2], values[values.len() - 1])
}

struct Bench {
    media: Vec<u8>,
    policy: SegmentPolicy,
    expected: SegmentExpectation,
    keys: [PrivateDecryptingKey; 2],
    identity: age::x25519::Identity,
}

impl Bench {
    fn new() -> Self {
        // As long as the ids of a cluster are.
        let id = "0c9f0f6e-8a35-4a53-9d39-0a1d1c5ce0a0";
        let (camera, retention) = (CameraId::parse(id).unwrap(), PolicyId::parse(id).unwrap());
        let epoch = Epoch::containing(at(), 86_400);
        let keys = [(); 2].map(|()| PrivateDecryptingKey::generate(KeySize::Rsa3072).unwrap());
        let public = |name: &str, key: &PrivateDecryptingKey| {
            let der: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
            let body = BASE64_STANDARD.encode(der.as_ref());
            PublicKey::from_pem(
                name,
                &format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----"),
            )
            .unwrap()
        };
        let policy = SegmentPolicy {
            window: WindowCustody::Vault(public(&camera_key_name(&camera), &keys[0])),
            epoch_key: public(&epoch_key_name(&retention, &epoch), &keys[1]),
            retention_policy: retention,
            epoch,
            sharing_policy: [0x5a; 32],
        };
        let mut media = vec![0; MEDIA_BYTES];
        aws_lc_rs::rand::fill(&mut media).unwrap();
        let expected = SegmentExpectation { tenant: TenantId::parse(id).unwrap(), camera, stream_key: None };
        Self { media, policy, expected, keys, identity: age::x25519::Identity::generate() }
    }

    fn seal(&self, out: impl Write) {
        self.seal_media(&self.media, out);
    }

    fn seal_media(&self, media: &[u8], out: impl Write) {
        let mut stream =
            RecorderStream::new(self.expected.tenant.clone(), self.expected.camera.clone()).unwrap();
        let mut writer = stream.open(&self.policy, at(), None, Tracks::Video, out).unwrap();
        for piece in media.chunks(PIECE_BYTES) {
            writer.write_all(piece).unwrap();
        }
        let (finished, _) = stream.finish(writer, at().as_millisecond(), 60_000).unwrap();
        black_box(finished);
    }

    fn age(&self, out: impl Write) {
        let recipient = self.identity.to_public();
        let encryptor =
            age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient)).unwrap();
        let mut writer = encryptor.wrap_output(out).unwrap();
        for piece in self.media.chunks(PIECE_BYTES) {
            writer.write_all(piece).unwrap();
        }
        writer.finish().unwrap();
    }

    fn age_open(&self, file: &[u8]) {
        let identity = std::iter::once(&self.identity as &dyn age::Identity);
        drain(Decryptor::new(file).unwrap().decrypt(identity).unwrap());
    }

    fn open(&self, file: &[u8]) {
        let (w, e) = self.secrets(file);
        drain(open(file, &self.expected, w, e).unwrap());
    }

    fn rehead(&self, file: &[u8]) {
        let (w, e) = self.secrets(file);
        let new = rehead(file, &self.expected, (&w, &e), &self.identity.to_public(), io::sink()).unwrap();
        assert!(new.bytes > MEDIA_BYTES as u64);
    }

    fn secrets(&self, file: &[u8]) -> (Secret32, Secret32) {
        let header = SealedHeader::parse(file).unwrap();
        let unwrap = |key: &PrivateDecryptingKey, body: &[u8]| {
            let key = OaepPrivateDecryptingKey::new(key.clone()).unwrap();
            let mut plain = vec![0; key.min_output_size()];
            let plain = key.decrypt(&OAEP_SHA256_MGF1SHA256, body, &mut plain, None).unwrap();
            Secret32::try_from(&*plain).unwrap()
        };
        let w = unwrap(&self.keys[0], header.wrapped_window_key().expect("custody Vault").1);
        let e = unwrap(&self.keys[1], header.wrapped_epoch_share().1);
        (w, e)
    }
}

fn drain(mut file: impl Read) {
    let mut buffer = vec![0; 64 << 10];
    let mut length = 0;
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => break,
            n => length += n,
        }
    }
    assert_eq!(length, MEDIA_BYTES);
}

fn at() -> Timestamp {
    Timestamp::from_second(1_795_608_000).unwrap()
}
