//! Custody Owners: a quorum of owners releases with keys that only they have.

use anyhow::{Result, ensure};
use camerafleet_e2e::suite::installed;
use serde_json::json;

use super::{
    OTHER_OWNER, OWNER,
    people::Person,
    scene::{Scene, two_owners},
};

#[tokio::test]
async fn a_quorum_of_two_owners_releases_with_their_own_keys_and_one_does_not() -> Result<()> {
    let fleet = installed().await?;
    let owners = [Person::new(&fleet, OWNER)?, Person::new(&fleet, OTHER_OWNER)?];
    let mut policy = two_owners(2);
    policy["custody"] = json!("Owners");
    for (number, owner) in owners.iter().enumerate() {
        let recipient = owner.does(&["keygen", "--out", "owner.key"]).await?;
        policy["owners"][number]["ageRecipient"] = json!(recipient.trim());
    }
    let scene = Scene::new(&fleet, "quorum", policy).await?;
    let uid = scene.ask("theft-3", "consent", &[]).await?;
    for owner in &owners {
        owner.sees("theft-3", "Pending").await?;
    }
    // Without a key an owner's word is not enough; the command says so and gives no answer.
    let [one, two] = &owners;
    let shared = async |owner: &Person<'_>| {
        camerafleet_e2e::demo::wait::until("an owner's shares are listed", super::SOON, async || {
            let keyless = owner.footage(&["approve", "theft-3", "--yes"]).await?;
            let said = String::from_utf8_lossy(&keyless.stderr).into_owned();
            ensure!(said.contains("--identity") && !keyless.status.success(), "{said}");
            Ok(Some(()))
        })
        .await
    };
    shared(one).await?;
    one.does(&["approve", "theft-3", "--yes", "--identity", "owner.key"]).await?;
    let waiting = scene.says("theft-3", "Ready", "AwaitingApproval").await?;
    ensure!(scene.intents(&uid).await? == 0, "one of two owners released: {:?}", waiting.status);
    // Another's key opens nothing.
    std::fs::copy(one.folder().join("owner.key"), two.folder().join("borrowed.key"))?;
    shared(two).await?;
    let borrowed = two.footage(&["approve", "theft-3", "--yes", "--identity", "borrowed.key"]).await?;
    ensure!(borrowed.status.code() == Some(6), "{borrowed:?}");
    two.does(&["approve", "theft-3", "--yes", "--identity", "owner.key"]).await?;
    scene.officer.sees("theft-3", "Package ").await?;
    scene.opens("theft-3").await?;
    scene.heard(&uid, &["requested", "delivered"]).await?;
    scene.end().await
}
