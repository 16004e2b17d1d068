//! The data plane's library: sealed segments, key custody, object layout, the decision on disclosure, and
//! what the operator and the recorder say to each other.

pub mod chain;
pub mod custody;
pub mod digest;
pub mod disclosure;
pub mod hold;
pub mod ids;
pub mod layout;
pub mod log;
pub mod package;
pub mod report;
pub mod retention;
pub mod seal;
pub mod shard;
pub mod store;
pub mod vault;
