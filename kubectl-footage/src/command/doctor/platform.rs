//! The API server, Camerafleet's API in it, and the operator.

use std::collections::BTreeSet;

use camerafleet_crds::definitions;
use http::{Request, header};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use k8s_openapi::{
    api::apps::v1::Deployment,
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, ResourceExt, client::Body};
use serde_json::Value;

use super::unseen;
use crate::{check::Check, cluster::Cluster, failure::Failure};

/// So far apart may clocks be: half of what makes retention jobs and the operator stop deleting and deciding.
const SKEW: SignedDuration = SignedDuration::from_secs(150);
const GROUP_VERSION: &str = "camerafleet.io/v1alpha1";
const OPERATOR: &str = "camerafleet-operator";
const ADMINISTRATORS: &str = "the platform's administrators";

/// That it answers, which version it is, and what time it has.
pub async fn reached(cluster: &Cluster) -> Result<Vec<Check>, Failure> {
    let doing = "ask the API server for its version";
    let request = Request::get("/version").body(Body::empty()).map_err(kube::Error::HttpError);
    let answer = match request {
        Ok(request) => cluster.client.send(request).await,
        Err(error) => Err(error),
    };
    let answer = answer.map_err(|error| Failure::of(doing, error))?;
    let now = Timestamp::now();
    let date = answer.headers().get(header::DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
    let version = cluster.client.apiserver_version().await.map_err(|error| Failure::of(doing, error))?;
    let reached = Check::ok("cluster", format!("It answers; Kubernetes {}.", version.git_version));
    Ok(vec![reached, clock(date.as_deref(), now)])
}

fn clock(date: Option<&str>, now: Timestamp) -> Check {
    let Some(theirs) = date.and_then(|date| rfc2822::parse(date).ok()) else {
        return Check::note("clock", "The API server does not say what time it has.");
    };
    let apart = now.duration_since(theirs.timestamp());
    let seconds = apart.as_secs().abs();
    if apart.abs() <= SKEW {
        return Check::ok("clock", format!("This machine's and the API server's are {seconds} s apart."));
    }
    let which = if apart.is_positive() { "ahead of" } else { "behind" };
    let what = format!(
        "This machine's is {seconds} s {which} the API server's: windows given as \"2h ago\" are shifted. Set it by NTP, or have the server's set."
    );
    Check::failed("clock", what)
}

/// That the API is there, and is this release's.
pub async fn api(cluster: &Cluster) -> Vec<Check> {
    let install = "Have the chart camerafleet-crds installed.";
    let found = match cluster.client.list_api_group_resources(GROUP_VERSION).await {
        Ok(found) => found,
        Err(kube::Error::Api(status)) if status.code == 404 => {
            return vec![Check::failed(
                "api",
                format!("The cluster does not know {GROUP_VERSION}. {install}"),
            )];
        }
        Err(error) => {
            let failure = Failure::of(&format!("ask for {GROUP_VERSION}"), error);
            return vec![Check::failed("api", failure.what().to_owned())];
        }
    };
    let there: BTreeSet<&str> = found.resources.iter().map(|resource| resource.name.as_str()).collect();
    let ours = definitions();
    let missing: Vec<&str> = ours
        .iter()
        .map(|own| own.spec.names.plural.as_str())
        .filter(|plural| !there.contains(plural))
        .collect();
    if !missing.is_empty() {
        return vec![Check::failed(
            "api",
            format!("The cluster does not know {}. {install}", missing.join(", ")),
        )];
    }
    vec![
        Check::ok("api", format!("{GROUP_VERSION}, with all its {} kinds.", ours.len())),
        schemas(cluster).await,
    ]
}

/// Fields that this release has and the cluster does not know.
async fn schemas(cluster: &Cluster) -> Check {
    let api = Api::<CustomResourceDefinition>::all(cluster.client.clone());
    let mut missing = Vec::new();
    for own in definitions() {
        let name = own.name_any();
        let installed = match api.get(&name).await {
            Ok(installed) => installed,
            Err(error) => {
                return unseen("release", &Failure::of(&format!("read {name}"), error), ADMINISTRATORS);
            }
        };
        let json = |definition| serde_json::to_value(definition).unwrap_or_default();
        absent(&json(own), &json(installed), &own_path(&name), &mut missing);
    }
    match missing.first() {
        None => Check::ok(
            "release",
            format!("The cluster knows every field of this release, {}.", env!("CARGO_PKG_VERSION")),
        ),
        Some(first) => Check::failed(
            "release",
            format!(
                "The cluster's definitions are of another release: they lack {} fields of this one, as {first}. Have the chart camerafleet-crds upgraded, or use the plugin of the cluster's release.",
                missing.len()
            ),
        ),
    }
}

fn own_path(definition: &str) -> String {
    definition.split('.').next().unwrap_or_default().to_owned()
}

/// Properties of one schema that the other lacks.
fn absent(own: &Value, installed: &Value, path: &str, missing: &mut Vec<String>) {
    match own {
        Value::Object(fields) => {
            for (name, value) in fields {
                let theirs = &installed[name];
                if name == "properties" {
                    for (property, schema) in value.as_object().into_iter().flatten() {
                        let path = format!("{path}.{property}");
                        match theirs.get(property) {
                            Some(theirs) => absent(schema, theirs, &path, missing),
                            None => missing.push(path),
                        }
                    }
                } else if value.is_object() || value.is_array() {
                    absent(value, theirs, path, missing);
                }
            }
        }
        Value::Array(values) => {
            for (at, value) in values.iter().enumerate() {
                absent(value, &installed[at], path, missing);
            }
        }
        _ => {}
    }
}

/// That the operator runs.
pub async fn operator(cluster: &Cluster, namespace: &str) -> Check {
    let api = Api::<Deployment>::namespaced(cluster.client.clone(), namespace);
    let deployment = match api.get(OPERATOR).await {
        Ok(deployment) => deployment,
        Err(kube::Error::Api(status)) if status.code == 404 => {
            let what = format!(
                "There is no Deployment {OPERATOR} in {namespace}. Have the chart camerafleet installed, or give its namespace with --operator-namespace."
            );
            return Check::failed("operator", what);
        }
        Err(error) => {
            return unseen("operator", &Failure::of("read the operator's Deployment", error), ADMINISTRATORS);
        }
    };
    let wanted = deployment.spec.and_then(|spec| spec.replicas).unwrap_or(1);
    let ready = deployment.status.and_then(|status| status.ready_replicas).unwrap_or(0);
    let say = format!("{ready} of {wanted} replicas are ready.");
    match ready {
        0 => Check::failed(
            "operator",
            format!("{say} See kubectl -n {namespace} describe deployment {OPERATOR}."),
        ),
        ready if ready < wanted => {
            Check::note("operator", format!("{say} One is enough; see what the others wait for."))
        }
        _ => Check::ok("operator", say),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::check::Outcome;

    #[test]
    fn clocks_that_are_apart_are_told() {
        let now: Timestamp = "2026-11-25T13:00:00Z".parse().unwrap();
        for (date, result, words) in [
            (Some("Wed, 25 Nov 2026 12:59:58 GMT"), Outcome::Ok, "2 s apart"),
            (Some("Wed, 25 Nov 2026 12:55:00 GMT"), Outcome::Failed, "300 s ahead of"),
            (Some("Wed, 25 Nov 2026 13:05:00 GMT"), Outcome::Failed, "300 s behind"),
            (Some("noon"), Outcome::Note, "does not say"),
            (None, Outcome::Note, "does not say"),
        ] {
            let check = clock(date, now);
            assert!(check.result == result && check.message.contains(words), "{check:?}");
        }
    }

    #[test]
    fn a_field_that_the_cluster_does_not_know_is_named() {
        let own = json!({"versions": [{"schema": {"properties": {"spec": {"properties": {"a": {}, "b": {"items": {"properties": {"c": {}}}}}}}}}]});
        let mut missing = Vec::new();
        absent(&own, &own, "cameras", &mut missing);
        assert_eq!(missing, [""; 0]);
        let older = json!({"versions": [{"schema": {"properties": {"spec": {"properties": {"b": {"items": {"properties": {}}}}}}}}]});
        absent(&own, &older, "cameras", &mut missing);
        assert_eq!(missing, ["cameras.spec.a", "cameras.spec.b.c"]);
    }
}
