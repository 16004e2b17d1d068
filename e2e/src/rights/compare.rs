//! The comparison: pure functions of what is granted and what the log says.

use serde_json::Value;

/// What is used and cannot show in the log, and by what.
const UNSEEN: &[(&str, &str, &str)] = &[
    // (resource, verb, why)
    ("tenants/finalizers", "update", "asked where OwnerReferencesPermissionEnforcement is on"),
    ("retentionpolicies/finalizers", "update", "asked where OwnerReferencesPermissionEnforcement is on"),
    ("disclosurerequests/finalizers", "update", "asked where OwnerReferencesPermissionEnforcement is on"),
    ("approvals/finalizers", "update", "asked where OwnerReferencesPermissionEnforcement is on"),
    ("clusterroles", "bind", "asked within the writing of a RoleBinding"),
    ("configmaps", "update", "given to the job that lists owners' shares, whose Role goes with its request"),
    ("rolebindings", "get", "given to the disclosure job, whose Role goes with its request"),
    ("resourcequotas", "delete", "a Tenant that gives its quota back, which no test of the suite does"),
];

/// What a role grants.
pub(super) struct Granted {
    /// `ClusterRole <name>` or `Role <namespace>/<name>`.
    pub(super) role: String,
    pub(super) grants: Vec<Grant>,
}

/// One verb on one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) group: String,
    /// With the subresource: `tenants/status`.
    pub(super) resource: String,
    /// Empty: all.
    pub(super) names: Vec<String>,
    pub(super) verb: String,
}

impl Grant {
    fn covers(&self, group: &str, resource: &str, name: Option<&str>, verb: &str) -> bool {
        let named = self.names.is_empty() || name.is_some_and(|name| self.names.iter().any(|n| n == name));
        self.group == group && self.resource == resource && self.verb == verb && named
    }
}

/// One request that was allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Use {
    /// By which role, written as in [`Granted`].
    role: String,
    group: String,
    resource: String,
    name: Option<String>,
    verb: String,
    /// The request made the object: server-side apply needs `create` for that, too.
    created: bool,
}

impl Use {
    /// A line of the log, if it is of this user and was allowed by a role.
    pub(super) fn of(line: &str, user: &str) -> Option<Self> {
        let event: Value = serde_json::from_str(line).ok()?;
        if event["user"]["username"] != user
            || event["annotations"]["authorization.k8s.io/decision"] != "allow"
        {
            return None;
        }
        let object = &event["objectRef"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let resource = text(&object["resource"])?;
        Some(Self {
            role: role(event["annotations"]["authorization.k8s.io/reason"].as_str()?)?,
            group: text(&object["apiGroup"]).unwrap_or_default(),
            resource: match object["subresource"].as_str() {
                Some(subresource) => format!("{resource}/{subresource}"),
                None => resource,
            },
            name: text(&object["name"]),
            verb: text(&event["verb"])?,
            created: event["responseStatus"]["code"] == 201,
        })
    }
}

/// `RBAC: allowed by RoleBinding "binding/namespace" of ClusterRole "name" to ServiceAccount "…"`: the role.
fn role(reason: &str) -> Option<String> {
    let quoted: Vec<&str> = reason.split('"').collect();
    let [by, binding, of, name, ..] = quoted[..] else { return None };
    match of.trim() {
        "of ClusterRole" => Some(format!("ClusterRole {name}")),
        "of Role" if by.ends_with("RoleBinding ") => {
            Some(format!("Role {}/{name}", binding.rsplit_once('/')?.1))
        }
        _ => None,
    }
}

/// What is granted and neither used, nor given to others, nor known to be needed unseen.
pub(super) fn unused(granted: &[Granted], used: &[Use], given: &[Grant]) -> Vec<String> {
    let mut unused = Vec::new();
    for Granted { role, grants } in granted {
        let ours: Vec<&Use> = used.iter().filter(|one| one.role == *role).collect();
        for grant in grants {
            let seen = ours.iter().any(|one| {
                let covers = |verb| grant.covers(&one.group, &one.resource, one.name.as_deref(), verb);
                covers(&one.verb) || one.created && covers("create")
            });
            // A right on all names covers one on some.
            let gives = given.iter().any(|other| {
                (&other.group, &other.resource, &other.verb) == (&grant.group, &grant.resource, &grant.verb)
            });
            let unseen =
                UNSEEN.iter().any(|(resource, verb, _)| grant.resource == *resource && grant.verb == *verb);
            if !seen && !gives && !unseen {
                let names =
                    if grant.names.is_empty() { String::new() } else { format!(" {:?}", grant.names) };
                unused.push(format!("{role}: {} {}{names} ({:?})", grant.verb, grant.resource, grant.group));
            }
        }
    }
    unused
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const USER: &str = "system:serviceaccount:camerafleet-system:camerafleet-operator";

    fn event(verb: &str, resource: &str, name: &str, code: u16, reason: &str) -> String {
        json!({
            "user": {"username": USER}, "verb": verb, "responseStatus": {"code": code},
            "objectRef": {"resource": resource, "name": name, "apiGroup": "apps"},
            "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": reason},
        })
        .to_string()
    }

    fn grant(resource: &str, verb: &str, names: &[&str]) -> Grant {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        Grant { group: "apps".into(), resource: resource.into(), names, verb: verb.into() }
    }

    const CLUSTER: &str =
        r#"RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "wide" to ServiceAccount "o/s""#;
    const NARROW: &str = r#"RBAC: allowed by RoleBinding "b/here" of Role "narrow" to ServiceAccount "o/s""#;

    #[test]
    fn a_reason_names_the_role() {
        assert_eq!(role(CLUSTER).as_deref(), Some("ClusterRole wide"));
        assert_eq!(role(NARROW).as_deref(), Some("Role here/narrow"));
        let in_namespace =
            r#"RBAC: allowed by RoleBinding "b/elm" of ClusterRole "wide" to ServiceAccount "o/s""#;
        assert_eq!(role(in_namespace).as_deref(), Some("ClusterRole wide"));
        assert_eq!(role(""), None);
    }

    #[test]
    fn what_nobody_did_is_listed() {
        let roles = |grants: Vec<Grant>| [Granted { role: "ClusterRole wide".into(), grants }];
        let used = |lines: &[String]| lines.iter().filter_map(|line| Use::of(line, USER)).collect::<Vec<_>>();
        let applied = used(&[event("patch", "deployments", "a", 201, CLUSTER)]);
        let all = roles(vec![
            grant("deployments", "patch", &[]),
            grant("deployments", "create", &[]),
            grant("deployments", "delete", &[]),
            grant("deployments", "patch", &["b"]),
            grant("clusterroles", "bind", &["c"]),
        ]);
        assert_eq!(
            unused(&all, &applied, &[]),
            [
                r#"ClusterRole wide: delete deployments ("apps")"#,
                r#"ClusterRole wide: patch deployments ["b"] ("apps")"#
            ]
        );
        // Held in order to be given.
        assert_eq!(unused(&all, &applied, &[grant("deployments", "delete", &["d"])]).len(), 1);
        // Another role's right is no use of this one's, nor is another user's request, nor one that was refused.
        let one = roles(vec![grant("deployments", "patch", &[])]);
        let by_another = event("patch", "deployments", "a", 200, NARROW);
        let refused = event("patch", "deployments", "a", 403, CLUSTER).replace("\"allow\"", "\"forbid\"");
        let others = event("patch", "deployments", "a", 200, CLUSTER).replace(USER, "someone");
        assert_eq!(unused(&one, &used(&[by_another, refused, others]), &[]).len(), 1);
        // Changed without being made.
        let create = roles(vec![grant("deployments", "create", &[])]);
        assert_eq!(unused(&create, &used(&[event("patch", "deployments", "a", 200, CLUSTER)]), &[]).len(), 1);
    }
}
