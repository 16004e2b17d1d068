//! `camerafleet.io/id`: set once, it outlives the object, and nobody shares it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use camerafleet_crds::{Camera, ID_ANNOTATION};
use camerafleet_e2e::{
    demo::{TENANT, Vaulted, wait},
    suite::installed,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;

const SOON: Duration = Duration::from_secs(60);

fn id(camera: &Camera) -> Option<String> {
    camera.annotations().get(ID_ANNOTATION).cloned()
}

#[tokio::test]
async fn an_identity_outlives_its_object_and_is_nobody_elses() -> Result<()> {
    let fleet = installed().await?;
    let client = &fleet.ground.client;
    let vaulted = Vaulted::open(&fleet).await?;
    let cameras = Api::<Camera>::namespaced(client.clone(), TENANT);
    let spec = cameras.get("yard").await?.spec;
    cameras.create(&PostParams::default(), &Camera::new("stairs", spec.clone())).await?;
    let first = wait::state(client, "stairs", "Recording", SOON).await?;
    let first_id = id(&first).context("a recording camera has an id")?;
    ensure!(Some(&first_id) == first.uid().as_ref(), "the id is not the first uid");
    let footage = vaulted.wait_for_segment(&fleet, "stairs").await?;

    // A copy beside it is told, recorded by nobody, and takes nothing from the first.
    let mut copy = Camera::new("stairs-copy", spec.clone());
    copy.annotations_mut().insert(ID_ANNOTATION.into(), first_id.clone());
    cameras.create(&PostParams::default(), &copy).await?;
    let told = wait::state(client, "stairs-copy", "DuplicateId", SOON).await?;
    let conditions = &told.status.context("a status")?.conditions;
    ensure!(conditions.iter().any(|c| c.type_ == "Stalled" && c.status == "True"), "the copy is not Stalled");
    wait::state(client, "stairs", "Recording", SOON).await?;
    cameras.delete("stairs-copy", &DeleteParams::default()).await?;

    // Deleted and restored from backup, it is the same camera: its footage is found again.
    cameras.delete("stairs", &DeleteParams::default()).await?;
    let mut restored = Camera::new("stairs", spec.clone());
    restored.annotations_mut().insert(ID_ANNOTATION.into(), first_id.clone());
    cameras.create(&PostParams::default(), &restored).await?;
    let second = wait::state(client, "stairs", "Recording", SOON).await?;
    ensure!(
        id(&second).as_ref() == Some(&first_id) && second.uid() != first.uid(),
        "a restore changed the id"
    );
    let found = vaulted.segments(&fleet, "stairs").await?;
    ensure!(found.iter().any(|s| s.path == footage.path), "the footage is not found again");

    // Deleted and made anew under the same name, it is another camera.
    cameras.delete("stairs", &DeleteParams::default()).await?;
    cameras.create(&PostParams::default(), &Camera::new("stairs", spec)).await?;
    let third = wait::state(client, "stairs", "Recording", SOON).await?;
    ensure!(id(&third).as_ref() != Some(&first_id), "a new camera took the old one's id");
    ensure!(
        vaulted.segments(&fleet, "stairs").await?.iter().all(|s| s.path != footage.path),
        "a new camera took the old one's footage"
    );
    // Who may not set it is `operator/tests/admission`; that it never changes silently is here.
    let other = Patch::Merge(json!({"metadata": {"annotations": {ID_ANNOTATION: null}}}));
    let as_member = crate::support::as_account(TENANT, "ingest-0").await?;
    let refused =
        Api::<Camera>::namespaced(as_member, TENANT).patch("stairs", &PatchParams::default(), &other).await;
    ensure!(refused.is_err(), "anybody may take an id away");
    cameras.delete("stairs", &DeleteParams::default()).await?;
    Ok(())
}
