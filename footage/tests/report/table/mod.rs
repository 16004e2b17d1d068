//! Each rule of what is counted and when, by example.

mod bounds;
mod requests;
mod totals;

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
