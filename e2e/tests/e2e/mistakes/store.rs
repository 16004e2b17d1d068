//! Mistakes with the object store.

use anyhow::{Result, ensure};
use camerafleet_e2e::{demo::OPERATOR_NAMESPACE, fixtures, suite::installed};
use serde_json::{Value, json};

use super::Scratch;

#[tokio::test]
async fn a_missing_bucket() -> Result<()> {
    let fleet = installed().await?;
    let scratch =
        Scratch::new(&fleet, "mistake-bucket", |tenant| tenant.spec.storage.s3.bucket = "not-yet".into())
            .await?;
    let door = scratch.fixture("front-door")?;
    scratch.password("door", "camerafleet.io/camera", &door.password).await?;
    scratch
        .camera("door", json!({"source": {"url": door.url, "credentialsSecretRef": {"name": "door"}}}))
        .await?;
    let message = scratch.tenant_says("BucketMissing").await?;
    ensure!(message.contains("create it"), "{message}");
    scratch.one_event(scratch.name, "BucketMissing").await?;
    let message = scratch.camera_says("door", "StoreUnavailable").await?;
    ensure!(message.contains("bucket"), "{message}");
    fixtures::further_bucket(&scratch.client, &fleet.fixtures.s3, "not-yet").await?;
    scratch.tenant_says("Active").await?;
    scratch.camera_says("door", "Recording").await?;
    scratch.end(&[]).await
}

/// A credential that the store refuses, as the recorder's or as a job's.
#[tokio::test]
async fn refused_s3_credentials() -> Result<()> {
    let fleet = installed().await?;
    let s3 = &fleet.fixtures.s3;
    let wrong = "wrong/secret+key=4b1d";
    let secret = |access: &str, secret: &str| -> Value {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mistake-ingest", "namespace": OPERATOR_NAMESPACE},
            "stringData": {"accessKeyId": access, "secretAccessKey": secret}})
    };
    camerafleet_e2e::demo::apply_one(
        &fleet.ground.client,
        &serde_json::from_value(secret(&s3.ingest.access, wrong))?,
    )
    .await?;
    let scratch = Scratch::new(&fleet, "mistake-credentials", |tenant| {
        tenant.spec.storage.s3.credentials.ingest = "mistake-ingest".into();
    })
    .await?;
    let door = scratch.fixture("front-door")?;
    scratch.password("door", "camerafleet.io/camera", &door.password).await?;
    scratch
        .camera("door", json!({"source": {"url": door.url, "credentialsSecretRef": {"name": "door"}}}))
        .await?;
    let message = scratch.tenant_says("CredentialsRefused").await?;
    ensure!(message.contains("mistake-ingest"), "{message}");
    scratch.one_event(scratch.name, "CredentialsRefused").await?;
    let message = scratch.camera_says("door", "StoreUnavailable").await?;
    ensure!(message.contains("credentials.ingest"), "{message}");
    scratch.apply(&secret(&s3.ingest.access, &s3.ingest.secret)).await?;
    scratch.tenant_says("Active").await?;
    scratch.camera_says("door", "Recording").await?;
    scratch.end(&[wrong, &s3.ingest.secret]).await
}
