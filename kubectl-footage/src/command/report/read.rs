//! Reading the ConfigMaps: all of them, or those that one may read by name.

use camerafleet_crds::TENANT_LABEL;
use camerafleet_footage::report::{COMPONENT, KEY, PREFIX, Report, Row, VERSION, tidy};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, ResourceExt, api::ListParams};
use serde_json::Value;

use crate::{
    cluster::{Cluster, Names},
    failure::{Failure, Kind},
};

/// The reports of a tenant, in no order, and their namespace.
pub async fn reports(tenant: Option<&str>, cluster: &Cluster) -> Result<(String, Vec<Report>), Failure> {
    let label = format!("{}={}", COMPONENT.0, COMPONENT.1);
    let maps = match tenant {
        Some(tenant) => {
            let api = Api::all(cluster.client.clone());
            list(&api, &format!("{label},{TENANT_LABEL}={tenant}")).await?
        }
        None => match cluster.readable("", "configmaps").await? {
            Names::All => list(&cluster.api(), &label).await?,
            Names::These(names) => {
                let mut maps = Vec::new();
                for name in names.iter().filter(|name| name.starts_with(PREFIX)) {
                    let found = cluster.api::<ConfigMap>().get_opt(name).await;
                    maps.extend(found.map_err(|e| Failure::of("read a report", e))?);
                }
                maps
            }
        },
    };
    let namespace = maps.iter().find_map(ResourceExt::namespace);
    let Some(namespace) = namespace else {
        let of = tenant.map_or_else(
            || format!("the namespace {}", cluster.namespace),
            |tenant| format!("the tenant {tenant}"),
        );
        return Err(Failure::new(
            Kind::NotFound,
            format!("There is no transparency report of {of} that you may read."),
            "Managers, Reviewers and Auditors may; the operator writes the first one within a minute after the Tenant's log is open (condition LogReady).",
        ));
    };
    Ok((namespace, maps.iter().map(read).collect::<Result<_, _>>()?))
}

async fn list(api: &Api<ConfigMap>, labels: &str) -> Result<Vec<ConfigMap>, Failure> {
    let found = api.list(&ListParams::default().labels(labels)).await;
    Ok(found.map_err(|e| Failure::of("list the reports", e))?.items)
}

/// One report, if it is what a report must be.
pub fn read(map: &ConfigMap) -> Result<Report, Failure> {
    let name = map.name_any();
    let unusable = |what: &str, next: &str| {
        Failure::new(Kind::Unverified, format!("The report in the ConfigMap {name} {what}."), next)
    };
    let json = map.data.as_ref().and_then(|data| data.get(KEY)).map(String::as_str).unwrap_or_default();
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    if value.get("version").and_then(Value::as_u64).is_some_and(|version| version > VERSION.into()) {
        return Err(unusable("was made by a newer release", "Use a newer kubectl footage."));
    }
    let damaged = "Tell whoever runs the platform: nobody but the operator writes it.";
    let mut report: Report = serde_json::from_value(value)
        .map_err(|error| unusable(&format!("cannot be read: {error}"), damaged))?;
    let mut note = report.checkpoint.note.lines();
    let mut is_next = |said: &str| note.next() == Some(said);
    let checkpoint = &report.checkpoint;
    if !(is_next(&checkpoint.origin) && is_next(&checkpoint.size.to_string()) && is_next(&checkpoint.root)) {
        return Err(unusable("names another checkpoint than its signed note", damaged));
    }
    if !report.figures.requests.iter().all(Row::adds_up) {
        return Err(unusable("does not add up", damaged));
    }
    report.tenant = tidy(&report.tenant);
    for row in &mut report.figures.requests {
        row.organisation = row.organisation.as_deref().map(tidy);
    }
    for denial in &mut report.figures.denials {
        denial.rule = tidy(&denial.rule);
    }
    Ok(report)
}
