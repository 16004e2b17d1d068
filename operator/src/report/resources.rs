//! What is made for the reports.

use std::collections::BTreeMap;

use camerafleet_crds::{Role as MemberRole, Tenant};
use camerafleet_footage::report::{COMPONENT, KEY, Report, config_map_name};
use k8s_openapi::{
    api::{
        core::v1::ConfigMap,
        rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::Resource;

use crate::{
    controllers::tenant::{member_subject, tenant_labels},
    error::Error,
};

const RBAC: &str = "rbac.authorization.k8s.io";
/// The Role and its binding.
const READERS: &str = "transparency-report";
/// Who may read the reports.
const MAY_READ: [MemberRole; 3] = [MemberRole::Manager, MemberRole::Reviewer, MemberRole::Auditor];

/// The ConfigMap of a report.
pub fn map(tenant: &Tenant, report: &Report) -> Result<ConfigMap, Error> {
    let build = |source| Error::Build { doing: "write down a transparency report".to_owned(), source };
    let json = serde_json::to_string(report).map_err(build)?;
    Ok(ConfigMap {
        metadata: meta(tenant, config_map_name(report.month)),
        data: Some(BTreeMap::from([(KEY.to_owned(), json)])),
        ..ConfigMap::default()
    })
}

/// The right to read these, by their names.
pub fn role(tenant: &Tenant, names: Vec<String>) -> Role {
    Role {
        metadata: meta(tenant, READERS.to_owned()),
        rules: Some(vec![PolicyRule {
            api_groups: Some(vec![String::new()]),
            resources: Some(vec!["configmaps".to_owned()]),
            resource_names: Some(names),
            verbs: vec!["get".to_owned(), "list".to_owned()],
            ..PolicyRule::default()
        }]),
    }
}

/// Who has it.
pub fn binding(tenant: &Tenant) -> RoleBinding {
    let readers = tenant.spec.members.iter().filter(|member| MAY_READ.contains(&member.role));
    let mut subjects: Vec<Subject> = Vec::new();
    for subject in readers.flat_map(|member| &member.subjects).map(member_subject) {
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    RoleBinding {
        metadata: meta(tenant, READERS.to_owned()),
        role_ref: RoleRef { api_group: RBAC.to_owned(), kind: "Role".to_owned(), name: READERS.to_owned() },
        subjects: (!subjects.is_empty()).then_some(subjects),
    }
}

fn meta(tenant: &Tenant, name: String) -> ObjectMeta {
    let mut labels = tenant_labels(tenant);
    labels.insert(COMPONENT.0.to_owned(), COMPONENT.1.to_owned());
    ObjectMeta {
        name: Some(name),
        namespace: Some(tenant.spec.namespace.clone()),
        labels: Some(labels),
        owner_references: tenant.controller_owner_ref(&()).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}
