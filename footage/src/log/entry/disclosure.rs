//! A disclosure's life. Objects are frozen here as they were first submitted, so that digests and signatures can be
//! checked when the objects themselves are gone or changed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::CameraId;

/// A DisclosureRequest was seen for the first time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The object's uid.
    pub request: String,
    /// SHA-256 (hex) of `object`.
    pub digest: String,
    /// Canonical JSON (RFC 8785) of what the digest is made over.
    pub object: String,
}

/// The decision kernel's verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Decision {
    /// The request's uid.
    pub request: String,
    /// The request's digest, hex.
    pub request_digest: String,
    /// What was decided. What is pending is not logged.
    pub verdict: Verdict,
    /// Why, rule by rule.
    pub reasons: Vec<DecisionReason>,
    /// The digests (hex) of every SharingPolicy revision that was asked.
    pub revisions: Vec<String>,
    /// The uids of the Approvals that count.
    pub approvals: Vec<String>,
    /// SHA-256 (hex) of the legal order's canonical JSON, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Verdict {
    Authorized,
    Denied,
}

/// One rule's outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecisionReason {
    /// The rule.
    pub rule: String,
    /// For people.
    pub message: String,
}

/// Footage is about to be opened. No job opens any without the proof that this is in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Intent {
    /// The request's uid.
    pub request: String,
    /// The request's digest, hex.
    pub request_digest: String,
    /// The index of the Decision.
    pub decision: u64,
    /// The cameras, after all narrowing.
    pub cameras: Vec<CameraId>,
    /// The window's start, after all narrowing.
    pub from: Timestamp,
    /// The window's end, after all narrowing.
    pub to: Timestamp,
    /// Whether sound may be opened.
    pub audio: bool,
    /// `Clip` or `Sealed`.
    pub form: String,
    /// The age recipient of the package.
    pub recipient: String,
}

/// What came of an Intent. There is one for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Outcome {
    /// The request's uid.
    pub request: String,
    /// The index of the Intent.
    pub intent: u64,
    /// How it ended.
    pub result: OutcomeResult,
}

/// How a disclosure ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum OutcomeResult {
    /// A package was made.
    Delivered {
        /// SHA-256 (hex) of the manifest.
        manifest: String,
        /// SHA-256 (hex) of the package.
        package: String,
        /// The package's length.
        bytes: u64,
        /// How many segments are in it.
        segments: u64,
    },
    /// None was made.
    Failed {
        /// For people.
        reason: String,
    },
}

/// An owner was told, or could not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Notice {
    /// The request's uid.
    pub request: String,
    /// The owner's name in the SharingPolicy.
    pub owner: String,
    /// What of: `Requested`, `Delivered`, `Denied`.
    pub occasion: String,
    /// Whether it arrived.
    pub delivered: bool,
}

/// An approval was counted; it counts for nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovalUsed {
    /// The Approval's uid.
    pub approval: String,
    /// The request's uid.
    pub request: String,
    /// The request's digest, hex.
    pub request_digest: String,
    /// Canonical JSON (RFC 8785) of the Approval's spec without `release`.
    pub object: String,
}

/// An approval was withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovalWithdrawn {
    /// The Approval's uid.
    pub approval: String,
    /// The request's uid.
    pub request: String,
}

/// An Approval was seen for the first time. What is there under its name later counts only if it still has this digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovalSubmitted {
    /// The Approval's uid.
    pub approval: String,
    /// The request's uid.
    pub request: String,
    /// SHA-256 (hex) of RFC 8785's form of {apiVersion, kind, namespace, name, uid, spec without withdrawn}.
    pub digest: String,
}

/// A LegalOrder was seen for the first time; as [`ApprovalSubmitted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrderSubmitted {
    /// The LegalOrder's uid.
    pub order: String,
    /// SHA-256 (hex) of RFC 8785's form of {apiVersion, kind, namespace, name, uid, spec}.
    pub digest: String,
}

/// A request was withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestWithdrawn {
    /// The request's uid.
    pub request: String,
}

/// The order that must follow a release in an emergency has arrived: one that would stand under each policy that decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FollowedUp {
    /// The request's uid.
    pub request: String,
    /// The LegalOrder's uid.
    pub order: String,
}

/// An order forbids to tell the owners what has happened before a date. Then they are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NoticeDelayed {
    /// The request's uid.
    pub request: String,
    /// The date.
    pub until: Timestamp,
}
