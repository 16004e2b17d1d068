//! Which keys go, step by step.

use super::*;

fn in_force(minutes: u64) -> Terms {
    Terms { keep_for: Span::minutes(minutes), retired: false }
}

/// With a time to keep of three minutes, and nothing stored in the epochs named.
fn decide(recorded: &[DestroyIntent], minutes: &[i64], used: &EpochUse, now: i64) -> Shredding {
    let keys = keys(minutes.iter().copied());
    let newest = keys.keys().map(|epoch| (*epoch, None)).collect();
    shredding(&id(), in_force(3), recorded, &keys, Some(&newest), used, at(now))
}

#[test]
fn a_key_goes_step_by_step() {
    // Nothing is due: it waits for the first.
    let plan = decide(&[], &[0, 1, 2], &nobody(), 239);
    assert_eq!((plan.new.len(), plan.next), (0, Some(at(240))));
    // Due: recorded, and not yet allowed.
    let plan = decide(&[], &[0, 1, 2], &nobody(), 240);
    assert_eq!(plan.new.iter().map(|i| &i.key).collect::<Vec<_>>(), [&key(0)]);
    assert_eq!((plan.allow.len(), plan.next), (0, Some(at(300))));
    // Recorded: allowed.
    let plan = decide(&[intent(0, false)], &[0, 1, 2], &nobody(), 241);
    assert_eq!((plan.new.len(), &plan.allow), (0, &vec![key(0)]));
    assert_eq!(plan.standing, [intent(0, false)]);
    // Allowed: nothing to do until the job did its part.
    let plan = decide(&[intent(0, true)], &[0, 1, 2], &nobody(), 242);
    assert_eq!((plan.new.len(), plan.allow.len(), plan.gone.len()), (0, 0, 0));
    // Gone.
    let plan = decide(&[intent(0, true)], &[1, 2], &nobody(), 243);
    assert_eq!((&plan.gone, plan.standing.len()), (&vec![intent(0, true)], 0));
    assert_eq!(plan.oldest_key, Some(minute(1).start()));
}

/// Of a policy that is deleted: what was made ahead goes first, and what footage needs stays for its date.
#[test]
fn a_retired_policy_does_not_wait_for_keys_that_were_never_used() {
    let keys = keys([0, 1, 2]);
    let newest = keys.keys().map(|epoch| (*epoch, (*epoch == minute(0)).then(|| at(30)))).collect();
    let retired = Terms { retired: true, ..in_force(3) };
    let plan = shredding(&id(), retired, &[], &keys, Some(&newest), &nobody(), at(40));
    assert_eq!(plan.new.iter().map(|i| &i.key).collect::<Vec<_>>(), [&key(1), &key(2)]);
    assert_eq!(plan.next, Some(at(240)));
    let later = shredding(&id(), retired, &[], &keys, Some(&newest), &nobody(), at(240));
    assert_eq!(later.new.len(), 3);
}

#[test]
fn a_key_that_is_no_longer_due_is_taken_back() {
    let keys = keys([0]);
    let newest = BTreeMap::from([(minute(0), None)]);
    let longer = shredding(&id(), in_force(60), &[intent(0, true)], &keys, Some(&newest), &nobody(), at(240));
    assert_eq!((longer.withdraw, longer.standing.len()), (vec![intent(0, true)], 0));
    let listed = EpochUse { listed: BTreeSet::from([key(0)]), ..nobody() };
    assert_eq!(decide(&[intent(0, true)], &[0], &listed, 240).withdraw.len(), 1);
}

#[test]
fn where_the_store_or_vault_does_not_say_nothing_is_done() {
    let recorded = [intent(0, false), intent(1, true)];
    let plan = shredding(&id(), in_force(3), &recorded, &keys([0, 1, 2]), None, &nobody(), at(9_999));
    assert_eq!((plan.new.len(), plan.allow.len(), plan.withdraw.len(), plan.gone.len()), (0, 0, 0, 0));
    assert_eq!(plan.standing, recorded);
    assert_eq!(Shredding::unknown(&recorded).standing, recorded);
}

#[test]
fn a_silent_recorder_keeps_a_key_until_its_spool_gives_up() {
    // Footage that came late, when the epoch was over for two minutes.
    let silent = EpochUse { recorders: vec![Recorder::Silent], max_age: Span::minutes(5), ..nobody() };
    let plan = decide(&[], &[0], &silent, 359);
    assert!(plan.new.is_empty() && plan.waits_for_recorders);
    assert_eq!(decide(&[], &[0], &silent, 360).new.len(), 1);
}

#[test]
fn another_policys_footage_that_waits_keeps_only_its_own_keys() {
    let recording = |policy: &PolicyId| {
        let exactly = BTreeSet::from([(policy.clone(), minute(0))]);
        let recorders = vec![Recorder::Pending { exactly, oldest: Vec::new() }];
        EpochUse { recorders, max_age: Span::days(7), ..nobody() }
    };
    let other = PolicyId::parse("p-other").unwrap();
    assert_eq!(decide(&[], &[0], &recording(&other), 360).new.len(), 1);
    let plan = decide(&[], &[0], &recording(&id()), 9_999);
    assert!(plan.new.is_empty() && plan.waits_for_recorders);
}

#[test]
fn intents_are_bounded_oldest_first() {
    let minutes: Vec<i64> = (-300..-10).collect();
    let plan = decide(&[], &minutes, &nobody(), 0);
    assert_eq!((plan.new.len(), &plan.new[0].key), (100, &key(-300)));
    let recorded: Vec<_> = (-300..-210).map(|n| intent(n, true)).collect();
    assert_eq!(decide(&recorded, &minutes, &nobody(), 0).new.len(), 10);
}
