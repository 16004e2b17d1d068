//! The plan, without a cluster: a table of what is known and the next step.

mod steps;
mod told;

use camerafleet_footage::{
    digest::{hex, sha256},
    disclosure::{Decision, Docket, History, Live, Reason, Rule, Verdict, decide, job::Receipt},
    ids::{CameraId, RequestUid, TenantId},
    log::{
        Entry, NewEntry, Record,
        entry::{self, OutcomeResult, Version},
    },
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    entries,
    gather::JobState,
    plan::{Facts, Step, plan},
};

const UID: &str = "00000500-0000-4000-8000-000000000000";
const APPROVAL: &str = "00000600-0000-4000-8000-000000000000";

fn at(minutes: i64) -> Timestamp {
    "2026-11-20T12:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

fn uid() -> RequestUid {
    RequestUid::parse(UID).unwrap()
}

fn tenant() -> TenantId {
    TenantId::parse("t-1").unwrap()
}

fn policy() -> Value {
    json!({
        "owners": [{"name": "a", "user": "a@example.com"}], "custody": "Vault",
        "bases": {"consent": {"maxWindow": "12h", "maxCameras": 4, "audio": false}},
        "trustedAuthorities": [], "notify": [],
    })
}

fn request() -> Value {
    json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "DisclosureRequest",
        "metadata": {"namespace": "elm-street", "name": "r-1", "uid": UID},
        "spec": {
            "requester": {"user": "officer@example.com", "organisation": "Example", "callback": "+44"},
            "caseNumber": "AB-123", "cameras": [{"name": "door-1", "id": "c-1"}],
            "window": {"from": at(0), "to": at(10)}, "basis": "Consent",
            "recipient": "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
            "includeAudio": false, "form": "Clip", "expiresAfter": "7d",
            "purposeDigest": format!("sha256:{}", "0".repeat(64)), "withdrawn": false,
        },
    })
}

fn approval() -> Value {
    let frozen = entries::frozen("DisclosureRequest", &request(), at(60)).unwrap();
    json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "Approval",
        "metadata": {"namespace": "elm-street", "name": "yes", "uid": APPROVAL},
        "spec": {
            "requestRef": {"name": "r-1", "uid": UID},
            "requestDigest": frozen.digest("DisclosureRequest").to_string(),
            "approver": "a@example.com", "capacity": "Owner", "decision": "Approve",
            "notAfter": at(10_000), "withdrawn": false,
        },
    })
}

/// A world in which one can go on step by step: a log, and objects.
struct World {
    log: Vec<NewEntry>,
    live: Live,
    job: JobState,
    enforced: bool,
    deleted: bool,
    now: Timestamp,
}

impl World {
    fn new(approved: bool) -> Self {
        let spec: camerafleet_crds::SharingPolicySpec = serde_json::from_value(policy()).unwrap();
        let canonical = camerafleet_footage::digest::canonical(&spec);
        let digest = hex(&sha256(canonical.as_bytes()));
        let revision = entry::PolicyRevision { policy: "sp-1".into(), digest, spec: canonical };
        let had =
            entry::CameraPolicy { camera: CameraId::parse("c-1").unwrap(), policy: Some("sp-1".into()) };
        let object = json!({
            "apiVersion": "camerafleet.io/v1alpha1", "kind": "SharingPolicy",
            "metadata": {"namespace": "elm-street", "name": "building", "uid": "sp-1", "annotations": {"camerafleet.io/id": "sp-1"}},
            "spec": policy(),
        });
        let mut world = Self {
            log: Vec::new(),
            live: Live {
                request: Some(request()),
                approvals: approved.then(approval).into_iter().collect(),
                policies: vec![object],
                ..Live::default()
            },
            job: JobState::Absent,
            enforced: true,
            deleted: false,
            now: at(60),
        };
        let new = |id: &str, entry: Entry| NewEntry { id: id.into(), at: at(-60), entry };
        world
            .append(vec![new("policy-revision/sp-1", revision.into()), new("camera-policy/c-1", had.into())]);
        world.submit();
        world
    }

    fn append(&mut self, entries: Vec<NewEntry>) -> Vec<u64> {
        entries
            .into_iter()
            .map(|new| {
                let known = self.log.iter().position(|old| old.id == new.id);
                let index = known.unwrap_or(self.log.len());
                if known.is_none() {
                    self.log.push(new);
                }
                u64::try_from(index).unwrap()
            })
            .collect()
    }

    fn submit(&mut self) {
        let entries = entries::submitted(&self.live, &uid(), &Default::default(), self.now);
        self.append(entries);
    }

    fn history(&self) -> History {
        let index = self.log.iter().position(|new| new.id == History::request_id(&uid())).unwrap();
        let mut history = History::of(uid(), u64::try_from(index).unwrap());
        for (index, new) in (0..).zip(&self.log) {
            let record =
                Record { version: Version::V1, id: new.id.clone(), at: new.at, entry: new.entry.clone() };
            history.take(index, &record);
        }
        history
    }

    fn decision(&self) -> (Docket, Decision) {
        let docket = Docket::new(&self.live, &self.history(), self.now).unwrap();
        let decision = decide(&docket.case(&tenant(), self.now));
        (docket, decision)
    }

    fn step(&self) -> Step {
        let (history, (_, decision)) = (self.history(), self.decision());
        plan(&Facts {
            decision: &decision,
            history: &history,
            job: &self.job,
            enforced: self.enforced,
            deleted: self.deleted,
            now: self.now,
        })
    }

    /// Logs a grant, as the controller does.
    fn begin(&mut self) -> u64 {
        let (docket, decision) = self.decision();
        let granted = decision.authorized().expect("it is authorised").clone();
        let entry = entries::decided(&uid(), granted.digest, &decision, Vec::new(), None, self.now).unwrap();
        let index = self.append(vec![entry])[0];
        let approvals: Vec<_> = docket.approvals.iter().map(|one| &one.frozen).collect();
        let intended = entries::intended(&granted, index, &approvals, self.now);
        self.append(intended)[0]
    }

    fn receipt(intent: u64) -> JobState {
        JobState::Delivered(Box::new(Receipt {
            request: uid(),
            intent,
            key: "k".into(),
            sha256: "s".into(),
            bytes: 7,
            segments: 1,
            manifest: "m".into(),
        }))
    }
}

fn failed(step: &Step) -> &str {
    match step {
        Step::Conclude(_, OutcomeResult::Failed { reason }) => reason,
        step => panic!("{step:?}"),
    }
}
