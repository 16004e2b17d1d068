//! The statuses of all policies as metrics, in sums: no label names an object.

use std::{collections::BTreeMap, sync::Arc};

use camerafleet_crds::RetentionPolicy;

use crate::{conditions, metrics::Metrics};

/// Sets the gauges from what the policies say of themselves.
pub fn measure(policies: &[Arc<RetentionPolicy>], metrics: &Metrics) {
    let (mut runs, mut late) = (BTreeMap::<&str, i64>::new(), 0);
    let (mut objects, mut bytes, mut held) = (0_u64, 0_u64, 0_u64);
    for status in policies.iter().filter_map(|policy| policy.status.as_ref()) {
        if let Some(run) = conditions::get(&status.conditions, "RunSucceeded") {
            *runs.entry(&run.reason).or_default() += 1;
        }
        late += i64::from(conditions::get(&status.conditions, "OnTime").is_some_and(|c| c.status == "False"));
        objects += status.overdue_objects.unwrap_or(0);
        bytes += status.overdue_bytes.unwrap_or(0);
        held += status.held_bytes.unwrap_or(0);
    }
    metrics.retention_policies.reset();
    for (reason, count) in runs {
        metrics.retention_policies.with_label_values(&[reason]).set(count);
    }
    metrics.retention_late.set(late);
    for (gauge, value) in
        [(&metrics.overdue_objects, objects), (&metrics.overdue_bytes, bytes), (&metrics.held_bytes, held)]
    {
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_sums_of_all_policies_are_measured_and_forgotten_with_them() {
        let policy = |reason: &str, late: &str, overdue: u64| {
            let condition = |type_: &str, status: &str, reason: &str| {
                json!({
                    "type": type_, "status": status, "reason": reason, "message": "", "lastTransitionTime": "2026-11-25T13:00:00Z",
                })
            };
            let mut policy =
                RetentionPolicy::new("p", serde_json::from_value(json!({"keepFor": "30d"})).unwrap());
            let status = json!({
                "overdueObjects": overdue, "overdueBytes": overdue * 10, "heldBytes": 5,
                "conditions": [condition("RunSucceeded", "False", reason), condition("OnTime", late, "X")],
            });
            policy.status = Some(serde_json::from_value(status).unwrap());
            Arc::new(policy)
        };
        let metrics = Metrics::new().unwrap();
        measure(
            &[
                policy("Done", "True", 0),
                policy("StoreFailed", "False", 3),
                policy("StoreFailed", "False", 4),
            ],
            &metrics,
        );
        let runs = |reason: &str| metrics.retention_policies.with_label_values(&[reason]).get();
        assert_eq!((runs("Done"), runs("StoreFailed"), metrics.retention_late.get()), (1, 2, 2));
        let sums =
            [&metrics.overdue_objects, &metrics.overdue_bytes, &metrics.held_bytes].map(|gauge| gauge.get());
        assert_eq!(sums, [7, 70, 15]);
        measure(&[], &metrics);
        assert_eq!((runs("StoreFailed"), metrics.overdue_objects.get()), (0, 0));
    }
}
