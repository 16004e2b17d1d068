//! What a policy's retention job is made of.

mod access;
mod cron_job;

use std::collections::BTreeMap;

use camerafleet_crds::RetentionPolicy;
use camerafleet_footage::retention::{CONFIG_KEY, JobConfig, LogAccess, VaultAccess};
use k8s_openapi::{
    ByteString,
    api::{
        batch::v1::CronJob,
        core::v1::{ConfigMap, Secret},
        rbac::v1::{Role, RoleBinding},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Resource, ResourceExt};

use super::{gather::Observed, store::TenantStore};
use crate::{
    config::RunArgs, controllers::tenant::tenant_labels, error::Error, log::LogProblem, vault::Target,
};

pub(super) use cron_job::ACTIVE_DEADLINE_SECONDS;

/// What selects retention jobs.
pub const COMPONENT: (&str, &str) = ("camerafleet.io/component", "retention");
/// On everything of a policy's job: the policy's identity. Its name may be too long for a label.
pub const POLICY_LABEL: &str = "camerafleet.io/retention-policy";
/// The jobs' ServiceAccount, which the tenant's pipeline makes and Vault's role is bound to.
const ACCOUNT: &str = "retention";

/// What a policy's retention job is made of.
pub struct Resources {
    /// What the job may read.
    pub role: Role,
    /// By whom.
    pub binding: RoleBinding,
    /// The store's credential.
    pub secret: Secret,
    /// What it needs to know.
    pub config_map: ConfigMap,
    /// When and how it runs.
    pub cron_job: CronJob,
}

/// What all the parts share.
struct Parts<'a> {
    policy: &'a RetentionPolicy,
    observed: &'a Observed,
    name: String,
    labels: BTreeMap<String, String>,
}

/// Builds it. A suspended tenant's footage expires as any other.
pub fn resources(
    policy: &RetentionPolicy,
    observed: &Observed,
    store: &TenantStore,
    target: &Target,
    args: &RunArgs,
) -> Result<Resources, Error> {
    let mut labels = tenant_labels(&observed.tenant);
    labels.insert(COMPONENT.0.to_owned(), COMPONENT.1.to_owned());
    labels.insert(POLICY_LABEL.to_owned(), observed.policy_id.to_string());
    let parts = Parts { policy, observed, name: name(observed.policy_id.as_str()), labels };
    Ok(Resources {
        role: parts.role(),
        binding: parts.binding(),
        secret: parts.secret(store),
        config_map: parts.config_map(store, target, args)?,
        cron_job: parts.cron_job(args)?,
    })
}

/// The name of a policy's CronJob and of what belongs to it.
fn name(policy_id: &str) -> String {
    let short: String = policy_id.chars().take(12).collect();
    format!("retention-{}", short.trim_end_matches('-'))
}

impl Parts<'_> {
    fn meta(&self) -> ObjectMeta {
        ObjectMeta {
            name: Some(self.name.clone()),
            namespace: self.policy.namespace(),
            labels: Some(self.labels.clone()),
            // The policy outlives its footage, and these go with it.
            owner_references: self.policy.controller_owner_ref(&()).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        }
    }

    fn secret(&self, store: &TenantStore) -> Secret {
        let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
        let credential = &store.credential;
        let mut data = BTreeMap::from([
            ("accessKeyId".to_owned(), bytes(&credential.access_key_id)),
            ("secretAccessKey".to_owned(), bytes(&credential.secret_access_key)),
        ]);
        if let Ok(log) = &self.observed.log {
            let reader = &log.store.credential;
            data.insert("log.accessKeyId".to_owned(), bytes(&reader.access_key_id));
            data.insert("log.secretAccessKey".to_owned(), bytes(&reader.secret_access_key));
        }
        Secret {
            metadata: self.meta(),
            data: Some(data),
            type_: Some("camerafleet.io/store".to_owned()),
            ..Secret::default()
        }
    }

    fn config_map(&self, store: &TenantStore, target: &Target, args: &RunArgs) -> Result<ConfigMap, Error> {
        let namespace = self.policy.namespace().unwrap_or_default();
        let config = JobConfig {
            tenant: self.observed.tenant_id.clone(),
            policy: self.observed.policy_id.clone(),
            policy_uid: self.policy.uid().unwrap_or_default(),
            store: store.config.clone(),
            vault: VaultAccess {
                address: target.address.clone(),
                namespace: target.namespace.clone(),
                ca_pem: target.ca_pem.clone(),
                auth_mount: args.vault.auth_mount.clone(),
                role: args.vault.retention_role.clone(),
                mount: format!("{}/{namespace}", args.vault.mount_prefix),
            },
            log: self
                .observed
                .log
                .as_ref()
                .ok()
                .map(|log| LogAccess { store: log.store.config.clone(), origin: log.origin.clone() }),
            log_required: !matches!(self.observed.log, Err(LogProblem::NotConfigured)),
        };
        let json = serde_json::to_string(&config).map_err(|source| Error::Build {
            doing: format!("build the configuration of {}", self.name),
            source,
        })?;
        Ok(ConfigMap {
            metadata: self.meta(),
            data: Some(BTreeMap::from([(CONFIG_KEY.to_owned(), json)])),
            ..ConfigMap::default()
        })
    }
}
