//! What is to be done for a tenant: a pure function of what was seen.

use camerafleet_crds::{ADOPT_ANNOTATION, ID_ANNOTATION, TENANT_LABEL, Tenant};
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;

use super::gather::Observed;
use crate::{conditions::Verdict, identity};

/// What is to be done.
#[derive(Debug, PartialEq)]
pub enum Plan {
    /// Everything inside the namespace, which is the tenant's.
    Bind {
        /// Why that is so.
        namespace: Ownership,
    },
    /// Nothing: the namespace is someone else's.
    Refuse(Verdict),
}

/// Why a namespace is the tenant's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// It does not exist yet.
    Absent,
    /// It carries the tenant's id.
    Ours,
    /// It consents, by its annotation.
    Adopted,
}

/// Decides.
pub fn plan(tenant: &Tenant, observed: &Observed) -> Plan {
    match ownership(tenant, observed.namespace.as_ref()) {
        Ok(namespace) => Plan::Bind { namespace },
        Err(verdict) => Plan::Refuse(verdict),
    }
}

fn ownership(tenant: &Tenant, namespace: Option<&Namespace>) -> Result<Ownership, Verdict> {
    let Some(namespace) = namespace else { return Ok(Ownership::Absent) };
    let name = namespace.name_any();
    if namespace.metadata.deletion_timestamp.is_some() {
        return Err(Verdict::no(
            "NamespaceTerminating",
            format!("The namespace {name} is being deleted; the tenant follows when it is gone."),
        ));
    }
    let holder = namespace.annotations().get(ID_ANNOTATION).map(String::as_str);
    if holder.is_some() && holder == identity::of(tenant) {
        return Ok(Ownership::Ours);
    }
    if holder.is_some() || namespace.labels().contains_key(TENANT_LABEL) {
        return Err(Verdict::no(
            "NamespaceTaken",
            format!("The namespace {name} belongs to another tenant; choose another one."),
        ));
    }
    if name == "default" || name.starts_with("kube-") {
        return Err(Verdict::no(
            "NamespaceTaken",
            format!("The namespace {name} is the cluster's own and is never adopted; choose another one."),
        ));
    }
    if namespace.annotations().get(ADOPT_ANNOTATION) == Some(&tenant.name_any()) {
        return Ok(Ownership::Adopted);
    }
    Err(Verdict::no(
        "NamespaceNotOurs",
        format!(
            "The namespace {name} exists already. If it shall be this tenant's: kubectl annotate namespace {name} {ADOPT_ANNOTATION}={}",
            tenant.name_any()
        ),
    ))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn tenant() -> Tenant {
        let mut tenant = Tenant::new(
            "elm-street",
            serde_json::from_value(serde_json::json!({
                "namespace": "elm-street",
                "storage": {"s3": {"endpoint": "https://s3.example.com", "bucket": "footage", "credentials": {
                    "ingest": {"name": "i"}, "retention": {"name": "r"}, "disclosure": {"name": "d"}}}},
                "cameraNetworks": ["198.51.100.0/24"],
            }))
            .unwrap(),
        );
        tenant.annotations_mut().insert(ID_ANNOTATION.into(), "t-1".into());
        tenant
    }

    #[test]
    fn a_namespace_is_taken_only_with_its_consent() {
        let namespace = |name: &str, annotations: &[(&str, &str)], labels: &[(&str, &str)]| {
            let mut namespace = Namespace::default();
            namespace.metadata.name = Some(name.to_owned());
            namespace.annotations_mut().extend(annotations.iter().map(|(k, v)| ((*k).into(), (*v).into())));
            namespace.labels_mut().extend(labels.iter().map(|(k, v)| ((*k).into(), (*v).into())));
            Some(namespace)
        };
        let adopt = (ADOPT_ANNOTATION, "elm-street");
        let cases = [
            (None, Ok(Ownership::Absent)),
            (namespace("elm-street", &[(ID_ANNOTATION, "t-1")], &[]), Ok(Ownership::Ours)),
            (namespace("elm-street", &[adopt], &[]), Ok(Ownership::Adopted)),
            (namespace("elm-street", &[], &[]), Err("NamespaceNotOurs")),
            (namespace("elm-street", &[(ADOPT_ANNOTATION, "other")], &[]), Err("NamespaceNotOurs")),
            (namespace("elm-street", &[(ID_ANNOTATION, "t-2"), adopt], &[]), Err("NamespaceTaken")),
            (namespace("elm-street", &[adopt], &[(TENANT_LABEL, "other")]), Err("NamespaceTaken")),
            (namespace("default", &[adopt], &[]), Err("NamespaceTaken")),
            (namespace("kube-system", &[adopt], &[]), Err("NamespaceTaken")),
        ];
        for (found, expected) in cases {
            let result = ownership(&tenant(), found.as_ref()).map_err(|v| v.reason);
            assert_eq!(result, expected, "{found:?}");
        }
    }
}
