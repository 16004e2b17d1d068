//! When an epoch's key goes.

use std::collections::{BTreeMap, BTreeSet};

use camerafleet_crds::Span;
use proptest::prelude::*;

use super::{at, minute, policy};
use crate::{
    ids::{CameraId, PolicyId, StreamId},
    layout::{Epoch, epoch_key_name},
    retention::{EpochUse, InUse, Recorder, Shred, Terms, due_at, shred, still_open},
    shard::{CameraState, CameraStatus, Recorder as Incarnation, ShardStatus, StoreState},
};

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
