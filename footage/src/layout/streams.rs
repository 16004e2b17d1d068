//! Names of what is kept about recorder streams.

use crate::ids::{CameraId, StreamId, TenantId};

use super::{MAX_SEQUENCE, decimal, tenant_prefix};

const CLOSE: &str = "close.json";
const LOST_START: &str = "lost-";
const LOST_END: &str = ".json";

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

/// What is kept about one camera's streams.
pub fn camera_streams_prefix(prefix: &str, tenant: &TenantId, camera: &CameraId) -> String {
    format!("{}{camera}/", streams_prefix(prefix, tenant))
}

/// Where a loss record lies: `<prefix>/<tenant>/streams/<camera>/<stream>/lost-<sequence>.json`.
pub fn loss_record_key(
    prefix: &str,
    tenant: &TenantId,
    camera: &CameraId,
    stream: &StreamId,
    sequence: u64,
) -> String {
    let folder = camera_streams_prefix(prefix, tenant, camera);
    format!("{folder}{stream}/{LOST_START}{sequence}{LOST_END}")
}

/// The reverse of [`loss_record_key`]; `None` for any other key.
pub fn parse_loss_record_key(
    prefix: &str,
    tenant: &TenantId,
    key: &str,
) -> Option<(CameraId, StreamId, u64)> {
    let rest = key.strip_prefix(&streams_prefix(prefix, tenant))?;
    let parts: Vec<&str> = rest.split('/').collect();
    let [camera, stream, file] = parts[..] else {
        return None;
    };
    let sequence = decimal(file.strip_prefix(LOST_START)?.strip_suffix(LOST_END)?)?;
    let sequence = Some(sequence).filter(|s| *s <= MAX_SEQUENCE)?;
    Some((CameraId::parse(camera).ok()?, StreamId::parse(stream).ok()?, sequence))
}
