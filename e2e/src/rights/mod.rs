//! Whether the operator uses every right that it has: what the charts' roles grant, compared with what the API server's audit
//! log of a whole run of the tests says that it did. A verb that nothing used is listed, and goes from the chart.

mod compare;

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::Path,
};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, Role};
use kube::{Api, Client, api::ListParams};

use crate::{demo::OPERATOR_NAMESPACE, instance::Instance};
use compare::{Grant, Granted, Use, unused};

/// The ClusterRoles and Roles that the charts give the operator, but for those of the admission proof, which asks for more
/// than it gets: its requests are refused by the policies that it proves.
const CLUSTER_ROLES: [&str; 2] = ["camerafleet-operator", "camerafleet-operator-tenant"];
const ROLES: [(&str, &str); 2] =
    [(OPERATOR_NAMESPACE, "camerafleet-operator"), ("default", "camerafleet-operator")];

/// Fails with the verbs that the operator has and did not use.
///
/// # Errors
/// When there are any, or the roles or the log cannot be read.
pub async fn check(client: &Client, instance: Instance) -> Result<()> {
    let granted = granted(client).await?;
    let given = given(client).await?;
    let used = used(&instance.logs())?;
    ensure!(!used.is_empty(), "the audit log says nothing of the operator");
    let unused = unused(&granted, &used, &given);
    ensure!(
        unused.is_empty(),
        "the operator has rights that nothing in this run used; take them from charts/camerafleet/templates/rbac, or say in \
         e2e/src/rights/compare.rs what needs them:\n{}",
        unused.join("\n")
    );
    Ok(())
}

async fn granted(client: &Client) -> Result<Vec<Granted>> {
    let mut granted = Vec::new();
    for name in CLUSTER_ROLES {
        let role = Api::<ClusterRole>::all(client.clone()).get(name).await.context("read a ClusterRole")?;
        granted.push(Granted { role: format!("ClusterRole {name}"), grants: grants(role.rules) });
    }
    for (namespace, name) in ROLES {
        let role =
            Api::<Role>::namespaced(client.clone(), namespace).get(name).await.context("read a Role")?;
        granted.push(Granted { role: format!("Role {namespace}/{name}"), grants: grants(role.rules) });
    }
    Ok(granted)
}

/// What the operator gives to recorders and jobs: only who holds a right can give it.
async fn given(client: &Client) -> Result<Vec<Grant>> {
    let managed = ListParams::default().labels("camerafleet.io/tenant");
    let roles = Api::<Role>::all(client.clone()).list(&managed).await.context("list the tenants' Roles")?;
    let mut given: Vec<Grant> = roles.items.into_iter().flat_map(|role| grants(role.rules)).collect();
    let disclosure = Api::<ClusterRole>::all(client.clone()).get("camerafleet-disclosure").await?;
    given.extend(grants(disclosure.rules));
    Ok(given)
}

fn grants(rules: Option<Vec<PolicyRule>>) -> Vec<Grant> {
    let mut grants = Vec::new();
    for rule in rules.into_iter().flatten() {
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                for verb in &rule.verbs {
                    grants.push(Grant {
                        group: group.clone(),
                        resource: resource.clone(),
                        names: rule.resource_names.clone().unwrap_or_default(),
                        verb: verb.clone(),
                    });
                }
            }
        }
    }
    grants
}

/// What the operator did, by the log and what was rotated away from it.
fn used(logs: &Path) -> Result<Vec<Use>> {
    let account = format!("system:serviceaccount:{OPERATOR_NAMESPACE}:camerafleet-operator");
    let mut used = Vec::new();
    for file in fs::read_dir(logs).with_context(|| format!("list {}", logs.display()))? {
        let path = file?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !name.starts_with("audit") || !name.ends_with(".log") {
            continue;
        }
        for line in BufReader::new(File::open(&path)?).lines() {
            let line = line.with_context(|| format!("read {}", path.display()))?;
            // Most lines are of others: they need not be parsed.
            if line.contains(&account) {
                used.extend(Use::of(&line, &account));
            }
        }
    }
    Ok(used)
}
