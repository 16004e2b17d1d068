//! A shard's identity at the API server: it may read its own ConfigMap and Secret, by name, and nothing else.

use camerafleet_crds::Tenant;
use k8s_openapi::api::{
    core::v1::ServiceAccount,
    rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject},
};

use super::{SHARD, meta};

/// The pod's ServiceAccount.
pub fn account(tenant: &Tenant) -> ServiceAccount {
    ServiceAccount {
        metadata: meta(tenant),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

/// What it may read.
pub fn role(tenant: &Tenant) -> Role {
    let rule = |resource: &str| PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec![resource.to_owned()]),
        resource_names: Some(vec![SHARD.to_owned()]),
        verbs: ["get", "list", "watch"].map(str::to_owned).to_vec(),
        ..PolicyRule::default()
    };
    Role { metadata: meta(tenant), rules: Some(vec![rule("configmaps"), rule("secrets")]) }
}

/// The two together.
pub fn binding(tenant: &Tenant) -> RoleBinding {
    RoleBinding {
        metadata: meta(tenant),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "Role".to_owned(),
            name: SHARD.to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: SHARD.to_owned(),
            namespace: Some(tenant.spec.namespace.clone()),
            ..Subject::default()
        }]),
    }
}
