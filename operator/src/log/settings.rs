//! Where the logs are: the chart's values `log.s3`, and the Secrets that they name, read when needed.

use std::sync::Arc;

use camerafleet_footage::{
    shard::StoreConfig,
    store::{self, StoreCredential},
};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt};
use object_store::ObjectStore;
use zeroize::Zeroizing;

use super::LogProblem;
use crate::{
    config::{CALL_TIMEOUT, LogArgs},
    context::Context,
    kube_api,
};

/// Whose credential.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The operator's.
    Writer,
    /// The jobs', which only read.
    Reader,
}

/// The logs' bucket and a credential for it.
pub struct LogStore {
    /// Where it is.
    pub config: StoreConfig,
    /// For it.
    pub credential: StoreCredential,
    /// Another one when anything of it has changed.
    pub version: String,
}

impl LogStore {
    /// A client. Makes no request.
    pub fn client(&self) -> Result<Arc<dyn ObjectStore>, LogProblem> {
        Ok(Arc::new(store::s3(&self.config, &self.credential, CALL_TIMEOUT)?))
    }
}

/// Reads it.
pub async fn read(args: &LogArgs, who: Who, context: &Context) -> Result<LogStore, LogProblem> {
    read_as(args, who, &context.client, &context.args.namespace).await
}

/// The same of a replica that does not lead. `namespace` is the operator's own.
pub(super) async fn read_as(
    args: &LogArgs,
    who: Who,
    client: &Client,
    namespace: &str,
) -> Result<LogStore, LogProblem> {
    let (Some(endpoint), Some(bucket)) = (given(args.endpoint.as_ref()), given(args.bucket.as_ref())) else {
        return Err(LogProblem::NotConfigured);
    };
    let api = Api::<Secret>::namespaced(client.clone(), namespace);
    let mut version = String::new();
    let mut secret = async |name: &str| -> Result<Secret, LogProblem> {
        let missing = || LogProblem::SecretMissing { secret: name.to_owned() };
        let secret = kube_api::get(&api, name).await?.ok_or_else(missing)?;
        version += &format!("{name}/{}/", secret.resource_version().unwrap_or_default());
        Ok(secret)
    };
    let ca_bundle = match given(args.ca_bundle_secret.as_ref()) {
        Some(name) => Some(field(&secret(name).await?, "ca.crt")?),
        None => None,
    };
    let name = match who {
        Who::Writer => &args.credentials_secret,
        Who::Reader => &args.reader_credentials_secret,
    };
    let found = secret(name).await?;
    let credential = StoreCredential {
        access_key_id: Zeroizing::new(field(&found, "accessKeyId")?),
        secret_access_key: Zeroizing::new(field(&found, "secretAccessKey")?),
    };
    let config = StoreConfig {
        endpoint: endpoint.clone(),
        region: args.region.clone(),
        bucket: bucket.clone(),
        prefix: args.prefix.clone(),
        path_style: args.path_style,
        ca_bundle,
    };
    Ok(LogStore { config, credential, version })
}

/// The chart gives what is not set as an empty text.
fn given(value: Option<&String>) -> Option<&String> {
    value.filter(|text| !text.is_empty())
}

fn field(secret: &Secret, name: &'static str) -> Result<String, LogProblem> {
    kube_api::secret_field(secret, name)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| LogProblem::FieldMissing { secret: secret.name_any(), field: name })
}
