//! Members of a tenant: the operator binds their roles and takes them back. What each role may do is
//! `operator/tests/admission/rbac.rs`.

use std::time::Duration;

use anyhow::Result;
use camerafleet_crds::Tenant;
use camerafleet_e2e::{
    demo::{TENANT, wait},
    suite::installed,
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::support::{delete_tenant, may};

const NAME: &str = "willow-walk";
const OURS: &str = "camerafleet.io";

async fn members(client: &Client, members: Value) -> Result<()> {
    let patch = json!({"spec": {"members": members}});
    Api::<Tenant>::all(client.clone()).patch(NAME, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}

/// Waits until a user may, or may no longer.
async fn becomes(allowed: bool, user: &str, verb: &str, group: &str, resource: &str) -> Result<()> {
    let what = format!("{user} {} {verb} {resource}", if allowed { "may" } else { "may not" });
    wait::until(&what, Duration::from_secs(30), async || {
        Ok((may(user, verb, group, resource, NAME).await? == allowed).then_some(()))
    })
    .await
}

#[tokio::test]
async fn members_get_their_role_in_their_tenant_only_and_lose_it() -> Result<()> {
    let fleet = installed().await?;
    let client = fleet.ground.client.clone();
    let tenants = Api::<Tenant>::all(client.clone());
    let mut spec = tenants.get(TENANT).await?.spec;
    spec.namespace = NAME.to_owned();
    spec.members = Vec::new();
    tenants.create(&PostParams::default(), &Tenant::new(NAME, spec)).await?;
    let person = |name: &str| json!([{"kind": "User", "name": name}]);
    members(
        &client,
        json!([
            {"role": "Manager", "subjects": person("m@example.com")},
            {"role": "Auditor", "subjects": person("a@example.com")},
        ]),
    )
    .await?;
    becomes(true, "m@example.com", "create", OURS, "cameras").await?;
    becomes(true, "m@example.com", "delete", "", "secrets").await?;
    becomes(true, "a@example.com", "list", OURS, "approvals").await?;
    for (user, verb, group, resource, namespace) in [
        ("m@example.com", "get", "", "secrets", NAME),
        ("m@example.com", "create", OURS, "cameras", TENANT),
        ("a@example.com", "create", OURS, "cameras", NAME),
        ("nobody@example.com", "list", OURS, "cameras", NAME),
    ] {
        anyhow::ensure!(
            !may(user, verb, group, resource, namespace).await?,
            "{user} may {verb} {resource} in {namespace}"
        );
    }
    // One leaves, one changes roles.
    members(&client, json!([{"role": "Viewer", "subjects": person("a@example.com")}])).await?;
    becomes(false, "m@example.com", "create", OURS, "cameras").await?;
    becomes(false, "a@example.com", "list", OURS, "approvals").await?;
    becomes(true, "a@example.com", "list", OURS, "cameras").await?;

    delete_tenant(NAME).await
}
