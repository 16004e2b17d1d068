//! A request, as far as it is counted, and what happened to it.

use std::collections::BTreeSet;

use camerafleet_crds::Basis;
use jiff::Timestamp;

use crate::disclosure::{Effect, Rule};
use crate::log::entry;

/// A request and what happened to it, in the log's order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Case {
    pub at: Timestamp,
    /// None: its entry cannot be read.
    pub about: Option<About>,
    pub events: Vec<(Timestamp, Event)>,
}

/// What a request says, as far as it is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct About {
    /// None: not understood.
    pub basis: Option<Basis>,
    pub organisation: Option<String>,
    /// It names one that is not named in reports.
    pub others: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    Granted {
        decision: u64,
        follow_up_within: i64,
    },
    Denied {
        expired: bool,
        rules: BTreeSet<&'static str>,
    },
    Withdrawn,
    Began {
        cameras: u64,
        seconds: u64,
        sound: bool,
        follow_up_by: Timestamp,
    },
    Delivered,
    Failed,
    /// It has an outcome that cannot be read.
    Ended,
    FollowedUp,
    Delayed {
        until: Timestamp,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HoldEvent {
    Opened,
    Renewed,
    Closed,
}

/// A denial, with the rules that denied.
pub(super) fn denied(reasons: &[entry::DecisionReason]) -> Event {
    let mut rules = BTreeSet::new();
    let mut expired = false;
    for reason in reasons {
        match Rule::parse(&reason.rule) {
            Some(Rule::RequestExpired) => expired = true,
            Some(rule) if rule.effect() == Effect::Denies => _ = rules.insert(rule.id()),
            Some(_) => {}
            None => _ = rules.insert("Other"),
        }
    }
    Event::Denied { expired, rules }
}
