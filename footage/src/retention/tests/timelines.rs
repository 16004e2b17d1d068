//! Runs over random timelines, as the job makes them: listed and judged, and judged again before anything is deleted.

use camerafleet_crds::Span;
use proptest::prelude::*;

use super::{BASE, at, segment};
use crate::{
    ids::CameraId,
    layout::SegmentName,
    retention::{Judged, OverLimit, Room, clocks_agree, judge},
};

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
        // In the store's order, and no name twice.
        segments.sort_by_key(|(name, ..)| name.key(""));
        segments.dedup_by_key(|(name, ..)| name.clone());
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
            let mut over = OverLimit::default();
            for camera in world.most.iter().flat_map(|_| 0..2) {
                let mut room = Room::of(world.most.unwrap());
                stored.iter().filter(|(name, _, c)| *c == camera && !begun.cover(name)).for_each(|(name, ..)| room.add(name.clone(), 100));
                room.last().iter().for_each(|last| over.up_to(last));
            }
            // Right before something is deleted, the policy and the holds are read again.
            let kept_now = Span::seconds(world.keep_for[(n + 1) % 2]);
            let mut fresh = Holds::of(there(deleted_at), at(second));
            fresh.join(&begun);
            // Another job that counted the same goes on when the first one is done.
            for (name, arrived, camera) in [stored.clone(), stored].concat() {
                let there = segments.iter().any(|(other, ..)| *other == name);
                let first = judge(&name, at(arrived), keep_for, &begun, &over, at(first));
                let judged = judge(&name, at(arrived), kept_now, &fresh, &over, at(second));
                let goes = |judged| matches!(judged, Judged::Due | Judged::OverLimit);
                if !there || !goes(first) || !goes(judged) {
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
                    let newer = segments.iter().filter(|(other, arrived, _)| *arrived <= listed && other.camera == name.camera && other.start_ms >= name.start_ms && !begun.cover(other)).count();
                    prop_assert!(u64::try_from(newer).unwrap() * 100 > most, "its camera was within its limit");
                }
                for &(from, length, created, duration, held) in &world.holds {
                    let in_force = created <= deleted_at && second < created + i64::try_from(duration).unwrap();
                    let covers = held.is_none_or(|held| held == camera) && start <= from + length && end >= from;
                    prop_assert!(!(in_force && covers), "it was held");
                }
                segments.retain(|(other, ..)| *other != name);
            }
        }
    }
}
