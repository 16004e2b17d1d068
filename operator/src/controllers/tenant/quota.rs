//! How much CPU and memory the pods of a tenant may ask for.

use camerafleet_crds::Tenant;
use k8s_openapi::{
    api::core::v1::{ResourceQuota, ResourceQuotaSpec},
    apimachinery::pkg::api::resource::Quantity,
};
use kube_quantity::ParsedQuantity;

use super::resources::meta;

/// What selects it.
pub const COMPONENT: (&str, &str) = ("camerafleet.io/component", "quota");

/// A roll-out runs a second pod beside each recorder.
const SURGE: i64 = 2;
/// So many jobs have room at once, whatever the recorders use. Each asks for 50m and 64Mi.
const JOBS: (&str, &str) = ("1", "1280Mi");

/// The quota; none where the Tenant sets no bound. Of the recorders' sum it is the outer bound.
pub fn quota(tenant: &Tenant) -> Option<ResourceQuota> {
    let bounds = &tenant.spec.quota;
    let bound = |name: &str, recorders: &Option<Quantity>, jobs| {
        recorders.as_ref().map(|recorders| (name.to_owned(), with_room(recorders, jobs)))
    };
    let hard = [
        bound("requests.cpu", &bounds.ingest_cpu, JOBS.0),
        bound("requests.memory", &bounds.ingest_memory, JOBS.1),
    ];
    let hard: std::collections::BTreeMap<_, _> = hard.into_iter().flatten().collect();
    if hard.is_empty() {
        return None;
    }
    let mut metadata = meta(tenant, "camerafleet");
    metadata.labels.get_or_insert_default().insert(COMPONENT.0.to_owned(), COMPONENT.1.to_owned());
    let spec = Some(ResourceQuotaSpec { hard: Some(hard), ..ResourceQuotaSpec::default() });
    Some(ResourceQuota { metadata, spec, ..ResourceQuota::default() })
}

/// What cannot be calculated with stands as it is: then there is less room.
fn with_room(recorders: &Quantity, jobs: &str) -> Quantity {
    match (ParsedQuantity::try_from(recorders), ParsedQuantity::try_from(jobs)) {
        (Ok(recorders), Ok(jobs)) => (recorders * SURGE + jobs).into(),
        _ => recorders.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::tenant;

    #[test]
    fn a_bound_on_recorders_leaves_room_for_their_surge_and_for_jobs() {
        let hard = |quota: serde_json::Value| {
            let mut tenant = tenant();
            tenant.spec.quota = serde_json::from_value(quota).unwrap();
            let hard = super::quota(&tenant).and_then(|quota| quota.spec?.hard)?;
            let mut hard: Vec<_> =
                hard.into_iter().map(|(name, bound)| format!("{name} {}", bound.0)).collect();
            hard.sort();
            Some(hard)
        };
        assert_eq!(hard(serde_json::json!({"cameras": 5, "storage": "1Ti"})), None);
        assert_eq!(hard(serde_json::json!({"ingestCpu": "500m"})).unwrap(), ["requests.cpu 2000m"]);
        assert_eq!(
            hard(serde_json::json!({"ingestCpu": "8", "ingestMemory": "8Gi"})).unwrap(),
            ["requests.cpu 17", "requests.memory 17664Mi"]
        );
    }
}
