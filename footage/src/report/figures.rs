//! What is counted, and how the counts of consecutive months become those of all of them.

use std::collections::BTreeMap;

use camerafleet_crds::Basis;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Durations;

/// The counts of a stretch of time. What flows (submitted, delivered …) is summed over months; what stands (pending, open) is
/// that of the last one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Requests, by ground and organisation.
    pub requests: Vec<Row>,
    /// By which rules requests were denied.
    pub denials: Vec<Denial>,
    /// Releases without an order.
    pub emergencies: Emergencies,
    /// What owners were told.
    pub notices: Notices,
    /// Legal holds.
    pub holds: Holds,
    /// How long it took.
    pub times: Times,
    /// What of the log could not be counted.
    pub payloads: Payloads,
}

/// Requests on one ground by one organisation. Always
/// `carriedOver + submitted + reopened = delivered + denied + withdrawn + expired + failed + unknown + pending`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The ground; absent where the request's entry was erased or cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// For whom it was asked; absent where it was a person for themselves, and where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// Those of several organisations, of which there were too many to name each.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub others: bool,
    /// Still open when it began.
    pub carried_over: u64,
    /// Submitted in it.
    pub submitted: u64,
    /// Counted as over before, and decided otherwise in it.
    pub reopened: u64,
    /// A package was made.
    pub delivered: u64,
    /// A rule denied it.
    pub denied: u64,
    /// The requester no longer wanted it, or it was deleted.
    pub withdrawn: u64,
    /// Nobody decided within 90 days.
    pub expired: u64,
    /// It was authorised and no package was made.
    pub failed: u64,
    /// What came of it is not known: it or its outcome was erased, or the report of the month is not there.
    pub unknown: u64,
    /// Open when it ended.
    pub pending: u64,
    /// Cameras of which something was released, each counted once a release.
    pub cameras: u64,
    /// The seconds of footage released, camera by camera: a release of two cameras for an hour are 7200.
    pub camera_seconds: u64,
    /// Releases with sound.
    pub with_sound: u64,
}

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Denial {
    /// The rule's word, as `BasisNotListed`; `Other` for one that this release does not know.
    pub rule: String,
    /// Requests that it denied. One that several rules deny counts for each.
    pub requests: u64,
}

/// Releases without an order, each of which must be followed by one. Always: what was open before, and `released`, are
/// `followedUp + due + overdue`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Emergencies {
    /// Releases.
    pub released: u64,
    /// Orders that arrived.
    pub followed_up: u64,
    /// Those of them that came late.
    pub late: u64,
    /// Without an order when it ended, and not yet late.
    pub due: u64,
    /// Without an order when it ended, and late.
    pub overdue: u64,
}

/// What owners were told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notices {
    /// Messages that arrived.
    pub sent: u64,
    /// Messages that did not: the webhook never took it, or there is none.
    pub not_reached: u64,
    /// Requests of which an order forbade to tell the owners until a date.
    pub delayed: u64,
    /// Such dates that have passed.
    pub delays_ended: u64,
    /// Requests of which owners must not be told yet.
    pub still_delayed: u64,
    /// The last date of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delayed_until: Option<Timestamp>,
}

/// Legal holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holds {
    /// Opened.
    pub opened: u64,
    /// Prolonged.
    pub renewed: u64,
    /// Ended.
    pub closed: u64,
    /// Open when it ended.
    pub open: u64,
}

/// How long it took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Times {
    /// From request to its first decision, of those decided.
    pub to_decision: Durations,
    /// From request to package, of those delivered.
    pub to_delivery: Durations,
}

/// What of the log could not be counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payloads {
    /// Entries, of whatever kind, that were erased, by entries that say so.
    pub erased: u64,
    /// Entries about disclosures that cannot be read, and of which no entry says that they were erased.
    pub unexplained: u64,
    /// Entries of a newer release.
    pub newer: u64,
}

impl Row {
    /// Without any counts.
    pub(super) fn of(basis: Option<Basis>, organisation: Option<String>, others: bool) -> Self {
        Self { basis, organisation, others, ..Self::default() }
    }

    /// Adds the flows of what follows on it; what stands is the later one's. What the one left and the other did not begin
    /// with is not lost.
    fn follow(&mut self, later: &Self) {
        self.unknown += self.pending.saturating_sub(later.carried_over);
        self.reopened += later.carried_over.saturating_sub(self.pending);
        self.add_flows(later);
        self.pending = later.pending;
    }

    /// Adds all of another's counts, of the same stretch of time.
    pub fn add(&mut self, other: &Self) {
        self.carried_over += other.carried_over;
        self.pending += other.pending;
        self.add_flows(other);
    }

    fn add_flows(&mut self, other: &Self) {
        self.submitted += other.submitted;
        self.reopened += other.reopened;
        self.delivered += other.delivered;
        self.denied += other.denied;
        self.withdrawn += other.withdrawn;
        self.expired += other.expired;
        self.failed += other.failed;
        self.unknown += other.unknown;
        self.cameras += other.cameras;
        self.camera_seconds += other.camera_seconds;
        self.with_sound += other.with_sound;
    }

    /// Requests that came to an end.
    pub fn closed(&self) -> u64 {
        self.delivered + self.denied + self.withdrawn + self.expired + self.failed + self.unknown
    }

    /// Whether what came in is what came out and what is left.
    pub fn adds_up(&self) -> bool {
        self.carried_over + self.submitted + self.reopened == self.closed() + self.pending
    }

    /// Those of unknown ground are last, and of a ground those of no organisation.
    fn key(&self) -> (bool, Option<Basis>, bool, bool, Option<&str>) {
        let (basis, organisation) = (self.basis, self.organisation.as_deref());
        (basis.is_none(), basis, organisation.is_none(), self.others, organisation)
    }
}

impl Figures {
    /// The counts of this stretch of time and of the one that follows on it.
    pub fn then(mut self, later: &Self) -> Self {
        let none = Row::default();
        for own in &mut self.requests {
            own.follow(later.requests.iter().find(|row| row.key() == own.key()).unwrap_or(&none));
        }
        for row in &later.requests {
            if !self.requests.iter().any(|own| own.key() == row.key()) {
                let mut new = Row::of(row.basis, row.organisation.clone(), row.others);
                new.follow(row);
                self.requests.push(new);
            }
        }
        sort(&mut self.requests);
        let mut denials: BTreeMap<String, u64> = BTreeMap::new();
        for denial in self.denials.iter().chain(&later.denials) {
            *denials.entry(denial.rule.clone()).or_default() += denial.requests;
        }
        self.denials = into_denials(denials);
        self.emergencies = Emergencies {
            released: self.emergencies.released + later.emergencies.released,
            followed_up: self.emergencies.followed_up + later.emergencies.followed_up,
            late: self.emergencies.late + later.emergencies.late,
            ..later.emergencies
        };
        self.notices = Notices {
            sent: self.notices.sent + later.notices.sent,
            not_reached: self.notices.not_reached + later.notices.not_reached,
            delayed: self.notices.delayed + later.notices.delayed,
            delays_ended: self.notices.delays_ended + later.notices.delays_ended,
            ..later.notices.clone()
        };
        self.holds = Holds {
            opened: self.holds.opened + later.holds.opened,
            renewed: self.holds.renewed + later.holds.renewed,
            closed: self.holds.closed + later.holds.closed,
            ..later.holds
        };
        self.times.to_decision.merge(&later.times.to_decision);
        self.times.to_delivery.merge(&later.times.to_delivery);
        self.payloads = Payloads {
            erased: self.payloads.erased + later.payloads.erased,
            unexplained: self.payloads.unexplained + later.payloads.unexplained,
            newer: self.payloads.newer + later.payloads.newer,
        };
        self
    }

    /// All rows as one.
    pub fn total(&self) -> Row {
        sum(self.requests.iter())
    }

    /// The rows of each ground as one, those of an unknown one last.
    pub fn by_basis(&self) -> Vec<Row> {
        let mut grounds: Vec<Option<Basis>> = self.requests.iter().map(|row| row.basis).collect();
        grounds.sort_by_key(|basis| (basis.is_none(), *basis));
        grounds.dedup();
        let of = |basis| Row { basis, ..sum(self.requests.iter().filter(|row| row.basis == basis)) };
        grounds.into_iter().map(of).collect()
    }
}

pub(super) fn sort(rows: &mut [Row]) {
    rows.sort_by(|a, b| a.key().cmp(&b.key()));
}

/// The most often first.
pub(super) fn into_denials(by_rule: BTreeMap<String, u64>) -> Vec<Denial> {
    let mut denials: Vec<Denial> =
        by_rule.into_iter().map(|(rule, requests)| Denial { rule, requests }).collect();
    denials.sort_by(|a, b| b.requests.cmp(&a.requests).then_with(|| a.rule.cmp(&b.rule)));
    denials
}

fn sum<'a>(rows: impl Iterator<Item = &'a Row>) -> Row {
    rows.fold(Row::default(), |mut total, row| {
        total.add(row);
        total
    })
}
