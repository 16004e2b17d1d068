//! What comes out of a decision.

use std::collections::{BTreeMap, BTreeSet};

use camerafleet_crds::{Basis, DecisionNeed, DecisionReason, DecisionStatus, DecisionVerdict, PackageForm};
use jiff::{SignedDuration, Timestamp};

use super::objects::{Malformed, PolicyDigest, RequestDigest, UserName, Window};
use super::rule::Rule;
use crate::ids::{ApprovalUid, CameraId, HoldUid, OrderUid, RequestUid};

/// A decision with its reasons. Equal inputs give equal decisions, in whatever order they come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The decision.
    pub verdict: Verdict,
    /// Why, and which answers were not counted.
    pub reasons: BTreeSet<Reason>,
    /// Who must do what, and whether they have.
    pub needs: BTreeSet<Need>,
    /// The answers that are not counted, under one policy at least, and by which rules.
    pub ignored: BTreeMap<ApprovalUid, BTreeSet<Rule>>,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Exactly this is released.
    Authorized(Box<Authorized>),
    /// Nothing is. It stays so, unless a person takes back what denied it.
    Denied,
    /// Nothing is yet.
    Pending,
}

/// What is released, and on whose word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorized {
    /// The request.
    pub request: RequestUid,
    /// Its digest.
    pub digest: RequestDigest,
    /// The basis.
    pub basis: Basis,
    /// Each camera with its part; no other footage.
    pub cameras: BTreeMap<CameraId, Release>,
    /// Whether sound is released.
    pub audio: bool,
    /// What the package holds.
    pub form: PackageForm,
    /// To whom it is sealed.
    pub recipient: String,
    /// The approvals that this uses up.
    pub approvals: BTreeSet<ApprovalUid>,
    /// The order that it rests on.
    pub order: Option<OrderUid>,
    /// Holds under which footage of it may be kept beyond its epoch's key.
    pub holds: BTreeSet<HoldUid>,
    /// The Intent that this continues. A Job refuses where it is not its own.
    pub continues: Option<u64>,
    /// Who must be told, and when.
    pub notice: Notice,
    /// Emergency: how soon after the release the order must follow.
    pub follow_up_within: Option<SignedDuration>,
}

/// What is released of one camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// When it was recorded.
    pub window: Window,
    /// The policies that were decided on: a segment whose header names another is not released.
    pub policies: BTreeSet<PolicyDigest>,
}

/// Who is told of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The owners at the time of recording and at present.
    pub owners: BTreeSet<UserName>,
    /// Not before this time. None: at once.
    pub not_before: Option<Timestamp>,
}

/// Why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// The rule.
    pub rule: Rule,
    /// A sentence about this request.
    pub message: String,
}

/// What someone must do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// What it is.
    pub action: Action,
    /// How many of the people must do it.
    pub required: usize,
    /// Who has.
    pub done: BTreeSet<UserName>,
    /// Who still can.
    pub open: BTreeSet<UserName>,
}

/// What someone must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Owners agree.
    Consent,
    /// Legal reviewers agree.
    Review,
    /// Emergency approvers agree.
    Quorum,
    /// Owners release their shares of the keys.
    ReleaseKeys,
    /// An authority orders it.
    Order,
}

impl Need {
    /// Whether it has been done.
    pub fn satisfied(&self) -> bool {
        self.done.len() >= self.required
    }
}

impl Decision {
    /// The decision on a request that cannot be read.
    pub fn malformed(error: &Malformed) -> Self {
        let reason = Reason { rule: Rule::RequestMalformed, message: error.to_string() };
        let (needs, ignored) = (BTreeSet::new(), BTreeMap::new());
        Self { verdict: Verdict::Denied, reasons: [reason].into(), needs, ignored }
    }

    /// What is released, if anything is.
    pub fn authorized(&self) -> Option<&Authorized> {
        match &self.verdict {
            Verdict::Authorized(authorized) => Some(authorized),
            Verdict::Denied | Verdict::Pending => None,
        }
    }

    /// Whether one of the reasons is this rule.
    pub fn has(&self, rule: Rule) -> bool {
        self.reasons.iter().any(|r| r.rule == rule)
    }

    /// As `status.decision` of the request.
    pub fn to_status(&self) -> DecisionStatus {
        DecisionStatus {
            verdict: match self.verdict {
                Verdict::Authorized(_) => DecisionVerdict::Authorized,
                Verdict::Denied => DecisionVerdict::Denied,
                Verdict::Pending => DecisionVerdict::Pending,
            },
            reasons: self.reasons.iter().map(Reason::to_status).collect(),
            needs: self.needs.iter().map(Need::to_status).collect(),
        }
    }
}

impl Reason {
    /// As one of the request's `status.decision.reasons`.
    pub fn to_status(&self) -> DecisionReason {
        DecisionReason {
            rule: self.rule.id().to_owned(),
            message: self.message.clone(),
            way_forward: self.rule.way_forward().to_owned(),
        }
    }
}

impl Need {
    fn to_status(&self) -> DecisionNeed {
        let people: BTreeSet<&str> = self.done.iter().chain(&self.open).map(UserName::as_str).collect();
        let people: Vec<&str> = people.into_iter().collect();
        let who = match (self.action, people.len()) {
            (Action::Order, _) => "an authority that the policies list".to_owned(),
            (_, 0) => "a member with the role Reviewer".to_owned(),
            (_, n) if n == self.required => people.join(", "),
            _ => format!("{} of {}", self.required, people.join(", ")),
        };
        let what = match self.action {
            Action::Consent => "approve as Owner",
            Action::Review => "approve as Reviewer",
            Action::Quorum => "approve as EmergencyApprover",
            Action::ReleaseKeys => "release the keys' shares",
            Action::Order => "order it",
        };
        let done: Vec<&str> = self.done.iter().map(UserName::as_str).collect();
        let what = match (self.satisfied(), done.is_empty()) {
            (false, false) => format!("{what} ({} has)", done.join(", ")),
            _ => what.to_owned(),
        };
        DecisionNeed { who, what, satisfied: self.satisfied() }
    }
}
