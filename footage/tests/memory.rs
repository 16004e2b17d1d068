//! Sealing, opening and re-heading stream: what they hold in memory does not grow with the segment. One test in a
//! process of its own, as the allocator counts the whole process.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

#[path = "seal/support.rs"]
#[allow(dead_code, reason = "this uses some of it")]
mod support;

use std::fs::File;
use std::io::{self, Write};

use age::x25519::Identity;
use camerafleet_footage::layout::Tracks;
use camerafleet_footage::seal::{
    OwnersCustody, RecorderStream, SegmentPolicy, SegmentWriter, WindowCustody, open, rehead,
};
use peak_alloc::PeakAlloc;

use support::*;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// The promise: per open segment, beside the buffers of its samples.
const LIMIT: usize = 256 * 1024;
const STREAMS: usize = 8;
const MIB: usize = 1 << 20;

/// The most that `act` held above what was there before it.
fn held<T>(act: impl FnOnce() -> T) -> (T, usize) {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let result = act();
    (result, HEAP.peak_usage().saturating_sub(before))
}

/// Seals `mebibytes` into each of several segments that are open at a time; what each of them held.
fn sealing(policy: &SegmentPolicy, mebibytes: usize, sample: &[u8]) -> usize {
    let mut streams: Vec<RecorderStream> = (0..STREAMS).map(|_| stream()).collect();
    let ((), held) = held(|| {
        let mut writers: Vec<SegmentWriter<io::Sink>> = streams
            .iter_mut()
            .map(|s| s.open(policy, at("2026-11-25T12:00:00Z"), None, Tracks::Video, io::sink()).unwrap())
            .collect();
        for _ in 0..mebibytes * MIB / sample.len() {
            writers.iter_mut().for_each(|writer| writer.write_all(sample).unwrap());
        }
        for (stream, writer) in streams.iter_mut().zip(writers) {
            stream.finish(writer, 0, 60_000).unwrap();
        }
    });
    held / STREAMS
}

#[test]
fn an_open_segment_holds_little_whatever_its_length() {
    let sample = media(16 * 1024);
    let keys: Vec<Identity> = (0..16).map(|_| Identity::generate()).collect();
    let recipients: Vec<String> = keys.iter().map(|key| key.to_public().to_string()).collect();
    let owners = OwnersCustody::new(9, recipients.iter().map(String::as_str)).unwrap();
    let owners = SegmentPolicy { window: WindowCustody::Owners(owners), ..policy() };
    for (custody, policy) in [("vault", policy()), ("16 owners", owners)] {
        for mebibytes in [1, 4] {
            let held = sealing(&policy, mebibytes, &sample);
            println!("sealing, {custody}, {mebibytes} MiB: {held} bytes for each open segment");
            assert!(held <= LIMIT, "{custody}, {mebibytes} MiB: {held}");
        }
    }

    for mebibytes in [1, 8] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("segment");
        let mut stream = stream();
        let file = File::create(&path).unwrap();
        let mut writer =
            stream.open(&policy(), at("2026-11-25T12:00:00Z"), None, Tracks::Video, file).unwrap();
        for _ in 0..mebibytes * MIB / sample.len() {
            writer.write_all(&sample).unwrap();
        }
        stream.finish(writer, 0, 60_000).unwrap();
        let (w, e) = secrets(&std::fs::read(&path).unwrap());
        let (copied, opening) = held(|| {
            let mut opened = open(File::open(&path).unwrap(), &expectation(), w.clone(), e.clone()).unwrap();
            io::copy(&mut opened, &mut io::sink()).unwrap()
        });
        assert_eq!(copied, (mebibytes * MIB) as u64);
        let recipient = keys[0].to_public();
        let (_, reheading) = held(|| {
            rehead(File::open(&path).unwrap(), &expectation(), (&w, &e), &recipient, io::sink()).unwrap()
        });
        println!("{mebibytes} MiB: opening holds {opening} bytes, re-heading {reheading}");
        assert!(opening <= LIMIT && reheading <= LIMIT, "{mebibytes} MiB: {opening}, {reheading}");
    }
}
