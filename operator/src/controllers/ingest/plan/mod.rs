//! What a tenant's recorders shall do: pure functions of what was seen.

mod shard;
#[cfg(test)]
mod tests;
mod wanted;

pub use shard::{Planned, Recorder, shard};
pub use wanted::{Wanted, wanted};
