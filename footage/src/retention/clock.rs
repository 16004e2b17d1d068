//! Whether a clock may be believed.

use jiff::{SignedDuration, Timestamp};

/// By how much the job's clock may differ from the API server's and the store's.
pub const CLOCK_TOLERANCE_SECONDS: i64 = 300;

/// Whether two clocks agree: where they do not, one of them is wrong, and nothing is deleted by either.
pub fn clocks_agree(ours: Timestamp, theirs: Timestamp) -> bool {
    ours.duration_since(theirs).abs() <= SignedDuration::from_secs(CLOCK_TOLERANCE_SECONDS)
}
