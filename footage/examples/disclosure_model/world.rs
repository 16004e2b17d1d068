//! The facts as the objects that the kernel takes: made and signed once, and put together for each case.

use std::collections::BTreeSet;

use camerafleet_footage::disclosure::{
    Approval, Assignment, CameraHistory, Case, Digest32, Hold, Intent, LogFacts, Members, Order,
    PolicyHistory, ReleaseKey, Request, Step, Verified,
};
use camerafleet_footage::ids::{ApprovalUid, OrderUid, RequestUid, TenantId};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::facts::{self, Basis, Capacity, Log, Narrow, Policy, Reply, Who};
use crate::support;

const RELEASE_KEY: Digest32 = Digest32([7; 32]);

/// Texts that live as long as the model.
fn text(hours: i32) -> &'static str {
    hour(hours).to_string().leak()
}

pub fn hour(hours: i32) -> Timestamp {
    support::at("2026-11-01T00:00:00Z") + SignedDuration::from_hours(hours.into())
}

fn user(who: Who) -> &'static str {
    match who {
        Who::OwnerA => "owner-a@example.com",
        Who::OwnerB => "owner-b@example.com",
        Who::FormerOwner => "former-owner@example.com",
        Who::Reviewer => "reviewer@example.com",
        Who::Officer => "officer@example.com",
    }
}

fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Consent => "Consent",
        Basis::CourtOrder => "CourtOrder",
        Basis::Emergency => "Emergency",
        Basis::SubjectAccess => "SubjectAccess",
        Basis::OwnerExport => "OwnerExport",
    }
}

fn policy(policy: &Policy, with_court: bool) -> Value {
    let owner = |who: &Who| match *who == Who::OwnerA && policy.ann_signs {
        true => {
            json!({"name": user(*who), "user": user(*who), "sshPublicKey": support::public(facts::ANN_KEY)})
        }
        false => json!({"name": user(*who), "user": user(*who)}),
    };
    let mut bases = json!({
        "consent": {
            "maxWindow": format!("{}h", policy.consent_hours), "maxCameras": policy.consent_cameras,
            "audio": policy.consent_audio,
        },
        "ownerExport": {"maxWindow": "7d"},
        "subjectAccess": {"maxWindow": format!("{}h", facts::SUBJECT_ACCESS_HOURS), "reviewers": 1},
        "courtOrder": {"reviewers": 1, "minAuthorityAge": "7d"},
        "emergency": {
            "approvers": policy.approvers.iter().map(|w| json!({"user": user(*w)})).collect::<Vec<_>>(),
            "threshold": facts::QUORUM, "maxWindow": format!("{}h", facts::EMERGENCY_HOURS), "followUpWithin": "48h",
        },
    });
    let names = [
        (Basis::Consent, "consent"),
        (Basis::OwnerExport, "ownerExport"),
        (Basis::SubjectAccess, "subjectAccess"),
        (Basis::CourtOrder, "courtOrder"),
        (Basis::Emergency, "emergency"),
    ];
    for (basis, name) in names {
        if !policy.bases.contains(&basis) {
            bases[name] = Value::Null;
        }
    }
    let court = policy.court.filter(|_| with_court);
    let authority =
        |(key, _): (u8, i32)| json!({"name": "district-court", "sshPublicKey": support::public(key)});
    json!({
        "owners": policy.owners.iter().map(owner).collect::<Vec<_>>(),
        "consentThreshold": policy.threshold,
        "custody": if policy.owners_custody { "Owners" } else { "Vault" },
        "bases": bases,
        "trustedAuthorities": court.into_iter().map(authority).collect::<Vec<_>>(),
    })
}

/// The policies and cameras of one pair of revisions.
pub struct Histories {
    policies: Vec<PolicyHistory>,
    cameras: Vec<CameraHistory>,
}

impl Histories {
    pub fn of(recorded: Option<Policy>, present: Option<Policy>) -> Self {
        let mut steps = Vec::new();
        if let Some(recorded) = recorded {
            let listed = recorded.court.map_or(facts::LONG_AGO, |(_, since)| since);
            steps.push(support::step(text(facts::LONG_AGO), &policy(&recorded, listed == facts::LONG_AGO)));
            if listed != facts::LONG_AGO {
                steps.push(support::step(text(listed), &policy(&recorded, true)));
            }
        }
        if let Some(present) = present {
            steps.push(support::step(text(facts::CHANGED), &policy(&present, true)));
        }
        let assigned = |since, policy: Option<Policy>| Assignment {
            since: hour(since),
            policy: policy.map(|_| support::policy_id(1)),
        };
        let first = vec![assigned(facts::LONG_AGO, recorded), assigned(facts::CHANGED, present)];
        let second: Step = support::step(text(facts::LONG_AGO), &policy(&facts::OF_CAMERA_2, true));
        let always = Assignment { since: hour(facts::LONG_AGO), policy: Some(support::policy_id(2)) };
        Self {
            policies: vec![
                PolicyHistory { policy: support::policy_id(1), steps },
                PolicyHistory { policy: support::policy_id(2), steps: vec![second] },
            ],
            cameras: vec![
                CameraHistory { camera: support::camera(1), assignments: first },
                CameraHistory { camera: support::camera(2), assignments: vec![always] },
            ],
        }
    }
}

/// The uid of a person's answer.
pub fn reply_uid(person: usize, option: usize, number: usize) -> ApprovalUid {
    ApprovalUid::parse(support::uuid(reply_number(person, option, number))).unwrap()
}

fn reply_number(person: usize, option: usize, number: usize) -> u32 {
    u32::try_from(1000 + person * 100 + option * 10 + number).unwrap()
}

/// A request with every answer that may be given to it.
pub struct Asked {
    pub ask: facts::Ask,
    pub request: Request,
    replies: Vec<Vec<Vec<Verified<Approval>>>>,
}

impl Asked {
    pub fn of(ask: facts::Ask) -> Self {
        let mut request = support::Ask::new(basis(ask.basis));
        request.requester = user(ask.requester);
        request.cameras = ask.cameras.to_vec();
        request.window = (text(ask.from), text(facts::TO));
        request.audio = ask.audio;
        request.at = text(facts::ASKED);
        let request = request.read();
        let answer = |person: usize, option: usize, number: usize, reply: &Reply| {
            let capacity = match reply.as_whom {
                Capacity::Owner => "Owner",
                Capacity::Reviewer => "Reviewer",
                Capacity::Approver => "EmergencyApprover",
            };
            let uid = reply_number(person, option, number);
            let mut answer = support::Answer::to(&request, uid, capacity, user(facts::PEOPLE[person]));
            answer.decision = if reply.approve { "Approve" } else { "Deny" };
            answer.not_after = text(facts::ANSWERS_END);
            answer.index = if reply.saw_order { 30 } else { 15 };
            answer.release = reply.releases.then_some(RELEASE_KEY);
            answer.signed = reply.signed.then_some(facts::ANN_KEY);
            answer.request = if reply.binds { 500 } else { 501 };
            match reply.narrow {
                Narrow::No => {}
                Narrow::Late => answer.window = Some(("2026-11-01T18:30:00Z", text(facts::TO))),
                Narrow::First => answer.cameras = vec![1],
                Narrow::Wider => answer.cameras = vec![1, 3],
            }
            answer.verified()
        };
        let each = |(person, options): (usize, &&[&[Reply]])| {
            let option = |(option, replies): (usize, &&[Reply])| {
                replies.iter().enumerate().map(|(number, r)| answer(person, option, number, r)).collect()
            };
            options.iter().enumerate().map(option).collect()
        };
        let replies = facts::REPLIES.iter().enumerate().map(each).collect();
        Self { ask, request, replies }
    }
}

/// All but requests and policies.
pub struct World {
    tenant: TenantId,
    members: Members,
    orders: Vec<Option<Verified<Order>>>,
    hold: Hold,
    logs: Vec<LogFacts>,
}

impl World {
    pub fn new() -> Self {
        let members = json!([
            {"role": "Owner", "subjects": [{"kind": "User", "name": user(Who::OwnerA)}, {"kind": "User", "name": user(Who::OwnerB)}]},
            {"role": "Reviewer", "subjects": [{"kind": "User", "name": user(Who::Reviewer)}]},
        ]);
        let members: Vec<_> = serde_json::from_value(members).unwrap();
        Self {
            tenant: support::tenant(),
            members: Members::of(&members),
            orders: facts::ORDERS.iter().enumerate().map(|(at, o)| o.map(|o| order(at, &o))).collect(),
            hold: support::hold(5, true),
            logs: facts::LOGS.iter().map(|l| log(*l)).collect(),
        }
    }

    /// One case, by the numbers of its options.
    pub fn case<'a>(
        &'a self,
        asked: &'a Asked,
        histories: &'a Histories,
        replies: [usize; 4],
        order: usize,
        log: usize,
        now: i32,
    ) -> Case<'a> {
        let mut approvals = Vec::new();
        for (person, option) in replies.into_iter().enumerate() {
            approvals.extend(asked.replies[person][option].iter());
        }
        let held = facts::LOGS[log] == Log::Held;
        Case {
            tenant: &self.tenant,
            request: &asked.request,
            cameras: &histories.cameras,
            policies: &histories.policies,
            members: &self.members,
            approvals,
            orders: self.orders[order].iter().collect(),
            holds: if held { vec![&self.hold] } else { Vec::new() },
            log: &self.logs[log],
            now: hour(now),
        }
    }
}

fn order(at: usize, order: &facts::Order) -> Verified<Order> {
    let mut writ = support::Writ::new();
    writ.uid = u32::try_from(800 + at).unwrap();
    writ.kind = if order.preserves { "PreservationOrder" } else { "Warrant" };
    writ.tenant = if order.here { 1 } else { 2 };
    writ.request = (!order.for_this).then_some(501);
    writ.cameras = order.cameras.to_vec();
    writ.window = (text(order.from), text(facts::TO));
    writ.audio = order.audio;
    (writ.issued, writ.expires) = (text(order.issued), text(order.expires));
    writ.signed = order.key;
    writ.nondisclosure = order.secret.then_some("2027-01-01T00:00:00Z");
    writ.at = text(facts::ASKED);
    writ.verified()
}

fn log(log: Log) -> LogFacts {
    let mut known = LogFacts::empty(hour(facts::ANSWERED));
    known.release_key = Some(ReleaseKey(RELEASE_KEY));
    let request = RequestUid::parse(support::uuid(500)).unwrap();
    let all_of = |person: usize| {
        let options = facts::REPLIES[person].iter().enumerate();
        options
            .flat_map(move |(option, replies)| (0..replies.len()).map(move |n| reply_uid(person, option, n)))
    };
    let intent = |request: &RequestUid, approvals: BTreeSet<ApprovalUid>| Intent {
        index: 40,
        at: hour(facts::ANSWERED),
        request: request.clone(),
        approvals,
        order: Some(OrderUid::parse(support::uuid(800)).unwrap()),
    };
    match log {
        Log::Nothing | Log::Held => {}
        Log::RequestWithdrawn => known.withdrawn_requests = [request].into(),
        Log::AnnsWithdrawn => known.withdrawn_approvals = all_of(0).collect(),
        Log::RitasUsedElsewhere => {
            let other = RequestUid::parse(support::uuid(501)).unwrap();
            known.intents = vec![intent(&other, all_of(3).collect())];
        }
        Log::Begun => known.intents = vec![intent(&request, all_of(0).chain(all_of(3)).collect())],
        Log::Answered => known.outcomes = [request].into(),
    }
    known
}
