//! The tenant's object store, as far as the operator looks at it: whether each role's credential is taken.

use std::time::Duration;

use camerafleet_crds::Tenant;
use camerafleet_footage::{
    ids::TenantId,
    layout,
    shard::StoreConfig,
    store::{self, StoreConfigError, StoreCredential, StoreFault},
};
use futures::TryStreamExt;
use kube::ResourceExt;
use object_store::{ObjectStore, ObjectStoreExt, path::Path};

/// One question to the store takes at most this long.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Adds objects, and may do nothing else.
    Ingest,
    /// Lists and deletes.
    Retention,
    /// Lists and reads.
    Disclosure,
}

impl Role {
    /// As the Tenant's spec names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Retention => "retention",
            Self::Disclosure => "disclosure",
        }
    }
}

/// Why a credential is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The settings cannot even be tried.
    Config(StoreConfigError),
    /// The store says so.
    Fault(StoreFault),
}

/// The store that a Tenant declares.
pub fn config(tenant: &Tenant, ca_bundle: Option<String>) -> StoreConfig {
    let s3 = &tenant.spec.storage.s3;
    StoreConfig {
        endpoint: s3.endpoint.clone(),
        region: s3.region.clone(),
        bucket: s3.bucket.clone(),
        prefix: s3.prefix.clone().unwrap_or_else(|| tenant.name_any()),
        path_style: s3.path_style,
        ca_bundle,
    }
}

/// Asks the store something harmless with a role's credential.
pub async fn probe(
    config: &StoreConfig,
    tenant: &TenantId,
    role: Role,
    credential: &StoreCredential,
) -> Option<Problem> {
    let s3 = match store::s3(config, credential, TIMEOUT) {
        Ok(s3) => s3,
        Err(error) => return Some(Problem::Config(error)),
    };
    let footage = Path::from(layout::footage_prefix(&config.prefix, tenant));
    let question = async {
        match role {
            // It may not read, and a refusal to read says that the credential itself was taken.
            Role::Ingest => s3.get(&footage.clone().join("probe")).await.map(drop),
            Role::Retention | Role::Disclosure => s3.list(Some(&footage)).try_next().await.map(drop),
        }
    };
    let answer = match tokio::time::timeout(TIMEOUT, question).await {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => store::fault(&error),
        Err(_) => StoreFault::Unreachable,
    };
    match (role, answer) {
        (Role::Ingest, StoreFault::Denied | StoreFault::NoSuchObject) => None,
        (_, fault) => Some(Problem::Fault(fault)),
    }
}
