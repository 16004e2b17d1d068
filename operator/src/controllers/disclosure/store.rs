//! The tenant's store, as the disclosure role sees it: packages are looked at, signed for and deleted with its credential.

use std::sync::Arc;

use camerafleet_crds::Tenant;
use camerafleet_footage::{
    shard::StoreConfig,
    store::{self, StoreCredential},
};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use object_store::aws::AmazonS3;

use crate::{
    conditions::Verdict, config::CALL_TIMEOUT, context::Context, error::Error, kube_api,
    store as tenant_store,
};

/// The tenant's store.
pub struct DisclosureStore {
    /// Where it is.
    pub config: StoreConfig,
    /// The credential, to be copied for the Job.
    pub credential: StoreCredential,
    /// A client with it.
    pub client: Arc<AmazonS3>,
}

/// Reads what is configured; a verdict where something is missing, which the Tenant's StorageReady tells, too.
pub async fn read(tenant: &Tenant, context: &Context) -> Result<Result<DisclosureStore, Verdict>, Error> {
    let own = Api::<Secret>::namespaced(context.client.clone(), &context.args.namespace);
    let s3 = &tenant.spec.storage.s3;
    let name = &s3.credentials.disclosure.name;
    let secret = kube_api::get(&own, name).await?;
    let bundle = match &s3.ca_bundle_secret_ref {
        None => None,
        Some(reference) => Some((&reference.name, kube_api::get(&own, &reference.name).await?)),
    };
    Ok(made(tenant, (name, secret), bundle))
}

type Found<'a> = (&'a String, Option<Secret>);

fn made(
    tenant: &Tenant,
    (name, secret): Found<'_>,
    bundle: Option<Found<'_>>,
) -> Result<DisclosureStore, Verdict> {
    let field = |(name, secret): (&String, &Option<Secret>), field: &str| {
        let text = secret.as_ref().and_then(|secret| kube_api::secret_field(secret, field));
        text.filter(|text| !text.is_empty()).ok_or_else(|| {
            Verdict::unknown(
                "NotReady",
                format!(
                    "The Secret {name} in the operator's namespace is missing or has no {field}: create it; until then no package is made."
                ),
            )
        })
    };
    let credential = StoreCredential {
        access_key_id: field((name, &secret), "accessKeyId")?.into(),
        secret_access_key: field((name, &secret), "secretAccessKey")?.into(),
    };
    let bundle = bundle.map(|(name, secret)| field((name, &secret), "ca.crt")).transpose()?;
    let config = tenant_store::config(tenant, bundle);
    let client = store::s3(&config, &credential, CALL_TIMEOUT).map_err(|error| {
        Verdict::unknown("NotReady", format!("The store cannot be used: {error}; correct the Tenant."))
    })?;
    Ok(DisclosureStore { config, credential, client: Arc::new(client) })
}
