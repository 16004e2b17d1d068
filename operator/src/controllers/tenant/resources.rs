//! What the operator makes for a tenant.

use std::collections::BTreeMap;

use camerafleet_crds::{ID_ANNOTATION, MANAGED_LABEL, Role, SubjectKind, TENANT_LABEL, Tenant};
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

/// Of an object that goes with the Tenant.
pub(super) fn meta(tenant: &Tenant, name: &str) -> ObjectMeta {
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

/// What selects the bindings of members.
pub const MEMBERS: (&str, &str) = ("camerafleet.io/component", "members");

/// The rights of the tenant's members: one binding a role, to the ClusterRole that the chart ships for it.
pub fn member_bindings(tenant: &Tenant) -> Vec<RoleBinding> {
    let mut by_role: BTreeMap<Role, Vec<Subject>> = BTreeMap::new();
    for member in &tenant.spec.members {
        let subjects = by_role.entry(member.role).or_default();
        for subject in member.subjects.iter().map(member_subject) {
            if !subjects.contains(&subject) {
                subjects.push(subject);
            }
        }
    }
    by_role.into_iter().map(|(role, subjects)| member_binding(tenant, role, subjects)).collect()
}

fn member_binding(tenant: &Tenant, role: Role, subjects: Vec<Subject>) -> RoleBinding {
    let name = member_role(role);
    let mut metadata = meta(tenant, name);
    metadata.labels.get_or_insert_default().insert(MEMBERS.0.to_owned(), MEMBERS.1.to_owned());
    RoleBinding {
        metadata,
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "ClusterRole".to_owned(),
            name: name.to_owned(),
        },
        subjects: Some(subjects),
    }
}

/// A member as RBAC names it.
pub fn member_subject(subject: &camerafleet_crds::Subject) -> Subject {
    let kind = match subject.kind {
        SubjectKind::User => "User",
        SubjectKind::Group => "Group",
    };
    Subject {
        api_group: Some("rbac.authorization.k8s.io".to_owned()),
        kind: kind.to_owned(),
        name: subject.name.clone(),
        ..Subject::default()
    }
}

/// The ClusterRole of a role, and its binding's name.
fn member_role(role: Role) -> &'static str {
    match role {
        Role::Manager => "camerafleet-member-manager",
        Role::Owner => "camerafleet-member-owner",
        Role::Requester => "camerafleet-member-requester",
        Role::Reviewer => "camerafleet-member-reviewer",
        Role::Auditor => "camerafleet-member-auditor",
        Role::Viewer => "camerafleet-member-viewer",
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

#[cfg(test)]
mod tests {
    use super::{super::plan::tests::tenant, *};

    #[test]
    fn a_role_is_bound_once_to_everyone_who_has_it_and_nobody_else() {
        let mut tenant = tenant();
        assert_eq!(member_bindings(&tenant), [], "without members nothing is bound");
        tenant.spec.members = serde_json::from_value(serde_json::json!([
            {"role": "Viewer", "subjects": [{"kind": "Group", "name": "tenants"}, {"kind": "User", "name": "a"}]},
            {"role": "Manager", "subjects": [{"kind": "User", "name": "m"}]},
            {"role": "Viewer", "subjects": [{"kind": "User", "name": "a"}, {"kind": "User", "name": "b"}]},
        ]))
        .unwrap();
        let said: Vec<(String, Vec<String>)> = member_bindings(&tenant)
            .into_iter()
            .map(|binding| {
                assert_eq!(binding.role_ref.name, binding.name_any());
                assert_eq!(binding.namespace().as_deref(), Some("elm-street"));
                let subjects = binding.subjects.unwrap_or_default().into_iter();
                (binding.role_ref.name, subjects.map(|s| format!("{} {}", s.kind, s.name)).collect())
            })
            .collect();
        let viewers = ["Group tenants", "User a", "User b"].map(str::to_owned).to_vec();
        assert_eq!(
            said,
            [
                ("camerafleet-member-manager".to_owned(), vec!["User m".to_owned()]),
                ("camerafleet-member-viewer".to_owned(), viewers),
            ]
        );
    }
}
