//! A request from month to month.

use super::*;

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
