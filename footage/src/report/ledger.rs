//! What is taken from the log's entries to be counted.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use camerafleet_crds::{Basis, SharingPolicySpec};
use jiff::Timestamp;
use serde::Deserialize;

use super::case::{About, Case, Event, HoldEvent, denied};
use super::text::tidy;
use super::{Month, Payloads};
use crate::disclosure::History;
use crate::ids::RequestUid;
use crate::log::{Content, Entry, Leaf, Record, entry};

/// So many organisations are named, the first that the log has; the others are counted as one.
pub(super) const MAX_ORGANISATIONS: usize = 200;

/// A request's entry's tag in its leaf. It is there, and the same, when the entry was erased.
type Tag = [u8; 16];

/// What is known of a tenant's disclosures: fed with the log's entries, each once and in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    next: u64,
    first: Option<Timestamp>,
    kept_from: Option<Month>,
    pub(super) cases: BTreeMap<Tag, Case>,
    /// The tags of an outcome and of a withdrawal, and their request's.
    ends: HashMap<Tag, Tag>,
    organisations: BTreeSet<String>,
    /// By the digest of a SharingPolicy's revision, hex: the seconds within which an emergency's order must follow.
    follow_up_within: HashMap<String, i64>,
    pub(super) notices: Vec<(Timestamp, bool)>,
    pub(super) holds: Vec<(Timestamp, HoldEvent)>,
    /// Holds that were opened before what is kept, and not closed.
    pub(super) holds_before: u64,
    /// Entries that cannot be read and of which no entry says that they were erased, by their index.
    unread: BTreeMap<u64, Timestamp>,
    erasures: Vec<(Timestamp, u64)>,
    newer: Vec<Timestamp>,
}

/// What is known of an entry's payload.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// It was not read: [`Ledger::wants`] said that it need not be.
    Unread,
    /// It was read.
    Content(&'a Content),
    /// It should be there, and is missing or altered.
    Damaged,
}

/// The fields of a request's frozen object that are looked at. All else in it stays unread.
#[derive(Deserialize)]
struct Object {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    basis: Basis,
    requester: Requester,
}

#[derive(Deserialize)]
struct Requester {
    #[serde(default)]
    organisation: Option<String>,
}

impl Ledger {
    /// The index of the first entry that it has not been fed.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The month of the log's first entry; none of an empty one.
    pub fn first_month(&self) -> Option<Month> {
        self.first.map(Month::of)
    }

    /// The first month that it can still count; none: all.
    pub fn kept_from(&self) -> Option<Month> {
        self.kept_from
    }

    /// Drops what is over, so that it does not grow for ever: months before this one cannot be counted any more, the others
    /// are counted as before.
    pub fn forget(&mut self, before: Month) {
        if self.kept_from >= Some(before) {
            return;
        }
        self.kept_from = Some(before);
        let start = before.start();
        self.cases.retain(|_, case| !case.is_over(start));
        let cases = &self.cases;
        self.ends.retain(|_, request| cases.contains_key(request));
        let opened = |event: HoldEvent| {
            self.holds.iter().filter(|(at, one)| *one == event && *at < start).count() as u64
        };
        let (opened, closed) = (opened(HoldEvent::Opened), opened(HoldEvent::Closed));
        self.holds_before = (self.holds_before + opened).saturating_sub(closed);
        self.holds.retain(|(at, _)| *at >= start);
        self.notices.retain(|(at, _)| *at >= start);
        self.unread.retain(|_, at| *at >= start);
        self.erasures.retain(|(at, _)| *at >= start);
        self.newer.retain(|at| *at >= start);
    }

    /// How many requests it keeps.
    pub fn requests(&self) -> usize {
        self.cases.len()
    }

    /// Whether an entry's payload must be read for the report. Holds are counted by their leaves alone.
    pub fn wants(leaf: &[u8]) -> bool {
        let kind = Leaf::decode(leaf).and_then(|leaf| entry::kind_name(leaf.kind));
        matches!(
            kind,
            Some(
                "Request"
                    | "Decision"
                    | "Intent"
                    | "Outcome"
                    | "Notice"
                    | "NoticeDelayed"
                    | "RequestWithdrawn"
                    | "FollowedUp"
                    | "PolicyRevision"
                    | "PayloadErased"
            )
        )
    }

    /// Takes the next entry. One that it has had, or that is not the next, changes nothing.
    pub fn take(&mut self, index: u64, leaf: &[u8], seen: Seen<'_>) {
        if index != self.next {
            return;
        }
        self.next += 1;
        let Some(leaf) = Leaf::decode(leaf) else {
            // Its time is not known; that of the first entry is the least wrong.
            self.newer.extend(self.first);
            return;
        };
        let at = leaf.at();
        self.first.get_or_insert(at);
        let Some(kind) = entry::kind_name(leaf.kind) else {
            self.newer.push(at);
            return;
        };
        match kind {
            "HoldOpened" => self.holds.push((at, HoldEvent::Opened)),
            "HoldRenewed" => self.holds.push((at, HoldEvent::Renewed)),
            "HoldClosed" => self.holds.push((at, HoldEvent::Closed)),
            _ => match seen {
                Seen::Unread => {}
                Seen::Content(Content::Record(record)) => self.read(index, &leaf, record),
                Seen::Content(Content::Newer) => {
                    self.newer.push(at);
                    self.unreadable(kind, &leaf);
                }
                Seen::Content(Content::Erased) | Seen::Damaged => {
                    self.unread.insert(index, at);
                    self.unreadable(kind, &leaf);
                }
            },
        }
    }

    /// What the leaf of an entry says whose payload says nothing any more.
    fn unreadable(&mut self, kind: &str, leaf: &Leaf) {
        let at = leaf.at();
        match kind {
            "Request" => {
                self.cases.entry(leaf.tag).or_insert(Case { at, about: None, events: Vec::new() });
            }
            "Outcome" | "RequestWithdrawn" => {
                let event = if kind == "Outcome" { Event::Ended } else { Event::Withdrawn };
                if let Some(case) = self.ends.get(&leaf.tag).and_then(|request| self.cases.get_mut(request)) {
                    case.events.push((at, event));
                }
            }
            _ => {}
        }
    }

    fn read(&mut self, index: u64, leaf: &Leaf, record: &Record) {
        let at = record.at;
        match &record.entry {
            Entry::Request(request) => {
                let about = self.about(&request.object);
                let case = Case { at, about: Some(about), events: Vec::new() };
                // The first one counts.
                self.cases.entry(leaf.tag).or_insert(case);
                if let Ok(uid) = RequestUid::parse(&*request.request) {
                    self.ends.extend(History::end_ids(&uid).map(|id| (Leaf::tag_of(&id), leaf.tag)));
                }
            }
            Entry::Decision(decision) => {
                let event = match decision.verdict {
                    entry::Verdict::Authorized => {
                        let within = |digest: &String| self.follow_up_within.get(digest).copied();
                        // As the kernel has it: what no policy says is due at once.
                        let within = decision.revisions.iter().filter_map(within).min().unwrap_or(0);
                        Event::Granted { decision: index, follow_up_within: within }
                    }
                    entry::Verdict::Denied => denied(&decision.reasons),
                };
                self.event(&decision.request, at, event);
            }
            Entry::Intent(intent) => self.began(at, intent),
            Entry::Outcome(outcome) => {
                let event = match outcome.result {
                    entry::OutcomeResult::Delivered { .. } => Event::Delivered,
                    entry::OutcomeResult::Failed { .. } => Event::Failed,
                };
                self.event(&outcome.request, at, event);
            }
            Entry::Notice(notice) => self.notices.push((at, notice.delivered)),
            Entry::NoticeDelayed(delayed) => {
                self.event(&delayed.request, at, Event::Delayed { until: delayed.until });
            }
            Entry::RequestWithdrawn(gone) => self.event(&gone.request, at, Event::Withdrawn),
            Entry::FollowedUp(followed) => self.event(&followed.request, at, Event::FollowedUp),
            Entry::PolicyRevision(revision) => {
                let spec = serde_json::from_str::<SharingPolicySpec>(&revision.spec).ok();
                let within = spec.and_then(|spec| spec.bases.emergency).map(|e| e.follow_up_within.as_secs());
                if let Some(within) = within.and_then(|seconds| i64::try_from(seconds).ok()) {
                    self.follow_up_within.insert(revision.digest.clone(), within);
                }
            }
            Entry::PayloadErased(erased) => {
                self.erasures.push((at, erased.entries.len() as u64));
                // It names entries that come before it.
                for index in &erased.entries {
                    self.unread.remove(index);
                }
            }
            _ => {}
        }
    }

    fn about(&mut self, object: &str) -> About {
        let Ok(Object { spec }) = serde_json::from_str(object) else {
            return About { basis: None, organisation: None, others: false };
        };
        // On the other grounds people ask for themselves, and may have written their own name.
        let named = matches!(spec.basis, Basis::Consent | Basis::CourtOrder | Basis::Emergency);
        let organisation = spec.requester.organisation.filter(|_| named).map(|name| tidy(&name));
        let organisation = organisation.filter(|name| !name.is_empty());
        let known = organisation.as_ref().is_none_or(|name| {
            let room = self.organisations.len() < MAX_ORGANISATIONS;
            self.organisations.contains(name) || (room && self.organisations.insert(name.clone()))
        });
        About { basis: Some(spec.basis), organisation: organisation.filter(|_| known), others: !known }
    }

    fn began(&mut self, at: Timestamp, intent: &entry::Intent) {
        let cameras = intent.cameras.len() as u64;
        let length = u64::try_from(intent.to.duration_since(intent.from).as_secs()).unwrap_or(0);
        let Some(case) = self.cases.get(&request_tag(&intent.request)) else { return };
        let within = case.events.iter().find_map(|(_, event)| match event {
            Event::Granted { decision, follow_up_within } if *decision == intent.decision => {
                Some(*follow_up_within)
            }
            _ => None,
        });
        let within = jiff::SignedDuration::from_secs(within.unwrap_or(0));
        let event = Event::Began {
            cameras,
            seconds: cameras.saturating_mul(length),
            sound: intent.audio,
            follow_up_by: at.checked_add(within).unwrap_or(Timestamp::MAX),
        };
        self.event(&intent.request, at, event);
    }

    /// What the log says of a request that it does not have is of nobody's.
    fn event(&mut self, request: &str, at: Timestamp, event: Event) {
        if let Some(case) = self.cases.get_mut(&request_tag(request)) {
            case.events.push((at, event));
        }
    }

    pub(super) fn payloads(&self, in_period: impl Fn(Timestamp) -> bool) -> Payloads {
        Payloads {
            erased: self.erasures.iter().filter(|(at, _)| in_period(*at)).map(|(_, entries)| entries).sum(),
            unexplained: self.unread.values().filter(|at| in_period(**at)).count() as u64,
            newer: self.newer.iter().filter(|at| in_period(**at)).count() as u64,
        }
    }
}

fn request_tag(uid: &str) -> Tag {
    // As `History::request_id` writes it; what is no uid has no request.
    Leaf::tag_of(&format!("request/{uid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An id of two places must be one.
    #[test]
    fn a_requests_tag_is_that_of_its_entry() {
        let uid = RequestUid::parse("u-1").unwrap();
        assert_eq!(request_tag("u-1"), Leaf::tag_of(&History::request_id(&uid)));
    }
}
