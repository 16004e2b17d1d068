//! Who may read what by its name: the Jobs what a decision needs, the requester their request and its package, whoever must
//! decide the request.

use camerafleet_crds::Approval;
use k8s_openapi::{
    api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{Resource, ResourceExt};

use super::Parts;

const RBAC: &str = "rbac.authorization.k8s.io";
/// The bindings, in each tenant's namespace, of the roles whose members decide (the tenant's pipeline makes them).
const DECIDERS: [&str; 2] = ["camerafleet-member-owner", "camerafleet-member-reviewer"];

/// People and the one object that they may get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The Role's and the binding's name.
    pub name: String,
    /// The object's group and plural, and its name.
    pub object: (&'static str, &'static str, String),
    /// What they may do with it.
    pub verbs: &'static [&'static str],
    /// By their user names. None: nobody, and the view goes.
    pub users: Vec<String>,
}

/// Who may see a request: its requester, who may withdraw it and fetch its package; `others`, who may read it.
pub fn views(parts: &Parts<'_>, others: Vec<String>) -> Vec<View> {
    let (request, requester) = (parts.request.name_any(), parts.request.spec.requester.user.clone());
    let uid = parts.uid;
    let own = |name: &str, object, verbs| View {
        name: format!("{name}-{uid}"),
        object,
        verbs,
        users: vec![requester.clone()],
    };
    let of = |name: String| (camerafleet_crds::GROUP, "disclosurerequests", name);
    let package = ("", "configmaps", format!("package-{request}"));
    vec![
        own("requester", of(request.clone()), &["get", "patch"]),
        own("package", package, &["get"]),
        View { name: format!("deciders-{uid}"), object: of(request), verbs: &["get"], users: others },
    ]
}

impl Parts<'_> {
    pub(super) fn job_role(&self, name: &str) -> Role {
        let lists = ["approvals", "legalorders", "legalholds", "sharingpolicies"];
        Role {
            metadata: self.meta(name),
            rules: Some(vec![
                PolicyRule {
                    resource_names: Some(vec![self.request.name_any()]),
                    ..rule(camerafleet_crds::GROUP, &["disclosurerequests"], &["get"])
                },
                rule(camerafleet_crds::GROUP, &lists, &["list"]),
                // Who decides for the tenant. The Tenant itself lies in no namespace: no Role gives it.
                PolicyRule {
                    resource_names: Some(DECIDERS.map(str::to_owned).to_vec()),
                    ..rule(RBAC, &["rolebindings"], &["get"])
                },
            ]),
        }
    }

    pub(super) fn named_role(&self, name: &str, object: (&str, &str, &[String]), verbs: &[&str]) -> Role {
        let (group, plural, names) = object;
        let rule = PolicyRule { resource_names: Some(names.to_vec()), ..rule(group, &[plural], verbs) };
        Role { metadata: self.meta(name), rules: Some(vec![rule]) }
    }

    /// A binding to the Role of the same name, of a ServiceAccount of the namespace.
    pub(super) fn binding(&self, name: &str, account: &str) -> RoleBinding {
        let subject = Subject {
            kind: "ServiceAccount".to_owned(),
            name: account.to_owned(),
            namespace: self.request.namespace(),
            ..Subject::default()
        };
        self.bind(name, vec![subject])
    }

    fn bind(&self, name: &str, subjects: Vec<Subject>) -> RoleBinding {
        RoleBinding { metadata: self.meta(name), role_ref: role_ref(name), subjects: Some(subjects) }
    }

    /// A view's Role and its binding.
    pub fn view(&self, view: &View) -> (Role, RoleBinding) {
        let (group, plural, object) = &view.object;
        let role = self.named_role(&view.name, (group, plural, std::slice::from_ref(object)), view.verbs);
        (role, self.bind(&view.name, view.users.iter().map(|user| person(user)).collect()))
    }

    /// The approver's right to read and withdraw their own Approval. It goes with it.
    pub fn own_approval(&self, approval: &Approval) -> Option<(Role, RoleBinding)> {
        let name = format!("approver-{}", approval.uid()?);
        let owner: OwnerReference = approval.controller_owner_ref(&())?;
        let names = [approval.name_any()];
        let object = (camerafleet_crds::GROUP, "approvals", names.as_slice());
        let mut role = self.named_role(&name, object, &["get", "patch"]);
        let mut binding = self.bind(&name, vec![person(&approval.spec.approver)]);
        for meta in [&mut role.metadata, &mut binding.metadata] {
            meta.owner_references = Some(vec![owner.clone()]);
        }
        Some((role, binding))
    }
}

fn role_ref(name: &str) -> RoleRef {
    RoleRef { api_group: RBAC.to_owned(), kind: "Role".to_owned(), name: name.to_owned() }
}

fn person(user: &str) -> Subject {
    Subject {
        api_group: Some(RBAC.to_owned()),
        kind: "User".to_owned(),
        name: user.to_owned(),
        ..Subject::default()
    }
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> PolicyRule {
    let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(owned(resources)),
        verbs: owned(verbs),
        ..PolicyRule::default()
    }
}
