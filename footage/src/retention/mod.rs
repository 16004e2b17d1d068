//! When footage and its keys come due: one set of rules, which the operator and the retention job each apply
//! to what they read themselves.
//!
//! The rules are pure and get the clock passed in. [`listing`] is how both look into the store.

mod census;
mod clock;
mod due;
mod epochs;
mod judge;
mod limit;
pub mod listing;
mod run;
#[cfg(test)]
mod tests;

pub use census::{CENSUS_AGE_HOURS, Census, Counted, census_key};
pub use clock::{CLOCK_TOLERANCE_SECONDS, clocks_agree};
pub use due::{Terms, counts_from, due_at, is_due, may_be_due, may_hold_due};
pub use epochs::{EpochUse, InUse, Recorder, Shred, key_due_at, shred, still_open};
pub use judge::{Judged, judge};
pub use limit::{OverLimit, Room};
pub use run::{JobConfig, LogAccess, Outcome, RunSummary, VaultAccess};

use crate::{ids::PolicyId, ids::TenantId, layout::tenant_prefix};

/// The ConfigMap's key with the job's [`JobConfig`].
pub const CONFIG_KEY: &str = "retention.json";

/// Where a run's report lies: `<prefix>/<tenant>/reports/retention/<policy>/<run>.json`.
pub fn report_key(prefix: &str, tenant: &TenantId, policy: &PolicyId, run: &str) -> String {
    format!("{}reports/retention/{policy}/{run}.json", tenant_prefix(prefix, tenant))
}
