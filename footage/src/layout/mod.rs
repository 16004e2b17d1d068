//! Object and key names (`FORMAT.md`, "Names"). Pure: nothing here talks to a store.
//!
//! Names are written in one way only, and a parser accepts exactly what the writer writes. So a name decides
//! when an object is due without opening it, and an object under any other name is never ours to delete.

mod epoch;
mod holds;
mod keys;
mod segment;
mod streams;

pub use epoch::{Epoch, Hour, InvalidTime};
pub use holds::{hold_prefix, holds_prefix, parse_sidecar_key, sidecar_key};
pub use keys::{
    NotAKeyName, camera_key_name, epoch_key_name, hold_key_name, parse_camera_key_name, parse_epoch_key_name,
    parse_hold_key_name,
};
pub use segment::{NotASegment, SegmentName, Tracks};
pub use streams::{
    camera_streams_prefix, close_record_key, loss_record_key, parse_close_record_key, parse_loss_record_key,
    streams_prefix,
};

#[cfg(test)]
mod tests;

use crate::ids::{CameraId, PolicyId, TenantId};

/// The longest a segment may be, in milliseconds: one hour. A listing of a range of time starts this much
/// early, and a name that claims more is refused, so that nobody plants an object that is never due.
pub const MAX_SEGMENT_DURATION_MS: u64 = 3_600_000;

/// The largest sequence number: 2^53 - 1, the largest integer that RFC 8785 writes exactly.
pub const MAX_SEQUENCE: u64 = (1 << 53) - 1;

/// Everything of a tenant. Ends with `/`, like all prefixes here, so that `a` never lists `ab`.
///
/// `prefix` is the tenant's folder in the bucket; slashes around it do not matter and it may be empty.
pub fn tenant_prefix(prefix: &str, tenant: &TenantId) -> String {
    match prefix.trim_matches('/') {
        "" => format!("{tenant}/"),
        prefix => format!("{prefix}/{tenant}/"),
    }
}

/// A tenant's segments.
pub fn footage_prefix(prefix: &str, tenant: &TenantId) -> String {
    format!("{}footage/", tenant_prefix(prefix, tenant))
}

/// The segments of one retention policy.
pub fn policy_prefix(prefix: &str, tenant: &TenantId, policy: &PolicyId) -> String {
    format!("{}{policy}/", footage_prefix(prefix, tenant))
}

/// The segments of one epoch of a policy: all that its key can open.
pub fn epoch_prefix(prefix: &str, tenant: &TenantId, policy: &PolicyId, epoch: &Epoch) -> String {
    format!("{}{epoch}/", policy_prefix(prefix, tenant, policy))
}

/// One camera's segments in an epoch.
pub fn camera_prefix(
    prefix: &str,
    tenant: &TenantId,
    policy: &PolicyId,
    epoch: &Epoch,
    camera: &CameraId,
) -> String {
    format!("{}{camera}/", epoch_prefix(prefix, tenant, policy, epoch))
}

/// One camera's segments that were opened in an hour.
pub fn hour_prefix(
    prefix: &str,
    tenant: &TenantId,
    policy: &PolicyId,
    epoch: &Epoch,
    camera: &CameraId,
    hour: Hour,
) -> String {
    format!("{}{hour}/", camera_prefix(prefix, tenant, policy, epoch, camera))
}

/// A decimal number written the one way: digits, no sign, no leading zero.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    if canonical && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

/// Milliseconds since the Unix epoch that a [`jiff::Timestamp`] can hold, not before 1970.
pub(crate) fn is_unix_ms(ms: i64) -> bool {
    (0..=jiff::Timestamp::MAX.as_millisecond()).contains(&ms)
}

/// [`decimal`], for a time.
pub(crate) fn decimal_unix_ms(text: &str) -> Option<i64> {
    decimal(text).and_then(|ms| i64::try_from(ms).ok()).filter(|ms| is_unix_ms(*ms))
}
