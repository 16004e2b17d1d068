//! Objects as the log would freeze them, signed for real, and scenes of them.
#![allow(dead_code)] // The tests and the model use each their part.

mod objects;

use std::sync::LazyLock;

use camerafleet_crds::{Member, SharingPolicySpec};
use camerafleet_footage::disclosure::{
    APPROVAL_NAMESPACE, Approval, Assignment, CameraHistory, Case, Decision, Digest32, Frozen, Hold,
    LogFacts, Logged, Members, ORDER_NAMESPACE, Order, PolicyHistory, Request, Revision, Step, Verified,
    decide,
};
use camerafleet_footage::ids::{CameraId, SharingPolicyId, TenantId};
use jiff::Timestamp;
use serde_json::{Value, json};
use ssh_key::private::Ed25519Keypair;
use ssh_key::{HashAlg, LineEnding, PrivateKey};

pub use objects::{Answer, Ask, Writ};

pub const NAMESPACE: &str = "elm-street";
pub const RECIPIENT: &str = "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq";
pub const OWNER_A: &str = "a@example.com";
pub const OWNER_B: &str = "b@example.com";
pub const REVIEWER: &str = "reviewer@example.com";
pub const OFFICER: &str = "officer@example.com";
/// The seed of the court's key.
pub const COURT: u8 = 200;
/// When the policies and the cameras began.
pub const BEGAN: &str = "2026-01-01T00:00:00Z";
/// The window that is asked for, when nothing else is said.
pub const WINDOW: (&str, &str) = ("2026-11-01T18:00:00Z", "2026-11-01T19:00:00Z");
pub const ASKED: &str = "2026-11-02T09:00:00Z";
pub const ANSWERED: &str = "2026-11-02T10:00:00Z";
pub const NOW: &str = "2026-11-02T12:00:00Z";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn uuid(number: u32) -> String {
    format!("{number:08x}-0000-4000-8000-000000000000")
}

pub fn tenant() -> TenantId {
    TenantId::parse(uuid(1)).unwrap()
}

pub fn camera(number: u32) -> CameraId {
    CameraId::parse(uuid(100 + number)).unwrap()
}

pub fn policy_id(number: u32) -> SharingPolicyId {
    SharingPolicyId::parse(uuid(300 + number)).unwrap()
}

pub fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

/// The line of the `.pub` file.
pub fn public(seed: u8) -> String {
    key(seed).public_key().to_openssh().unwrap()
}

fn sign(seed: u8, namespace: &str, message: &[u8]) -> String {
    key(seed).sign(namespace, HashAlg::Sha512, message).unwrap().to_pem(LineEnding::LF).unwrap()
}

fn camera_refs(numbers: &[u32]) -> Value {
    numbers.iter().map(|n| json!({"name": format!("door-{n}"), "id": camera(*n).as_str()})).collect()
}

fn window(window: (&str, &str)) -> Value {
    json!({"from": window.0, "to": window.1})
}

fn freeze(kind: &'static str, namespace: &str, name: &str, uid: u32, spec: Value, logged: Logged) -> Frozen {
    let object = json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": kind,
        "metadata": {"namespace": namespace, "name": name, "uid": uuid(uid)}, "spec": spec,
    });
    Frozen::read(kind, &object, logged).unwrap()
}

/// A hold on camera 1, or on all.
pub fn hold(uid: u32, all: bool) -> Hold {
    let spec = json!({
        "cameras": if all { json!([]) } else { camera_refs(&[1]) }, "allCameras": all, "window": window(WINDOW),
        "reference": {"kind": "Matter", "name": "m-1"}, "duration": "30d", "renewals": [],
    });
    Hold::read(&freeze("LegalHold", NAMESPACE, "h", uid, spec, Logged { index: 5, at: at(BEGAN) })).unwrap()
}

/// A policy that lists every basis, with two owners, both of whom must agree.
pub fn policy() -> Value {
    json!({
        "owners": [{"name": "a", "user": OWNER_A}, {"name": "b", "user": OWNER_B}],
        "custody": "Vault",
        "bases": {
            "consent": {"maxWindow": "12h", "maxCameras": 4, "audio": false},
            "ownerExport": {"maxWindow": "7d"},
            "subjectAccess": {"maxWindow": "24h", "reviewers": 1},
            "courtOrder": {"reviewers": 1, "minAuthorityAge": "7d"},
            "emergency": {
                "approvers": [{"user": OWNER_A}, {"user": REVIEWER}, {"user": OFFICER}],
                "threshold": 2, "maxWindow": "2h", "followUpWithin": "48h",
            },
        },
        "trustedAuthorities": [{"name": "district-court", "sshPublicKey": *COURTS_KEY}],
    })
}

/// Made once: unoptimised it takes longer than a decision.
static COURTS_KEY: LazyLock<String> = LazyLock::new(|| public(COURT));

pub fn revision(spec: &Value) -> Revision {
    let spec: SharingPolicySpec = serde_json::from_value(spec.clone()).unwrap();
    Revision::new(&spec)
}

pub fn step(since: &str, spec: &Value) -> Step {
    Step { since: at(since), revision: Some(revision(spec)) }
}

pub fn members() -> Members {
    let members: Vec<Member> = serde_json::from_value(json!([
        {"role": "Owner", "subjects": [{"kind": "User", "name": OWNER_A}, {"kind": "User", "name": OWNER_B}]},
        {"role": "Requester", "subjects": [{"kind": "User", "name": OFFICER}]},
        {"role": "Reviewer", "subjects": [{"kind": "User", "name": REVIEWER}, {"kind": "Group", "name": "legal"}]},
    ]))
    .unwrap();
    Members::of(&members)
}

/// All of a case, owned.
#[derive(Clone)]
pub struct Scene {
    pub tenant: TenantId,
    pub request: Request,
    pub cameras: Vec<CameraHistory>,
    pub policies: Vec<PolicyHistory>,
    pub members: Members,
    pub approvals: Vec<Verified<Approval>>,
    pub orders: Vec<Verified<Order>>,
    pub holds: Vec<Hold>,
    pub log: LogFacts,
    pub now: Timestamp,
}

impl Scene {
    /// Cameras 1 and 2 under the one policy since it began; nobody has answered.
    pub fn new(ask: &Ask) -> Self {
        let assignments = vec![Assignment { since: at(BEGAN), policy: Some(policy_id(1)) }];
        let of = |number| CameraHistory { camera: camera(number), assignments: assignments.clone() };
        Self {
            tenant: tenant(),
            request: ask.read(),
            cameras: vec![of(1), of(2)],
            policies: vec![PolicyHistory { policy: policy_id(1), steps: vec![step(BEGAN, &policy())] }],
            members: members(),
            approvals: Vec::new(),
            orders: Vec::new(),
            holds: Vec::new(),
            log: LogFacts::empty(at(ANSWERED)),
            now: at(NOW),
        }
    }

    /// With all that its basis needs: it is authorised.
    pub fn granted(ask: &Ask) -> Self {
        let mut scene = Self::new(ask);
        let request = scene.request.clone();
        let answer = |uid, capacity, who| Answer::to(&request, uid, capacity, who).verified();
        let by: &[(u32, &str, &str)] = match ask.basis {
            "Consent" => &[(600, "Owner", OWNER_A), (601, "Owner", OWNER_B)],
            "OwnerExport" => &[(601, "Owner", OWNER_B)],
            "SubjectAccess" => {
                &[(600, "Owner", OWNER_A), (601, "Owner", OWNER_B), (602, "Reviewer", REVIEWER)]
            }
            "CourtOrder" => &[(602, "Reviewer", REVIEWER)],
            _ => &[(600, "EmergencyApprover", OWNER_A), (602, "EmergencyApprover", REVIEWER)],
        };
        scene.approvals = by.iter().map(|(uid, capacity, who)| answer(*uid, capacity, who)).collect();
        if ask.basis == "CourtOrder" {
            scene.orders.push(Writ::new().verified());
        }
        scene
    }

    /// The policy's revisions from now on.
    pub fn with_policy(mut self, steps: Vec<Step>) -> Self {
        self.policies = vec![PolicyHistory { policy: policy_id(1), steps }];
        self
    }

    pub fn case(&self) -> Case<'_> {
        Case {
            tenant: &self.tenant,
            request: &self.request,
            cameras: &self.cameras,
            policies: &self.policies,
            members: &self.members,
            approvals: self.approvals.iter().collect(),
            orders: self.orders.iter().collect(),
            holds: self.holds.iter().collect(),
            log: &self.log,
            now: self.now,
        }
    }

    pub fn decide(&self) -> Decision {
        decide(&self.case())
    }
}

/// The five bases, each asked for by whom it is for.
pub fn asks() -> Vec<Ask> {
    let mut asks: Vec<Ask> =
        ["Consent", "CourtOrder", "Emergency", "SubjectAccess", "OwnerExport"].map(Ask::new).into();
    asks[4].requester = OWNER_A;
    asks
}
