//! How the disclosure requests stand, by what their statuses say.

use std::{collections::BTreeMap, sync::Arc};

use camerafleet_crds::DisclosureRequest;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{Metrics, count, number};
use crate::conditions;

pub(super) fn measure(requests: &[Arc<DisclosureRequest>], metrics: &Metrics) {
    let bases: Vec<String> = requests.iter().map(|request| format!("{:?}", request.spec.basis)).collect();
    let (mut states, mut oldest) = (Vec::new(), BTreeMap::<&str, i64>::new());
    for (request, basis) in requests.iter().zip(&bases) {
        let ready = condition(request, "Ready");
        let state = ready.map_or("New", |ready| ready.reason.as_str());
        states.push([basis.as_str(), state]);
        let is_open = ready.is_none_or(|ready| ready.status == "Unknown");
        let created = request.metadata.creation_timestamp.as_ref().filter(|_| is_open);
        if let Some(created) = created.map(|created| created.0.as_second()) {
            oldest.entry(state).and_modify(|oldest| *oldest = created.min(*oldest)).or_insert(created);
        }
    }
    count(&metrics.disclosure_requests, states.into_iter());
    metrics.disclosure_oldest_open.reset();
    for (state, created) in oldest {
        metrics.disclosure_oldest_open.with_label_values(&[state]).set(created);
    }
    let follow_ups = requests.iter().filter_map(|request| condition(request, "FollowedUp"));
    metrics
        .disclosure_overdue
        .set(number(follow_ups.filter(|follow_up| follow_up.status == "False").count()));
}

fn condition<'a>(request: &'a DisclosureRequest, type_: &str) -> Option<&'a Condition> {
    conditions::get(&request.status.as_ref()?.conditions, type_)
}
