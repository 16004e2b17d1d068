//! What a request's Jobs are made of. Everything is named after the request's uid: a request that is made again under a name
//! meets nothing of the one before.

mod access;
mod job;
mod prepare;

use std::collections::BTreeMap;

use camerafleet_crds::{DisclosureRequest, Tenant};
use camerafleet_footage::{
    disclosure::job::{CONFIG_KEY, JobConfig},
    ids::{RequestUid, TenantId},
    retention::{LogAccess, VaultAccess},
};
use k8s_openapi::{
    ByteString,
    api::{
        batch::v1::Job,
        core::v1::{ConfigMap, Secret},
        rbac::v1::{Role, RoleBinding},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Resource, ResourceExt};

pub use access::{View, views};
pub use prepare::{Preparation, name as prepare_name, owners_map, preparation};

use super::store::DisclosureStore;
use crate::{
    config::RunArgs, controllers::tenant::tenant_labels, error::Error, log::LogStore, vault::Target,
};

/// What selects disclosure Jobs, and those that prepare them.
pub const COMPONENT: (&str, &str) = ("camerafleet.io/component", "disclosure");
/// On everything that is made for a request: its uid.
pub const REQUEST_LABEL: &str = "camerafleet.io/disclosure-request";
/// The Jobs' ServiceAccount, which the tenant's pipeline makes and Vault's role is bound to.
const ACCOUNT: &str = "disclosure";

/// The name of a request's Job and of what belongs to it.
pub fn name(uid: &RequestUid) -> String {
    format!("disclosure-{uid}")
}

/// What a disclosure Job is made of.
pub struct Resources {
    /// What the Job may read.
    pub role: Role,
    /// By whom.
    pub binding: RoleBinding,
    /// The stores' credentials.
    pub secret: Secret,
    /// What it needs to know.
    pub config_map: ConfigMap,
    /// The Job.
    pub job: Job,
}

/// Whose it is, and for which request.
pub struct Parts<'a> {
    /// The Tenant.
    pub tenant: &'a Tenant,
    /// Its identity.
    pub tenant_id: &'a TenantId,
    /// The request.
    pub request: &'a DisclosureRequest,
    /// Its uid.
    pub uid: &'a RequestUid,
}

/// What a Job works with.
pub struct Means<'a> {
    /// The tenant's store and the disclosure role's credential.
    pub store: &'a DisclosureStore,
    /// The log's, with the credential that only reads.
    pub log: &'a LogStore,
    /// The log's name.
    pub origin: String,
    /// Vault.
    pub vault: &'a Target,
}

/// Builds it, to carry out the Intent at an index.
pub fn resources(
    parts: &Parts<'_>,
    means: &Means<'_>,
    intent: u64,
    args: &RunArgs,
) -> Result<Resources, Error> {
    let name = name(parts.uid);
    Ok(Resources {
        role: parts.job_role(&name),
        binding: parts.binding(&name, ACCOUNT),
        secret: parts.secret(&name, means),
        config_map: parts.config_map(&name, means, intent, args)?,
        job: parts.job(&name, args)?,
    })
}

impl Parts<'_> {
    /// What selects all that is made for the request.
    pub fn selector(&self) -> String {
        format!("{REQUEST_LABEL}={}", self.uid)
    }

    fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = tenant_labels(self.tenant);
        labels.insert(COMPONENT.0.to_owned(), COMPONENT.1.to_owned());
        labels.insert(REQUEST_LABEL.to_owned(), self.uid.to_string());
        labels
    }

    /// The metadata of an object that goes with the request.
    pub fn meta_of(&self, name: &str) -> ObjectMeta {
        self.meta(name)
    }

    fn meta(&self, name: &str) -> ObjectMeta {
        ObjectMeta {
            name: Some(name.to_owned()),
            namespace: self.request.namespace(),
            labels: Some(self.labels()),
            owner_references: self.request.controller_owner_ref(&()).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        }
    }

    fn secret(&self, name: &str, means: &Means<'_>) -> Secret {
        let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
        let (own, log) = (&means.store.credential, &means.log.credential);
        let data = [
            ("accessKeyId", &own.access_key_id),
            ("secretAccessKey", &own.secret_access_key),
            ("log.accessKeyId", &log.access_key_id),
            ("log.secretAccessKey", &log.secret_access_key),
        ];
        Secret {
            metadata: self.meta(name),
            data: Some(data.into_iter().map(|(field, text)| (field.to_owned(), bytes(text))).collect()),
            type_: Some("camerafleet.io/store".to_owned()),
            ..Secret::default()
        }
    }

    fn config_map(
        &self,
        name: &str,
        means: &Means<'_>,
        intent: u64,
        args: &RunArgs,
    ) -> Result<ConfigMap, Error> {
        let namespace = self.request.namespace().unwrap_or_default();
        let config = JobConfig {
            tenant: self.tenant_id.clone(),
            tenant_name: self.tenant.name_any(),
            request: self.request.name_any(),
            request_uid: self.uid.clone(),
            intent,
            store: means.store.config.clone(),
            vault: VaultAccess {
                address: means.vault.address.clone(),
                namespace: means.vault.namespace.clone(),
                ca_pem: means.vault.ca_pem.clone(),
                auth_mount: args.vault.auth_mount.clone(),
                role: args.vault.disclosure_role.clone(),
                mount: format!("{}/{namespace}", args.vault.mount_prefix),
            },
            log: LogAccess { store: means.log.config.clone(), origin: means.origin.clone() },
        };
        self.json_map(name, CONFIG_KEY, &config)
    }

    fn json_map(&self, name: &str, key: &str, value: &impl serde::Serialize) -> Result<ConfigMap, Error> {
        let build = |source| Error::Build { doing: format!("build the ConfigMap {name}"), source };
        let json = serde_json::to_string(value).map_err(build)?;
        Ok(ConfigMap {
            metadata: self.meta(name),
            data: Some(BTreeMap::from([(key.to_owned(), json)])),
            ..ConfigMap::default()
        })
    }
}
