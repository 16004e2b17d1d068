//! How the tenants are and how much they store, by what their statuses say.

use std::sync::Arc;

use camerafleet_crds::Tenant;

use super::{Metrics, count, number};
use crate::{conditions, controllers::tenant::QUOTA};

pub(super) fn measure(tenants: &[Arc<Tenant>], metrics: &Metrics) {
    let statuses = || tenants.iter().map(|tenant| tenant.status.as_ref());
    let reasons = |type_| {
        statuses()
            .filter_map(move |status| Some([conditions::get(&status?.conditions, type_)?.reason.as_str()]))
    };
    count(&metrics.tenants, reasons("Ready"));
    count(&metrics.tenant_logs, reasons("LogReady"));
    count(&metrics.storage_quotas, reasons(QUOTA));
    let stored = statuses().filter_map(|status| status?.stored_bytes).fold(0, u64::saturating_add);
    metrics.stored_bytes.set(number(stored));
}
