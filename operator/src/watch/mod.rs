//! Watches: each kind has its own task and its own back-off, so that one kind that is missing or forbidden
//! stalls only itself (`Controller::run` shares one back-off over all its triggers). A watch fills a shared
//! index and says which objects have work to do.

mod route;
mod secrets;

use std::{
    collections::BTreeMap,
    fmt::Debug,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use camerafleet_crds::{
    Camera, LegalHold, LegalOrder, MANAGED_LABEL, RetentionPolicy, SharingPolicy, Tenant,
};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Namespace, Pod},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    runtime::{
        WatchStreamExt, reflector,
        reflector::{Store, store::Writer},
        watcher,
    },
};
use tokio::task::JoinSet;

pub use route::{Queues, Router};
pub use secrets::TenantSecrets;

use crate::{config::RunArgs, identity};

/// What the watches have seen: read by every pipeline, written by the watches alone.
#[derive(Clone)]
pub struct Index {
    /// All tenants.
    pub tenants: Store<Tenant>,
    /// All cameras.
    pub cameras: Store<Camera>,
    /// All retention policies.
    pub retention_policies: Store<RetentionPolicy>,
    /// All sharing policies.
    pub sharing_policies: Store<SharingPolicy>,
    /// All legal holds.
    pub legal_holds: Store<LegalHold>,
    /// All legal orders.
    pub legal_orders: Store<LegalOrder>,
    /// The recorders' pods.
    pub pods: Store<Pod>,
    /// The retention jobs' pods.
    pub retention_pods: Store<Pod>,
    /// The recorders' configurations.
    pub config_maps: Store<ConfigMap>,
    /// The recorders' Deployments.
    pub deployments: Store<Deployment>,
    /// Tenants' namespaces.
    pub namespaces: Store<Namespace>,
    /// Which of these are whole.
    pub synced: Synced,
}

impl Index {
    /// The tenant to which a namespace belongs.
    pub fn tenant_of(&self, namespace: &str) -> Option<Arc<Tenant>> {
        self.tenants.find(|t| t.spec.namespace == namespace)
    }

    /// The tenant to which a namespace is bound: of two Tenants that name it, the one whose id it carries.
    pub fn bound_tenant(&self, namespace: &str) -> Option<Arc<Tenant>> {
        let bound = self.namespaces.find(|n| n.name_any() == namespace)?;
        let id = identity::of(&*bound)?;
        self.tenants.find(|t| t.spec.namespace == namespace && identity::of(t) == Some(id))
    }

    /// The cameras of a namespace, by name.
    pub fn cameras_in(&self, namespace: &str) -> Vec<Arc<Camera>> {
        in_namespace(&self.cameras, namespace)
    }
}

/// The objects of a namespace, by name.
pub fn in_namespace<K>(store: &Store<K>, namespace: &str) -> Vec<Arc<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let mut found: Vec<_> =
        store.state().into_iter().filter(|o| o.namespace().as_deref() == Some(namespace)).collect();
    found.sort_by_key(|o| o.name_any());
    found
}

/// Which watches have seen their kind whole; readiness says which have not.
#[derive(Clone, Default)]
pub struct Synced(Arc<Mutex<BTreeMap<&'static str, State>>>);

/// How far a watch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has not seen its kind whole yet: what is missing may be there.
    NotYet,
    /// It follows.
    InSync,
    /// It has failed and tries again; what it saw before stands.
    Failing,
}

impl Synced {
    fn started(&self, kind: &'static str) {
        self.kinds().insert(kind, State::NotYet);
    }

    fn whole(&self, kind: &'static str) {
        self.kinds().insert(kind, State::InSync);
    }

    fn failed(&self, kind: &'static str) {
        if let Some(sync @ State::InSync) = self.kinds().get_mut(kind) {
            *sync = State::Failing;
        }
    }

    /// Whether all these kinds were seen whole since this process began. What is missing from one that was not may be
    /// there, and nothing may be taken away because of it.
    pub fn seen(&self, needed: &[&str]) -> bool {
        let kinds = self.kinds();
        needed.iter().all(|kind| kinds.get(kind).is_some_and(|sync| *sync != State::NotYet))
    }

    /// The kinds that are not in sync.
    pub fn missing(&self) -> Vec<&'static str> {
        self.kinds().iter().filter(|(_, sync)| **sync != State::InSync).map(|(kind, _)| *kind).collect()
    }

    fn kinds(&self) -> MutexGuard<'_, BTreeMap<&'static str, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts every watch.
pub fn start(
    client: &Client,
    args: &RunArgs,
    router: &Arc<Router>,
    synced: &Synced,
    tasks: &mut JoinSet<()>,
) -> Index {
    let managed = watcher::Config::default().labels(&format!("{MANAGED_LABEL}=true"));
    let recorders = watcher::Config::default().labels("camerafleet.io/component=ingest");
    let retention = watcher::Config::default().labels("camerafleet.io/component=retention");
    let all = watcher::Config::default();
    let mut spawn = Spawner { client, router, synced, tasks };
    let index = Index {
        tenants: spawn.watch("tenants", &all, |r: &Router, o: &Tenant| r.tenant(o)),
        cameras: spawn.watch("cameras", &all, |r: &Router, o: &Camera| r.camera(o)),
        retention_policies: spawn.watch("retentionpolicies", &all, |r: &Router, o: &RetentionPolicy| {
            r.retention_policy(o);
        }),
        sharing_policies: spawn
            .watch("sharingpolicies", &all, |r: &Router, o: &SharingPolicy| r.sharing_policy(o)),
        legal_holds: spawn.watch("legalholds", &all, |r: &Router, o: &LegalHold| r.legal_hold(o)),
        legal_orders: spawn.watch("legalorders", &all, |r: &Router, o: &LegalOrder| r.legal_order(o)),
        pods: spawn.watch("pods", &recorders, |r: &Router, o: &Pod| r.child(o)),
        retention_pods: spawn.watch("retention pods", &retention, |r: &Router, o: &Pod| r.retention_pod(o)),
        config_maps: spawn.watch("configmaps", &recorders, |r: &Router, o: &ConfigMap| r.child(o)),
        deployments: spawn.watch("deployments", &recorders, |r: &Router, o: &Deployment| r.child(o)),
        namespaces: spawn.watch("namespaces", &managed, |r: &Router, o: &Namespace| r.namespace(o)),
        synced: synced.clone(),
    };
    router.connect(index.clone());
    secrets::watch_own(client, &args.namespace, router, tasks);
    index
}

struct Spawner<'a> {
    client: &'a Client,
    router: &'a Arc<Router>,
    synced: &'a Synced,
    tasks: &'a mut JoinSet<()>,
}

impl Spawner<'_> {
    fn watch<K>(
        &mut self,
        kind: &'static str,
        config: &watcher::Config,
        route: impl Fn(&Router, &K) + Send + 'static,
    ) -> Store<K>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + serde::de::DeserializeOwned + Send + Sync + 'static,
        K::DynamicType: Hash + Eq,
    {
        let (store, writer) = reflector::store();
        let api = Api::<K>::all(self.client.clone());
        self.synced.started(kind);
        let watch =
            follow(kind, api, config.clone(), writer, Arc::clone(self.router), self.synced.clone(), route);
        self.tasks.spawn(watch);
        store
    }
}

/// Follows one kind for ever. A failed watch starts again with a growing pause of its own.
async fn follow<K>(
    kind: &'static str,
    api: Api<K>,
    config: watcher::Config,
    writer: Writer<K>,
    router: Arc<Router>,
    synced: Synced,
    route: impl Fn(&Router, &K) + Send + 'static,
) where
    K: Resource<DynamicType = ()> + Clone + Debug + serde::de::DeserializeOwned + Send + Sync + 'static,
{
    let events = watcher(api, config).default_backoff().modify(|object| {
        // Half of an object's bytes, and nothing here reads them.
        object.meta_mut().managed_fields = None;
    });
    let mut events = reflector(writer, events).boxed();
    loop {
        match events.try_next().await {
            Ok(Some(watcher::Event::Apply(object) | watcher::Event::Delete(object))) => {
                route(&router, &object)
            }
            Ok(Some(watcher::Event::InitApply(object))) => route(&router, &object),
            Ok(Some(watcher::Event::Init)) => {}
            Ok(Some(watcher::Event::InitDone)) => {
                synced.whole(kind);
                router.everything();
            }
            Ok(None) => return,
            Err(error) => {
                synced.failed(kind);
                tracing::warn!(kind, %error, "watch failed; trying again");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_was_seen_once_it_was_whole_even_while_its_watch_fails() {
        let synced = Synced::default();
        synced.started("cameras");
        synced.failed("cameras");
        assert!(!synced.seen(&["cameras"]), "a watch that is refused from the start has seen nothing");
        synced.started("tenants");
        synced.whole("tenants");
        assert!(
            synced.seen(&["tenants"]) && !synced.seen(&["tenants", "cameras"]) && !synced.seen(&["pods"])
        );
        synced.failed("tenants");
        assert!(synced.seen(&["tenants"]), "what it saw stands");
        assert_eq!(synced.missing(), ["cameras", "tenants"]);
        synced.whole("tenants");
        assert_eq!(synced.missing(), ["cameras"]);
    }
}
