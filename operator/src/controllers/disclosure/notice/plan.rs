//! Whom to tell what, and when: pure functions.

use std::collections::{BTreeMap, BTreeSet};

use camerafleet_crds::{Basis, NoticeOccasion, NoticeState, NoticeStatus, SharingPolicySpec};
use camerafleet_footage::log::entry;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// As many as the status takes.
pub const MAX_NOTICES: usize = 64;
/// The pauses after each try that failed; after the last it is given up.
const PAUSES: [SignedDuration; 6] = [
    SignedDuration::from_secs(15),
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(3),
    SignedDuration::from_hours(12),
];

/// An owner, and where they are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Their name in the SharingPolicy.
    pub owner: String,
    /// Their user name.
    pub user: String,
    /// The webhooks' Secrets.
    pub secrets: BTreeSet<String>,
}

/// The owners of these policies. One person may have several names; the first counts.
pub fn contacts<'a>(policies: impl IntoIterator<Item = &'a SharingPolicySpec>) -> Vec<Contact> {
    let mut all: BTreeMap<&str, Contact> = BTreeMap::new();
    for policy in policies {
        for owner in &policy.owners {
            let contact = all.entry(&owner.user).or_insert_with(|| Contact {
                owner: owner.name.clone(),
                user: owner.user.clone(),
                secrets: BTreeSet::new(),
            });
            let of = policy.notify.iter().filter(|notify| notify.owner == owner.name);
            contact.secrets.extend(of.map(|notify| notify.webhook_secret_ref.name.clone()));
        }
    }
    // A name that two people had says which of them is meant.
    let names: Vec<String> = all.values().map(|contact| contact.owner.clone()).collect();
    let mut contacts: Vec<Contact> = all.into_values().collect();
    for contact in &mut contacts {
        if names.iter().filter(|name| **name == contact.owner).count() > 1 {
            contact.owner = format!("{} ({})", contact.owner, contact.user);
        }
    }
    contacts
}

/// What has happened that owners are told of, and from when on they may know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Occasions {
    /// What has happened.
    pub all: Vec<NoticeOccasion>,
    /// Not before this; none: at once.
    pub not_before: Option<Timestamp>,
    /// The order that says until when they must not be told is gone.
    pub unknown: bool,
}

/// What has become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing yet.
    Open,
    /// It was denied.
    Denied,
    /// It was withdrawn, or nobody decided.
    Gone,
    /// A package was made.
    Delivered,
    /// None was.
    Failed,
}

/// Decides. `nondisclosure` is that of the orders on which it rests or would; `Err`: not known.
pub fn occasions(basis: Basis, fate: Fate, nondisclosure: Result<Option<Timestamp>, ()>) -> Occasions {
    let mut all = Vec::new();
    if basis != Basis::CourtOrder {
        all.push(NoticeOccasion::Requested);
    }
    match fate {
        Fate::Open | Fate::Gone => {}
        Fate::Denied => all.push(NoticeOccasion::Denied),
        Fate::Delivered => all.push(NoticeOccasion::Delivered),
        Fate::Failed => all.push(NoticeOccasion::Failed),
    }
    let unknown = nondisclosure.is_err() && !all.is_empty();
    Occasions { not_before: nondisclosure.unwrap_or_default().filter(|_| !all.is_empty()), all, unknown }
}

/// What is to be done about messages now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Due {
    /// To be sent now: to whom, what of, and how it stood before.
    pub send: Vec<(Contact, NoticeOccasion, Option<NoticeStatus>)>,
    /// Those that need nothing now.
    pub settled: Vec<NoticeStatus>,
    /// Owners are told nothing before this.
    pub not_before: Option<Timestamp>,
    /// Owners may know of it.
    pub visible: bool,
    /// When to look again.
    pub next: Option<Timestamp>,
}

/// Decides.
pub fn due(
    contacts: &[Contact],
    occasions: &Occasions,
    logged: &[entry::Notice],
    before: &[NoticeStatus],
    now: Timestamp,
) -> Due {
    let mut due = Due::default();
    if occasions.unknown || occasions.all.is_empty() {
        return due;
    }
    if let Some(not_before) = occasions.not_before.filter(|until| now < *until) {
        return Due { not_before: Some(not_before), next: Some(not_before), ..due };
    }
    due.visible = true;
    for contact in contacts {
        for &occasion in &occasions.all {
            let status = |state, attempts| NoticeStatus {
                owner: contact.owner.clone(),
                occasion,
                state,
                attempts,
                next_attempt_at: None,
            };
            let known = before.iter().find(|n| n.owner == contact.owner && n.occasion == occasion);
            let attempts = known.map_or(0, |notice| notice.attempts);
            let done =
                logged.iter().find(|n| n.owner == contact.owner && n.occasion == format!("{occasion:?}"));
            if let Some(done) = done {
                let state = match (done.delivered, contact.secrets.is_empty()) {
                    (true, _) => NoticeState::Delivered,
                    (false, true) => NoticeState::NoWebhook,
                    (false, false) => NoticeState::Failed,
                };
                due.settled.push(status(state, attempts));
            } else if contact.secrets.is_empty() {
                due.settled.push(status(NoticeState::NoWebhook, 0));
            } else {
                match known.and_then(|notice| notice.next_attempt_at.as_ref()).map(|time| time.0) {
                    Some(next) if now < next => {
                        due.next = due.next.into_iter().chain([next]).min();
                        due.settled.extend(known.cloned());
                    }
                    _ => due.send.push((contact.clone(), occasion, known.cloned())),
                }
            }
        }
    }
    due
}

/// How a message stands after a try.
pub fn after(
    contact: &Contact,
    occasion: NoticeOccasion,
    before: Option<&NoticeStatus>,
    arrived: bool,
    now: Timestamp,
) -> NoticeStatus {
    let attempts = before.map_or(0, |notice| notice.attempts) + 1;
    let pause = PAUSES.get(usize::try_from(attempts - 1).unwrap_or(usize::MAX));
    let (state, next) = match (arrived, pause) {
        (true, _) => (NoticeState::Delivered, None),
        (false, None) => (NoticeState::Failed, None),
        (false, Some(pause)) => (NoticeState::Retrying, now.checked_add(*pause).ok()),
    };
    NoticeStatus { owner: contact.owner.clone(), occasion, state, attempts, next_attempt_at: next.map(Time) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_611_600 + second).unwrap()
    }

    fn contact(owner: &str, secrets: &[&str]) -> Contact {
        Contact {
            owner: owner.into(),
            user: format!("{owner}@example.com"),
            secrets: secrets.iter().map(|s| (*s).to_owned()).collect(),
        }
    }

    #[test]
    fn owners_are_told_at_once_but_of_an_order_only_when_it_is_decided() {
        use NoticeOccasion::{Delivered, Denied, Failed, Requested};
        let cases = [
            (Basis::Consent, Fate::Open, vec![Requested]),
            (Basis::Consent, Fate::Delivered, vec![Requested, Delivered]),
            (Basis::Consent, Fate::Gone, vec![Requested]),
            (Basis::Emergency, Fate::Failed, vec![Requested, Failed]),
            (Basis::CourtOrder, Fate::Open, vec![]),
            (Basis::CourtOrder, Fate::Gone, vec![]),
            (Basis::CourtOrder, Fate::Denied, vec![Denied]),
            (Basis::CourtOrder, Fate::Delivered, vec![Delivered]),
        ];
        for (basis, fate, expected) in cases {
            assert_eq!(occasions(basis, fate, Ok(None)).all, expected, "{basis:?} {fate:?}");
        }
    }

    #[test]
    fn what_an_order_forbids_to_tell_is_told_by_itself_at_its_date_and_nothing_shows_before() {
        let contacts = [contact("a", &["hook"])];
        let delayed = occasions(Basis::CourtOrder, Fate::Delivered, Ok(Some(at(100))));
        let before = due(&contacts, &delayed, &[], &[], at(99));
        assert_eq!((before.visible, before.send.len(), before.settled.len()), (false, 0, 0));
        assert_eq!((before.not_before, before.next), (Some(at(100)), Some(at(100))));
        let then = due(&contacts, &delayed, &[], &[], at(100));
        assert_eq!((then.visible, then.send.len(), then.not_before), (true, 1, None));
        // The order is gone: nothing is told before somebody who knows looks at it.
        let unknown =
            due(&contacts, &occasions(Basis::CourtOrder, Fate::Delivered, Err(())), &[], &[], at(200));
        assert_eq!(unknown, Due::default());
    }

    #[test]
    fn a_message_is_tried_a_bounded_number_of_times_and_never_after_it_arrived() {
        let contacts = [contact("a", &["hook"]), contact("b", &[])];
        let occasions = occasions(Basis::Consent, Fate::Open, Ok(None));
        let (mut now, mut before, mut tries) = (at(0), Vec::new(), 0);
        let last = loop {
            let due = due(&contacts, &occasions, &[], &before, now);
            let nobody = due.settled.iter().find(|notice| notice.owner == "b").unwrap();
            assert_eq!(nobody.state, NoticeState::NoWebhook);
            match due.send.first() {
                Some((contact, occasion, known)) => {
                    tries += 1;
                    let told = after(contact, *occasion, known.as_ref(), false, now);
                    if told.state == NoticeState::Failed {
                        break told;
                    }
                    before = vec![told];
                }
                None => now = due.next.unwrap(),
            }
        };
        assert_eq!((tries, last.attempts), (7, 7));
        assert!(now > at(3_600 * 15) && now < at(3_600 * 17), "{now}");
        // It arrived, and the log says so: whatever the status says, it is not sent again.
        let logged = [entry::Notice {
            request: "r".into(),
            owner: "a".into(),
            occasion: "Requested".into(),
            delivered: true,
        }];
        let told = due(&contacts, &occasions, &logged, &[], now);
        assert!(told.send.is_empty());
        assert_eq!(told.settled[0].state, NoticeState::Delivered);
    }

    #[test]
    fn owners_then_and_now_are_told_each_once() {
        let policy = |owners: &[(&str, &str)], notify: &[(&str, &str)]| -> SharingPolicySpec {
            serde_json::from_value(serde_json::json!({
                "owners": owners.iter().map(|(name, user)| serde_json::json!({"name": name, "user": user})).collect::<Vec<_>>(),
                "notify": notify.iter().map(|(owner, secret)| serde_json::json!({"owner": owner, "webhookSecretRef": {"name": secret}})).collect::<Vec<_>>(),
            }))
            .unwrap()
        };
        let then = policy(&[("flat", "a"), ("shop", "s")], &[("flat", "hook-1")]);
        let now = policy(&[("flat", "b"), ("shop", "s")], &[("flat", "hook-2"), ("shop", "hook-3")]);
        let found = contacts([&then, &now]);
        let said: Vec<_> = found
            .iter()
            .map(|c| {
                (c.owner.as_str(), c.user.as_str(), c.secrets.iter().map(String::as_str).collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(
            said,
            [
                ("flat (a)", "a", vec!["hook-1"]),
                ("flat (b)", "b", vec!["hook-2"]),
                ("shop", "s", vec!["hook-3"])
            ]
        );
    }
}
