//! The plan, without a cluster: a table of what is known and the next step.

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

#[test]
fn a_grant_is_intended_only_while_admission_is_proved_and_carried_out_once() {
    assert_eq!(World::new(false).step(), Step::Wait, "nobody has agreed");
    let mut world = World::new(true);
    assert_eq!(world.step(), Step::Begin);
    world.enforced = false;
    assert_eq!(world.step(), Step::Wait);
    world.enforced = true;
    world.deleted = true;
    assert_eq!(world.step(), Step::Wait);
    world.deleted = false;
    let intent = world.begin();
    assert_eq!(world.step(), Step::Run(intent));
    assert_eq!(world.begin(), intent, "there is one Intent for a request");
    world.enforced = false;
    assert_eq!(world.step(), Step::Wait, "no Job is made while admission is off");
    world.enforced = true;
    world.job = JobState::Running;
    assert_eq!(world.step(), Step::Run(intent));
    let gave_up = |at| JobState::Failed { message: "The store failed.".into(), at };
    world.job = gave_up(world.now);
    assert_eq!(world.step(), Step::Run(intent), "not at once");
    world.job = gave_up(world.now - SignedDuration::from_mins(5));
    assert_eq!(world.step(), Step::RunAgain);
    world.job = JobState::Refused("Nothing that can be opened is stored.".into());
    assert_eq!(failed(&world.step()), "Nothing that can be opened is stored.");
    world.job = World::receipt(intent + 1);
    assert!(failed(&world.step()).contains("another Intent"));
    world.job = World::receipt(intent);
    let Step::Conclude(of, result) = world.step() else { panic!() };
    assert_eq!((of, matches!(result, OutcomeResult::Delivered { bytes: 7, .. })), (intent, true));
    let outcome = entries::outcome(&uid(), intent, result, world.now);
    world.append(vec![outcome]);
    assert_eq!(world.step(), Step::Over);
    let (_, decision) = world.decision();
    assert!(decision.has(Rule::RequestAnswered));
}

#[test]
fn what_is_taken_back_before_the_outcome_counts_even_when_the_package_is_made() {
    let withdraw = |world: &mut World, what: &str| {
        match what {
            "request" => world.live.request.as_mut().unwrap()["spec"]["withdrawn"] = true.into(),
            "approval" => world.live.approvals[0]["spec"]["withdrawn"] = true.into(),
            "object" => drop(world.live.approvals.pop()),
            "policy" => world.live.policies[0]["spec"]["bases"] = json!({}),
            "time" => world.now = at(10_001),
            "request object" => world.deleted = true,
            _ => unreachable!(),
        }
        world.submit();
    };
    for what in ["request", "approval", "object", "policy", "time", "request object"] {
        let mut world = World::new(true);
        let intent = world.begin();
        world.job = World::receipt(intent);
        withdraw(&mut world, what);
        assert!(!failed(&world.step()).is_empty(), "{what}");
    }
    // An approval that is changed behind the API server's back is another than the log has.
    let mut world = World::new(true);
    world.live.approvals[0]["spec"]["notAfter"] = json!(at(20_000));
    world.submit();
    assert_eq!(world.step(), Step::Wait);
}

#[test]
fn a_denial_is_logged_and_a_withdrawal_by_itself() {
    let mut world = World::new(false);
    world.live.policies[0]["spec"]["bases"] = json!({});
    assert_eq!(world.step(), Step::Deny);
    let (docket, decision) = world.decision();
    let entry = |decision: &Decision| {
        entries::decided(&uid(), docket.request.digest(), decision, Vec::new(), None, at(61)).unwrap()
    };
    let first = entry(&decision);
    assert!(matches!(&first.entry, Entry::Decision(d) if d.verdict == entry::Verdict::Denied));
    assert_eq!(first.id, entry(&decision).id, "the same decision is one entry");
    let mut other = decision.clone();
    other.reasons.insert(Reason { rule: Rule::ReviewerDenied, message: "No.".into() });
    assert_ne!(first.id, entry(&other).id);
    other.verdict = Verdict::Pending;
    assert!(entries::decided(&uid(), docket.request.digest(), &other, Vec::new(), None, at(61)).is_none());

    let mut world = World::new(true);
    world.live.request.as_mut().unwrap()["spec"]["withdrawn"] = true.into();
    world.submit();
    assert_eq!(world.step(), Step::Wait);
    assert!(world.decision().1.has(Rule::RequestWithdrawn));
}

#[test]
fn what_nobody_vouches_for_is_taken_back_as_it_is_logged() {
    let mut world = World::new(false);
    world.live.approvals = vec![approval()];
    let unvouched = [APPROVAL.to_owned()].into();
    let entries = entries::submitted(&world.live, &uid(), &unvouched, world.now);
    world.append(entries);
    assert_eq!(world.step(), Step::Wait);
    // Later, when admission is proved again, it is as it was.
    world.submit();
    assert_eq!(world.step(), Step::Wait);
    let (_, decision) = world.decision();
    assert!(decision.has(Rule::ApprovalWithdrawn), "{decision:?}");
}

/// What a request would say of itself.
fn told(world: &World) -> camerafleet_crds::DisclosureRequestStatus {
    let (history, (docket, decision)) = (world.history(), world.decision());
    let due = super::notice::Due::default();
    let request = super::apply::typed(world.live.request.as_ref().unwrap()).unwrap();
    let status = super::status::status(&super::status::Known {
        request: &request,
        digest: Some(docket.request.digest().to_string()),
        decision: &decision,
        history: &history,
        job: &world.job,
        blocked: None,
        enforced: world.enforced,
        package: None,
        expired: world.now > at(5_000),
        due: &due,
        told: Vec::new(),
        order_missing: false,
        follow_up: None,
        now: world.now,
    });
    for condition in &status.conditions {
        let known =
            camerafleet_crds::reasons::known("DisclosureRequest", &condition.type_, &condition.reason);
        assert!(known, "{condition:?}");
    }
    status
}

fn reasons(world: &World) -> [String; 3] {
    let status = told(world);
    ["Ready", "Authorized", "Packaged"]
        .map(|type_| crate::conditions::get(&status.conditions, type_).unwrap().reason.clone())
}

#[test]
fn a_request_says_where_it_stands_and_what_was_granted_stays_told() {
    let mut world = World::new(false);
    assert_eq!(reasons(&world), ["AwaitingApproval", "Pending", "NotBegun"]);
    let status = told(&world);
    let ready = crate::conditions::get(&status.conditions, "Ready").unwrap();
    assert!(ready.message.contains("a@example.com: approve as Owner"), "{}", ready.message);
    world.live.policies[0]["spec"]["bases"] = json!({});
    assert_eq!(reasons(&world), ["Denied", "Denied", "NotGranted"]);

    let mut world = World::new(true);
    world.enforced = false;
    assert_eq!(reasons(&world), ["AdmissionNotEnforced", "AdmissionNotEnforced", "NotBegun"]);
    world.enforced = true;
    let intent = world.begin();
    assert_eq!(reasons(&world), ["Packaging", "Authorized", "Running"]);
    world.job = JobState::Failed { message: "The store failed.".into(), at: world.now };
    assert_eq!(reasons(&world), ["Packaging", "Authorized", "TryingAgain"]);
    world.job = World::receipt(intent);
    let Step::Conclude(_, result) = world.step() else { panic!() };
    world.append(vec![entries::outcome(&uid(), intent, result, world.now)]);
    assert_eq!(reasons(&world), ["Delivered", "Authorized", "Packaged"]);
    let decision = told(&world).decision.unwrap();
    assert_eq!(decision.verdict, camerafleet_crds::DecisionVerdict::Authorized, "not that it is answered");
    assert!(decision.reasons.iter().any(|reason| reason.rule == "ConsentGiven"), "{decision:?}");
    world.now = at(5_001);
    assert_eq!(reasons(&world), ["Expired", "Authorized", "Expired"]);

    let mut world = World::new(true);
    world.begin();
    world.live.request.as_mut().unwrap()["spec"]["withdrawn"] = true.into();
    world.submit();
    let Step::Conclude(intent, result) = world.step() else { panic!() };
    world.append(vec![entries::outcome(&uid(), intent, result, world.now)]);
    assert_eq!(reasons(&world), ["Withdrawn", "Authorized", "Refused"]);
}

#[test]
fn every_rule_by_which_an_answer_is_not_counted_is_explained() {
    let ignores =
        Rule::ALL.iter().filter(|rule| rule.effect() == camerafleet_footage::disclosure::Effect::Ignores);
    for rule in ignores {
        assert!(camerafleet_crds::reasons::known("Approval", "Ready", rule.id()), "{}", rule.id());
    }
}

#[test]
fn an_answer_says_how_it_counts() {
    let said = |world: &World| {
        let (docket, decision) = world.decision();
        let approval = serde_json::from_value(world.live.approvals[0].clone()).unwrap();
        let (used, verdict) = super::answers::verdict(&approval, Some(&docket), &decision, &world.history());
        (used, verdict.reason)
    };
    let mut world = World::new(true);
    assert_eq!(said(&world), (false, "Counted"));
    world.begin();
    assert_eq!(said(&world), (true, "Used"));
    let mut world = World::new(true);
    world.now = at(10_000);
    assert_eq!(said(&world), (false, "ApprovalExpired"));
    let mut world = World::new(true);
    world.live.approvals[0]["spec"]["approver"] = "b@example.com".into();
    assert_eq!(said(&world), (false, "NotAsSubmitted"));
}

#[test]
fn nobody_sees_a_court_orders_request_before_an_order_allows_it() {
    use camerafleet_crds::Basis;
    let world = World::new(false);
    let (_, decision) = world.decision();
    let deciders = |basis, may_tell| super::answers::deciders(basis, &decision, may_tell).len();
    assert_eq!(deciders(Basis::Consent, false), 1);
    assert_eq!((deciders(Basis::CourtOrder, true), deciders(Basis::CourtOrder, false)), (1, 0));
}
