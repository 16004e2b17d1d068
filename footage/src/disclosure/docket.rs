//! From the objects at the API server and the log's history to a case: the operator and the Job make it in one way.

use camerafleet_crds::{ID_ANNOTATION, Member, SharingPolicySpec};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    Approval, Case, History, Hold, LogFacts, Malformed, Members, Order, PolicyHistory, Request, Revision,
    Unverified, Verified,
    facts::{CameraHistory, Step},
    objects::{Digest32, Frozen, Logged, PolicyDigest},
};
use crate::{
    digest::sharing_policy,
    ids::{HoldId, SharingPolicyId, TenantId},
};

/// What the API server has. Objects are JSON as it stores them, with `apiVersion` and `kind`: digests and signatures are
/// over that.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// The request.
    pub request: Option<Value>,
    /// The namespace's Approvals, those at least that name the request.
    pub approvals: Vec<Value>,
    /// All LegalOrders.
    pub orders: Vec<Value>,
    /// All LegalHolds.
    pub holds: Vec<Value>,
    /// All SharingPolicies.
    pub policies: Vec<Value>,
    /// The Tenant's members.
    pub members: Vec<Member>,
}

/// Why there is no case.
#[derive(Debug, thiserror::Error)]
pub enum DocketError {
    /// The object is gone, or another one than the log has.
    #[error("the DisclosureRequest is gone, or another one than was first submitted")]
    NotOurRequest,
    /// What the log has cannot be decided on.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// An object that is as it was first submitted.
pub struct Submitted<T> {
    /// Its JSON.
    pub frozen: Frozen,
    /// What it says, if it is rightly signed.
    pub verified: Result<Verified<T>, Unverified>,
}

/// All that a decision on a request is made from.
pub struct Docket {
    /// The request as it was first submitted, and whether it is withdrawn.
    pub frozen: Frozen,
    /// The same, read.
    pub request: Request,
    /// The namespace's Approvals, as far as they are as they were first submitted.
    pub approvals: Vec<Submitted<Approval>>,
    /// Its LegalOrders, likewise.
    pub orders: Vec<Submitted<Order>>,
    /// Its holds, with their lasting identities, by which sidecars are named.
    pub holds: Vec<(Hold, HoldId)>,
    /// What the log knows.
    pub facts: LogFacts,
    cameras: Vec<CameraHistory>,
    policies: Vec<PolicyHistory>,
    members: Members,
}

impl Docket {
    /// Of the request that the history is of.
    ///
    /// # Errors
    /// [`DocketError`].
    pub fn new(live: &Live, history: &History, now: Timestamp) -> Result<Self, DocketError> {
        let mut frozen = history.request()?;
        let object = live.request.as_ref().ok_or(DocketError::NotOurRequest)?;
        let ours = read("DisclosureRequest", object, frozen.logged).filter(|live| live.uid == frozen.uid);
        let ours = ours.ok_or(DocketError::NotOurRequest)?;
        if ours.digest("DisclosureRequest") != frozen.digest("DisclosureRequest") {
            return Err(DocketError::NotOurRequest);
        }
        frozen.spec["withdrawn"] = ours.spec.get("withdrawn").cloned().unwrap_or(Value::Bool(false));
        let seen = |kind: &'static str, objects: &[Value]| -> Vec<Frozen> {
            let frozen = objects.iter().filter_map(|object| {
                let object = read(kind, object, Logged { index: 0, at: now })?;
                let logged = history.first_seen(kind, &object.uid, &object.digest(kind))?;
                Some(Frozen { logged, ..object })
            });
            frozen.collect()
        };
        let approvals = seen("Approval", &live.approvals)
            .into_iter()
            .map(|frozen| Submitted { verified: Verified::approval(&frozen), frozen });
        let orders = seen("LegalOrder", &live.orders)
            .into_iter()
            .map(|frozen| Submitted { verified: Verified::order(&frozen), frozen });
        let mut policies = history.policies();
        add_present(&mut policies, &live.policies, now);
        Ok(Self {
            request: Request::read(&frozen)?,
            approvals: approvals.collect(),
            orders: orders.collect(),
            holds: live.holds.iter().filter_map(|object| hold(object, now)).collect(),
            facts: history.facts(),
            cameras: history.cameras(),
            policies,
            members: Members::of(&live.members),
            frozen,
        })
    }

    /// What the kernel decides on.
    pub fn case<'a>(&'a self, tenant: &'a TenantId, now: Timestamp) -> Case<'a> {
        Case {
            tenant,
            request: &self.request,
            cameras: &self.cameras,
            policies: &self.policies,
            members: &self.members,
            approvals: self.approvals.iter().filter_map(|one| one.verified.as_ref().ok()).collect(),
            orders: self.orders.iter().filter_map(|one| one.verified.as_ref().ok()).collect(),
            holds: self.holds.iter().map(|(hold, _)| hold).collect(),
            log: &self.facts,
            now,
        }
    }
}

fn read(kind: &'static str, object: &Value, logged: Logged) -> Option<Frozen> {
    Frozen::read(kind, object, logged).ok()
}

fn hold(object: &Value, now: Timestamp) -> Option<(Hold, HoldId)> {
    let frozen = read("LegalHold", object, Logged { index: 0, at: now })?;
    Some((Hold::read(&frozen).ok()?, HoldId::parse(id(object)?).ok()?))
}

/// The annotation with an object's lasting identity.
fn id(object: &Value) -> Option<&str> {
    object.pointer("/metadata/annotations")?.get(ID_ANNOTATION)?.as_str()
}

/// A policy that is another one now than the log has, or gone, counts as such beside what the log has: it can only
/// tighten. One that the log has as gone stays so.
fn add_present(policies: &mut [PolicyHistory], live: &[Value], now: Timestamp) {
    for history in policies {
        let present = live.iter().find(|object| {
            id(object).and_then(|id| SharingPolicyId::parse(id).ok()).as_ref() == Some(&history.policy)
        });
        let spec = present.and_then(|object| object.get("spec"));
        let spec: Option<SharingPolicySpec> = spec.and_then(|spec| serde_json::from_value(spec.clone()).ok());
        let newest = history.steps.iter().max_by_key(|step| step.since);
        let Some(logged) = newest.and_then(|step| step.revision.clone()) else { continue };
        let digest = spec.as_ref().map(|spec| PolicyDigest(Digest32(sharing_policy(spec))));
        if Some(logged.digest()) != digest {
            // Of two at one time both count.
            let present = spec.as_ref().map(Revision::new);
            history.steps.push(Step { since: now, revision: Some(logged) });
            history.steps.push(Step { since: now, revision: present });
        }
    }
}
