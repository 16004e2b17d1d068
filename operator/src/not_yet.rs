//! Kinds that are stored but that nothing acts on yet. They say so, so that nobody waits for them, and they get their
//! lasting identity, so that the version that acts on them finds it.

use std::time::Duration;

use camerafleet_crds::{Approval, DisclosureRequest, LegalOrder};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::{NamespaceResourceScope, apimachinery::pkg::apis::meta::v1::Condition};
use kube::{
    Api, Client, Resource, ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use tokio::task::JoinSet;

use crate::{
    conditions::{self, Verdict},
    error::Error,
    identity,
    kube_api::{self, Object},
};

/// A write that failed is tried again after this, and not for ever: the watch begins anew by itself.
const AGAIN: Duration = Duration::from_secs(2);
const TRIES: u8 = 5;

/// Follows each of these kinds, in a task of its own.
pub fn start(client: &Client, tasks: &mut JoinSet<()>) {
    tasks.spawn(follow::<DisclosureRequest>(client.clone()));
    tasks.spawn(follow::<Approval>(client.clone()));
    tasks.spawn(follow::<LegalOrder>(client.clone()));
}

async fn follow<K>(client: Client)
where
    K: Object + Resource<Scope = NamespaceResourceScope> + Send + Sync + 'static,
{
    let mut events =
        watcher(Api::<K>::all(client.clone()), watcher::Config::default()).default_backoff().boxed();
    loop {
        match events.try_next().await {
            Ok(Some(watcher::Event::Apply(object) | watcher::Event::InitApply(object))) => {
                tell(&client, &object).await
            }
            Ok(Some(_)) => {}
            Ok(None) => return,
            Err(error) => tracing::warn!(kind = %K::kind(&()), %error, "watch failed; trying again"),
        }
    }
}

async fn tell<K: Object + Resource<Scope = NamespaceResourceScope>>(client: &Client, object: &K) {
    let Some(namespace) = object.namespace() else { return };
    let api = Api::<K>::namespaced(client.clone(), &namespace);
    for _ in 0..TRIES {
        match tell_once(&api, object).await {
            Ok(()) => return,
            // It changed meanwhile, or is gone: that comes as an event of its own.
            Err(error) if error.is_conflict() => return,
            Err(error) => tracing::warn!(object = kube_api::label(object), %error, "status not written"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn tell_once<K: Object>(api: &Api<K>, object: &K) -> Result<(), Error> {
    if identity::of(object).is_none() {
        // The change comes back by the watch, and the status with it.
        identity::ensure(api, object).await?;
        return Ok(());
    }
    let build = |source| Error::Build { doing: format!("read {}", kube_api::label(object)), source };
    let value = serde_json::to_value(object).map_err(build)?;
    if value["spec"]["kind"] == "PreservationOrder" {
        // A LegalOrder that makes a hold: `controllers::legal_hold` acts on it.
        return Ok(());
    }
    let observed: Vec<Condition> =
        serde_json::from_value(value["status"]["conditions"].clone()).unwrap_or_default();
    let generation = object.meta().generation;
    let verdict = Verdict::unknown(
        "NotYetReconciled",
        "This version of the operator stores objects of this kind, but does not act on them yet.",
    );
    let conditions = conditions::merge(&observed, generation, &[("Ready", verdict)], jiff::Timestamp::now());
    if conditions == observed {
        return Ok(());
    }
    let status = serde_json::json!({"observedGeneration": generation, "conditions": conditions});
    kube_api::write_status(api, object, None, &status).await
}
