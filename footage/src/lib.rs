//! The data plane's library: sealed segments, key custody, object layout, and what the operator and the
//! recorder say to each other.

pub mod custody;
pub mod digest;
pub mod ids;
pub mod layout;
pub mod log;
pub mod retention;
pub mod seal;
pub mod shard;
pub mod store;
pub mod vault;
