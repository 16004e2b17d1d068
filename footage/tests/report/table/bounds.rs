//! What the log does not say whole, and what is no longer remembered.

use super::*;

#[test]
fn what_was_erased_is_counted_as_erased_and_what_is_known_of_it_stays() {
    let mut log = Log::default();
    let (day, next) = (at("2026-11-10T12:00:00Z"), at("2026-11-11T12:00:00Z"));
    for uid in ["1", "2", "3", "4"] {
        log.request(uid, day, "Consent", Some("Police"));
    }
    log.release("1", next, &[]);
    log.release("2", next, &[]);
    log.withdrawn("3", next);
    // The request is erased, what came of it is not; and the other way round; and both.
    log.erase(0);
    let outcome = log.entries.iter().rposition(|entry| entry.leaf[1..3] == 43_u16.to_be_bytes()).unwrap();
    log.erase(outcome as u64);
    let withdrawn = log.entries.len() as u64 - 1;
    log.erase(withdrawn);
    log.erase(3);
    let found = figures(&log, "2026-11");
    let rows: Vec<_> = found.requests.iter().map(|row| (row.basis, counts(row))).collect();
    assert_eq!(
        rows,
        [(Some(Basis::Consent), [0, 2, 0, 0, 0, 1, 0, 0, 1, 0]), (None, [0, 2, 0, 1, 0, 0, 0, 0, 1, 0]),]
    );
    assert_eq!(found.payloads, Payloads { erased: 0, unexplained: 4, newer: 0 });
    let erased = entry::PayloadErased { entries: vec![0, 3, outcome as u64], reason: "asked for".into() };
    log.add("payload-erased/1", at("2026-12-01T00:00:00Z"), erased);
    assert_eq!(figures(&log, "2026-11").payloads, Payloads { erased: 0, unexplained: 1, newer: 0 });
    assert_eq!(figures(&log, "2026-12").payloads, Payloads { erased: 3, unexplained: 0, newer: 0 });
}

#[test]
fn what_is_damaged_newer_or_malformed_is_told_and_stops_nothing() {
    let mut log = Log::default();
    let day = at("2026-11-10T12:00:00Z");
    log.request("1", day, "Consent", Some("Police"));
    log.object("2", day, &serde_json::json!({"spec": {"basis": "Bribe", "requester": {}}}));
    log.request("3", day, "Consent", Some("Police"));
    log.entries[2].content = Content::Newer;
    log.request("4", day, "Consent", Some("Police"));
    log.entries[3].leaf[1..3].copy_from_slice(&999_u16.to_be_bytes());
    log.request("5", day, "Consent", Some("Police"));
    log.entries[4].leaf[0] = 2;
    let mut ledger = log.ledger();
    log.request("6", day, "Consent", Some("Police"));
    ledger.take(5, &log.entries[5].leaf, Seen::Damaged);
    let found = ledger.month(month("2026-11"), at(LATER));
    let rows: Vec<_> = found.requests.iter().map(|row| (row.basis, row.submitted)).collect();
    assert_eq!(rows, [(Some(Basis::Consent), 1), (None, 3)]);
    assert_eq!(found.payloads, Payloads { erased: 0, unexplained: 1, newer: 3 });
    // An entry that it has had already, or that leaves one out, changes nothing.
    let before = ledger.clone();
    for index in [0, 5, 7] {
        ledger.take(index, &log.entries[0].leaf, Seen::Content(&log.entries[0].content));
    }
    assert_eq!((ledger == before, ledger.next()), (true, 6));
}

#[test]
fn what_one_month_left_and_the_next_does_not_begin_with_is_not_lost() {
    let row = |carried_over, submitted, pending| Row {
        basis: Some(Basis::Consent),
        carried_over,
        submitted,
        pending,
        delivered: carried_over + submitted - pending,
        ..Row::default()
    };
    let figures = |row: Row| Figures { requests: vec![row], ..Figures::default() };
    let total = |first: Row, second: Row| figures(first).then(&figures(second)).total();
    assert_eq!(counts(&total(row(1, 2, 3), row(3, 1, 1))), [1, 3, 0, 3, 0, 0, 0, 0, 0, 1]);
    // Erased between, or a month's report is not there.
    assert_eq!(counts(&total(row(0, 3, 3), row(1, 0, 0))), [0, 3, 0, 1, 0, 0, 0, 0, 2, 0]);
    assert_eq!(counts(&total(row(0, 1, 1), row(2, 0, 0))), [0, 1, 1, 2, 0, 0, 0, 0, 0, 0]);
    let nothing = Figures::default();
    assert_eq!(counts(&figures(row(0, 2, 2)).then(&nothing).total()), [0, 2, 0, 0, 0, 0, 0, 0, 2, 0]);
    assert_eq!(counts(&nothing.then(&figures(row(1, 1, 1))).total()), [0, 1, 1, 1, 0, 0, 0, 0, 0, 1]);
}

#[test]
fn what_is_over_is_forgotten_and_later_months_are_counted_as_before() {
    let mut log = Log::default();
    let day = |month: i64| at("2026-01-10T00:00:00Z") + SignedDuration::from_hours(24 * 31 * month);
    log.policy("d-1", day(0), "48h");
    for (uid, basis) in
        [("1", "Consent"), ("2", "Emergency"), ("3", "Emergency"), ("4", "CourtOrder"), ("5", "Consent")]
    {
        log.request(uid, day(0), basis, Some("Police"));
    }
    for uid in ["1", "2", "3", "4"] {
        log.release(uid, day(0), &["d-1"]);
    }
    log.followed("2", day(1));
    log.delayed("4", day(0), day(14));
    let begun = log.decision("5", day(0), &[], &[]);
    log.intent("5", day(0), begun, 60);
    log.notice("1", day(0), true);
    for hold in ["h-1", "h-2"] {
        log.add(&format!("hold-closed/{hold}"), day(3), entry::HoldClosed { hold: hold.into() });
    }
    log.request("6", day(10), "Consent", Some("Police"));
    log.decision("6", day(10), &["MaxWindow"], &[]);
    let whole = log.ledger();
    let mut kept = whole.clone();
    let from = month("2026-12");
    kept.forget(from);
    kept.forget(month("2026-02"));
    // The third waits for its order, the fourth's owners for their notice, the fifth for its outcome; the sixth is new.
    assert_eq!((whole.requests(), kept.requests(), kept.kept_from()), (6, 4, Some(from)));
    let more = |ledger: &mut camerafleet_footage::report::Ledger| {
        let mut log = log.clone();
        log.followed("3", day(13));
        log.outcome("5", day(13), true);
        log.release("6", day(13), &[]);
        log.feed(ledger);
    };
    let (mut then, mut whole) = (kept, whole);
    more(&mut then);
    more(&mut whole);
    let mut of = from;
    for _ in 0..6 {
        assert_eq!(then.month(of, at(LATER)), whole.month(of, at(LATER)), "{of}");
        of = of.next();
    }
    assert_eq!(whole.month(month("2027-02"), at(LATER)).total().delivered, 2);
}
