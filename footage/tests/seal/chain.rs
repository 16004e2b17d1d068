//! Streams: numbers, windows, the chain, and how it ends.

use std::io::{self, Write};

use camerafleet_footage::layout::{Epoch, MAX_SEGMENT_DURATION_MS, Tracks};
use camerafleet_footage::seal::{
    CloseRecord, GapReason, LossRecord, MAX_REASON_BYTES, PublicKey, RecorderStream, SealError, SealedHeader,
    SegmentPolicy, SegmentWriter, StreamRecordError, WindowCustody, stream_id,
};

use crate::support::*;

fn header(file: &[u8]) -> SealedHeader {
    SealedHeader::parse(file).unwrap()
}

#[test]
fn each_header_carries_its_predecessor() {
    let mut stream = stream();
    assert_eq!((stream.last_sequence(), stream.head()), (None, None));
    assert_eq!(stream.id(), &stream_id(&stream.public_key()));
    let (first, file) = seal(&mut stream, b"first");
    assert_eq!(header(&file).identity.previous, None);
    assert_eq!(header(&file).identity.sequence, 0);
    let (second, file) = seal(&mut stream, b"second");
    let previous = header(&file).identity.previous.unwrap();
    assert_eq!(previous.sequence, 0);
    assert_eq!(previous.digest, first.digest);
    assert_eq!(previous.start_ms, first.name.start_ms);
    assert_eq!(previous.duration_ms, first.name.duration_ms);
    assert_eq!((stream.last_sequence(), stream.head()), (Some(1), Some(second.digest)));
    assert_eq!(second.name.sequence, 1);
    assert_eq!(second.name.hour.to_string(), "20261125T12");
    assert_eq!(header(&file).identity.opened_at, at("2026-11-25T12:59:59.999Z"));
}

#[test]
fn an_abandoned_segment_is_a_gap_in_the_numbers() {
    let mut stream = stream();
    assert_eq!(stream.abandon(), None);
    seal(&mut stream, b"first");
    let writer = stream.open(&policy(), at("2026-11-25T12:00:00Z"), None, Tracks::Video, Vec::new()).unwrap();
    assert!(matches!(
        stream.open(&policy(), at("2026-11-25T12:00:00Z"), None, Tracks::Video, Vec::new()),
        Err(SealError::SegmentOpen { sequence: 1 })
    ));
    assert_eq!(stream.abandon(), Some(1));
    assert!(matches!(stream.finish(writer, 0, 0), Err(SealError::NotTheOpenSegment)));
    let (third, file) = seal(&mut stream, b"third");
    assert_eq!(third.name.sequence, 2);
    assert_eq!(header(&file).identity.previous.unwrap().sequence, 0);
}

#[test]
fn another_streams_writer_is_refused_and_harms_nothing() {
    let (mut one, mut other) = (stream(), stream());
    let open = |s: &mut RecorderStream| {
        s.open(&policy(), at("2026-11-25T12:00:00Z"), None, Tracks::VideoAudio, Vec::new()).unwrap()
    };
    let (mine, foreign) = (open(&mut one), open(&mut other));
    assert!(matches!(one.finish(foreign, 0, 0), Err(SealError::NotTheOpenSegment)));
    let (finished, _) = one.finish(mine, 0, MAX_SEGMENT_DURATION_MS).unwrap();
    assert_eq!(finished.name.tracks, Tracks::VideoAudio);
}

#[test]
fn a_window_key_lasts_an_hour_and_a_policy() {
    let mut stream = stream();
    let mut other = policy();
    other.sharing_policy = [0; 32];
    let mut w = |policy: &SegmentPolicy, opened: &str| {
        let (_, file) = seal_in(&mut stream, policy, opened, b"media", 5);
        let header = header(&file);
        let (name, wrapped) = header.wrapped_window_key().unwrap();
        assert_eq!(name, format!("camera-{}", camera()));
        let (w, e) = secrets(&file);
        (wrapped.to_vec(), *w.expose(), *e.expose())
    };
    let first = w(&policy(), "2026-11-25T12:00:00Z");
    let again = w(&policy(), "2026-11-25T12:59:59.999Z");
    assert!(first.0 == again.0 && first.1 == again.1, "one hour, one window key, wrapped once");
    assert_ne!(first.2, again.2, "each segment has its own epoch share");
    let without = w(&other, "2026-11-25T12:30:00Z");
    assert_ne!(first.1, without.1, "another SharingPolicy, another window key");
    let back = w(&policy(), "2026-11-25T12:40:00Z");
    assert_eq!(first.1, back.1);
    let later = w(&policy(), "2026-11-25T13:00:00Z");
    assert_ne!(first.1, later.1, "another hour, another window key");
    stream.forget_expired(at("2026-11-25T13:59:59Z"));
    let (_, file) = seal_in(&mut stream, &policy(), "2026-11-25T13:59:59Z", b"media", 5);
    assert_eq!(*secrets(&file).0.expose(), later.1);
    stream.forget_expired(at("2026-11-25T14:00:00Z"));
    let (_, file) = seal_in(&mut stream, &policy(), "2026-11-25T13:00:00Z", b"media", 5);
    assert_ne!(*secrets(&file).0.expose(), later.1, "a forgotten key is not made again");
    let (_, file) = seal_in(&mut self::stream(), &policy(), "2026-11-25T13:00:00Z", b"media", 5);
    assert_ne!(*secrets(&file).0.expose(), later.1, "another stream, another window key");
}

#[test]
fn only_the_right_keys_are_sealed_to() {
    let mut stream = stream();
    let mut attempt = |policy: &SegmentPolicy, opened: &str| {
        stream.open(policy, at(opened), None, Tracks::Video, Vec::new()).map(|_| ())
    };
    let mut wrong = policy();
    wrong.window = WindowCustody::Vault(PublicKey::from_pem("camera-other", &keys().0.pem).unwrap());
    assert!(matches!(attempt(&wrong, "2026-11-25T12:00:00Z"), Err(SealError::WrongKeyName { .. })));
    let mut wrong = policy();
    wrong.epoch = Epoch::new(0, 86_400).unwrap();
    assert!(matches!(attempt(&wrong, "2026-11-25T12:00:00Z"), Err(SealError::WrongKeyName { .. })));
    let refused = attempt(&policy(), "1969-12-31T23:00:00Z");
    assert!(matches!(refused, Err(SealError::TimeOutOfRange { .. })));
    // Nothing was taken. When no newer key is there, the last one serves beyond its epoch.
    let (finished, file) = seal_in(&mut stream, &policy(), "2026-12-01T00:00:00Z", b"media", 5);
    assert_eq!(finished.name.sequence, 0);
    assert_eq!(header(&file).identity.epoch, policy().epoch);
    assert!(finished.name.key("p").contains("/20261125T000000Z-86400/"));
}

#[test]
fn an_impossible_time_abandons_the_segment() {
    let mut stream = stream();
    for (start, duration) in [(-1, 0), (i64::MAX, 0), (0, MAX_SEGMENT_DURATION_MS + 1)] {
        let writer =
            stream.open(&policy(), at("2026-11-25T12:00:00Z"), None, Tracks::Video, Vec::new()).unwrap();
        assert!(matches!(stream.finish(writer, start, duration), Err(SealError::TimeOutOfRange { .. })));
    }
    assert_eq!(seal(&mut stream, b"media").0.name.sequence, 3);
}

/// A disk that is full after some bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(self.0);
        self.0 -= n;
        if n == 0 && !bytes.is_empty() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(n) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_costs_the_segment_and_no_more() {
    let mut stream = stream();
    let opened = at("2026-11-25T12:00:00Z");
    assert!(matches!(stream.open(&policy(), opened, None, Tracks::Video, Full(100)), Err(SealError::Io(_))));
    let mut writer = stream.open(&policy(), opened, None, Tracks::Video, Full(50_000)).unwrap();
    assert_eq!(writer.sequence(), 1, "a signed number is not used again");
    writer.write_all(&media(65_536)).unwrap(); // the chunk is written when the next byte comes
    let error = writer.write_all(b"x").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(writer.write_all(b"x").is_err(), "what failed once does not go on");
    assert!(matches!(stream.finish(writer, 0, 0), Err(SealError::Io(_))));
    assert_eq!(stream.last_sequence(), None);
    let (finished, file) = seal(&mut stream, b"media");
    assert_eq!(finished.name.sequence, 2);
    let (w, e) = secrets(&file);
    assert_eq!(open_whole(&file, &w, &e).unwrap(), b"media");
}

#[test]
fn a_close_record_authenticates_the_last_segment() {
    let mut stream_ = stream();
    let key = stream_.public_key();
    seal(&mut stream_, b"first");
    let (second, _) = seal(&mut stream_, b"second");
    let _open = stream_.open(&policy(), at("2026-11-25T12:00:00Z"), None, Tracks::Video, Vec::new()).unwrap();
    let record = stream_.close("the pod\nstops", at("2026-11-25T13:00:01.5Z")).unwrap();
    let last = record.last.unwrap();
    assert_eq!((last.sequence, last.digest), (1, second.digest));
    assert_eq!((last.start_ms, last.duration_ms), (second.name.start_ms, second.name.duration_ms));
    assert_eq!(record.next_sequence, 3, "the open one was given up");
    assert_eq!(record.reason, "the pod stops");
    record.verify(&key).unwrap();
    assert!(matches!(record.verify(&stream().public_key()), Err(StreamRecordError::BadSignature { .. })));
    assert!(record.key("p").starts_with(&format!("p/{}/streams/{}/", tenant(), camera())));

    let json = record.to_json();
    let read = CloseRecord::from_json(&json).unwrap();
    assert_eq!(read, record);
    read.verify(&key).unwrap();
    let text = String::from_utf8(json).unwrap();
    for (from, to) in [
        (tenant().to_string(), "another".to_owned()),
        (camera().to_string(), "another".to_owned()),
        ("\"sequence\":1".into(), "\"sequence\":0".into()),
        ("\"nextSequence\":3".into(), "\"nextSequence\":2".into()),
        ("\"durationMs\":60000".into(), "\"durationMs\":60001".into()),
        ("the pod stops".into(), "the pod stopt".into()),
        (format!("\"closedAtMs\":{}", record.closed_at.as_millisecond()), "\"closedAtMs\":0".into()),
    ] {
        let changed = text.replacen(&from, &to, 1);
        assert_ne!(changed, text, "{from}");
        let changed = CloseRecord::from_json(changed.as_bytes()).unwrap();
        assert!(changed.verify(&key).is_err(), "{from}");
    }
    for (from, to) in [
        ("\"version\":1", "\"version\":2"),
        ("{", "{ "),
        ("{", "{\"also\":1,"),
        ("\"nextSequence\":3", "\"nextSequence\":1"),
        ("\"durationMs\":60000", "\"durationMs\":3600001"),
        ("\"streamKey\":\"", "\"streamKey\":\"00"),
        ("the pod stops", "the pod\\nstops"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert!(CloseRecord::from_json(changed.as_bytes()).is_err(), "{from}");
    }
    assert!(matches!(
        CloseRecord::from_json(text.replacen("\"version\":1", "\"version\":2", 1).as_bytes()),
        Err(StreamRecordError::UnknownVersion(2))
    ));
}

#[test]
fn a_gap_is_signed_with_its_reason() {
    let mut stream = stream();
    let mut sealed = |gap: Option<&str>, abandon: bool| {
        let gap = gap.map(|word| GapReason::parse(word).unwrap());
        if abandon {
            stream.open(&policy(), at("2026-11-25T12:00:00Z"), None, Tracks::Video, Vec::new()).unwrap();
            stream.abandon();
        }
        let writer =
            stream.open(&policy(), at("2026-11-25T12:00:00Z"), gap, Tracks::Video, Vec::new()).unwrap();
        let (_, file) = stream.finish(writer, 0, 1_000).unwrap();
        header(&file).identity.gap.map(|gap| gap.to_string())
    };
    for (gap, abandon, expected) in [
        (Some("stalled"), false, Some("start")), // whatever was before is not this stream's to say
        (None, false, None),
        (Some("camera-gone"), false, Some("camera-gone")),
        (None, true, Some("given-up")),
        (Some("disk"), true, Some("disk")),
    ] {
        assert_eq!(sealed(gap, abandon).as_deref(), expected, "{gap:?}");
    }
    for word in ["", "-", "-a", "a-", "a b", "A", "a1", "a_b", &"a".repeat(33)] {
        assert!(GapReason::parse(word).is_err(), "{word:?}");
    }
    assert!(GapReason::parse("a".repeat(32)).is_ok());
}

#[test]
fn a_loss_record_stands_for_a_segment_that_never_came() {
    let mut stream_ = stream();
    let key = stream_.public_key();
    let (lost, _) = seal(&mut stream_, b"first");
    let (last, file) = seal(&mut stream_, b"second");
    let record = stream_.lose(&lost, "SpoolFull", at("2026-11-25T13:00:01.5Z")).unwrap();
    record.verify(&key).unwrap();
    assert_eq!(header(&file).identity.previous, Some(record.segment));
    assert_eq!((record.previous, record.gap.as_ref().map(GapReason::as_str)), (None, Some("start")));
    assert!(matches!(record.verify(&stream().public_key()), Err(StreamRecordError::BadSignature { .. })));
    let (foreign, _) = seal(&mut stream(), b"another's");
    let refused = stream_.lose(&foreign, "SpoolFull", at("2026-11-25T13:00:01.5Z"));
    assert!(matches!(refused, Err(SealError::NotThisStreams { .. })));
    let second = stream_.lose(&last, "SpoolFull", at("2026-11-25T13:00:01.5Z")).unwrap();
    assert_eq!((second.previous, second.gap), (Some(record.segment), None));

    let json = record.to_json();
    let read = LossRecord::from_json(&json).unwrap();
    assert_eq!(read, record);
    read.verify(&key).unwrap();
    let text = String::from_utf8(json.clone()).unwrap();
    for (from, to) in [
        (tenant().to_string(), "another"),
        (camera().to_string(), "another"),
        ("\"sequence\":0".into(), "\"sequence\":1"),
        ("\"durationMs\":60000".into(), "\"durationMs\":60001"),
        ("\"startMs\":1".into(), "\"startMs\":2"),
        ("SpoolFull".into(), "SpoolFul1"),
        (format!("\"lostAtMs\":{}", record.lost_at.as_millisecond()), "\"lostAtMs\":0"),
    ] {
        let changed = text.replacen(&from, to, 1);
        assert_ne!(changed, text, "{from}");
        let changed = LossRecord::from_json(changed.as_bytes()).unwrap();
        assert!(changed.verify(&key).is_err(), "{from}");
    }
    for (from, to) in [
        ("\"version\":1", "\"version\":2"),
        ("{", "{ "),
        ("{", "{\"also\":1,"),
        ("\"durationMs\":60000", "\"durationMs\":3600001"),
        ("\"sequence\":0", "\"sequence\":9007199254740992"),
        ("\"streamKey\":\"", "\"streamKey\":\"00"),
        ("\"gap\":\"start\"", "\"gap\":null"),
        ("\"gap\":\"start\"", "\"gap\":\"stalled\""),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert!(LossRecord::from_json(changed.as_bytes()).is_err(), "{from}");
    }
    // One kind of record is not taken for the other.
    assert!(CloseRecord::from_json(&json).is_err());
    let close = stream_.close("stop", at("2026-11-25T13:00:01.5Z")).unwrap();
    assert!(LossRecord::from_json(&close.to_json()).is_err());
}

#[test]
fn an_empty_stream_closes_too() {
    let stream = stream();
    let key = stream.public_key();
    let reason = "ä".repeat(MAX_REASON_BYTES);
    let record = stream.close(&reason, at("2026-11-25T13:00:00Z")).unwrap();
    assert_eq!((record.last, record.next_sequence), (None, 0));
    assert_eq!(record.reason.len(), MAX_REASON_BYTES);
    let read = CloseRecord::from_json(&record.to_json()).unwrap();
    read.verify(&key).unwrap();
}

#[test]
fn a_recorder_can_move_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<RecorderStream>();
    is_send::<SegmentWriter<Vec<u8>>>();
    is_send::<camerafleet_footage::seal::OpenedSegment<std::fs::File>>();
}

#[test]
fn public_keys_are_checked() {
    let good = &keys().0.pem;
    let key = PublicKey::from_pem("camera-1", good).unwrap();
    assert_eq!(key.name(), "camera-1");
    assert_eq!(PublicKey::from_pem("camera-1", &good.replace('\n', "\r\n")).unwrap(), key);
    let small = TestKey::new(
        aws_lc_rs::rsa::PrivateDecryptingKey::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap(),
    );
    for (case, name, pem) in [
        ("small", "camera-1", small.pem.as_str()),
        ("empty name", "", good),
        ("name with space", "camera 1", good),
        ("name with newline", "camera-1\n-> x", good),
        ("empty", "camera-1", ""),
        ("two", "camera-1", &good.repeat(2)),
        ("other label", "camera-1", &good.replace("PUBLIC KEY", "RSA PUBLIC KEY")),
        ("cut", "camera-1", &good.replacen("MII", "", 1)),
        ("no key", "camera-1", &pem("PUBLIC KEY", b"hello")),
    ] {
        let refused = PublicKey::from_pem(name, pem);
        assert!(refused.is_err(), "{case}");
    }
}
