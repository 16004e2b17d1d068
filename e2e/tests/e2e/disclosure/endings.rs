//! How a request ends without a release, and how a release ends.

use anyhow::{Context, Result, ensure};
use camerafleet_e2e::{
    demo::{TENANT, wait},
    suite::installed,
};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use object_store::{ObjectStoreExt as _, path::Path};

use super::{
    OTHER_OWNER, OWNER, SOON,
    people::Person,
    scene::{Scene, two_owners},
};

/// An owner thinks better of it, then the officer: what was not released by then never is.
#[tokio::test]
async fn what_is_withdrawn_in_time_is_not_released() -> Result<()> {
    let fleet = installed().await?;
    let scene = Scene::new(&fleet, "withdrawal", two_owners(2)).await?;
    let owners = [Person::new(&fleet, OWNER)?, Person::new(&fleet, OTHER_OWNER)?];
    let uid = scene.ask("regret-5", "consent", &[]).await?;
    let [one, two] = &owners;
    one.sees("regret-5", "Pending").await?;
    one.does(&["approve", "regret-5", "--yes"]).await?;
    one.does(&["withdraw", "regret-5"]).await?;
    two.sees("regret-5", "Pending").await?;
    two.does(&["approve", "regret-5", "--yes"]).await?;
    wait::until("the other owner's word counts", SOON, async || {
        let said = scene.officer.does(&["show", "regret-5"]).await?;
        ensure!(said.contains("Pending") && said.contains("1 of"), "{said}");
        Ok(Some(()))
    })
    .await?;
    scene.officer.does(&["withdraw", "regret-5"]).await?;
    scene.says("regret-5", "Ready", "Withdrawn").await?;
    // Both agree, too late.
    let _ = one.footage(&["approve", "regret-5", "--yes"]).await?;
    scene.heard(&uid, &["requested"]).await?;
    ensure!(scene.intents(&uid).await? == 0, "what was withdrawn was released");
    scene.end().await
}

/// At its date the package is gone from the store, its URL with it; that it was is still told.
#[tokio::test]
async fn a_package_expires() -> Result<()> {
    let fleet = installed().await?;
    let scene = Scene::new(&fleet, "expiry", two_owners(1)).await?;
    let owner = Person::new(&fleet, OWNER)?;
    scene.ask("brief-6", "consent", &["--expires-after", "1m"]).await?;
    owner.sees("brief-6", "Pending").await?;
    owner.does(&["approve", "brief-6", "--yes"]).await?;
    scene.officer.sees("brief-6", "Package ").await?;
    let package = scene.request("brief-6").await?.status.and_then(|status| status.package);
    let package = package.context("no package")?;
    let key = Path::from(package.key.as_str());
    scene.vaulted.store().head(&key).await.context("the package is in the store")?;
    scene.says("brief-6", "Ready", "Expired").await?;
    let maps = Api::<ConfigMap>::namespaced(fleet.ground.client.clone(), TENANT);
    wait::until("the package and its URL are gone", SOON, async || {
        let left = scene.vaulted.store().head(&key).await;
        let url = maps.get_opt("package-brief-6").await?;
        let gone = matches!(left, Err(object_store::Error::NotFound { .. })) && url.is_none();
        Ok(gone.then_some(()))
    })
    .await?;
    ensure!(jiff::Timestamp::now() >= package.expires_at.0, "it went before its date");
    let late = scene.officer.footage(&["fetch", "brief-6"]).await?;
    ensure!(!late.status.success(), "{late:?}");
    scene.end().await
}
