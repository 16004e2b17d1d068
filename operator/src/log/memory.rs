//! What the operator knows of a log and keeps where somebody who writes to the log's bucket cannot reach: ConfigMaps in the
//! tenant's namespace, labelled as the operator's own, so that only the operator changes them.

use std::collections::BTreeMap;

use camerafleet_crds::Tenant;
use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{Api, Resource};

use crate::{context::Context, controllers::tenant::tenant_labels, error::Error, kube_api};

/// A text that is remembered.
pub(super) struct Memory {
    /// The ConfigMap.
    pub name: &'static str,
    /// Its key.
    pub key: &'static str,
}

/// The newest checkpoint. `kubectl footage verify-log` reads it.
pub(super) const CHECKPOINT: Memory = Memory { name: "camerafleet-log", key: "checkpoint" };
/// Beside the checkpoint: the log's verifier key.
pub(super) const LOG_KEY_FIELD: &str = "key";

impl Memory {
    /// What was written last; none before the first time.
    pub(super) async fn recall(&self, tenant: &Tenant, context: &Context) -> Result<Option<String>, Error> {
        let map = kube_api::get(&api(tenant, context), self.name).await?;
        Ok(map.and_then(|map| map.data?.remove(self.key)))
    }

    /// Writes it.
    pub(super) async fn remember(
        &self,
        text: String,
        tenant: &Tenant,
        context: &Context,
    ) -> Result<(), Error> {
        self.remember_all([(self.key, text)], tenant, context).await
    }

    /// Writes it, and what stands beside it.
    pub(super) async fn remember_all<const N: usize>(
        &self,
        texts: [(&str, String); N],
        tenant: &Tenant,
        context: &Context,
    ) -> Result<(), Error> {
        let map = ConfigMap {
            metadata: ObjectMeta {
                name: Some(self.name.to_owned()),
                namespace: Some(tenant.spec.namespace.clone()),
                labels: Some(tenant_labels(tenant)),
                // A namespace that was only adopted outlives the tenant, and this must not stay in it.
                owner_references: tenant.controller_owner_ref(&()).map(|owner| vec![owner]),
                ..ObjectMeta::default()
            },
            data: Some(BTreeMap::from(texts.map(|(key, text)| (key.to_owned(), text)))),
            ..ConfigMap::default()
        };
        kube_api::apply(&api(tenant, context), &map).await.map(drop)
    }
}

fn api(tenant: &Tenant, context: &Context) -> Api<ConfigMap> {
    Api::namespaced(context.client.clone(), &tenant.spec.namespace)
}
