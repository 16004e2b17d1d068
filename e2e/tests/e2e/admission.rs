//! Admission, where only a whole cluster tells: that the operator has its proof, that a job's pod really runs under the
//! policies, and that nobody gets into a pod. The table of who passes and who does not is `operator/tests/admission`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use camerafleet_crds::Tenant;
use camerafleet_e2e::{
    demo::{OPERATOR_NAMESPACE, TENANT, wait},
    suite::installed,
};
use k8s_openapi::api::{
    batch::v1::{CronJob, Job},
    coordination::v1::Lease,
    core::v1::{Pod, ServiceAccount},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, PostParams},
};

use crate::support::{as_account, refused};

#[tokio::test]
async fn the_operator_has_proved_that_the_policies_are_enforced() -> Result<()> {
    let fleet = installed().await?;
    let client = fleet.ground.client.clone();
    let tenants = Api::<Tenant>::all(client.clone());
    wait::until("the Tenant says AdmissionEnforced", Duration::from_secs(60), async || {
        let conditions = tenants.get(TENANT).await?.status.unwrap_or_default().conditions;
        let condition = conditions.into_iter().find(|c| c.type_ == "AdmissionEnforced");
        let condition = condition.context("there is no such condition")?;
        ensure!(condition.status == "True", "{}: {}", condition.reason, condition.message);
        Ok(Some(()))
    })
    .await?;
    wait::until("the leader's metric says so, too", Duration::from_secs(60), async || {
        let lease = Api::<Lease>::namespaced(client.clone(), OPERATOR_NAMESPACE);
        let holder = lease.get("camerafleet-operator").await?.spec.unwrap_or_default().holder_identity;
        let leader = holder.context("nobody leads")?;
        let path = format!("/api/v1/namespaces/{OPERATOR_NAMESPACE}/pods/{leader}:8080/proxy/metrics");
        let metrics = client.request_text(http::Request::get(path).body(Vec::new())?).await?;
        Ok(metrics.lines().any(|line| line == "camerafleet_admission_enforced 1").then_some(()))
    })
    .await
}

/// What a CronJob's run goes through, and no other way: from the CronJob controller to the kubelet's token.
#[tokio::test]
async fn a_retention_jobs_pod_runs_when_it_comes_from_its_cron_job_and_not_otherwise() -> Result<()> {
    let fleet = installed().await?;
    let administrator = fleet.ground.client.clone();
    let controller = as_account("kube-system", "cronjob-controller").await?;
    let cron_jobs = Api::<CronJob>::namespaced(administrator.clone(), TENANT);
    let cron_job = wait::until("there is a retention CronJob", Duration::from_secs(60), async || {
        let list =
            cron_jobs.list(&ListParams::default().labels("camerafleet.io/component=retention")).await?;
        Ok(list.items.into_iter().next())
    })
    .await?;
    let template = cron_job.spec.context("a CronJob without a spec")?.job_template;
    let mut metadata = template.metadata.unwrap_or_default();
    metadata.name = Some("retention-e2e".to_owned());
    let job = Job { metadata, spec: template.spec, ..Job::default() };

    refused(
        Api::<Job>::namespaced(administrator.clone(), TENANT)
            .create(&PostParams::default(), &unlabelled(&job))
            .await,
        "camerafleet-jobs",
    )?;
    let mut other = job.clone();
    let pod = other.spec.as_mut().and_then(|s| s.template.spec.as_mut()).context("a Job without a pod")?;
    pod.containers[0].image = Some("registry.example.com/other:1".to_owned());
    let jobs = Api::<Job>::namespaced(controller, TENANT);
    refused(jobs.create(&PostParams::default(), &other).await, "camerafleet-job-images")?;

    jobs.create(&PostParams::default(), &job).await.context("create the Job as the CronJob controller")?;
    let pods = Api::<Pod>::namespaced(administrator, TENANT);
    let ran = wait::until("the Job's pod has run", Duration::from_secs(90), async || {
        let list =
            pods.list(&ListParams::default().labels("batch.kubernetes.io/job-name=retention-e2e")).await?;
        let pod = list.items.into_iter().next().context("the Job controller made no pod")?;
        let statuses = pod.status.unwrap_or_default().container_statuses.unwrap_or_default();
        let state = statuses.into_iter().next().and_then(|status| status.state).unwrap_or_default();
        // Whatever it found to do: it started, with the account's token in it.
        Ok((state.running.is_some() || state.terminated.is_some()).then_some(()))
    })
    .await;
    // The Job and its pod are the operator's by their labels; the collector may clear them.
    let collector =
        Api::<Job>::namespaced(as_account("kube-system", "generic-garbage-collector").await?, TENANT);
    collector.delete("retention-e2e", &DeleteParams::background()).await?;
    wait::until("the Job's pod is gone", Duration::from_secs(60), async || {
        let list =
            pods.list(&ListParams::default().labels("batch.kubernetes.io/job-name=retention-e2e")).await?;
        Ok(list.items.is_empty().then_some(()))
    })
    .await?;
    ran
}

/// Without its labels only its account says whose it is.
fn unlabelled(job: &Job) -> Job {
    let mut job = job.clone();
    job.metadata = ObjectMeta { name: Some(job.name_any()), ..ObjectMeta::default() };
    // A Job without labels gets its template's.
    if let Some(spec) = &mut job.spec {
        spec.template.metadata = None;
    }
    job
}

#[tokio::test]
async fn nobody_gets_into_a_pod_or_makes_a_jobs_token() -> Result<()> {
    let fleet = installed().await?;
    let client = fleet.ground.client.clone();
    let pods = Api::<Pod>::namespaced(client.clone(), TENANT);
    let recorders = pods.list(&ListParams::default().labels("camerafleet.io/component=ingest")).await?;
    let recorder = recorders.items.first().context("there is no recorder")?.name_any();
    for verb in ["exec?command=ls&stdout=true", "attach?stdout=true"] {
        let path = format!("/api/v1/namespaces/{TENANT}/pods/{recorder}/{verb}");
        let request = http::Request::post(path).body(Vec::new())?;
        refused(client.request_text(request).await, "camerafleet-exec")?;
    }
    let accounts = Api::<ServiceAccount>::namespaced(client, TENANT);
    for account in ["retention", "disclosure", "prepare"] {
        let token = accounts.create_token_request(account, &PostParams::default(), &Default::default()).await;
        refused(token, "camerafleet-tokens")?;
    }
    refused(
        pods.delete(&recorder, &DeleteParams { dry_run: true, ..DeleteParams::default() }).await,
        "camerafleet-managed",
    )
}
