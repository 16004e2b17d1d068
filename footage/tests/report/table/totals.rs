//! What else a month tells.

use super::*;

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
