//! An old backup of the cluster is restored: the log outlives it.

use anyhow::{Context, Result, ensure};
use camerafleet_crds::Approval;
use camerafleet_e2e::{
    demo::{OPERATOR_NAMESPACE, TENANT, wait},
    suite::alone,
};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams},
};

use super::{
    OTHER_OWNER, OWNER, SOON, etcd,
    people::Person,
    scene::{Scene, two_owners},
};

/// Two requests wait for the second of two owners when the backup is made. One is then released, in the other the first
/// owner takes the answer back. The restore brings both back as they were; the second owner agrees to both.
#[tokio::test]
async fn a_restored_backup_revives_no_used_and_no_withdrawn_approval() -> Result<()> {
    let fleet = alone().await?;
    let instance = fleet.ground.instance.context("the suite has an instance of its own")?;
    let scene = Scene::new(&fleet, "backup", two_owners(2)).await?;
    let owners = [Person::new(&fleet, OWNER)?, Person::new(&fleet, OTHER_OWNER)?];
    let [one, two] = &owners;
    let client = fleet.ground.client.clone();
    let approvals = Api::<Approval>::namespaced(client.clone(), TENANT);
    let (used, taken_back) =
        (scene.ask("used-8", "consent", &[]).await?, scene.ask("taken-9", "consent", &[]).await?);
    let mut saved = Vec::new();
    for (request, uid) in [("used-8", &used), ("taken-9", &taken_back)] {
        one.sees(request, "Pending").await?;
        one.does(&["approve", request, "--yes"]).await?;
        scene.says(request, "Ready", "AwaitingApproval").await?;
        let given = wait::until("the answer counts", SOON, async || {
            let all = approvals.list(&ListParams::default()).await?;
            let of = |approval: &Approval| approval.spec.request_ref.uid == *uid;
            let counted = |approval: &Approval| {
                let status = approval.status.iter().flat_map(|status| &status.conditions);
                status.into_iter().any(|condition| condition.reason == "Counted")
            };
            Ok(all.items.into_iter().find(|approval| of(approval) && counted(approval)))
        })
        .await?;
        saved.push(etcd::save(instance, &format!("camerafleet.io/approvals/{TENANT}/{}", given.name_any()))?);
        saved.push(etcd::save(instance, &format!("camerafleet.io/disclosurerequests/{TENANT}/{request}"))?);
    }

    two.does(&["approve", "used-8", "--yes"]).await?;
    scene.officer.sees("used-8", "Package ").await?;
    scene.says("used-8", "Ready", "Delivered").await?;
    one.does(&["withdraw", "taken-9"]).await?;
    let withdrawn = |record: &camerafleet_footage::log::entry::Record| {
        matches!(record.entry, camerafleet_footage::log::Entry::ApprovalWithdrawn(_))
    };
    wait::until("the withdrawal is logged", SOON, async || {
        Ok(scene.logged(&taken_back).await?.iter().any(withdrawn).then_some(()))
    })
    .await?;

    for object in &saved {
        etcd::restore(instance, object)?;
    }
    // Whatever the operator remembers goes with it.
    let pods = Api::<Pod>::namespaced(client.clone(), OPERATOR_NAMESPACE);
    let operator = ListParams::default().labels("app.kubernetes.io/name=camerafleet");
    let before: Vec<String> = pods.list(&operator).await?.iter().filter_map(|pod| pod.uid()).collect();
    for pod in pods.list(&operator).await? {
        pods.delete(&pod.name_any(), &DeleteParams::default()).await?;
    }
    wait::until("another operator is at work", SOON, async || {
        let now = pods.list(&operator).await?;
        let fresh = now.iter().filter(|pod| pod.uid().is_some_and(|uid| !before.contains(&uid)));
        let ready = |pod: &&Pod| {
            let conditions = pod.status.iter().flat_map(|s| s.conditions.iter().flatten());
            conditions.into_iter().any(|c| c.type_ == "Ready" && c.status == "True")
        };
        Ok((fresh.filter(ready).count() >= 2 && now.items.len() == 2).then_some(()))
    })
    .await?;

    // The log says what became of the one, and nothing is released again.
    scene.says("used-8", "Ready", "Delivered").await?;
    ensure!(scene.intents(&used).await? == 1, "a used approval was used again");
    // In the other, one owner has agreed and the other has not any more, whatever the object says.
    two.does(&["approve", "taken-9", "--yes"]).await?;
    let second = |record: &camerafleet_footage::log::entry::Record| {
        matches!(record.entry, camerafleet_footage::log::Entry::ApprovalSubmitted(_))
    };
    wait::until("the second owner's answer is logged", SOON, async || {
        Ok((scene.logged(&taken_back).await?.iter().filter(|record| second(record)).count() == 2)
            .then_some(()))
    })
    .await?;
    scene.says("taken-9", "Ready", "AwaitingApproval").await?;
    ensure!(scene.intents(&taken_back).await? == 0, "a withdrawn approval released footage");
    scene.end().await
}
