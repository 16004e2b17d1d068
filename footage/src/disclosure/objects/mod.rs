//! What a decision is made from, as types: read from the log's frozen JSON, never from live objects.

mod approval;
mod frozen;
mod hold;
mod names;
mod order;
mod request;
mod ssh;
mod verify;

pub use approval::Approval;
pub use frozen::{Frozen, Logged, Malformed};
pub use hold::Hold;
pub use names::{Digest32, PolicyDigest, ReleaseKey, RequestDigest, UserName, Window};
pub use order::Order;
pub use request::{MAX_CAMERAS, Request};
pub use ssh::{SshKey, SshSignatureError};
pub use verify::{APPROVAL_NAMESPACE, ORDER_NAMESPACE, Unverified, Verified};
