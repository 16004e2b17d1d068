//! All that a tenant's plan needs to know.

use camerafleet_crds::Tenant;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{Api, ResourceExt};

use crate::{conditions, context::Context, error::Error, kube_api};

/// What was seen.
pub struct Observed {
    /// The namespace, whoever made it.
    pub namespace: Option<Namespace>,
    /// The Secrets that storage names and that are missing or lack a field.
    pub storage_secrets: Vec<MissingSecret>,
    /// Cameras declared.
    pub cameras: u32,
    /// Cameras whose condition Recording is True.
    pub recording: u32,
    /// Recorder shards.
    pub shards: u32,
}

/// A Secret that storage names and that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingSecret {
    /// Its name, in the operator's namespace.
    pub name: String,
    /// The field that is missing, or none if the Secret is.
    pub field: Option<&'static str>,
}

/// Reads it.
pub async fn gather(tenant: &Tenant, context: &Context) -> Result<Observed, Error> {
    let name = &tenant.spec.namespace;
    let namespace = kube_api::get(&Api::<Namespace>::all(context.client.clone()), name).await?;
    let cameras = context.index.cameras_in(name);
    let recording = cameras.iter().filter(|camera| {
        let conditions = camera.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
        conditions::get(conditions, "Recording").is_some_and(|c| c.status == "True")
    });
    let shards = context.index.deployments.state();
    let shards = shards.iter().filter(|d| d.namespace().as_ref() == Some(name));
    Ok(Observed {
        namespace,
        storage_secrets: missing_secrets(tenant, context).await?,
        recording: count(recording.count()),
        cameras: count(cameras.len()),
        shards: count(shards.count()),
    })
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

async fn missing_secrets(tenant: &Tenant, context: &Context) -> Result<Vec<MissingSecret>, Error> {
    let api = Api::<Secret>::namespaced(context.client.clone(), &context.args.namespace);
    let s3 = &tenant.spec.storage.s3;
    let credentials = [&s3.credentials.ingest, &s3.credentials.retention, &s3.credentials.disclosure];
    let wanted = credentials.into_iter().flat_map(|r| [(r, "accessKeyId"), (r, "secretAccessKey")]);
    let wanted = wanted.chain(s3.ca_bundle_secret_ref.iter().map(|r| (r, "ca.crt")));
    let mut missing: Vec<MissingSecret> = Vec::new();
    for (reference, field) in wanted {
        let secret = kube_api::get(&api, &reference.name).await?;
        let found = match &secret {
            None => Some(MissingSecret { name: reference.name.clone(), field: None }),
            Some(secret) if secret.data.as_ref().is_some_and(|data| data.contains_key(field)) => None,
            Some(_) => Some(MissingSecret { name: reference.name.clone(), field: Some(field) }),
        };
        missing.extend(found.filter(|m| !missing.contains(m)));
    }
    Ok(missing)
}
