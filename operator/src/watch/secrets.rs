//! Secrets are watched by metadata only: what they hold is read when it is needed, and never kept.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use camerafleet_crds::CAMERA_SECRET_TYPE;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client,
    core::PartialObjectMeta,
    runtime::{WatchStreamExt, watcher},
};
use tokio::task::JoinSet;

use super::Router;

/// The watches on cameras' Secrets, one in each tenant's namespace (the operator has no right to see Secrets
/// in others, so there is no single watch).
pub struct TenantSecrets {
    client: Client,
    watched: Mutex<HashSet<String>>,
}

impl TenantSecrets {
    /// None yet.
    pub fn new(client: Client) -> Self {
        Self { client, watched: Mutex::new(HashSet::new()) }
    }

    /// Watches a namespace's camera Secrets from now on; once is enough.
    pub(super) fn watch(&self, namespace: &str, router: &Arc<Router>) {
        if !self.watched.lock().unwrap_or_else(PoisonError::into_inner).insert(namespace.to_owned()) {
            return;
        }
        let api = Api::<PartialObjectMeta<Secret>>::namespaced(self.client.clone(), namespace);
        let config = watcher::Config::default().fields(&format!("type={CAMERA_SECRET_TYPE}"));
        let (namespace, router) = (namespace.to_owned(), Arc::downgrade(router));
        tokio::spawn(async move {
            let mut events = watcher(api, config).default_backoff().boxed();
            loop {
                let event = events.try_next().await;
                let Some(router) = router.upgrade() else { return };
                match event {
                    Ok(Some(_)) => router.recorders_of(Some(&namespace)),
                    Ok(None) => return,
                    // The tenant is gone, and with it the right to look: its next one asks for a watch again.
                    Err(_) if !router.is_tenants(&namespace) => return router.secrets.forget(&namespace),
                    Err(error) => {
                        tracing::warn!(namespace, %error, "watch of camera Secrets failed; trying again")
                    }
                }
            }
        });
    }

    fn forget(&self, namespace: &str) {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).remove(namespace);
    }
}

/// Watches the operator's own namespace, where Tenants' store credentials and CA bundles lie.
pub(super) fn watch_own(client: &Client, namespace: &str, router: &Arc<Router>, tasks: &mut JoinSet<()>) {
    let api = Api::<PartialObjectMeta<Secret>>::namespaced(client.clone(), namespace);
    let router = Arc::clone(router);
    tasks.spawn(async move {
        let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
        loop {
            match events.try_next().await {
                // Which tenants name a Secret is cheap to find out by reconciling them.
                Ok(Some(watcher::Event::Apply(_) | watcher::Event::Delete(_))) => router.everything(),
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(error) => tracing::warn!(%error, "watch of the operator's Secrets failed; trying again"),
            }
        }
    });
}
