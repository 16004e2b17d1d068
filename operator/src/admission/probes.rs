//! What each policy must refuse, from everyone: an object that nobody has a use for.

use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};

/// Names the policy that must refuse the object.
pub const PROBE_LABEL: &str = "camerafleet.io/admission-probe";
/// Labelled as a tenant's, and no tenant's: the chart `camerafleet-crds` makes it.
pub const PROBE_NAMESPACE: &str = "camerafleet-admission-probe";
/// A refusal by another rule of the policy says nothing of the probe.
const SENTENCE: &str = "This object is the operator's proof";

/// The object that a policy must refuse.
pub struct Probe {
    /// Its kind's place in the API.
    pub resource: ApiResource,
    /// Whether it goes into [`PROBE_NAMESPACE`].
    pub namespaced: bool,
    /// The object.
    pub object: DynamicObject,
}

/// The probe of a policy; none where there is no dry run.
pub fn probe(policy: &str, tenant_cluster_role: &str) -> Result<Option<Probe>, serde_json::Error> {
    let (api_version, kind, plural, body) = match policy {
        "camerafleet-bindings" => (
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            "rolebindings",
            json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": tenant_cluster_role}}),
        ),
        "camerafleet-id" => (
            "camerafleet.io/v1alpha1",
            "RetentionPolicy",
            "retentionpolicies",
            json!({"spec": {"keepFor": "1d"}}),
        ),
        "camerafleet-identity" => {
            ("camerafleet.io/v1alpha1", "Approval", "approvals", json!({"spec": approval()}))
        }
        "camerafleet-jobs" | "camerafleet-job-images" => ("batch/v1", "Job", "jobs", json!({"spec": job()})),
        "camerafleet-managed" => (
            "v1",
            "ConfigMap",
            "configmaps",
            json!({"metadata": {"labels": {camerafleet_crds::MANAGED_LABEL: "true"}}}),
        ),
        "camerafleet-namespaces" => ("v1", "Namespace", "namespaces", json!({})),
        "camerafleet-pod-images" => (
            "v1",
            "Pod",
            "pods",
            json!({"metadata": {"labels": {"batch.kubernetes.io/job-name": "none"}}, "spec": pod()}),
        ),
        "camerafleet-secrets" => {
            ("v1", "Secret", "secrets", json!({"type": camerafleet_crds::CAMERA_SECRET_TYPE}))
        }
        "camerafleet-tokens" => (
            "v1",
            "Secret",
            "secrets",
            json!({
                "type": "kubernetes.io/service-account-token",
                "metadata": {"annotations": {"kubernetes.io/service-account.name": "default"}},
            }),
        ),
        _ => return Ok(None),
    };
    let namespaced = plural != "namespaces";
    let mut body = body;
    body["apiVersion"] = api_version.into();
    body["kind"] = kind.into();
    // A tenant's namespace cannot have this name, and a Namespace of it is never made.
    body["metadata"]["name"] = format!("{policy}-probe").into();
    body["metadata"]["labels"][PROBE_LABEL] = policy.into();
    if namespaced {
        body["metadata"]["namespace"] = PROBE_NAMESPACE.into();
    }
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    Ok(Some(Probe { resource, namespaced, object: serde_json::from_value(body)? }))
}

/// A Job of nothing.
fn job() -> Value {
    json!({"suspend": true, "template": {"spec": pod()}})
}

/// A pod of nothing that the namespace's Pod Security level, which is looked at before any policy, lets through.
fn pod() -> Value {
    json!({
        "restartPolicy": "Never",
        "automountServiceAccountToken": false,
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{
            "name": "none",
            "image": "none",
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
        }],
    })
}

/// As the schema wants it, which is looked at before any policy is.
fn approval() -> Value {
    let digest = format!("sha256:{}", "0".repeat(64));
    json!({
        "requestRef": {"name": "none", "uid": "00000000-0000-0000-0000-000000000000"},
        "requestDigest": digest,
        "approver": "nobody",
        "capacity": "Reviewer",
        "decision": "Deny",
        "notAfter": "2020-01-01T00:00:00Z",
    })
}

/// Whether the API server's words are this policy's refusal of its probe.
pub fn is_refusal(policy: &str, message: &str) -> bool {
    let by =
        format!("ValidatingAdmissionPolicy '{policy}' with binding '{policy}' denied request: {SENTENCE}");
    message.contains(&by)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{Operator, shipped};

    #[test]
    fn a_policy_that_can_be_probed_has_the_rule_and_no_other_has() {
        let operator = Operator { namespace: "here".into(), service_account: "me".into() };
        for shipped in shipped(&operator).unwrap() {
            let name = shipped.name();
            let spec = shipped.policy.spec.unwrap();
            let first = spec.validations.unwrap().remove(0);
            let probed = probe(&name, "role").unwrap().is_some();
            assert_eq!(first.message.unwrap().starts_with(SENTENCE), probed, "{name}");
            assert_eq!(first.expression == "!variables.probe", probed, "{name}");
            let connects = spec.match_constraints.unwrap().resource_rules.unwrap();
            let connects = connects.iter().all(|rule| {
                rule.resources
                    .as_ref()
                    .unwrap()
                    .iter()
                    .all(|resource| resource.contains('/') && resource != "*/*")
            });
            assert_eq!(connects, !probed, "{name}: only what has no dry run goes without a probe");
        }
    }

    #[test]
    fn only_the_policys_own_refusal_of_a_probe_counts() {
        let refusal = "secrets \"x\" is forbidden: ValidatingAdmissionPolicy 'camerafleet-id' with binding 'camerafleet-id' denied request: This object is the operator's proof that camerafleet-id is enforced, and nobody can create it.";
        assert!(is_refusal("camerafleet-id", refusal));
        for other in [
            refusal.replace("camerafleet-id'", "camerafleet-other'"),
            refusal.replace("binding 'camerafleet-id'", "binding 'mine'"),
            refusal.replace("This object is the operator's proof", "no params found"),
            "secrets is forbidden: User \"x\" cannot create resource \"secrets\"".to_owned(),
        ] {
            assert!(!is_refusal("camerafleet-id", &other), "{other}");
        }
    }
}
