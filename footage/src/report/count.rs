//! Counting a month.

use std::collections::BTreeMap;

use camerafleet_crds::Basis;
use jiff::{SignedDuration, Timestamp};

use super::case::{About, Case, Event, HoldEvent};
use super::figures::{into_denials, sort};
use super::{Emergencies, Figures, Holds, Ledger, Month, Notices, Row, Times};
use crate::disclosure::REQUEST_LIFE;

/// How a request stood at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Pending,
    Delivered,
    Denied,
    Withdrawn,
    Expired,
    Failed,
    Unknown,
}

/// A month, as far as it has passed.
struct Period {
    start: Timestamp,
    end: Timestamp,
    /// Its last moment, or now where that is earlier.
    as_of: Timestamp,
}

/// The moment before.
fn before(at: Timestamp) -> Timestamp {
    at.saturating_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN)
}

impl Period {
    fn has(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

impl Ledger {
    /// Counts a month, as it stands now or stood when the month ended. Entries in the month are those that were logged in it.
    pub fn month(&self, month: Month, now: Timestamp) -> Figures {
        self.between(month, month, now)
    }

    /// Counts consecutive months as one stretch of time.
    pub fn between(&self, first: Month, last: Month, now: Timestamp) -> Figures {
        let period = Period { start: first.start(), end: last.end(), as_of: now.min(before(last.end())) };
        let (mut rows, mut rules) = (BTreeMap::<Option<&About>, Row>::new(), BTreeMap::new());
        let (mut times, mut emergencies) = (Times::default(), Emergencies::default());
        let mut notices = self.told(&period);
        for case in self.cases.values() {
            let earlier = case.state(period.start, before(period.start));
            let Some(after) = case.state(period.end, period.as_of) else { continue };
            case.times(&period, &mut times);
            case.emergency(&period, &mut emergencies);
            case.delays(&period, &mut notices);
            if earlier == Some(after) && after != State::Pending {
                continue;
            }
            let row = rows.entry(case.about.as_ref()).or_insert_with(|| match &case.about {
                Some(about) => Row::of(about.basis, about.organisation.clone(), about.others),
                None => Row::default(),
            });
            match earlier {
                None => row.submitted += 1,
                Some(State::Pending) => row.carried_over += 1,
                Some(_) => row.reopened += 1,
            }
            match after {
                State::Pending => row.pending += 1,
                State::Delivered => {
                    row.delivered += 1;
                    case.released(row);
                }
                State::Denied => {
                    row.denied += 1;
                    for rule in case.rules(period.end) {
                        *rules.entry(rule.to_owned()).or_default() += 1;
                    }
                }
                State::Withdrawn => row.withdrawn += 1,
                State::Expired => row.expired += 1,
                State::Failed => row.failed += 1,
                State::Unknown => row.unknown += 1,
            }
        }
        // Of an unknown ground are those that cannot be read and those that are not understood.
        let mut requests: Vec<Row> = Vec::new();
        for row in rows.into_values() {
            let same = |own: &&mut Row| own.basis.is_none() && row.basis.is_none();
            match requests.iter_mut().find(same) {
                Some(own) => own.add(&row),
                None => requests.push(row),
            }
        }
        sort(&mut requests);
        Figures {
            requests,
            denials: into_denials(rules),
            emergencies,
            notices,
            holds: self.held(&period),
            times,
            payloads: self.payloads(|at| period.has(at)),
        }
    }

    fn told(&self, period: &Period) -> Notices {
        let count = |arrived: bool| {
            self.notices.iter().filter(|(at, did)| period.has(*at) && *did == arrived).count() as u64
        };
        Notices { sent: count(true), not_reached: count(false), ..Notices::default() }
    }

    fn held(&self, period: &Period) -> Holds {
        let count = |what: HoldEvent, when: &dyn Fn(Timestamp) -> bool| {
            self.holds.iter().filter(|(at, event)| *event == what && when(*at)).count() as u64
        };
        let within = |at: Timestamp| period.has(at);
        let until = |at: Timestamp| at < period.end;
        Holds {
            opened: count(HoldEvent::Opened, &within),
            renewed: count(HoldEvent::Renewed, &within),
            closed: count(HoldEvent::Closed, &within),
            open: (self.holds_before + count(HoldEvent::Opened, &until))
                .saturating_sub(count(HoldEvent::Closed, &until)),
        }
    }
}

impl Case {
    /// Whether nothing of it is counted from this moment on: it had come to its end, and for so long nothing was logged of it
    /// that nothing more will be.
    pub fn is_over(&self, at: Timestamp) -> bool {
        let last = self.events.iter().map(|(at, _)| *at).fold(self.at, Timestamp::max);
        if at.duration_since(last) < REQUEST_LIFE * 2 {
            return false;
        }
        let period = Period { start: at, end: at, as_of: before(at) };
        let (mut emergencies, mut notices) = (Emergencies::default(), Notices::default());
        self.emergency(&period, &mut emergencies);
        self.delays(&period, &mut notices);
        let open = emergencies.due + emergencies.overdue + notices.still_delayed > 0;
        !open && self.state(at, before(at)) != Some(State::Pending)
    }

    /// How it stood, by what was logged before `end`; none if it had not been submitted. `as_of` is what a clock said then.
    fn state(&self, end: Timestamp, as_of: Timestamp) -> Option<State> {
        if self.at >= end {
            return None;
        }
        let (mut state, mut began, mut withdrawn, mut over) = (State::Pending, false, false, false);
        for (_, event) in self.events.iter().filter(|(at, _)| *at < end) {
            match event {
                // A request has one outcome, the first.
                _ if over => {}
                Event::Delivered => (state, over) = (State::Delivered, true),
                Event::Failed if withdrawn => (state, over) = (State::Withdrawn, true),
                Event::Failed => (state, over) = (State::Failed, true),
                Event::Ended => (state, over) = (State::Unknown, true),
                // A refusal was taken back.
                Event::Granted { .. } if state == State::Denied => state = State::Pending,
                Event::Denied { expired: true, .. } if state == State::Pending => state = State::Expired,
                Event::Denied { expired: false, .. } if state == State::Pending => state = State::Denied,
                Event::Began { .. } => began = true,
                Event::Withdrawn => {
                    withdrawn = true;
                    // One that is under way is over with its outcome, and one that was denied was not withdrawn.
                    if state == State::Pending && !began {
                        state = State::Withdrawn;
                    }
                }
                _ => {}
            }
        }
        if state == State::Pending && self.about.is_none() {
            // Nobody can tell what it still waits for.
            return Some(State::Unknown);
        }
        if state == State::Pending && !began && as_of.duration_since(self.at) >= REQUEST_LIFE {
            return Some(State::Expired);
        }
        Some(state)
    }

    /// The rules of its last denial.
    fn rules(&self, end: Timestamp) -> impl Iterator<Item = &'static str> {
        let mut denials =
            self.events.iter().filter(move |(at, _)| *at < end).filter_map(|(_, event)| match event {
                Event::Denied { rules, .. } => Some(rules),
                _ => None,
            });
        denials.next_back().into_iter().flatten().copied()
    }

    /// What was begun before there was a package.
    fn begun(&self) -> Option<&Event> {
        let before = self.events.iter().take_while(|(_, event)| !matches!(event, Event::Delivered));
        before.map(|(_, event)| event).find(|event| matches!(event, Event::Began { .. }))
    }

    fn released(&self, row: &mut Row) {
        let (cameras, seconds, sound) = match self.begun() {
            Some(Event::Began { cameras, seconds, sound, .. }) => (*cameras, *seconds, *sound),
            // Its entry was erased.
            _ => return,
        };
        row.cameras += cameras;
        row.camera_seconds += seconds;
        row.with_sound += u64::from(sound);
    }

    /// When something happened first.
    fn first(&self, what: impl Fn(&Event) -> bool) -> Option<Timestamp> {
        self.events.iter().find(|(_, event)| what(event)).map(|(at, _)| *at)
    }

    fn delivered(&self) -> Option<Timestamp> {
        self.first(|event| matches!(event, Event::Delivered))
    }

    fn times(&self, period: &Period, times: &mut Times) {
        if self.about.is_none() {
            return;
        }
        let decided =
            self.first(|event| matches!(event, Event::Granted { .. } | Event::Denied { expired: false, .. }));
        for (at, durations) in [(decided, &mut times.to_decision), (self.delivered(), &mut times.to_delivery)]
        {
            if let Some(at) = at.filter(|at| period.has(*at)) {
                durations.add(at.duration_since(self.at));
            }
        }
    }

    fn emergency(&self, period: &Period, emergencies: &mut Emergencies) {
        let basis = self.about.as_ref().and_then(|about| about.basis);
        let Some(released) =
            self.delivered().filter(|at| basis == Some(Basis::Emergency) && *at < period.end)
        else {
            return;
        };
        let due = match self.begun() {
            Some(Event::Began { follow_up_by, .. }) => *follow_up_by,
            _ => released,
        };
        emergencies.released += u64::from(period.has(released));
        let followed = self.first(|event| matches!(event, Event::FollowedUp)).filter(|at| *at < period.end);
        match followed {
            Some(at) if period.has(at.max(released)) => {
                emergencies.followed_up += 1;
                emergencies.late += u64::from(due <= at);
            }
            Some(_) => {}
            None if due <= period.as_of => emergencies.overdue += 1,
            None => emergencies.due += 1,
        }
    }

    fn delays(&self, period: &Period, notices: &mut Notices) {
        let mut delays: Vec<(Timestamp, Timestamp)> = Vec::new();
        for (at, event) in self.events.iter().filter(|(at, _)| *at < period.end) {
            let Event::Delayed { until } = event else { continue };
            match delays.last_mut() {
                // Another order has moved the date.
                Some((_, last)) if *at < *last => *last = *until,
                _ => delays.push((*at, *until)),
            }
        }
        for (began, until) in delays {
            notices.delayed += u64::from(period.has(began));
            if until > period.as_of {
                notices.still_delayed += 1;
                notices.delayed_until = notices.delayed_until.max(Some(until));
            } else if period.start <= until.max(began) {
                notices.delays_ended += 1;
            }
        }
    }
}
