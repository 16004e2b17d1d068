//! Which cameras' keys go: those of cameras that nobody declares, when nothing of them is left.

use std::collections::{BTreeMap, BTreeSet};

use camerafleet_crds::DestroyIntent;
use camerafleet_footage::{
    layout::parse_camera_key_name,
    retention::{EpochUse, due_at},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{super::intents::MAX_INTENTS, Shredding};

/// The cameras' keys of the policy's tenant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CameraKeys {
    /// All of them.
    pub all: BTreeSet<String>,
    /// Those of cameras that are neither declared nor in a recorder's configuration, as far as they were looked at, and
    /// whether footage of theirs is left; none where the store did not say.
    pub orphans: BTreeMap<String, Option<bool>>,
    /// Whether this policy's job sees to them: one of the tenant's does.
    pub ours: bool,
}

/// Whether an intent is about a camera's key.
pub fn is_cameras(intent: &DestroyIntent) -> bool {
    parse_camera_key_name(&intent.key).is_ok()
}

impl CameraKeys {
    /// Adds what is to be done with them. `recorded` is about cameras' keys only.
    pub fn shred(&self, recorded: &[DestroyIntent], used: &EpochUse, now: Timestamp, plan: &mut Shredding) {
        for intent in recorded {
            // What a recorder took before the camera was deleted is stored by now, or given up.
            let settled = due_at(intent.intended_at.0, used.max_age);
            match (self.all.contains(&intent.key), self.orphans.get(&intent.key)) {
                (false, _) => plan.gone.push(intent.clone()),
                (true, None | Some(Some(true))) => plan.withdraw.push(intent.clone()),
                (true, Some(left)) => {
                    if left.is_some() && !intent.allowed {
                        if used.recorders.is_empty() || settled <= now {
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
        for (key, left) in &self.orphans {
            let known = recorded.iter().any(|intent| intent.key == *key);
            if *left == Some(false) && !known && plan.standing.len() + plan.new.len() < MAX_INTENTS {
                plan.new.push(DestroyIntent {
                    key: key.clone(),
                    epoch_end: None,
                    intended_at: Time(now),
                    log_index: None,
                    allowed: false,
                });
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
        }
    }

    fn decide(keys: &CameraKeys, recorded: &[DestroyIntent], recorders: usize, now: i64) -> Shredding {
        let used = EpochUse {
            listed: BTreeSet::new(),
            recorders: vec![
                Recorder::Pending { exactly: Default::default(), oldest: Default::default() };
                recorders
            ],
            max_age: Span::minutes(5),
        };
        let mut plan = Shredding::default();
        keys.shred(recorded, &used, at(now), &mut plan);
        plan
    }

    fn orphans(left: &[(&str, Option<bool>)]) -> CameraKeys {
        let orphans: BTreeMap<_, _> = left.iter().map(|(key, left)| ((*key).to_owned(), *left)).collect();
        let mut all: BTreeSet<_> = orphans.keys().cloned().collect();
        all.insert("camera-declared".to_owned());
        CameraKeys { all, orphans, ours: true }
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
    fn one_policy_sees_to_them_and_another_ends_what_it_began() {
        let keys = CameraKeys { ours: false, ..orphans(&[("camera-a", Some(false))]) };
        assert_eq!(decide(&keys, &[], 0, 9).new.len(), 0);
        assert_eq!(decide(&keys, &[intent("camera-a", false)], 0, 9).allow.len(), 1);
    }
}
