//! Footage that expires. The whole course, with a saved copy, is what `existing` runs as the demo; here is what the
//! demo does not show.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use camerafleet_crds::RetentionPolicy;
use camerafleet_e2e::{
    demo::{TENANT, wait},
    suite::installed,
};
use k8s_openapi::api::batch::v1::CronJob;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::json;

/// A policy has its CronJob, under its own account, and both are gone when nothing depends on the policy.
#[tokio::test]
async fn a_policy_has_a_cron_job_and_an_unused_one_goes_at_once() -> Result<()> {
    let fleet = installed().await?;
    let client = fleet.ground.client.clone();
    let policies = Api::<RetentionPolicy>::namespaced(client.clone(), TENANT);
    let spec = serde_json::from_value(json!({"keepFor": "1d", "keyEpoch": "1h"}))?;
    let policy = policies.create(&PostParams::default(), &RetentionPolicy::new("unused", spec)).await?;
    let jobs = Api::<CronJob>::namespaced(client.clone(), TENANT);
    let uid = policy.uid().context("the policy has no uid")?;
    let name = format!("retention-{}", &uid[..12]);
    let job = wait::until("the policy has a CronJob", Duration::from_secs(30), async || {
        Ok(jobs.get_opt(&name).await?)
    })
    .await?;
    let pod =
        job.spec.context("a CronJob without a spec")?.job_template.spec.context("no Job")?.template.spec;
    ensure!(pod.and_then(|p| p.service_account_name).as_deref() == Some("retention"), "not its own account");
    policies.delete("unused", &DeleteParams::default()).await?;
    wait::until("the policy and its CronJob are gone", Duration::from_secs(60), async || {
        let left = jobs.list(&ListParams::default()).await?.items.into_iter().any(|j| j.name_any() == name);
        Ok((policies.get_opt("unused").await?.is_none() && !left).then_some(()))
    })
    .await
}

/// A policy on which footage depends waits for it, and says so.
#[tokio::test]
async fn a_policy_with_footage_waits_for_it() -> Result<()> {
    let fleet = installed().await?;
    let client = fleet.ground.client.clone();
    let policies = Api::<RetentionPolicy>::namespaced(client.clone(), TENANT);
    let before = policies.get("standard").await?;
    ensure!(before.finalizers().iter().any(|f| f.starts_with("camerafleet.io/")), "nothing keeps the policy");
    // Asked for, but not done: the other tests record under it.
    let dry = DeleteParams { dry_run: true, ..DeleteParams::default() };
    let answer = policies.delete("standard", &dry).await?;
    let kept = answer.left().context("the policy would go at once")?;
    ensure!(kept.metadata.deletion_timestamp.is_some(), "the policy would not even drain");
    Ok(())
}
