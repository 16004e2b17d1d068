//! Consent: refused without it, given at a terminal, and a package that checks.

use anyhow::{Result, ensure};
use camerafleet_e2e::{demo::wait, suite::installed};
use serde_json::json;

use super::{
    OFFICER, OWNER, SOON,
    people::Person,
    scene::{Scene, two_owners},
};

#[tokio::test]
async fn police_without_an_order_are_refused_and_an_owner_who_consents_releases_a_package_that_checks()
-> Result<()> {
    let fleet = installed().await?;
    let scene = Scene::new(&fleet, "consent", two_owners(1)).await?;
    let (officer, owner) = (&scene.officer, Person::new(&fleet, OWNER)?);

    // Danger to life is a word; the policy wants an order. The owner hears that it was asked, and of the refusal.
    let hurry = scene.ask("hurry-7", "emergency", &[]).await?;
    let denied = officer.sees("hurry-7", "Denied").await?;
    ensure!(denied.contains("Way forward") && denied.contains("court order"), "{denied}");
    scene.heard(&hurry, &["requested", "denied"]).await?;
    owner.sees("hurry-7", "Denied").await?;

    // The owner sees what would be released, agrees, and cannot be agreed for.
    let burglary = scene.ask("burglary-7", "consent", &[]).await?;
    officer.sees("burglary-7", "Pending").await?;
    let refused = officer.footage(&["approve", "burglary-7", "--yes"]).await?;
    ensure!(refused.status.code() == Some(3), "the officer approving their own request: {refused:?}");
    let pending = wait::until("the owner sees what waits", SOON, async || {
        let said = owner.does(&["pending"]).await?;
        Ok(said.contains("burglary-7").then_some(said))
    })
    .await?;
    ensure!(pending.contains(OFFICER), "{pending}");
    owner.does(&["approve", "burglary-7", "--yes"]).await?;
    officer.sees("burglary-7", "Package ").await?;
    scene.heard(&burglary, &["requested", "delivered"]).await?;

    // Nobody else finds the URL.
    let theirs = owner.footage(&["fetch", "burglary-7"]).await?;
    ensure!(theirs.status.code() == Some(3), "{theirs:?}");
    let package = scene.request("burglary-7").await?.status.and_then(|status| status.package);
    scene.opens("burglary-7").await?;
    let found = officer.run(std::path::Path::new("sha256sum"), &["burglary-7.package"])?;
    let told = package.map(|package| package.sha256).unwrap_or_default();
    ensure!(found.starts_with(told.trim_start_matches("sha256:")), "{found} is not {told}");
    ensure!(scene.intents(&hurry).await? == 0 && scene.intents(&burglary).await? == 1, "{}", json!(told));
    scene.end().await
}
