//! What the tenant's log says of a request. It is asked, not the live objects: a restored cluster forgets, and a
//! log does not.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::disclosure::objects::ReleaseKey;
use crate::ids::{ApprovalUid, OrderUid, RequestUid};

/// The log's facts, up to its newest entry.
#[derive(Clone, Debug)]
pub struct LogFacts {
    /// The time of the newest entry. No decision is made as of a time before it.
    pub latest: Timestamp,
    /// Requests that were withdrawn.
    pub withdrawn_requests: BTreeSet<RequestUid>,
    /// Approvals that were withdrawn.
    pub withdrawn_approvals: BTreeSet<ApprovalUid>,
    /// Releases that were begun, of this request and of others that name the same approvals.
    pub intents: Vec<Intent>,
    /// Requests that have an Outcome, whatever it was.
    pub outcomes: BTreeSet<RequestUid>,
    /// The key to which owners seal their shares for this request, once it has been made.
    pub release_key: Option<ReleaseKey>,
}

/// A release that was decided and begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The entry's index.
    pub index: u64,
    /// The entry's time.
    pub at: Timestamp,
    /// The request.
    pub request: RequestUid,
    /// The approvals that it uses.
    pub approvals: BTreeSet<ApprovalUid>,
    /// The order that it uses.
    pub order: Option<OrderUid>,
}

impl LogFacts {
    /// A log with nothing about the request.
    pub fn empty(latest: Timestamp) -> Self {
        Self {
            latest,
            withdrawn_requests: BTreeSet::new(),
            withdrawn_approvals: BTreeSet::new(),
            intents: Vec::new(),
            outcomes: BTreeSet::new(),
            release_key: None,
        }
    }

    /// The Intent that a decision on this request continues: its first. A second one is nobody's.
    pub(crate) fn intent_of(&self, request: &RequestUid) -> Option<&Intent> {
        self.intents.iter().filter(|i| i.request == *request).min_by_key(|i| i.index)
    }

    /// Whether an Intent other than `own` uses the approval.
    pub(crate) fn used_elsewhere(&self, approval: &ApprovalUid, own: Option<&Intent>) -> bool {
        let other = |intent: &&Intent| own.is_none_or(|own| own.index != intent.index);
        self.intents.iter().filter(other).any(|i| i.approvals.contains(approval))
    }
}
