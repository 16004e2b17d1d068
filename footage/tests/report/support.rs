//! A log as a list of entries.

use camerafleet_footage::{
    ids::CameraId,
    log::{Content, Entry, Leaf, LogEntry, Record, entry},
    report::{Ledger, Seen},
};
use jiff::Timestamp;
use serde_json::{Value, json};

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Entries in their order.
#[derive(Clone, Debug, Default)]
pub struct Log {
    pub entries: Vec<LogEntry>,
}

impl Log {
    pub fn add(&mut self, id: &str, at: Timestamp, entry: impl Into<Entry>) -> u64 {
        let entry = entry.into();
        let index = self.entries.len() as u64;
        let leaf = Leaf {
            kind: entry.kind(),
            minute: u32::try_from(at.as_second() / 60).unwrap(),
            tag: Leaf::tag_of(id),
            commitment: [0; 32],
        };
        let record =
            serde_json::from_value::<Record>(json!({"version": "1", "id": id, "at": at, "entry": entry}));
        let content = Content::Record(Box::new(record.unwrap()));
        self.entries.push(LogEntry { index, leaf: leaf.encode().to_vec(), content });
        index
    }

    pub fn request(&mut self, uid: &str, at: Timestamp, basis: &str, organisation: Option<&str>) {
        let mut requester = json!({"user": "officer@example.com", "callback": "+44 20 7946 0000"});
        if let Some(organisation) = organisation {
            requester["organisation"] = organisation.into();
        }
        let object = json!({
            "apiVersion": "camerafleet.io/v1alpha1", "kind": "DisclosureRequest", "namespace": "elm-street",
            "name": "r-1", "uid": uid,
            "spec": {"requester": requester, "caseNumber": "AB-123", "basis": basis, "recipient": "age1"},
        });
        self.object(uid, at, &object);
    }

    pub fn object(&mut self, uid: &str, at: Timestamp, object: &Value) {
        let new = entry::Request { request: uid.into(), digest: String::new(), object: object.to_string() };
        self.add(&format!("request/{uid}"), at, new);
    }

    pub fn decision(&mut self, uid: &str, at: Timestamp, denied: &[&str], revisions: &[&str]) -> u64 {
        let verdict = if denied.is_empty() { entry::Verdict::Authorized } else { entry::Verdict::Denied };
        let reason = |rule: &&str| entry::DecisionReason {
            rule: (*rule).to_owned(),
            message: "Officer Example of example.com may not.".into(),
        };
        let new = entry::Decision {
            request: uid.into(),
            request_digest: String::new(),
            verdict,
            reasons: denied.iter().map(reason).collect(),
            revisions: revisions.iter().map(|digest| (*digest).to_owned()).collect(),
            approvals: Vec::new(),
            order: None,
        };
        self.add(&format!("decision/{uid}/{}", self.entries.len()), at, new)
    }

    /// Two cameras for so many seconds.
    pub fn intent(&mut self, uid: &str, at: Timestamp, decision: u64, seconds: i64) -> u64 {
        let from = super::support::at("2026-01-01T00:00:00Z");
        let new = entry::Intent {
            request: uid.into(),
            request_digest: String::new(),
            decision,
            cameras: ["c-1", "c-2"].map(|id| CameraId::parse(id).unwrap()).into(),
            from,
            to: from + jiff::SignedDuration::from_secs(seconds),
            audio: true,
            form: "Clip".into(),
            recipient: "age1".into(),
        };
        self.add(&format!("intent/{uid}"), at, new)
    }

    pub fn outcome(&mut self, uid: &str, at: Timestamp, delivered: bool) -> u64 {
        let result = match delivered {
            true => entry::OutcomeResult::Delivered {
                manifest: String::new(),
                package: String::new(),
                bytes: 1,
                segments: 1,
            },
            false => entry::OutcomeResult::Failed { reason: "No footage of door of Flat 4 B.".into() },
        };
        let new = entry::Outcome { request: uid.into(), intent: 0, result };
        self.add(&format!("outcome/{uid}"), at, new)
    }

    pub fn withdrawn(&mut self, uid: &str, at: Timestamp) -> u64 {
        let new = entry::RequestWithdrawn { request: uid.into() };
        self.add(&format!("request-withdrawn/{uid}"), at, new)
    }

    pub fn followed(&mut self, uid: &str, at: Timestamp) -> u64 {
        let new = entry::FollowedUp { request: uid.into(), order: "o-1".into() };
        self.add(&format!("followed-up/{uid}"), at, new)
    }

    pub fn delayed(&mut self, uid: &str, at: Timestamp, until: Timestamp) -> u64 {
        let new = entry::NoticeDelayed { request: uid.into(), until };
        self.add(&format!("notice-delayed/{uid}/{until}"), at, new)
    }

    pub fn notice(&mut self, uid: &str, at: Timestamp, delivered: bool) -> u64 {
        let occasion = "Delivered".to_owned();
        let new = entry::Notice { request: uid.into(), owner: "Flat 4 B".into(), occasion, delivered };
        self.add(&format!("notice/{uid}/{}", self.entries.len()), at, new)
    }

    /// A policy's revision under this digest, which has emergencies followed up within so long.
    pub fn policy(&mut self, digest: &str, at: Timestamp, within: &str) {
        let spec = json!({
            "owners": [{"name": "a", "user": "a@example.com"}],
            "bases": {"emergency": {
                "approvers": [{"user": "a@example.com"}], "threshold": 1, "maxWindow": "2h", "followUpWithin": within,
            }},
        });
        let new =
            entry::PolicyRevision { policy: "p-1".into(), digest: digest.into(), spec: spec.to_string() };
        self.add(&format!("policy-revision/{digest}"), at, new);
    }

    /// Authorised, begun and delivered.
    pub fn release(&mut self, uid: &str, at: Timestamp, revisions: &[&str]) {
        let decision = self.decision(uid, at, &[], revisions);
        self.intent(uid, at, decision, 3_600);
        self.outcome(uid, at, true);
    }

    pub fn erase(&mut self, index: u64) {
        self.entries[usize::try_from(index).unwrap()].content = Content::Erased;
    }

    /// Read as the operator reads it: payloads only where they are wanted.
    pub fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::default();
        self.feed(&mut ledger);
        ledger
    }

    pub fn feed(&self, ledger: &mut Ledger) {
        for entry in &self.entries {
            let seen = if Ledger::wants(&entry.leaf) { Seen::Content(&entry.content) } else { Seen::Unread };
            ledger.take(entry.index, &entry.leaf, seen);
        }
    }
}
