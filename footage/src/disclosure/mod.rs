//! The decision on disclosure: who may have which footage, on whose word. `DISCLOSURE.md` is its documentation.
//!
//! [`Verified`] is the door: people's answers and authorities' orders come in through it alone, with their
//! signatures checked. [`decide`] is the kernel, a pure function of what the log froze.

mod decide;
mod decision;
mod facts;
mod history;
pub mod job;
mod objects;
mod release;
mod rule;

pub use decide::{Case, FollowUp, MAX_SKEW, REQUEST_LIFE, decide, follow_up};
pub use decision::{Action, Authorized, Decision, Need, Notice, Reason, Release, Verdict};
pub use facts::{
    Assignment, CARRY_OVER, CameraHistory, Intent, LogFacts, Members, PolicyHistory, Revision, Step,
};
pub use history::History;
pub use objects::{
    APPROVAL_NAMESPACE, Approval, Digest32, Frozen, Hold, Logged, MAX_CAMERAS, Malformed, ORDER_NAMESPACE,
    Order, PolicyDigest, ReleaseKey, Request, RequestDigest, SshKey, SshSignatureError, Unverified, UserName,
    Verified, Window,
};
pub use release::{Bundle, MAX_BUNDLE_BYTES, MAX_WINDOWS, ReleaseError, release_key_name};
pub use rule::{Effect, Rule};
