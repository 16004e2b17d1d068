//! The newest checkpoint, kept where somebody who writes to the log's bucket cannot reach.

use std::collections::BTreeMap;

use camerafleet_crds::Tenant;
use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{Api, Resource};

use super::{LogProblem, Session};
use crate::{context::Context, controllers::tenant::tenant_labels, kube_api};

/// The ConfigMap in the tenant's namespace. It is labelled as the operator's own, so that only the operator changes it.
const NAME: &str = "camerafleet-log";
const KEY: &str = "checkpoint";

/// What was written last; none before the first time.
pub(super) async fn recall(tenant: &Tenant, context: &Context) -> Result<Option<String>, LogProblem> {
    let api = Api::<ConfigMap>::namespaced(context.client.clone(), &tenant.spec.namespace);
    let map = kube_api::get(&api, NAME).await?;
    Ok(map.and_then(|map| map.data?.remove(KEY)))
}

/// Writes it, if it is another one than last time.
pub(super) async fn remember(
    tenant: &Tenant,
    session: &mut Session,
    context: &Context,
) -> Result<(), LogProblem> {
    let Some(note) = session.writer.checkpoint().map(|checkpoint| checkpoint.note().to_owned()) else {
        return Ok(());
    };
    if session.remembered.as_ref() == Some(&note) {
        return Ok(());
    }
    let namespace = &tenant.spec.namespace;
    let map = ConfigMap {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            namespace: Some(namespace.clone()),
            labels: Some(tenant_labels(tenant)),
            // A namespace that was only adopted outlives the tenant, and this must not stay in it.
            owner_references: tenant.controller_owner_ref(&()).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(KEY.to_owned(), note.clone())])),
        ..ConfigMap::default()
    };
    kube_api::apply(&Api::<ConfigMap>::namespaced(context.client.clone(), namespace), &map).await?;
    session.remembered = Some(note);
    Ok(())
}
