//! What holds of every log.

use camerafleet_footage::report::{Figures, Ledger, Month, Row};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::support::{Log, at};

const REQUESTS: u8 = 6;
const MONTHS: i64 = 6;

#[derive(Clone, Debug)]
enum Step {
    Request(u8, &'static str),
    Deny(u8),
    Grant(u8),
    Begin(u8),
    End(u8, bool),
    Withdraw(u8),
    Follow(u8),
    Delay(u8, i64),
    Notice(u8, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let request = 0..REQUESTS;
    let basis = prop::sample::select(vec!["Consent", "CourtOrder", "Emergency", "SubjectAccess"]);
    prop_oneof![
        3 => (request.clone(), basis).prop_map(|(r, basis)| Step::Request(r, basis)),
        1 => request.clone().prop_map(Step::Deny),
        1 => request.clone().prop_map(Step::Grant),
        1 => request.clone().prop_map(Step::Begin),
        2 => (request.clone(), any::<bool>()).prop_map(|(r, done)| Step::End(r, done)),
        1 => request.clone().prop_map(Step::Withdraw),
        1 => request.clone().prop_map(Step::Follow),
        1 => (request.clone(), 1..90_i64).prop_map(|(r, days)| Step::Delay(r, days)),
        1 => (request, any::<bool>()).prop_map(|(r, arrived)| Step::Notice(r, arrived)),
    ]
}

/// Any events in any order, some hours apart, and some of them erased.
fn log() -> impl Strategy<Value = Log> {
    let steps = prop::collection::vec((step(), 0..200_i64, prop::bool::weighted(0.1)), 0..60);
    steps.prop_map(|steps| {
        let mut log = Log::default();
        let mut now = at("2026-01-01T00:00:00Z");
        log.policy("d-1", now, "48h");
        for (step, hours, erased) in steps {
            now += SignedDuration::from_hours(hours);
            let name = |r: u8| format!("u-{r}");
            match step {
                Step::Request(r, basis) => {
                    log.request(&name(r), now, basis, Some(["Police", "Ambulance"][usize::from(r % 2)]));
                }
                Step::Deny(r) => _ = log.decision(&name(r), now, &["MaxWindow", "MaxCameras"], &["d-1"]),
                Step::Grant(r) => _ = log.decision(&name(r), now, &[], &["d-1"]),
                Step::Begin(r) => _ = log.intent(&name(r), now, 0, 3_600),
                Step::End(r, done) => _ = log.outcome(&name(r), now, done),
                Step::Withdraw(r) => _ = log.withdrawn(&name(r), now),
                Step::Follow(r) => _ = log.followed(&name(r), now),
                Step::Delay(r, days) => {
                    log.delayed(&name(r), now, now + SignedDuration::from_hours(24 * days));
                }
                Step::Notice(r, arrived) => _ = log.notice(&name(r), now, arrived),
            }
            if erased {
                log.erase(log.entries.len() as u64 - 1);
            }
        }
        log
    })
}

fn months() -> Vec<Month> {
    let first: Month = "2026-01".parse().unwrap();
    std::iter::successors(Some(first), |month| Some(month.next())).take(24).collect()
}

fn all(ledger: &Ledger, now: Timestamp) -> Vec<Figures> {
    months().into_iter().map(|month| ledger.month(month, now)).collect()
}

fn merged(all: &[Figures]) -> Figures {
    all[1..].iter().fold(all[0].clone(), |sum, next| sum.then(next))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn rows_add_up_and_one_month_begins_with_what_the_last_one_left(log in log()) {
        let all = all(&log.ledger(), at("2030-01-01T00:00:00Z"));
        for figures in &all {
            prop_assert!(figures.requests.iter().all(Row::adds_up), "{figures:?}");
            let by_basis = figures.by_basis().iter().fold(Row::default(), |mut sum, row| { sum.add(row); sum });
            prop_assert_eq!(&by_basis, &figures.total());
        }
        for pair in all.windows(2) {
            prop_assert_eq!(pair[0].total().pending, pair[1].total().carried_over);
            let (before, after) = (&pair[0].emergencies, &pair[1].emergencies);
            prop_assert_eq!(before.due + before.overdue + after.released, after.followed_up + after.due + after.overdue);
            let (before, after) = (&pair[0].notices, &pair[1].notices);
            prop_assert_eq!(before.still_delayed + after.delayed, after.delays_ended + after.still_delayed);
        }
        let merged = merged(&all);
        prop_assert!(merged.requests.iter().all(Row::adds_up), "{merged:?}");
    }

    #[test]
    fn each_request_is_counted_once(log in log()) {
        let total = merged(&all(&log.ledger(), at("2030-01-01T00:00:00Z"))).total();
        let leaves = log.entries.iter().filter(|entry| entry.leaf[1..3] == 40_u16.to_be_bytes());
        let requests: std::collections::BTreeSet<_> = leaves.map(|entry| &entry.leaf[7..23]).collect();
        prop_assert_eq!(total.submitted, requests.len() as u64);
        // Years later nothing is open but what was begun and never came to an end.
        prop_assert_eq!(total.closed() + total.pending, total.submitted + total.reopened);
    }

    /// But for what was reopened, which was told as over before.
    #[test]
    fn months_together_are_the_stretch_of_time_that_they_make(log in log(), until in 0..MONTHS) {
        let (ledger, now) = (log.ledger(), at("2030-01-01T00:00:00Z"));
        let months = months();
        let last = usize::try_from(until).unwrap();
        let parts: Vec<Figures> = months[..=last].iter().map(|month| ledger.month(*month, now)).collect();
        let (sum, whole) = (merged(&parts), ledger.between(months[0], months[last], now));
        prop_assert_eq!(&sum.times, &whole.times);
        prop_assert_eq!(&sum.emergencies, &whole.emergencies);
        prop_assert_eq!(&sum.holds, &whole.holds);
        prop_assert_eq!(sum.notices.sent, whole.notices.sent);
        if sum.total().reopened == 0 {
            prop_assert_eq!(&sum.requests, &whole.requests);
            prop_assert_eq!(&sum.denials, &whole.denials);
        }
    }

    #[test]
    fn reading_as_it_grows_is_reading_it_at_once(log in log(), cut in 0..60_usize) {
        let mut grown = Ledger::default();
        let part = Log { entries: log.entries[..cut.min(log.entries.len())].to_vec() };
        part.feed(&mut grown);
        log.feed(&mut grown);
        prop_assert_eq!(grown, log.ledger());
    }

    /// What is counted of a month that is over does not change with what is logged later.
    #[test]
    fn a_month_that_is_over_stands(log in log(), of in 0..MONTHS) {
        let month = months()[usize::try_from(of).unwrap()];
        let then = Log {
            entries: log.entries.iter().take_while(|entry| entry.leaf().unwrap().at() < month.end()).cloned().collect(),
        };
        prop_assert_eq!(then.ledger().month(month, month.end()), log.ledger().month(month, at("2030-01-01T00:00:00Z")));
    }
}
