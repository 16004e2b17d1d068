use std::collections::{BTreeMap, BTreeSet};

use camerafleet_crds::Span;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::{
    ids::{CameraId, PolicyId, StreamId, TenantId},
    layout::{Epoch, SegmentName, Tracks, epoch_key_name},
    shard::{CameraState, CameraStatus, Recorder as Incarnation, ShardStatus, StoreState},
};

const BASE: i64 = 1_795_611_600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(BASE + second).unwrap()
}

fn policy(id: &str) -> PolicyId {
    PolicyId::parse(id).unwrap()
}

/// The minute that begins at `second`.
fn minute(second: i64) -> Epoch {
    Epoch::containing(at(second), 60)
}

fn segment(start: i64, seconds: u64) -> SegmentName {
    SegmentName {
        tenant: TenantId::parse("t-1").unwrap(),
        policy: policy("p-1"),
        epoch: minute(start),
        camera: CameraId::parse("c-1").unwrap(),
        hour: crate::layout::Hour::containing(at(start)),
        start_ms: at(start).as_millisecond(),
        duration_ms: seconds * 1_000,
        stream: StreamId::from_bytes([7; 16]),
        sequence: 1,
        tracks: Tracks::Video,
    }
}

fn nobody() -> EpochUse {
    EpochUse {
        listed: BTreeSet::new(),
        recorders: Vec::new(),
        max_age: Span::minutes(1),
        uncopied: BTreeSet::new(),
    }
}

fn pending(names: &[(&str, i64)]) -> Recorder {
    Recorder::Pending { exactly: BTreeSet::new(), oldest: epochs(names) }
}

fn exactly(names: &[(&str, i64)]) -> Recorder {
    Recorder::Pending { exactly: epochs(names), oldest: Vec::new() }
}

fn epochs<T: FromIterator<(PolicyId, Epoch)>>(names: &[(&str, i64)]) -> T {
    names.iter().map(|(p, start)| (policy(p), minute(*start))).collect()
}

#[test]
fn a_segment_is_due_from_the_later_of_its_end_and_its_arrival() {
    // start, length, stored at, kept for, due at
    let cases = [(0, 10, 11, 180, 191), (0, 60, 20, 180, 240), (0, 10, 3_600, 60, 3_660), (-9, 9, 0, 60, 60)];
    for (start, seconds, stored, kept, due) in cases {
        let name = segment(start, seconds);
        let keep_for = Span::seconds(kept);
        assert!(!is_due(&name, at(stored), keep_for, at(due) - SignedDuration::from_millis(1)), "{start}");
        assert!(is_due(&name, at(stored), keep_for, at(due)), "{start}");
    }
}

#[test]
fn a_time_beyond_what_can_be_written_is_never_due() {
    assert_eq!(due_at(Timestamp::MAX, Span::seconds(1)), Timestamp::MAX);
    assert!(!is_due(&segment(0, 1), at(0), Span::seconds(u64::MAX), at(1_000_000)));
}

#[test]
fn an_epoch_is_open_while_anyone_may_write_under_its_key() {
    let epoch = minute(0);
    let listed = BTreeSet::from([epoch_key_name(&policy("p-1"), &epoch)]);
    let with = |recorders: Vec<Recorder>| EpochUse { recorders, ..nobody() };
    let cases: Vec<(&str, EpochUse, i64, Option<InUse>)> = vec![
        ("it is not over", nobody(), 59, Some(InUse::NotOver)),
        ("nobody is left", nobody(), 60, None),
        ("listed", EpochUse { listed, ..nobody() }, 9_999, Some(InUse::Listed)),
        ("nothing pending", with(vec![pending(&[])]), 60, None),
        ("pending itself", with(vec![pending(&[("p-1", 0)])]), 9_999, Some(InUse::Pending)),
        ("behind an older one", with(vec![pending(&[("p-1", -60)])]), 9_999, Some(InUse::Pending)),
        ("a later one only", with(vec![pending(&[("p-1", 60)])]), 60, None),
        ("another policy's, older", with(vec![pending(&[("p-2", -60)])]), 119, Some(InUse::Pending)),
        ("the same, given up", with(vec![pending(&[("p-2", -60)])]), 120, None),
        ("another policy's, later", with(vec![pending(&[("p-2", 60)])]), 60, None),
        ("named", with(vec![exactly(&[("p-1", 0)])]), 9_999, Some(InUse::Pending)),
        ("an older one named", with(vec![exactly(&[("p-1", -60)])]), 60, None),
        ("another policy's named", with(vec![exactly(&[("p-2", -60), ("p-2", 0)])]), 60, None),
        ("named by one of two", with(vec![exactly(&[]), exactly(&[("p-1", 0)])]), 60, Some(InUse::Pending)),
        ("one of two is silent", with(vec![pending(&[]), Recorder::Silent]), 119, Some(InUse::Pending)),
        ("the same, given up", with(vec![pending(&[]), Recorder::Silent]), 120, None),
    ];
    for (name, used, now, expected) in cases {
        assert_eq!(still_open(&policy("p-1"), &epoch, &used, in_force(1), at(now)), expected, "{name}");
    }
}

#[test]
fn a_key_goes_when_its_newest_segment_is_past_and_not_with_the_objects() {
    let (epoch, terms) = (minute(0), in_force(180));
    let decide =
        |newest: Option<i64>, now| shred(&policy("p-1"), &epoch, &nobody(), newest.map(at), terms, at(now));
    assert_eq!(decide(None, 239), Shred::Wait(at(240)));
    assert_eq!(decide(None, 240), Shred::Destroy);
    assert_eq!(decide(Some(10), 239), Shred::Wait(at(240)), "deleted or not, the same moment");
    assert_eq!(decide(Some(90), 240), Shred::Wait(at(270)));
    assert_eq!(decide(Some(90), 270), Shred::Destroy, "still stored, and past its date");
    assert_eq!(shred(&policy("p-1"), &minute(0), &nobody(), None, in_force(1), at(30)), Shred::Wait(at(61)));
}

/// Keys are made a day ahead: without this a policy that is deleted would wait for all of them to be used.
#[test]
fn a_retired_policys_key_that_opens_nothing_goes_at_once_and_no_other() {
    let terms = Terms { retired: true, ..in_force(180) };
    let decide = |used: &EpochUse, newest: Option<i64>, now| {
        shred(&policy("p-1"), &minute(60), used, newest.map(at), terms, at(now))
    };
    assert_eq!(decide(&nobody(), None, 0), Shred::Destroy, "made ahead and never used");
    assert_eq!(decide(&nobody(), Some(70), 80), Shred::Wait(at(300)), "footage lives to its date");
    let listed = EpochUse { listed: [epoch_key_name(&policy("p-1"), &minute(60))].into(), ..nobody() };
    assert_eq!(decide(&listed, None, 0), Shred::InUse(InUse::Listed), "a recorder was told of it");
    let silent = EpochUse { recorders: vec![Recorder::Silent], ..nobody() };
    assert_eq!(decide(&silent, None, 0), Shred::InUse(InUse::Pending), "a recorder may have something");
}

fn in_force(seconds: u64) -> Terms {
    Terms { keep_for: Span::seconds(seconds), retired: false }
}

fn answer(names: &[Option<&str>], spool_bytes: u64) -> ShardStatus {
    let camera = |name: &Option<&str>| CameraStatus {
        state: CameraState::Recording,
        message: String::new(),
        stream: None,
        recorder: Incarnation {
            stream: StreamId::from_bytes([1; 16]),
            public_key: String::new(),
            last_sequence: None,
            head: None,
        },
        stored: StoreState::Stored,
        oldest_pending_epoch: name.map(str::to_owned),
        pending_epochs: None,
    };
    let id = |n: usize| CameraId::parse(format!("c-{n}")).unwrap();
    let cameras: BTreeMap<_, _> = names.iter().enumerate().map(|(n, name)| (id(n), camera(name))).collect();
    ShardStatus {
        pod_uid: "u".into(),
        config_digest: String::new(),
        draining: false,
        spool_bytes,
        cameras,
        other_pending_epochs: BTreeSet::new(),
    }
}

#[test]
fn what_a_recorder_does_not_tell_counts_as_pending() {
    let name = epoch_key_name(&policy("p-1"), &minute(0));
    assert_eq!(Recorder::of(None), Recorder::Silent);
    assert_eq!(Recorder::of(Some(&answer(&[None], 0))), pending(&[]));
    assert_eq!(Recorder::of(Some(&answer(&[None, Some(&name)], 9))), pending(&[("p-1", 0)]));
    assert_eq!(Recorder::of(Some(&answer(&[None], 9))), Recorder::Silent, "whose are they?");
    assert_eq!(Recorder::of(Some(&answer(&[Some("epoch-of-tomorrow")], 0))), Recorder::Silent);
    let mut left = answer(&[None], 9);
    left.other_pending_epochs = BTreeSet::from([name.clone()]);
    assert_eq!(Recorder::of(Some(&left)), exactly(&[("p-1", 0)]));
    // A camera that names them all, beside one of the release before.
    let later = epoch_key_name(&policy("p-2"), &minute(60));
    let mut both = answer(&[Some(&name), Some(&name)], 9);
    let newer = both.cameras.values_mut().next_back().unwrap();
    newer.pending_epochs = Some(BTreeSet::from([later.clone()]));
    let oldest = epochs(&[("p-1", 0)]);
    assert_eq!(Recorder::of(Some(&both)), Recorder::Pending { exactly: epochs(&[("p-2", 60)]), oldest });
    let newer = both.cameras.values_mut().next_back().unwrap();
    newer.pending_epochs = Some(BTreeSet::from([later, "epoch-of-tomorrow".to_owned()]));
    assert_eq!(Recorder::of(Some(&both)), Recorder::Silent, "one of them cannot be read");
}

#[test]
fn a_summary_fits_a_termination_message() {
    let mut summary = RunSummary::started(at(0));
    summary.message = "x".repeat(1_000);
    summary.oldest_footage_time = Some(at(0));
    let text = serde_json::to_string(&summary).unwrap();
    assert!(text.len() < 4_096, "the kubelet cuts a longer one");
    assert_eq!(serde_json::from_str::<RunSummary>(&text).unwrap(), summary);
}

fn recorder() -> impl Strategy<Value = Recorder> {
    let one = (prop_oneof![Just("p-1"), Just("p-2")], -20..20i64);
    prop_oneof![
        Just(Recorder::Silent),
        prop::collection::vec(one, 0..3).prop_map(|names| {
            let minutes: Vec<_> = names.into_iter().map(|(p, n)| (p, n * 60)).collect();
            pending(&minutes)
        }),
    ]
}

proptest! {
    #[test]
    fn never_early(start in -5_000..5_000i64, seconds in 0..3_600u64, stored in -5_000..9_000i64, kept in 1..9_000u64, now in -5_000..30_000i64) {
        let name = segment(start, seconds);
        if is_due(&name, at(stored), Span::seconds(kept), at(now)) {
            let kept = i64::try_from(kept).unwrap();
            prop_assert!(now >= stored + kept);
            prop_assert!(at(now).as_millisecond() >= name.end_ms() + kept * 1_000);
        }
    }

    #[test]
    fn an_epoch_that_is_not_visited_holds_nothing_due(second in -5_000..5_000i64, length in 1..9_000u64, late in 0..9_000i64, kept in 1..9_000u64, now in -5_000..30_000i64) {
        let epoch = Epoch::containing(at(second), length);
        let mut name = segment(second, 1);
        name.epoch = epoch;
        // The store takes a segment after its epoch began.
        let stored = epoch.start() + SignedDuration::from_secs(late);
        let due = is_due(&name, stored, Span::seconds(kept), at(now));
        prop_assert!(!due || may_hold_due(&epoch, Span::seconds(kept), at(now)));
    }

    #[test]
    fn a_key_in_use_is_never_destroyed(
        minutes in -20..20i64,
        listed in prop::collection::btree_set(-20..20i64, 0..6),
        recorders in prop::collection::vec(recorder(), 0..4),
        max_age in 1..3_600u64,
        newest in prop::option::of(-5_000..5_000i64),
        kept in 1..3_600u64,
        retired in any::<bool>(),
        uncopied in any::<bool>(),
        now in -5_000..9_000i64,
    ) {
        let (policy, epoch) = (policy("p-1"), minute(minutes * 60));
        let used = EpochUse {
            listed: listed.iter().map(|n| epoch_key_name(&policy, &minute(n * 60))).collect(),
            recorders,
            max_age: Span::seconds(max_age),
            uncopied: uncopied.then_some(epoch).into_iter().collect(),
        };
        let keep_for = Span::seconds(kept);
        let decided = shred(&policy, &epoch, &used, newest.map(at), Terms { keep_for, retired }, at(now));
        if decided != Shred::Destroy {
            return Ok(());
        }
        // Neither the present epoch's nor a future one's, but where nothing opens with it and nothing will.
        let unused = retired && newest.is_none();
        prop_assert!(unused || epoch.end() <= at(now));
        prop_assert!(!uncopied, "what is held would lose its only way to be read");
        // Not while a recorder is told to use it.
        prop_assert!(!used.listed.contains(&epoch_key_name(&policy, &epoch)));
        // Not before the newest segment and the epoch's own end are past their date.
        prop_assert!(unused || due_at(epoch.end(), keep_for) <= at(now));
        prop_assert!(newest.is_none_or(|n| due_at(at(n), keep_for) <= at(now)));
        // Not while a recorder has something of it.
        let own = |(of, oldest): &(PolicyId, Epoch)| *of == policy && oldest.start() <= epoch.start();
        for recorder in &used.recorders {
            match recorder {
                Recorder::Silent => prop_assert!(due_at(epoch.end(), used.max_age) <= at(now)),
                Recorder::Pending { exactly, oldest } => {
                    prop_assert!(!exactly.contains(&(policy.clone(), epoch)));
                    prop_assert!(!oldest.iter().any(own));
                }
            }
        }
    }
}

/// What happens to a tenant's footage while runs go by: a store, holds that come and go, a policy that changes, clocks
/// that are wrong. Times are seconds after [`BASE`].
#[derive(Clone, Debug)]
struct World {
    segments: Vec<(i64, u64, i64, u8)>,
    holds: Vec<(i64, i64, i64, u64, Option<u8>)>,
    keep_for: [u64; 2],
    most: Option<u64>,
    /// When a run lists, how much later it deletes, by how much its clock, the API server's and the store's are off.
    runs: Vec<(i64, i64, [i64; 3])>,
}

fn world() -> impl Strategy<Value = World> {
    let segment = (0i64..4_000, 1u64..120, 0i64..600, 0u8..2);
    let hold = (0i64..4_000, 0i64..4_000, 0i64..6_000, 60u64..3_000, proptest::option::of(0u8..2));
    let skew = prop_oneof![Just(0i64), -299i64..300, -2_000i64..2_000];
    let run = (0i64..12_000, 0i64..400, [skew.clone(), skew.clone(), skew]);
    (
        proptest::collection::vec(segment, 0..40),
        proptest::collection::vec(hold, 0..4),
        [60u64..3_000, 60u64..3_000],
        proptest::option::of(1u64..2_000),
        proptest::collection::vec(run, 1..6),
    )
        .prop_map(|(segments, holds, keep_for, most, runs)| World {
            segments,
            holds,
            keep_for,
            most,
            runs,
        })
}

fn legal_hold(
    (from, length, created, duration, camera): (i64, i64, i64, u64, Option<u8>),
) -> camerafleet_crds::LegalHold {
    let cameras: Vec<_> =
        camera.iter().map(|n| serde_json::json!({"name": "x", "id": format!("c-{n}")})).collect();
    serde_json::from_value(serde_json::json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "LegalHold",
        "metadata": {"name": "h", "creationTimestamp": at(created)},
        "spec": {
            "cameras": cameras, "allCameras": camera.is_none(), "duration": format!("{duration}s"),
            "window": {"from": at(from), "to": at(from + length)},
            "reference": {"kind": "Matter", "name": "7"},
        },
    }))
    .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Nothing that is held or not due is ever deleted, whatever the holds, the policies and the clocks.
    #[test]
    fn nothing_held_or_not_due_is_ever_deleted(world in world()) {
        use crate::hold::Holds;
        const TOLERANCE: i64 = 300;
        let mut segments: Vec<_> = world.segments.iter().map(|&(start, seconds, late, camera)| {
            let name = SegmentName { camera: CameraId::parse(format!("c-{camera}")).unwrap(), ..segment(start, seconds) };
            (name, start + i64::try_from(seconds).unwrap() + late - 60, camera)
        }).collect();
        segments.sort_by_key(|(name, ..)| name.start_ms);
        let objects: Vec<_> = world.holds.iter().map(|hold| legal_hold(*hold)).collect();
        let there = |moment: i64| objects.iter().zip(&world.holds).filter(move |(_, hold)| hold.2 <= moment).map(|(o, _)| o);
        for (n, &(listed, pause, [ours, servers, stores])) in world.runs.iter().enumerate() {
            let deleted_at = listed + pause;
            let (first, second) = (listed + ours, deleted_at + ours);
            let agree = |moment: i64| clocks_agree(at(moment + ours), at(moment + servers)) && clocks_agree(at(moment + ours), at(moment + stores));
            if !agree(listed) {
                continue;
            }
            let stored: Vec<_> = segments.iter().filter(|(_, arrived, _)| *arrived <= listed).cloned().collect();
            let keep_for = Span::seconds(world.keep_for[n % 2]);
            let begun = Holds::of(there(listed), at(first));
            let mut excess = Excess::default();
            if let Some(most) = world.most {
                let mut bytes = BTreeMap::new();
                for (name, ..) in stored.iter().filter(|(name, ..)| !begun.cover(name)) {
                    *bytes.entry(name.camera.clone()).or_default() += 100;
                }
                excess = Excess::of(bytes, most);
            }
            let went: Vec<_> = stored.iter().filter_map(|(name, arrived, camera)| {
                let judged = judge(name, (at(*arrived), 100), keep_for, &begun, &mut excess, at(first));
                matches!(judged, Judged::Due | Judged::OverLimit).then_some((judged, name, *arrived, *camera))
            }).collect();
            // Right before it is deleted: the policy and the holds are read again.
            let kept_now = Span::seconds(world.keep_for[(n + 1) % 2]);
            let mut fresh = Holds::of(there(deleted_at), at(second));
            fresh.join(&begun);
            for (judged, name, arrived, camera) in went {
                let still = match judged {
                    Judged::OverLimit => !fresh.cover(name),
                    _ => judge(name, (at(arrived), 100), kept_now, &fresh, &mut Excess::default(), at(second)) == Judged::Due,
                };
                if !still {
                    continue;
                }
                // By plain arithmetic, without the rules above.
                let (start, end) = (name.start_ms / 1_000 - BASE, name.end_ms() / 1_000 - BASE);
                let due = end.max(arrived) + i64::try_from(world.keep_for[(n + 1) % 2]).unwrap();
                if judged == Judged::Due {
                    prop_assert!(due <= second, "it goes {} s early by the job's clock", due - second);
                    let worst = [servers, stores].map(|clock| due - (deleted_at + clock));
                    prop_assert!(worst.iter().all(|early| *early <= TOLERANCE), "{worst:?} early by the others'");
                } else {
                    let most = world.most.unwrap();
                    let newer = stored.iter().filter(|(other, ..)| other.camera == name.camera && other.start_ms >= name.start_ms && !begun.cover(other)).count();
                    prop_assert!(u64::try_from(newer).unwrap() * 100 > most, "its camera was within its limit");
                }
                for &(from, length, created, duration, held) in &world.holds {
                    let in_force = created <= deleted_at && second < created + i64::try_from(duration).unwrap();
                    let covers = held.is_none_or(|held| held == camera) && start <= from + length && end >= from;
                    prop_assert!(!(in_force && covers), "it was held");
                }
                segments.retain(|(other, _, c)| (other, *c) != (name, camera));
            }
        }
    }
}
