//! What judges order.

use std::{fs, time::Instant};

use anyhow::{Context, Result, ensure};
use camerafleet_crds::{LegalHold, LegalOrder};
use camerafleet_e2e::{
    demo::{TENANT, wait},
    suite::{Fleet, installed},
};
use jiff::{SignedDuration, Timestamp};
use kube::{Api, api::DeleteParams};
use serde_json::{Value, json};

use super::{OWNER, REVIEWER, SOON, people::Person, scene::Scene};

/// A court with its key, and the policy that trusts it.
fn court(fleet: &Fleet) -> Result<(Person<'_>, Value)> {
    let court = Person::new(fleet, "clerk@example.com")?;
    let key = court.ssh_key()?;
    let policy = json!({
        "owners": [{"name": "flat-4a", "user": OWNER}],
        "bases": {"courtOrder": {"reviewers": 1, "minAuthorityAge": "1s"}},
        "trustedAuthorities": [{"name": "district-court", "sshPublicKey": key}],
    });
    Ok((court, policy))
}

/// The court signs without a cluster; the officer brings what it signed.
async fn serve(court: &Person<'_>, scene: &Scene<'_>, order: &Value) -> Result<()> {
    fs::write(court.folder().join("order.yaml"), serde_yaml_ng::to_string(order)?)?;
    let signed = court.does(&["order", "-f", "order.yaml", "--ssh-key", "key", "--print"]).await?;
    fs::write(scene.officer.folder().join("signed.yaml"), signed)?;
    scene.officer.does(&["order", "-f", "signed.yaml"]).await.map(drop)
}

/// From the judge's signature to the package, with a reviewer at a terminal between.
#[tokio::test]
async fn a_judges_emergency_warrant_is_in_the_officers_hands_within_a_minute() -> Result<()> {
    let fleet = installed().await?;
    let (court, policy) = court(&fleet)?;
    let scene = Scene::new(&fleet, "warrant", policy).await?;
    let reviewer = Person::new(&fleet, REVIEWER)?;
    let signed = Instant::now();
    serve(&court, &scene, &scene.order("w-88", "EmergencyWarrant", json!({})).await?).await?;
    let uid = scene.ask("danger-88", "court-order", &["--order", "w-88"]).await?;
    reviewer.sees("danger-88", "Pending").await?;
    reviewer.does(&["approve", "danger-88", "--as", "reviewer", "--yes"]).await?;
    scene.officer.sees("danger-88", "Package ").await?;
    // Said, not asserted: how fast this machine is proves nothing.
    println!("from the signed warrant to the package: {:.1} s", signed.elapsed().as_secs_f64());
    scene.opens("danger-88").await?;
    // Of an order the owner hears when it is decided: one may forbid to tell.
    scene.heard(&uid, &["delivered"]).await?;
    scene.end().await
}

/// What is to be preserved is held; the same order asked on releases nothing, whoever agrees.
#[tokio::test]
async fn a_preservation_order_holds_and_releases_nothing() -> Result<()> {
    let fleet = installed().await?;
    let (court, policy) = court(&fleet)?;
    let scene = Scene::new(&fleet, "preserve", policy).await?;
    let reviewer = Person::new(&fleet, REVIEWER)?;
    serve(&court, &scene, &scene.order("po-17", "PreservationOrder", json!({})).await?).await?;
    let client = fleet.ground.client.clone();
    let orders = Api::<LegalOrder>::namespaced(client.clone(), TENANT);
    let hold = wait::until("the order makes a hold", SOON, async || {
        Ok(orders.get("po-17").await?.status.and_then(|status| status.hold))
    })
    .await?;
    let holds = Api::<LegalHold>::namespaced(client, TENANT);
    let held = holds.get(&hold).await?;
    ensure!(held.spec.cameras.len() == 1 && held.spec.reference.name == "po-17", "{:?}", held.spec);

    let uid = scene.ask("peek-17", "court-order", &["--order", "po-17"]).await?;
    let said = scene.officer.sees("peek-17", "PreservationOnly").await?;
    ensure!(said.contains("Obtain a warrant"), "{said}");
    // The reviewer's word changes nothing about it.
    let _ = reviewer.footage(&["approve", "peek-17", "--as", "reviewer", "--yes"]).await?;
    scene.says("peek-17", "Ready", "Denied").await?;
    ensure!(scene.intents(&uid).await? == 0, "a preservation order released footage");
    holds.delete(&hold, &DeleteParams::default()).await?;
    scene.end().await
}

/// While the order forbids it the owner neither hears nor sees; at its date they do, by nobody's doing.
#[tokio::test]
async fn a_delayed_notice_is_invisible_to_the_owner_until_its_date_and_then_arrives_by_itself() -> Result<()>
{
    let fleet = installed().await?;
    let (court, policy) = court(&fleet)?;
    let scene = Scene::new(&fleet, "delayed", policy).await?;
    let (reviewer, owner) = (Person::new(&fleet, REVIEWER)?, Person::new(&fleet, OWNER)?);
    let date = Timestamp::from_second(Timestamp::now().as_second())? + SignedDuration::from_secs(90);
    serve(&court, &scene, &scene.order("w-91", "Warrant", json!({"nondisclosureUntil": date})).await?)
        .await?;
    let uid = scene.ask("quiet-91", "court-order", &["--order", "w-91"]).await?;
    reviewer.sees("quiet-91", "Pending").await?;
    reviewer.does(&["approve", "quiet-91", "--as", "reviewer", "--yes"]).await?;
    scene.officer.sees("quiet-91", "Package ").await?;
    let mut looked = 0;
    while Timestamp::now() + SignedDuration::from_secs(1) < date {
        let seen = owner.footage(&["show", "quiet-91"]).await?;
        let listed = owner.does(&["pending"]).await?;
        // What was begun before the date may be answered after it.
        if Timestamp::now() < date {
            ensure!(seen.status.code() == Some(3), "the owner sees it before its date: {seen:?}");
            ensure!(!listed.contains("quiet-91"), "{listed}");
            ensure!(scene.hooks.of(&uid).is_empty(), "the owner heard before the date");
            looked += 1;
        }
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    }
    ensure!(looked > 0, "the package took longer than the nondisclosure: nothing was seen of it");
    scene.heard(&uid, &["delivered"]).await?;
    owner.sees("quiet-91", "Package ").await?;
    let told = scene.says("quiet-91", "OwnersNotified", "Notified").await?.status.context("no status")?;
    ensure!(told.notice_not_before.is_none_or(|until| until.0 == date), "{:?}", told.notices);
    scene.end().await
}
