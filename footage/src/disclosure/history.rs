//! What a tenant's log says of one request, entry by entry: the operator and the Job read it alike.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::facts::{Assignment, CameraHistory, Intent, LogFacts, PolicyHistory, Revision, Step};
use super::objects::{Digest32, Frozen, Logged, Malformed, ReleaseKey};
use super::release_key_name;
use crate::chain::{LoggedClose, LoggedHead, StreamAnchor};
use crate::digest::{hex, sha256, sharing_policy, unhex};
use crate::ids::{ApprovalUid, CameraId, OrderUid, RequestUid, SharingPolicyId, StreamId};
use crate::log::{Entry, Leaf, Record, entry};

/// Heads that are logged so much later than a window's end still say what is missing at it.
const LATER: SignedDuration = SignedDuration::from_hours(24);

/// What a log says of a request. Entries may come in any order; the Request's index must be known.
#[derive(Clone, Debug)]
pub struct History {
    request: RequestUid,
    index: u64,
    latest: Timestamp,
    submitted: Option<(Logged, entry::Request)>,
    policies: BTreeMap<SharingPolicyId, Vec<Step>>,
    cameras: BTreeMap<CameraId, Vec<Assignment>>,
    approvals: BTreeMap<ApprovalUid, (Logged, String)>,
    orders: BTreeMap<OrderUid, (Logged, String)>,
    decisions: BTreeMap<u64, entry::Decision>,
    intents: BTreeMap<u64, (Timestamp, entry::Intent)>,
    outcomes: BTreeSet<RequestUid>,
    withdrawn_requests: BTreeSet<RequestUid>,
    withdrawn_approvals: BTreeSet<ApprovalUid>,
    release_key: Option<ReleaseKey>,
    streams: BTreeMap<StreamId, (CameraId, StreamAnchor)>,
    heads: Vec<(Timestamp, entry::ChainHead)>,
    closed: Vec<(Timestamp, entry::StreamClosed)>,
}

impl History {
    /// Of a request that the log has at this index (under `request/<uid>`). Nothing is known yet.
    pub fn of(request: RequestUid, index: u64) -> Self {
        Self {
            request,
            index,
            latest: Timestamp::UNIX_EPOCH,
            submitted: None,
            policies: BTreeMap::new(),
            cameras: BTreeMap::new(),
            approvals: BTreeMap::new(),
            orders: BTreeMap::new(),
            decisions: BTreeMap::new(),
            intents: BTreeMap::new(),
            outcomes: BTreeSet::new(),
            withdrawn_requests: BTreeSet::new(),
            withdrawn_approvals: BTreeSet::new(),
            release_key: None,
            streams: BTreeMap::new(),
            heads: Vec::new(),
            closed: Vec::new(),
        }
    }

    /// The id under which a request is logged.
    pub fn request_id(request: &RequestUid) -> String {
        format!("request/{request}")
    }

    /// Takes note of a leaf, and says whether the entry must be read for a decision about this window. What comes before
    /// the request's own entry cannot be about it.
    pub fn wants(&mut self, index: u64, leaf: &Leaf, (from, to): (Timestamp, Timestamp)) -> bool {
        let at = Timestamp::from_second(i64::from(leaf.minute) * 60).unwrap_or(Timestamp::MAX);
        self.latest = self.latest.max(at);
        match entry::kind_name(leaf.kind) {
            Some("PolicyRevision" | "PolicyRetired" | "CameraPolicy" | "StreamClosed") => true,
            Some("StreamStarted") => at <= to.saturating_add(LATER).unwrap_or(Timestamp::MAX),
            Some("ChainHeads") => {
                let early = from.saturating_sub(SignedDuration::from_hours(1)).unwrap_or(Timestamp::MIN);
                (early..=to.saturating_add(LATER).unwrap_or(Timestamp::MAX)).contains(&at)
            }
            Some("KeyCreated") => leaf.has_id(&format!("key-created/{}", release_key_name(&self.request))),
            Some("Request") => index == self.index,
            Some(
                "Decision" | "Intent" | "Outcome" | "ApprovalWithdrawn" | "ApprovalSubmitted"
                | "OrderSubmitted" | "RequestWithdrawn",
            ) => index > self.index,
            // What a newer release says may matter; reading it fails.
            None => index > self.index,
            Some(_) => false,
        }
    }

    /// Takes note of an entry. What is malformed in it is as if it were not there: that grants nothing.
    pub fn take(&mut self, index: u64, record: &Record) {
        let logged = Logged { index, at: record.at };
        self.latest = self.latest.max(record.at);
        match &record.entry {
            Entry::Request(request) if request.request == self.request.as_str() && index == self.index => {
                self.submitted = Some((logged, request.clone()));
            }
            Entry::PolicyRevision(revision) => self.revision(record.at, revision),
            Entry::PolicyRetired(retired) => {
                if let Ok(policy) = SharingPolicyId::parse(&*retired.policy) {
                    self.policies.entry(policy).or_default().push(Step { since: record.at, revision: None });
                }
            }
            Entry::CameraPolicy(had) => {
                let policy = had.policy.as_ref().and_then(|p| SharingPolicyId::parse(&**p).ok());
                let assignment = Assignment { since: record.at, policy };
                self.cameras.entry(had.camera.clone()).or_default().push(assignment);
            }
            Entry::ApprovalSubmitted(submitted) if submitted.request == self.request.as_str() => {
                if let Ok(uid) = ApprovalUid::parse(&*submitted.approval) {
                    self.approvals.entry(uid).or_insert((logged, submitted.digest.clone()));
                }
            }
            Entry::OrderSubmitted(submitted) => {
                if let Ok(uid) = OrderUid::parse(&*submitted.order) {
                    self.orders.entry(uid).or_insert((logged, submitted.digest.clone()));
                }
            }
            Entry::Decision(decision) => {
                self.decisions.insert(index, decision.clone());
            }
            Entry::Intent(intent) => {
                self.intents.insert(index, (record.at, intent.clone()));
            }
            Entry::Outcome(outcome) => self.outcomes.extend(RequestUid::parse(&*outcome.request)),
            Entry::RequestWithdrawn(gone) => {
                self.withdrawn_requests.extend(RequestUid::parse(&*gone.request));
            }
            Entry::ApprovalWithdrawn(gone) => {
                self.withdrawn_approvals.extend(ApprovalUid::parse(&*gone.approval));
            }
            Entry::KeyCreated(made) if made.key == release_key_name(&self.request) => {
                self.release_key = unhex(&made.fingerprint).map(Digest32).map(ReleaseKey);
            }
            Entry::StreamStarted(started) => self.started(record.at, started),
            Entry::ChainHeads(heads) => {
                self.heads.extend(heads.heads.iter().map(|head| (heads.at, head.clone())));
            }
            Entry::StreamClosed(closed) => self.closed.push((record.at, closed.clone())),
            _ => (),
        }
    }

    fn revision(&mut self, at: Timestamp, revision: &entry::PolicyRevision) {
        let Ok(policy) = SharingPolicyId::parse(&*revision.policy) else { return };
        let spec = serde_json::from_str(&revision.spec).ok();
        let spec = spec.filter(|spec| hex(&sharing_policy(spec)) == revision.digest);
        // One that cannot be read is in force and allows nothing.
        let revision = spec.as_ref().map(Revision::new);
        self.policies.entry(policy).or_default().push(Step { since: at, revision });
    }

    fn started(&mut self, at: Timestamp, started: &entry::StreamStarted) {
        let Some(public_key) = unhex(&started.public_key) else { return };
        let anchor = StreamAnchor {
            stream: started.stream.clone(),
            public_key,
            pod_uid: started.pod_uid.clone(),
            started_ms: at.as_millisecond(),
            heads: Vec::new(),
            closed: None,
        };
        // The first one counts: a stream's key does not change.
        self.streams.entry(started.stream.clone()).or_insert((started.camera.clone(), anchor));
    }

    /// The request as it was first submitted.
    ///
    /// # Errors
    /// [`Malformed`], also where the entry is not there.
    pub fn request(&self) -> Result<Frozen, Malformed> {
        let kind = "DisclosureRequest";
        let malformed =
            |what: &str| Malformed { kind, name: self.request.to_string(), what: what.to_owned() };
        let (logged, request) = self.submitted.as_ref().ok_or_else(|| malformed("is not in the log"))?;
        if hex(&sha256(request.object.as_bytes())) != request.digest {
            return Err(malformed("has another digest in the log than its content"));
        }
        let object: serde_json::Value =
            serde_json::from_str(&request.object).map_err(|_| malformed("is no JSON in the log"))?;
        let text = |field: &str| object.get(field).and_then(serde_json::Value::as_str).unwrap_or_default();
        if (text("kind"), text("uid")) != (kind, self.request.as_str()) {
            return Err(malformed("is another object in the log"));
        }
        Ok(Frozen {
            namespace: text("namespace").to_owned(),
            name: text("name").to_owned(),
            uid: text("uid").to_owned(),
            spec: object.get("spec").cloned().unwrap_or_default(),
            logged: *logged,
        })
    }

    /// Where the log first saw an object of this kind with this uid and digest: only as such it counts.
    pub fn first_seen(&self, kind: &str, uid: &str, digest: &Digest32) -> Option<Logged> {
        let seen = match kind {
            "Approval" => self.approvals.get(&ApprovalUid::parse(uid).ok()?),
            "LegalOrder" => self.orders.get(&OrderUid::parse(uid).ok()?),
            _ => None,
        };
        seen.filter(|(_, logged)| *logged == hex(&digest.0)).map(|(logged, _)| *logged)
    }

    /// Which policies the cameras have had.
    pub fn cameras(&self) -> Vec<CameraHistory> {
        let history = |(camera, assignments): (&CameraId, &Vec<Assignment>)| CameraHistory {
            camera: camera.clone(),
            assignments: assignments.clone(),
        };
        self.cameras.iter().map(history).collect()
    }

    /// What the policies have been.
    pub fn policies(&self) -> Vec<PolicyHistory> {
        let history = |(policy, steps): (&SharingPolicyId, &Vec<Step>)| PolicyHistory {
            policy: policy.clone(),
            steps: steps.clone(),
        };
        self.policies.iter().map(history).collect()
    }

    /// What the kernel asks of the log.
    pub fn facts(&self) -> LogFacts {
        LogFacts {
            latest: self.latest,
            withdrawn_requests: self.withdrawn_requests.clone(),
            withdrawn_approvals: self.withdrawn_approvals.clone(),
            intents: self.intents.iter().filter_map(|(index, (at, i))| self.intent(*index, *at, i)).collect(),
            outcomes: self.outcomes.clone(),
            release_key: self.release_key,
        }
    }

    /// An Intent with what its Decision names.
    fn intent(&self, index: u64, at: Timestamp, intent: &entry::Intent) -> Option<Intent> {
        let decision = self.decisions.get(&intent.decision);
        let approvals = decision.map(|d| d.approvals.as_slice()).unwrap_or_default();
        let order = decision.and_then(|d| d.order.as_ref());
        let order = order.and_then(|digest| {
            self.orders.iter().find(|(_, (_, logged))| logged == digest).map(|(uid, _)| uid.clone())
        });
        Some(Intent {
            index,
            at,
            request: RequestUid::parse(&*intent.request).ok()?,
            approvals: approvals.iter().filter_map(|uid| ApprovalUid::parse(&**uid).ok()).collect(),
            order,
        })
    }

    /// The Intent at an index.
    pub fn intent_at(&self, index: u64) -> Option<&entry::Intent> {
        self.intents.get(&index).map(|(_, intent)| intent)
    }

    /// A camera's streams.
    pub fn anchors(&self, camera: &CameraId) -> Vec<StreamAnchor> {
        let own = self.streams.values().filter(|(of, _)| of == camera);
        own.map(|(_, anchor)| self.anchor(anchor.clone())).collect()
    }

    fn anchor(&self, mut anchor: StreamAnchor) -> StreamAnchor {
        let heads = self.heads.iter().filter(|(_, head)| head.stream == anchor.stream);
        let head = |(at, head): &(Timestamp, entry::ChainHead)| {
            let digest = unhex(&head.digest)?;
            Some(LoggedHead { sequence: head.sequence, digest, at_ms: at.as_millisecond() })
        };
        anchor.heads = heads.filter_map(head).collect();
        let closed = self.closed.iter().filter(|(_, closed)| closed.stream == anchor.stream);
        anchor.closed = closed.min_by_key(|(at, _)| *at).map(|(at, closed)| LoggedClose {
            at_ms: at.as_millisecond(),
            record: closed.close_record.as_deref().and_then(unhex),
        });
        anchor
    }
}
