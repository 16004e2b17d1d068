//! What the job may do at the API server: read its own RetentionPolicy, see which Cameras are declared and what is
//! held, and nothing else.

use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use kube::ResourceExt;

use super::{ACCOUNT, Parts};

impl Parts<'_> {
    pub(super) fn role(&self) -> Role {
        Role {
            metadata: self.meta(),
            rules: Some(vec![
                PolicyRule {
                    resource_names: Some(vec![self.policy.name_any()]),
                    ..rule("retentionpolicies", "get")
                },
                rule("cameras", "list"),
                rule("legalholds", "list"),
            ]),
        }
    }

    pub(super) fn binding(&self) -> RoleBinding {
        RoleBinding {
            metadata: self.meta(),
            role_ref: RoleRef {
                api_group: "rbac.authorization.k8s.io".to_owned(),
                kind: "Role".to_owned(),
                name: self.name.clone(),
            },
            subjects: Some(vec![Subject {
                kind: "ServiceAccount".to_owned(),
                name: ACCOUNT.to_owned(),
                namespace: self.policy.namespace(),
                ..Subject::default()
            }]),
        }
    }
}

fn rule(resource: &str, verb: &str) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![camerafleet_crds::GROUP.to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        verbs: vec![verb.to_owned()],
        ..PolicyRule::default()
    }
}
