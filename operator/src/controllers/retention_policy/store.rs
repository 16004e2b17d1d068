//! The tenant's store, as the retention role sees it: the operator looks with the job's own credential.

use std::sync::Arc;

use camerafleet_crds::Tenant;
use camerafleet_footage::{
    shard::StoreConfig,
    store::{self, StoreCredential},
};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{Api, ResourceExt};
use object_store::ObjectStore;
use zeroize::Zeroizing;

use crate::{conditions::Verdict, config::CALL_TIMEOUT, context::Context, error::Error, kube_api};

/// The tenant's store.
pub struct TenantStore {
    /// Where it is.
    pub config: StoreConfig,
    /// The credential, to be copied for the job.
    pub credential: StoreCredential,
    /// A client with it.
    pub client: Arc<dyn ObjectStore>,
}

/// Reads what is configured; a verdict where something is missing, which the Tenant's StorageReady tells, too.
pub async fn read(tenant: &Tenant, context: &Context) -> Result<Result<TenantStore, Verdict>, Error> {
    let own = Api::<Secret>::namespaced(context.client.clone(), &context.args.namespace);
    let s3 = &tenant.spec.storage.s3;
    let missing = |name: &str, field: &str| {
        Verdict::no(
            "StoreUnavailable",
            format!(
                "The Secret {name} in the operator's namespace is missing or has no {field}: create it; until then nothing is deleted."
            ),
        )
    };
    let name = &s3.credentials.retention.name;
    let secret = kube_api::get(&own, name).await?;
    let field =
        |field: &str| secret.as_ref().and_then(|s| text(s, field)).ok_or_else(|| missing(name, field));
    let ca_bundle = match &s3.ca_bundle_secret_ref {
        None => Ok(None),
        Some(reference) => {
            let secret = kube_api::get(&own, &reference.name).await?;
            let bundle = secret.as_ref().and_then(|s| text(s, "ca.crt"));
            bundle.map(Some).ok_or_else(|| missing(&reference.name, "ca.crt"))
        }
    };
    let made = || {
        let credential = StoreCredential {
            access_key_id: Zeroizing::new(field("accessKeyId")?),
            secret_access_key: Zeroizing::new(field("secretAccessKey")?),
        };
        let config = StoreConfig {
            endpoint: s3.endpoint.clone(),
            region: s3.region.clone(),
            bucket: s3.bucket.clone(),
            prefix: s3.prefix.clone().unwrap_or_else(|| tenant.name_any()),
            path_style: s3.path_style,
            ca_bundle: ca_bundle.clone()?,
        };
        let client = store::s3(&config, &credential, CALL_TIMEOUT).map_err(|e| {
            Verdict::no("StoreUnavailable", format!("The store cannot be used: {e}; correct the Tenant."))
        })?;
        Ok(TenantStore { config, credential, client: Arc::new(client) })
    };
    Ok(made())
}

fn text(secret: &Secret, name: &str) -> Option<String> {
    let ByteString(bytes) = secret.data.as_ref()?.get(name)?;
    String::from_utf8(bytes.clone()).ok().filter(|text| !text.is_empty())
}
