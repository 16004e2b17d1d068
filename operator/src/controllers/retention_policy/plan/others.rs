//! Which keys go that are no epoch's: those of cameras that nobody declares, when nothing of them is left, and those of
//! holds that are over.

use std::collections::{BTreeMap, BTreeSet};

use camerafleet_crds::{Camera, DestroyIntent};
use camerafleet_footage::{
    hold::Holds,
    ids::CameraId,
    layout::{parse_camera_key_name, parse_hold_key_name},
    retention::{EpochUse, due_at},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{super::intents::MAX_INTENTS, Shredding};
use crate::identity;

/// The cameras' and holds' keys of the policy's tenant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OtherKeys {
    /// All of them.
    pub all: BTreeSet<String>,
    /// Those of cameras that are neither declared, nor in a recorder's configuration, nor held, as far as they were looked at, and
    /// whether footage of theirs is left; none where the store did not say.
    pub orphans: BTreeMap<String, Option<bool>>,
    /// Those of them that go by `deletionPolicy: Shred`, whatever is left.
    pub shredded: BTreeSet<String>,
    /// Those of holds that are over, by the log, too.
    pub ended: BTreeSet<String>,
    /// Whether this policy's job sees to them: one of the tenant's does.
    pub ours: bool,
}

/// Whether an intent is about a camera's or a hold's key.
pub fn is_other(intent: &DestroyIntent) -> bool {
    parse_camera_key_name(&intent.key).is_ok() || parse_hold_key_name(&intent.key).is_ok()
}

impl OtherKeys {
    /// Finds the keys of cameras that are neither declared, recorded nor held. Of those that are to be shredded, with their
    /// Camera or with all of the tenant, it does not matter whether footage is left.
    pub fn add_orphans(
        &mut self,
        cameras: &[Camera],
        recorded: &BTreeSet<CameraId>,
        holds: &Holds,
        shred_all: bool,
    ) {
        let ids = |shredded: bool| {
            let those = cameras.iter().filter(move |camera| camera.is_shredded() == shredded);
            those.filter_map(identity::of).collect::<BTreeSet<&str>>()
        };
        let (declared, to_shred) = (ids(false), ids(true));
        for key in &self.all {
            let Ok(camera) = parse_camera_key_name(key) else { continue };
            let id = camera.as_str();
            if declared.contains(id) || recorded.contains(&camera) || holds.name(&camera) {
                continue;
            }
            let shred = shred_all || to_shred.contains(id);
            self.orphans.insert(key.clone(), shred.then_some(false));
            if shred {
                self.shredded.insert(key.clone());
            }
        }
    }

    /// Adds what is to be done with them. `recorded` is about these only.
    pub fn shred(&self, recorded: &[DestroyIntent], used: &EpochUse, now: Timestamp, plan: &mut Shredding) {
        for intent in recorded {
            if parse_hold_key_name(&intent.key).is_ok() {
                self.shred_holds(intent, plan);
                continue;
            }
            // What a recorder took before the camera was deleted is stored by now, or given up.
            let settled = due_at(intent.intended_at.0, used.max_age);
            match (self.all.contains(&intent.key), self.orphans.get(&intent.key)) {
                (false, _) => plan.gone.push(intent.clone()),
                (true, None | Some(Some(true))) => plan.withdraw.push(intent.clone()),
                (true, Some(left)) => {
                    if left.is_some() && !intent.allowed {
                        // What is to be shredded may as well be lost.
                        if intent.shred || used.recorders.is_empty() || settled <= now {
                            plan.allow.push(intent.key.clone());
                        } else {
                            plan.next = plan.next.into_iter().chain([settled]).min();
                        }
                    }
                    plan.standing.push(intent.clone());
                }
            }
        }
        if !self.ours {
            return;
        }
        let empty = self.orphans.iter().filter(|(_, left)| **left == Some(false)).map(|(key, _)| key);
        for key in empty.chain(&self.ended) {
            let known = recorded.iter().any(|intent| intent.key == *key);
            if !known && plan.standing.len() + plan.new.len() < MAX_INTENTS {
                plan.new.push(DestroyIntent {
                    key: key.clone(),
                    epoch_end: None,
                    intended_at: Time(now),
                    log_index: None,
                    allowed: false,
                    shred: self.shredded.contains(key),
                });
            }
        }
    }
}

impl OtherKeys {
    /// Nothing is added to what a hold that is over has copied, so its key waits for nobody.
    fn shred_holds(&self, intent: &DestroyIntent, plan: &mut Shredding) {
        match (self.all.contains(&intent.key), self.ended.contains(&intent.key)) {
            (false, _) => plan.gone.push(intent.clone()),
            (true, false) => plan.withdraw.push(intent.clone()),
            (true, true) => {
                if !intent.allowed {
                    plan.allow.push(intent.key.clone());
                }
                plan.standing.push(intent.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use camerafleet_crds::Span;
    use camerafleet_footage::retention::Recorder;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_611_600 + second).unwrap()
    }

    fn intent(key: &str, allowed: bool) -> DestroyIntent {
        DestroyIntent {
            key: key.to_owned(),
            epoch_end: None,
            intended_at: Time(at(0)),
            log_index: None,
            allowed,
            shred: false,
        }
    }

    fn decide(keys: &OtherKeys, recorded: &[DestroyIntent], recorders: usize, now: i64) -> Shredding {
        let used = EpochUse {
            listed: BTreeSet::new(),
            recorders: vec![
                Recorder::Pending { exactly: Default::default(), oldest: Default::default() };
                recorders
            ],
            max_age: Span::minutes(5),
            uncopied: BTreeSet::new(),
        };
        let mut plan = Shredding::default();
        keys.shred(recorded, &used, at(now), &mut plan);
        plan
    }

    fn orphans(left: &[(&str, Option<bool>)]) -> OtherKeys {
        let orphans: BTreeMap<_, _> = left.iter().map(|(key, left)| ((*key).to_owned(), *left)).collect();
        let mut all: BTreeSet<_> = orphans.keys().cloned().collect();
        all.insert("camera-declared".to_owned());
        OtherKeys { all, orphans, ours: true, ..OtherKeys::default() }
    }

    #[test]
    fn a_cameras_key_is_intended_when_nothing_is_left_and_allowed_when_no_spool_can_hold_more() {
        let keys = orphans(&[("camera-a", Some(false)), ("camera-b", Some(true)), ("camera-c", None)]);
        let plan = decide(&keys, &[], 1, 0);
        assert_eq!(plan.new, [intent("camera-a", false)]);
        let waits = decide(&keys, &[intent("camera-a", false)], 1, 299);
        assert_eq!((waits.new.len(), waits.allow.len(), waits.next), (0, 0, Some(at(300))));
        assert_eq!(decide(&keys, &[intent("camera-a", false)], 1, 300).allow, ["camera-a"]);
        assert_eq!(decide(&keys, &[intent("camera-a", false)], 0, 1).allow, ["camera-a"], "nobody records");
        let allowed = decide(&keys, &[intent("camera-a", true)], 1, 400);
        assert_eq!((allowed.allow.len(), allowed.standing.len()), (0, 1));
        let gone = decide(&orphans(&[]), &[intent("camera-a", true)], 1, 400);
        assert_eq!((gone.gone.len(), gone.standing.len()), (1, 0));
    }

    #[test]
    fn a_camera_that_is_declared_again_or_has_footage_keeps_its_key() {
        let footage = orphans(&[("camera-a", Some(true))]);
        assert_eq!(decide(&footage, &[intent("camera-a", true)], 0, 9).withdraw.len(), 1);
        let declared = orphans(&[]);
        assert_eq!(decide(&declared, &[intent("camera-declared", true)], 0, 9).withdraw.len(), 1);
        // Where the store does not say, nothing changes.
        let unknown = decide(&orphans(&[("camera-a", None)]), &[intent("camera-a", false)], 0, 9);
        assert_eq!((unknown.allow.len(), unknown.withdraw.len(), unknown.standing.len()), (0, 0, 1));
    }

    #[test]
    fn a_shredded_cameras_key_waits_for_neither_footage_nor_recorders_and_stays_for_a_hold() {
        let shred = |allowed| DestroyIntent { shred: true, ..intent("camera-a", allowed) };
        let mut keys = orphans(&[("camera-a", Some(false))]);
        keys.shredded.insert("camera-a".to_owned());
        assert_eq!(decide(&keys, &[], 1, 0).new, [shred(false)]);
        assert_eq!(decide(&keys, &[shred(false)], 1, 0).allow, ["camera-a"]);
        // A hold came: the key is nobody's to destroy.
        keys.orphans.clear();
        keys.shredded.clear();
        assert_eq!(decide(&keys, &[shred(true)], 1, 9).withdraw, [shred(true)]);
    }

    #[test]
    fn one_policy_sees_to_them_and_another_ends_what_it_began() {
        let keys = OtherKeys { ours: false, ..orphans(&[("camera-a", Some(false))]) };
        assert_eq!(decide(&keys, &[], 0, 9).new.len(), 0);
        assert_eq!(decide(&keys, &[intent("camera-a", false)], 0, 9).allow.len(), 1);
    }

    #[test]
    fn a_holds_key_goes_when_it_is_over_by_the_log_and_is_kept_when_it_is_not() {
        let ended = |over: bool| {
            let key = "hold-h-1".to_owned();
            let all = BTreeSet::from([key.clone()]);
            OtherKeys {
                ended: over.then_some(key).into_iter().collect(),
                all,
                ours: true,
                ..OtherKeys::default()
            }
        };
        assert_eq!(decide(&ended(true), &[], 1, 0).new, [intent("hold-h-1", false)]);
        assert_eq!(decide(&ended(false), &[], 1, 0).new, []);
        assert_eq!(decide(&ended(true), &[intent("hold-h-1", false)], 1, 0).allow, ["hold-h-1"]);
        assert_eq!(
            decide(&ended(false), &[intent("hold-h-1", true)], 1, 0).withdraw.len(),
            1,
            "it came back"
        );
        assert_eq!(decide(&OtherKeys::default(), &[intent("hold-h-1", true)], 1, 0).gone.len(), 1);
    }
}
