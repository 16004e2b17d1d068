//! What the operator says of each Tenant's Vault, store and log, and of the admission policies.

use camerafleet_crds::{Tenant, reasons};
use kube::{Api, ResourceExt, api::ListParams};

use super::unseen;
use crate::{check::Check, cluster::Cluster, failure::Failure};

/// What must hold, in the order in which one rests on the other.
const CONDITIONS: [&str; 5] =
    ["AdmissionEnforced", "NamespaceReady", "VaultReady", "StorageReady", "LogReady"];
/// Tenants that are asked for at once; more are not looked at.
const MAX_TENANTS: u32 = 500;

/// Of each Tenant that one may see.
pub async fn conditions(cluster: &Cluster) -> Vec<Check> {
    let api = Api::<Tenant>::all(cluster.client.clone());
    let found = match api.list(&ListParams::default().limit(MAX_TENANTS)).await {
        Ok(found) => found,
        Err(error) => {
            let failure = Failure::of("list the Tenants", error);
            return vec![unseen("tenants", &failure, "the platform's administrators")];
        }
    };
    if found.items.is_empty() {
        return vec![Check::note(
            "tenants",
            "There is none yet: see examples/2-tenant.yaml of the source, or kubectl explain tenant.spec.",
        )];
    }
    let mut checks: Vec<Check> = found.items.iter().flat_map(of).collect();
    if found.metadata.continue_.is_some_and(|more| !more.is_empty()) {
        checks.push(Check::note(
            "tenants",
            format!("There are more than {MAX_TENANTS}; the others were not looked at."),
        ));
    }
    checks
}

/// One line where all holds, and one for each condition that does not.
fn of(tenant: &Tenant) -> Vec<Check> {
    let name = format!("tenant {}", tenant.name_any());
    let known = tenant.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let mut checks = Vec::new();
    for wanted in CONDITIONS {
        let Some(condition) = known.iter().find(|condition| condition.type_ == wanted) else {
            checks.push(Check::failed(
                &name,
                format!("The operator has not said anything of {wanted} yet: see that it runs."),
            ));
            continue;
        };
        if condition.status == "True" {
            continue;
        }
        let reason = reasons::of("Tenant")
            .into_iter()
            .find(|reason| reason.condition == wanted && reason.reason == condition.reason);
        let next = reason.map(|reason| reason.next).unwrap_or_default();
        let what =
            format!("{wanted} is {} ({}): {} {next}", condition.status, condition.reason, condition.message);
        let check = if condition.status == "False" { Check::failed } else { Check::note };
        checks.push(check(name.clone(), what.trim_end().to_owned()));
    }
    if checks.is_empty() {
        checks.push(Check::ok(
            name,
            "Its namespace, Vault, store and log are ready, and admission is enforced.",
        ));
    }
    checks
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::check::Outcome;

    fn tenant(status: &[(&str, &str, &str)]) -> Tenant {
        let conditions: Vec<_> = status
            .iter()
            .map(|(type_, status, reason)| {
                json!({"type": type_, "status": status, "reason": reason, "message": "What is wrong.",
                    "lastTransitionTime": "2026-11-25T13:00:00Z"})
            })
            .collect();
        serde_json::from_value(json!({
            "apiVersion": "camerafleet.io/v1alpha1", "kind": "Tenant", "metadata": {"name": "elm-street"},
            "spec": {"namespace": "elm-street", "cameraNetworks": ["198.51.100.0/24"], "storage": {"s3": {"endpoint": "https://s3.example.com", "region": "eu-1", "bucket": "footage",
                "credentials": {"ingest": {"name": "a"}, "retention": {"name": "b"}, "disclosure": {"name": "c"}}}}},
            "status": {"conditions": conditions},
        }))
        .unwrap()
    }

    #[test]
    fn what_does_not_hold_is_told_with_what_to_do() {
        let good = CONDITIONS.map(|condition| (condition, "True", "Ready"));
        let checks = of(&tenant(&good));
        assert!(checks.len() == 1 && checks[0].result == Outcome::Ok, "{checks:?}");
        let mut bad = good;
        bad[4] = ("LogReady", "False", "LogForked");
        bad[2] = ("VaultReady", "Unknown", "NotSeen");
        let checks = of(&tenant(&bad));
        assert_eq!(checks.len(), 2, "{checks:?}");
        assert_eq!(checks[0].result, Outcome::Note);
        assert_eq!(checks[1].result, Outcome::Failed);
        let said = "LogReady is False (LogForked): What is wrong. Keep the bucket as it is";
        assert!(checks[1].message.starts_with(said), "{checks:?}");
        assert_eq!(of(&tenant(&[])).len(), 5);
    }
}
