//! Names of what is kept about recorder streams.

use crate::ids::{CameraId, StreamId, TenantId};

use super::tenant_prefix;

const CLOSE: &str = "close.json";

/// What is kept about a tenant's recorder streams.
pub fn streams_prefix(prefix: &str, tenant: &TenantId) -> String {
    format!("{}streams/", tenant_prefix(prefix, tenant))
}

/// Where a stream's close record lies: `<prefix>/<tenant>/streams/<camera>/<stream>/close.json`.
pub fn close_record_key(prefix: &str, tenant: &TenantId, camera: &CameraId, stream: &StreamId) -> String {
    format!("{}{camera}/{stream}/{CLOSE}", streams_prefix(prefix, tenant))
}

/// The reverse of [`close_record_key`]; `None` for any other key.
pub fn parse_close_record_key(prefix: &str, tenant: &TenantId, key: &str) -> Option<(CameraId, StreamId)> {
    let rest = key.strip_prefix(&streams_prefix(prefix, tenant))?;
    let parts: Vec<&str> = rest.split('/').collect();
    let [camera, stream, CLOSE] = parts[..] else {
        return None;
    };
    Some((CameraId::parse(camera).ok()?, StreamId::parse(stream).ok()?))
}
