//! What the operator makes for a tenant.

use std::collections::BTreeMap;

use camerafleet_crds::{ID_ANNOTATION, MANAGED_LABEL, TENANT_LABEL, Tenant};
use k8s_openapi::{
    api::{
        core::v1::{Namespace, ServiceAccount},
        rbac::v1::{RoleBinding, RoleRef, Subject},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Resource, ResourceExt};

use crate::identity;

/// The ServiceAccounts of the programs that run in a tenant's namespace, beside the recorders'.
pub const JOB_ACCOUNTS: [&str; 3] = ["retention", "disclosure", "prepare"];
/// The RoleBinding by which the operator may act in the namespace.
const OPERATOR_BINDING: &str = "camerafleet-operator";

/// On everything that the operator makes for a tenant.
pub fn tenant_labels(tenant: &Tenant) -> BTreeMap<String, String> {
    BTreeMap::from([
        (MANAGED_LABEL.to_owned(), "true".to_owned()),
        (TENANT_LABEL.to_owned(), tenant.name_any()),
    ])
}

fn meta(tenant: &Tenant, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(tenant.spec.namespace.clone()),
        labels: Some(tenant_labels(tenant)),
        owner_references: tenant.controller_owner_ref(&()).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}

/// The namespace. It has no owner reference: what it holds may have to outlive the Tenant.
pub fn namespace(tenant: &Tenant) -> Namespace {
    let mut labels = tenant_labels(tenant);
    for mode in ["enforce", "warn"] {
        labels.insert(format!("pod-security.kubernetes.io/{mode}"), "restricted".to_owned());
    }
    let id = identity::of(tenant).map(|id| BTreeMap::from([(ID_ANNOTATION.to_owned(), id.to_owned())]));
    Namespace {
        metadata: ObjectMeta {
            name: Some(tenant.spec.namespace.clone()),
            labels: Some(labels),
            annotations: id,
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    }
}

/// The operator's right to act in the namespace: a fixed ClusterRole, bound there and nowhere else.
pub fn operator_binding(tenant: &Tenant, cluster_role: &str, operator: (&str, &str)) -> RoleBinding {
    let (namespace, account) = operator;
    RoleBinding {
        metadata: meta(tenant, OPERATOR_BINDING),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "ClusterRole".to_owned(),
            name: cluster_role.to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: account.to_owned(),
            namespace: Some(namespace.to_owned()),
            ..Subject::default()
        }]),
    }
}

/// An identity for a job. Its token is mounted by the pods that need it, never by default.
pub fn job_account(tenant: &Tenant, name: &str) -> ServiceAccount {
    ServiceAccount {
        metadata: meta(tenant, name),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}
