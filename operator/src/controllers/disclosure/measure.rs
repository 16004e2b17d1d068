//! The requests' figures as metrics: by state, and how many emergencies are overdue. No label names an object.

use std::{collections::BTreeMap, sync::Arc};

use camerafleet_crds::DisclosureRequest;

use crate::{conditions, metrics::Metrics};

/// Counts.
pub fn measure(requests: &[Arc<DisclosureRequest>], metrics: &Metrics) {
    let (mut states, mut overdue) = (BTreeMap::<(String, &str), i64>::new(), 0);
    for request in requests {
        let found = request.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        let state = conditions::get(found, "Ready").map_or("New", |ready| ready.reason.as_str());
        *states.entry((format!("{:?}", request.spec.basis), state)).or_default() += 1;
        overdue += i64::from(
            conditions::get(found, "FollowedUp").is_some_and(|follow_up| follow_up.status == "False"),
        );
    }
    metrics.disclosure_requests.reset();
    for ((basis, state), count) in states {
        metrics.disclosure_requests.with_label_values(&[basis.as_str(), state]).set(count);
    }
    metrics.disclosure_overdue.set(overdue);
}
