//! How retention goes, by what the policies' statuses say.

use std::sync::Arc;

use camerafleet_crds::RetentionPolicy;

use super::{Metrics, count, number};
use crate::conditions;

pub(super) fn measure(policies: &[Arc<RetentionPolicy>], metrics: &Metrics) {
    let statuses = || policies.iter().filter_map(|policy| policy.status.as_ref());
    let runs = statuses().filter_map(|status| conditions::get(&status.conditions, "RunSucceeded"));
    count(&metrics.retention_policies, runs.map(|run| [run.reason.as_str()]));
    let on_time = statuses().filter_map(|status| conditions::get(&status.conditions, "OnTime"));
    metrics.retention_late.set(number(on_time.filter(|on_time| on_time.status == "False").count()));
    let (mut objects, mut bytes, mut held) = (0_u64, 0_u64, 0_u64);
    for status in statuses() {
        objects = objects.saturating_add(status.overdue_objects.unwrap_or(0));
        bytes = bytes.saturating_add(status.overdue_bytes.unwrap_or(0));
        held = held.saturating_add(status.held_bytes.unwrap_or(0));
    }
    metrics.overdue_objects.set(number(objects));
    metrics.overdue_bytes.set(number(bytes));
    metrics.held_bytes.set(number(held));
}
