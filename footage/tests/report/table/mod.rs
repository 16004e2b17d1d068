//! Each rule of what is counted and when, by example.

use camerafleet_crds::Basis;
use camerafleet_footage::{
    log::{Content, entry},
    report::{Denial, Emergencies, Figures, Month, Payloads, Row, Seen},
};
use jiff::{SignedDuration, Timestamp};

use crate::support::{Log, at};

const LATER: &str = "2027-06-01T00:00:00Z";

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

/// A month of a log, looked at long after it.
fn figures(log: &Log, of: &str) -> Figures {
    log.ledger().month(month(of), at(LATER))
}

fn total(log: &Log, of: &str) -> Row {
    let total = figures(log, of).total();
    assert!(total.adds_up(), "{total:?}");
    total
}

/// carried over, submitted, reopened | delivered, denied, withdrawn, expired, failed, unknown | pending
fn counts(row: &Row) -> [u64; 10] {
    [
        row.carried_over,
        row.submitted,
        row.reopened,
        row.delivered,
        row.denied,
        row.withdrawn,
        row.expired,
        row.failed,
        row.unknown,
        row.pending,
    ]
}

#[test]
fn a_request_ends_in_one_way() {
    let day = at("2026-11-10T12:00:00Z");
    type Case = (&'static str, fn(&mut Log, Timestamp), [u64; 10]);
    let cases: &[Case] = &[
        ("nothing is decided", |_, _| {}, [0, 1, 0, 0, 0, 0, 0, 0, 0, 1]),
        ("delivered", |log, day| log.release("r", day, &[]), [0, 1, 0, 1, 0, 0, 0, 0, 0, 0]),
        (
            "authorised, not begun",
            |log, day| _ = log.decision("r", day, &[], &[]),
            [0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
        ),
        (
            "denied",
            |log, day| _ = log.decision("r", day, &["MaxWindow"], &[]),
            [0, 1, 0, 0, 1, 0, 0, 0, 0, 0],
        ),
        (
            "denied twice",
            |log, day| {
                log.decision("r", day, &["MaxWindow"], &[]);
                log.decision("r", day, &["MaxWindow", "MaxCameras"], &[]);
            },
            [0, 1, 0, 0, 1, 0, 0, 0, 0, 0],
        ),
        (
            "a refusal was taken back",
            |log, day| {
                log.decision("r", day, &["ReviewerDenied"], &[]);
                log.release("r", day, &[]);
            },
            [0, 1, 0, 1, 0, 0, 0, 0, 0, 0],
        ),
        (
            "a denied one is deleted",
            |log, day| {
                log.decision("r", day, &["MaxWindow"], &[]);
                log.withdrawn("r", day);
            },
            [0, 1, 0, 0, 1, 0, 0, 0, 0, 0],
        ),
        (
            "not decided in time",
            |log, day| _ = log.decision("r", day, &["RequestExpired"], &[]),
            [0, 1, 0, 0, 0, 0, 1, 0, 0, 0],
        ),
        ("withdrawn", |log, day| _ = log.withdrawn("r", day), [0, 1, 0, 0, 0, 1, 0, 0, 0, 0]),
        (
            "withdrawn while it was under way",
            |log, day| {
                let decision = log.decision("r", day, &[], &[]);
                log.intent("r", day, decision, 60);
                log.withdrawn("r", day);
            },
            [0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
        ),
        (
            "and then nothing was made",
            |log, day| {
                let decision = log.decision("r", day, &[], &[]);
                log.intent("r", day, decision, 60);
                log.withdrawn("r", day);
                log.outcome("r", day, false);
            },
            [0, 1, 0, 0, 0, 1, 0, 0, 0, 0],
        ),
        (
            "withdrawn, and a package all the same: what was released is told",
            |log, day| {
                log.withdrawn("r", day);
                let decision = log.decision("r", day, &[], &[]);
                log.intent("r", day, decision, 60);
                log.outcome("r", day, true);
            },
            [0, 1, 0, 1, 0, 0, 0, 0, 0, 0],
        ),
        (
            "failed, and logged again",
            |log, day| {
                let decision = log.decision("r", day, &[], &[]);
                log.intent("r", day, decision, 60);
                log.outcome("r", day, false);
                log.outcome("r", day, true);
            },
            [0, 1, 0, 0, 0, 0, 0, 1, 0, 0],
        ),
        (
            "logged twice",
            |log, day| log.request("r", day, "Consent", Some("Police")),
            [0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
        ),
        ("another's", |log, day| log.release("other", day, &[]), [0, 1, 0, 0, 0, 0, 0, 0, 0, 1]),
    ];
    for (case, more, expected) in cases {
        let mut log = Log::default();
        log.request("r", day, "Consent", Some("Police"));
        more(&mut log, day + SignedDuration::from_hours(1));
        assert_eq!(counts(&total(&log, "2026-11")), *expected, "{case}");
    }
}

#[test]
fn a_request_is_of_the_month_that_it_was_submitted_in_and_its_end_of_the_month_of_its_end() {
    let mut log = Log::default();
    log.request("before", at("2026-10-31T23:59:59.999Z"), "Consent", Some("Police"));
    log.request("first", at("2026-11-01T00:00:00Z"), "Consent", Some("Police"));
    log.request("last", at("2026-11-30T23:59:59.999Z"), "Consent", Some("Police"));
    log.release("first", at("2026-11-30T23:59:59.999Z"), &[]);
    log.request("after", at("2026-12-01T00:00:00Z"), "Consent", Some("Police"));
    log.release("before", at("2026-12-01T00:00:00Z"), &[]);
    log.decision("last", at("2027-01-05T00:00:00Z"), &["MaxWindow"], &[]);
    assert_eq!(counts(&total(&log, "2026-09")), [0; 10]);
    assert_eq!(counts(&total(&log, "2026-10")), [0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(counts(&total(&log, "2026-11")), [1, 2, 0, 1, 0, 0, 0, 0, 0, 2]);
    assert_eq!(counts(&total(&log, "2026-12")), [2, 1, 0, 1, 0, 0, 0, 0, 0, 2]);
    assert_eq!(counts(&total(&log, "2027-01")), [2, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
    // What was never decided ends by itself after 90 days, though nobody logs it.
    assert_eq!(counts(&total(&log, "2027-02")), [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(counts(&total(&log, "2027-03")), [1, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(counts(&total(&log, "2027-04")), [0; 10]);
    // A month says the same whenever it is counted after its end.
    let ledger = log.ledger();
    assert_eq!(ledger.month(month("2026-11"), at("2026-12-01T00:00:00Z")), figures(&log, "2026-11"));
}

#[test]
fn one_that_was_denied_and_is_decided_otherwise_a_month_later_is_said_to_be_reopened() {
    let mut log = Log::default();
    log.request("r", at("2026-11-10T00:00:00Z"), "CourtOrder", Some("Police"));
    log.decision("r", at("2026-11-11T00:00:00Z"), &["ReviewerDenied"], &[]);
    log.release("r", at("2026-12-02T00:00:00Z"), &[]);
    assert_eq!(counts(&total(&log, "2026-11")), [0, 1, 0, 0, 1, 0, 0, 0, 0, 0]);
    assert_eq!(counts(&total(&log, "2026-12")), [0, 0, 1, 1, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn organisations_are_told_and_people_are_not() {
    let mut log = Log::default();
    let day = at("2026-11-10T12:00:00Z");
    let requests = [
        ("1", "Consent", Some("Example Police")),
        ("2", "CourtOrder", Some(" Example \u{202e} Police\n")),
        ("3", "Emergency", Some("Example Ambulance")),
        ("4", "SubjectAccess", Some("Jane Doe")),
        ("5", "OwnerExport", Some("Flat 4 B")),
        ("6", "OwnerExport", None),
        ("7", "Consent", None),
    ];
    for (uid, basis, organisation) in requests {
        log.request(uid, day, basis, organisation);
        log.decision(uid, day, &["MaxWindow", "AwaitingConsent", "BurntByANewerRelease"], &[]);
    }
    log.notice("1", day, true);
    let found = figures(&log, "2026-11");
    let rows: Vec<_> =
        found.requests.iter().map(|row| (row.basis, row.organisation.as_deref(), row.denied)).collect();
    assert_eq!(
        rows,
        [
            (Some(Basis::Consent), Some("Example Police"), 1),
            (Some(Basis::Consent), None, 1),
            (Some(Basis::CourtOrder), Some("Example Police"), 1),
            (Some(Basis::Emergency), Some("Example Ambulance"), 1),
            (Some(Basis::SubjectAccess), None, 1),
            (Some(Basis::OwnerExport), None, 2),
        ]
    );
    // Rules that deny, and what is no rule here; a rule that waits denied nothing.
    let denial = |rule: &str| Denial { rule: rule.into(), requests: 7 };
    assert_eq!(found.denials, [denial("MaxWindow"), denial("Other")]);
    let json = serde_json::to_string(&found).unwrap();
    for personal in ["Jane", "Flat", "officer", "Officer", "+44", "AB-123", "r-1", "age1", "c-1"] {
        assert!(!json.contains(personal), "{personal} is in {json}");
    }
}

#[test]
fn many_organisations_are_named_up_to_a_bound_and_none_is_lost() {
    let mut log = Log::default();
    for n in 0..250 {
        let (uid, name) = (format!("u-{n}"), format!("Agency {n:03}"));
        log.request(&uid, at("2026-11-10T12:00:00Z"), "Consent", Some(&name));
    }
    log.request("again", at("2026-12-10T12:00:00Z"), "Consent", Some("Agency 000"));
    let found = figures(&log, "2026-11");
    assert_eq!(found.requests.len(), 201);
    let others: Vec<_> = found.requests.iter().filter(|row| row.others).collect();
    assert_eq!((others.len(), others[0].submitted, others[0].organisation.as_ref()), (1, 50, None));
    assert_eq!(found.total().submitted, 250);
    let next = figures(&log, "2026-12");
    assert_eq!(next.requests.len(), 201, "who is named stays the same from month to month");
    let both = found.then(&next);
    assert!(both.requests.iter().all(Row::adds_up));
    assert_eq!(counts(&both.total()), [0, 251, 0, 0, 0, 0, 0, 0, 0, 251]);
}

#[test]
fn cameras_hours_and_sound_are_those_of_what_was_delivered() {
    let mut log = Log::default();
    for (uid, delivered, seconds) in [("1", true, 3_600), ("2", true, 60), ("3", false, 7_200)] {
        log.request(uid, at("2026-11-10T12:00:00Z"), "Consent", Some("Police"));
        let decision = log.decision(uid, at("2026-11-10T13:00:00Z"), &[], &[]);
        log.intent(uid, at("2026-11-10T13:00:00Z"), decision, seconds);
        log.outcome(uid, at("2026-11-10T14:30:00Z"), delivered);
    }
    let total = total(&log, "2026-11");
    assert_eq!((total.cameras, total.camera_seconds, total.with_sound), (4, 7_320, 2));
    let times = figures(&log, "2026-11").times;
    assert_eq!((times.to_decision.count(), times.to_decision.median()), (3, Some(3_600)));
    assert_eq!((times.to_delivery.count(), times.to_delivery.median()), (2, Some(9_000)));
}

#[test]
fn an_emergency_is_due_then_overdue_until_its_order_arrives() {
    let emergencies = |log: &Log, of: &str, now: &str| log.ledger().month(month(of), at(now)).emergencies;
    let is =
        |released, followed_up, late, due, overdue| Emergencies { released, followed_up, late, due, overdue };
    let mut log = Log::default();
    log.policy("d-1", at("2026-11-01T00:00:00Z"), "48h");
    log.policy("d-2", at("2026-11-01T00:00:00Z"), "72h");
    for (uid, day) in [("1", "2026-11-28T00:00:00Z"), ("2", "2026-11-29T12:00:00Z")] {
        log.request(uid, at(day), "Emergency", Some("Police"));
        log.release(uid, at(day), &["d-2", "d-1"]);
    }
    log.request("3", at("2026-11-20T00:00:00Z"), "CourtOrder", Some("Police"));
    log.release("3", at("2026-11-20T00:00:00Z"), &["d-1"]);
    log.followed("1", at("2026-11-29T00:00:00Z"));
    assert_eq!(emergencies(&log, "2026-11", "2026-11-29T12:00:00Z"), is(2, 1, 0, 1, 0));
    assert_eq!(emergencies(&log, "2026-11", LATER), is(2, 1, 0, 1, 0), "due on December 1st at noon");
    assert_eq!(emergencies(&log, "2026-12", "2026-12-01T11:59:59Z"), is(0, 0, 0, 1, 0));
    assert_eq!(emergencies(&log, "2026-12", "2026-12-01T12:00:00Z"), is(0, 0, 0, 0, 1));
    assert_eq!(emergencies(&log, "2027-01", LATER), is(0, 0, 0, 0, 1));
    log.followed("2", at("2027-01-10T00:00:00Z"));
    log.followed("2", at("2027-01-11T00:00:00Z"));
    assert_eq!(emergencies(&log, "2026-12", LATER), is(0, 0, 0, 0, 1));
    assert_eq!(emergencies(&log, "2027-01", LATER), is(0, 1, 1, 0, 0));
    assert_eq!(emergencies(&log, "2027-02", LATER), Emergencies::default());
}

#[test]
fn a_notice_that_an_order_delays_is_counted_until_its_date() {
    let mut log = Log::default();
    log.request("1", at("2026-11-10T00:00:00Z"), "CourtOrder", Some("Police"));
    log.release("1", at("2026-11-11T00:00:00Z"), &[]);
    log.delayed("1", at("2026-11-11T00:01:00Z"), at("2026-12-15T00:00:00Z"));
    log.notice("1", at("2026-12-15T00:00:30Z"), true);
    log.notice("1", at("2026-12-15T09:00:00Z"), false);
    let told = |of: &str, now: &str| {
        let n = log.ledger().month(month(of), at(now)).notices;
        (
            n.sent,
            n.not_reached,
            n.delayed,
            n.delays_ended,
            n.still_delayed,
            n.delayed_until.map(|t| t.to_string()),
        )
    };
    let until = Some("2026-12-15T00:00:00Z".to_owned());
    assert_eq!(told("2026-10", LATER), (0, 0, 0, 0, 0, None));
    assert_eq!(told("2026-11", LATER), (0, 0, 1, 0, 1, until.clone()));
    assert_eq!(told("2026-12", "2026-12-14T23:59:59Z").3, 0);
    assert_eq!(told("2026-12", "2026-12-14T23:59:59Z").4, 1);
    assert_eq!(told("2026-12", LATER), (1, 1, 0, 1, 0, None));
    assert_eq!(told("2027-01", LATER), (0, 0, 0, 0, 0, None));
}

#[test]
fn holds_are_counted_without_reading_them() {
    let mut log = Log::default();
    let camera = || "c-1".to_owned();
    for (hold, day) in [("h-1", "2026-11-01T00:00:00Z"), ("h-2", "2026-11-02T00:00:00Z")] {
        let opened = entry::HoldOpened {
            hold: hold.into(),
            cameras: vec![camera_id(&camera())],
            all_cameras: false,
            from: at(day),
            to: at(LATER),
            expires_at: at(LATER),
            reference: "LegalOrder/po-17".into(),
        };
        let index = log.add(&format!("hold-opened/{hold}"), at(day), opened);
        log.erase(index);
    }
    log.add("hold-closed/h-1", at("2026-12-01T00:00:00Z"), entry::HoldClosed { hold: "h-1".into() });
    let holds = |of: &str| {
        let holds = figures(&log, of).holds;
        (holds.opened, holds.closed, holds.open)
    };
    assert_eq!((holds("2026-11"), holds("2026-12"), holds("2027-01")), ((2, 0, 2), (0, 1, 1), (0, 0, 1)));
    assert_eq!(figures(&log, "2026-11").payloads, Payloads::default());
}

fn camera_id(id: &str) -> camerafleet_footage::ids::CameraId {
    camerafleet_footage::ids::CameraId::parse(id).unwrap()
}

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
