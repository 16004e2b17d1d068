//! What a decision is measured against: policies with their history, the tenant's members, and what the log knows.

mod log;
mod members;
mod policy;
mod select;

pub use log::{Intent, LogFacts};
pub use members::Members;
pub use policy::{Assignment, CameraHistory, PolicyHistory, Revision, Step};
pub(super) use policy::{OwnerKey, at_least_one};
pub use select::CARRY_OVER;
pub(super) use select::{Selected, Unselectable, select};
