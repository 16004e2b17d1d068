//! Names of what a legal hold copies.

use crate::ids::{HoldId, TenantId};

use super::tenant_prefix;

/// What a tenant's legal holds have copied.
pub fn holds_prefix(prefix: &str, tenant: &TenantId) -> String {
    format!("{}holds/", tenant_prefix(prefix, tenant))
}

/// What one hold has copied.
pub fn hold_prefix(prefix: &str, tenant: &TenantId, hold: &HoldId) -> String {
    format!("{}{hold}/", holds_prefix(prefix, tenant))
}

/// Where a held segment's sidecar lies: `<prefix>/<tenant>/holds/<hold>/<SHA-256 of the segment's header, hex>`.
pub fn sidecar_key(prefix: &str, tenant: &TenantId, hold: &HoldId, header_digest: &[u8; 32]) -> String {
    format!("{}{}", hold_prefix(prefix, tenant, hold), crate::digest::hex(header_digest))
}

/// The reverse of [`sidecar_key`]; `None` for any other key.
pub fn parse_sidecar_key(prefix: &str, tenant: &TenantId, key: &str) -> Option<(HoldId, [u8; 32])> {
    let (hold, digest) = key.strip_prefix(&holds_prefix(prefix, tenant))?.split_once('/')?;
    Some((HoldId::parse(hold).ok()?, crate::digest::unhex(digest)?))
}
