//! The roles of the chart camerafleet-crds that are added to Kubernetes' own.

use std::{collections::BTreeSet, process::Command};

use camerafleet_testkit::tool;
use serde_json::Value;

use crate::{charts, documents, done};

/// Each resource and verb of a ClusterRole.
fn granted(roles: &[Value], name: &str) -> BTreeSet<String> {
    let role =
        roles.iter().find(|role| role["metadata"]["name"] == name).unwrap_or_else(|| panic!("no {name}"));
    let words = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let rules =
        role["rules"].as_array().unwrap().iter().filter(|rule| rule["apiGroups"][0] == "camerafleet.io");
    rules
        .flat_map(|rule| {
            let verbs = words(&rule["verbs"]);
            words(&rule["resources"]).into_iter().flat_map(move |resource| {
                verbs.clone().into_iter().map(move |verb| format!("{verb} {resource}"))
            })
        })
        .collect()
}

/// Whoever uninstalls it by mistake loses nothing: without its definitions every object would go, without its policies
/// anyone could act in another's name.
#[test]
fn everything_of_the_first_chart_is_kept() {
    let made = Command::new(tool("helm"))
        .args(["template", "crds"])
        .arg(charts("camerafleet-crds"))
        .output()
        .unwrap();
    let objects = documents(&done(made));
    for object in &objects {
        let (kind, name) = (&object["kind"], &object["metadata"]["name"]);
        assert_eq!(object["metadata"]["annotations"]["helm.sh/resource-policy"], "keep", "{kind} {name}");
    }
    assert!(objects.iter().filter(|object| object["kind"] == "CustomResourceDefinition").count() == 8);
}

#[test]
fn kubernetes_own_roles_get_what_members_have_and_no_more() {
    let made = Command::new(tool("helm"))
        .args(["template", "crds"])
        .arg(charts("camerafleet-crds"))
        .output()
        .unwrap();
    let roles: Vec<Value> =
        documents(&done(made)).into_iter().filter(|object| object["kind"] == "ClusterRole").collect();
    let aggregated = |to: &str| {
        let name = format!("camerafleet-aggregate-to-{to}");
        let role = roles.iter().find(|role| role["metadata"]["name"] == name.as_str()).unwrap();
        assert_eq!(
            role["metadata"]["labels"][format!("rbac.authorization.k8s.io/aggregate-to-{to}")],
            "true"
        );
        granted(&roles, &name)
    };
    let (view, edit, admin) = (aggregated("view"), aggregated("edit"), aggregated("admin"));
    assert_eq!(view, granted(&roles, "camerafleet-member-viewer"));
    // Each of Kubernetes' roles holds those before it.
    let all: BTreeSet<String> = [view, edit, admin].into_iter().flatten().collect();
    assert_eq!(all, granted(&roles, "camerafleet-member-manager"));
    for right in all {
        let (verb, resource) = right.split_once(' ').unwrap();
        let asks = ["disclosurerequests", "approvals", "legalorders"].contains(&resource);
        assert!(!asks || ["get", "list", "watch"].contains(&verb), "{right}");
        assert!(!resource.contains('/'), "{right}");
    }
}
