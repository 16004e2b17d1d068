use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::ids::{CameraId, HoldId, PolicyId, StreamId, TenantId};

const KEY: &str = "elm/street/t-1/footage/p-30d/20261125T000000Z-86400/c-1/20261125T13/\
                   1795611599000-60000-00112233445566778899aabbccddeeff-7-va.mp4.age";

fn name() -> SegmentName {
    SegmentName {
        tenant: TenantId::parse("t-1").unwrap(),
        policy: PolicyId::parse("p-30d").unwrap(),
        epoch: "20261125T000000Z-86400".parse().unwrap(),
        camera: CameraId::parse("c-1").unwrap(),
        hour: "20261125T13".parse().unwrap(),
        start_ms: 1_795_611_599_000,
        duration_ms: 60_000,
        stream: StreamId::parse("00112233445566778899aabbccddeeff").unwrap(),
        sequence: 7,
        tracks: Tracks::VideoAudio,
    }
}

#[test]
fn a_segments_name_is_the_designs() {
    assert_eq!(name().key("elm/street"), KEY);
    assert_eq!(name().key("/elm/street/"), KEY);
    assert_eq!(SegmentName::parse("elm/street", KEY).unwrap(), name());
    assert_eq!(SegmentName::parse("elm/street/", KEY).unwrap(), name());
    let bare = KEY.strip_prefix("elm/street/").unwrap();
    assert_eq!(name().key(""), bare);
    assert_eq!(SegmentName::parse("", bare).unwrap(), name());
    assert_eq!(name().end_ms(), 1_795_611_659_000);
}

#[test]
fn anything_else_is_not_ours() {
    let cases = [
        ("", ""),
        ("t-1/footage/", "t-1/packages/"),
        ("t-1/footage/", "t-1/footage//"),
        ("t-1/footage/", "footage/"),
        ("elm/street", "elm/streets"),
        ("elm/street", "elm//street"),
        ("elm/", "/elm/"),
        ("t-1", "T-1"),
        ("t-1", ".."),
        ("p-30d", "p_30d"),
        ("c-1/", "c-1/../"),
        ("c-1", "-c"),
        ("20261125T000000Z-86400", "20261125T000001Z-86400"), // not aligned
        ("20261125T000000Z-86400", "20261125T000000Z-0"),
        ("20261125T000000Z-86400", "20261125T000000Z-086400"),
        ("20261125T000000Z-86400", "20261125T000000Z"),
        ("20261125T000000Z-86400", "20261125T000000-86400"),
        ("20261125T000000Z-86400", "20261332T000000Z-86400"),
        ("20261125T000000Z-86400", "2026-11-25T00:00:00Z-86400"),
        ("T13", "T24"),
        ("T13", "T1"),
        ("T13", "T13Z"),
        ("T13", "T+3"),
        ("1795611599000", "01795611599000"),
        ("1795611599000", "+1795611599000"),
        ("1795611599000", ""),
        ("1795611599000", "99999999999999999"),
        ("1795611599000", "18446744073709551616"),
        ("1795611599000", "１795611599000"),
        ("-60000-", "-3600001-"), // never due, if it were believed
        ("-60000-", "--60000-"),
        ("-60000-", "-6e4-"),
        ("00112233445566778899aabbccddeeff", "00112233445566778899AABBCCDDEEFF"),
        ("00112233445566778899aabbccddeeff", "00112233445566778899aabbccddee"),
        ("-7-", "-07-"),
        ("-7-", "-9007199254740992-"),
        ("-7-", "-7-7-"),
        ("-va.", "-av."),
        ("-va.", "-a."),
        ("-va.", "."),
        (".mp4.age", ".mp4"),
        (".mp4.age", ".mp4.age.tmp"),
        (".mp4.age", ".mp4.age/x"),
        (".mp4.age", ".mp4.age\n"),
    ];
    for (from, to) in cases.into_iter().skip(1) {
        let hostile = KEY.replacen(from, to, 1);
        assert_ne!(hostile, KEY, "{from}");
        let refused = SegmentName::parse("elm/street", &hostile);
        assert!(refused.is_err(), "{hostile}");
    }
    let long = "x".repeat(100_000);
    let message = SegmentName::parse("", &long).unwrap_err().to_string();
    assert!(message.len() < 400, "{}", message.len());
    assert!(SegmentName::parse("elm/street", "").is_err());
}

#[test]
fn prefixes_end_where_a_name_ends() {
    let n = name();
    let prefixes = [
        (tenant_prefix("x", &n.tenant), "x/t-1/"),
        (tenant_prefix("", &n.tenant), "t-1/"),
        (footage_prefix("x", &n.tenant), "x/t-1/footage/"),
        (policy_prefix("x", &n.tenant, &n.policy), "x/t-1/footage/p-30d/"),
        (epoch_prefix("x", &n.tenant, &n.policy, &n.epoch), "x/t-1/footage/p-30d/20261125T000000Z-86400/"),
        (
            camera_prefix("x", &n.tenant, &n.policy, &n.epoch, &n.camera),
            "x/t-1/footage/p-30d/20261125T000000Z-86400/c-1/",
        ),
        (
            hour_prefix("x", &n.tenant, &n.policy, &n.epoch, &n.camera, n.hour),
            "x/t-1/footage/p-30d/20261125T000000Z-86400/c-1/20261125T13/",
        ),
        (streams_prefix("x", &n.tenant), "x/t-1/streams/"),
    ];
    for (prefix, expected) in prefixes {
        assert_eq!(prefix, expected);
    }
}

#[test]
fn a_close_records_key_reads_back() {
    let n = name();
    let key = close_record_key("x", &n.tenant, &n.camera, &n.stream);
    assert_eq!(key, "x/t-1/streams/c-1/00112233445566778899aabbccddeeff/close.json");
    assert_eq!(parse_close_record_key("x", &n.tenant, &key), Some((n.camera.clone(), n.stream.clone())));
    for other in ["x/t-2/streams/", "x/t-1/stream/", "x/t-1/streams/../", "t-1/streams/"] {
        let key = key.replacen("x/t-1/streams/", other, 1);
        assert_eq!(parse_close_record_key("x", &n.tenant, &key), None, "{key}");
    }
}

#[test]
fn a_loss_records_key_reads_back() {
    let n = name();
    let key = loss_record_key("x", &n.tenant, &n.camera, &n.stream, 7);
    assert_eq!(key, "x/t-1/streams/c-1/00112233445566778899aabbccddeeff/lost-7.json");
    assert_eq!(parse_loss_record_key("x", &n.tenant, &key), Some((n.camera.clone(), n.stream.clone(), 7)));
    assert_eq!(parse_close_record_key("x", &n.tenant, &key), None);
    for (from, to) in [
        ("lost-7", "lost-07"),
        ("lost-7", "lost-"),
        ("lost-7", "lost-9007199254740992"),
        ("lost-7", "close"),
        ("7.json", "7.json.tmp"),
        ("c-1", "C-1"),
        ("/lost", "/a/lost"),
        ("t-1", "t-2"),
    ] {
        let other = key.replacen(from, to, 1);
        assert_ne!(other, key, "{from}");
        assert_eq!(parse_loss_record_key("x", &n.tenant, &other), None, "{other}");
    }
}

#[test]
fn key_names_are_the_designs() {
    let (camera, policy) = (CameraId::parse("c-1").unwrap(), PolicyId::parse("p-1-2").unwrap());
    assert_eq!(camera_key_name(&camera), "camera-c-1");
    assert_eq!(parse_camera_key_name("camera-c-1").unwrap(), camera);
    let epoch = Epoch::new(1_795_564_800, 86_400).unwrap();
    assert_eq!(epoch_key_name(&policy, &epoch), "epoch-p-1-2-20261125T000000Z-86400");
    for name in ["camera-", "camera", "c-1", "camera-C", "hold-1"] {
        assert!(parse_camera_key_name(name).is_err(), "{name}");
    }
    for name in [
        "",
        "epoch-",
        "epoch-20261125T000000Z-86400",
        "epoch--20261125T000000Z-86400",
        "epoch-p-20261125T000000Z",
        "epoch-p-20261125T000001Z-86400",
        "epoch-p-20261125T000000Z-86400-",
        "camera-p-20261125T000000Z-86400",
    ] {
        assert!(parse_epoch_key_name(name).is_err(), "{name}");
    }
}

#[test]
fn epochs_are_aligned_and_half_open() {
    let at: Timestamp = "2026-11-25T13:20:00.5Z".parse().unwrap();
    let day = Epoch::containing(at, 86_400);
    assert_eq!(day.to_string(), "20261125T000000Z-86400");
    assert_eq!(day.end(), "2026-11-26T00:00:00Z".parse().unwrap());
    assert!(day.contains(at) && day.contains(day.start()) && !day.contains(day.end()));
    assert_eq!(serde_json::to_string(&day).unwrap(), "\"20261125T000000Z-86400\"");
    assert_eq!(serde_json::from_str::<Epoch>("\"20261125T000000Z-86400\"").unwrap(), day);
    assert!(serde_json::from_str::<Epoch>("\"20261125T000000Z-7\"").is_err());
    for (start, length) in [(1, 60), (-60, 60), (0, 0), (60, 0), (i64::MAX, 1), (0, u64::MAX)] {
        assert!(Epoch::new(start, length).is_err(), "{start} {length}");
    }
    // What no admitted object says still gives an epoch, and no panic.
    for (at, length) in [(Timestamp::MIN, 0), (Timestamp::MAX, u64::MAX), (Timestamp::MAX, 7)] {
        let epoch = Epoch::containing(at, length);
        assert!(epoch.end() >= epoch.start());
        assert_eq!(epoch.to_string().parse::<Epoch>().unwrap(), epoch);
    }
    assert_eq!(Hour::containing(at).to_string(), "20261125T13");
    assert_eq!(Hour::containing(at).next().to_string(), "20261125T14");
    assert_eq!(Hour::containing(Timestamp::MIN).to_string(), "19700101T00");
}

#[test]
fn a_sidecar_has_one_name() {
    let (tenant, hold) = (TenantId::parse("t-1").unwrap(), HoldId::parse("h-1").unwrap());
    let digest = std::array::from_fn(|i| i as u8 * 7);
    let key = sidecar_key("/elm/street/", &tenant, &hold, &digest);
    assert_eq!(key, format!("elm/street/t-1/holds/h-1/{}", crate::digest::hex(&digest)));
    assert!(key.starts_with(&hold_prefix("elm/street", &tenant, &hold)));
    assert_eq!(parse_sidecar_key("elm/street", &tenant, &key), Some((hold.clone(), digest)));
    for other in [
        key.to_uppercase(),
        format!("{key}0"),
        format!("{key}/"),
        key.replace("/holds/", "/holds//"),
        key.replace("/h-1/", "/"),
        key.replace("/h-1/", "/-h/"),
        key.replace("t-1", "t-2"),
        key[..key.len() - 1].to_owned(),
        String::new(),
    ] {
        assert_eq!(parse_sidecar_key("elm/street", &tenant, &other), None, "{other}");
    }
    assert_eq!(parse_hold_key_name(&hold_key_name(&hold)).unwrap(), hold);
    for other in ["hold-", "hold--a", "Hold-a", "hold-a/b", "camera-h-1"] {
        assert!(parse_hold_key_name(other).is_err(), "{other}");
    }
}

fn id() -> impl Strategy<Value = String> {
    "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?"
}

proptest! {
    #[test]
    fn names_round_trip(
        (tenant, policy, camera) in (id(), id(), id()),
        prefix in "([a-z]{1,8}(/[a-z]{1,8})?)?",
        at in 0..=Timestamp::MAX.as_millisecond(),
        opened in 0..=Timestamp::MAX.as_millisecond(),
        length in 1..=864_000u64,
        duration_ms in 0..=MAX_SEGMENT_DURATION_MS,
        stream in any::<[u8; 16]>(),
        sequence in 0..=MAX_SEQUENCE,
        audio in any::<bool>(),
    ) {
        let opened = Timestamp::from_millisecond(opened).unwrap();
        let name = SegmentName {
            tenant: TenantId::parse(tenant).unwrap(),
            policy: PolicyId::parse(policy).unwrap(),
            epoch: Epoch::containing(opened, length),
            camera: CameraId::parse(camera).unwrap(),
            hour: Hour::containing(opened),
            start_ms: at,
            duration_ms,
            stream: StreamId::from_bytes(stream),
            sequence,
            tracks: if audio { Tracks::VideoAudio } else { Tracks::Video },
        };
        let key = name.key(&prefix);
        prop_assert_eq!(SegmentName::parse(&prefix, &key).unwrap(), name.clone());
        let camera_folder = camera_prefix(&prefix, &name.tenant, &name.policy, &name.epoch, &name.camera);
        prop_assert!(key.starts_with(&camera_folder));
        prop_assert!(name.epoch.contains(opened));
        let epoch_key = epoch_key_name(&name.policy, &name.epoch);
        prop_assert_eq!(parse_epoch_key_name(&epoch_key).unwrap(), (name.policy, name.epoch));
    }

    #[test]
    fn hostile_names_never_parse_into_another_name(key in "\\PC{0,120}", at in 0..KEY.len(), c in any::<char>()) {
        if let Ok(name) = SegmentName::parse("", &key) {
            prop_assert_eq!(name.key(""), key);
        }
        let mut changed = KEY.to_owned();
        changed.replace_range(at..=at, &c.to_string());
        if let Ok(name) = SegmentName::parse("elm/street", &changed) {
            prop_assert_eq!(name.key("elm/street"), changed);
        }
    }
}
