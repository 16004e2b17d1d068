//! One folder a kind, each in the same order: `gather` (all reads), `plan` (pure), `apply`, `status`.
//! `ingest` is not a kind: it is a tenant's recorders, made from its Cameras and policies.

pub mod camera;
pub mod ingest;
pub mod legal_hold;
pub mod retention_policy;
pub mod sharing_policy;
pub mod tenant;

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, Shared},
    stream,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    Api, Resource,
    runtime::{
        controller::{self, Action, ReconcileRequest, applier},
        reflector::{ObjectRef, Store},
    },
};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::{
    conditions::{self, Verdict},
    config::{RETRY_MAX, RETRY_MIN},
    context::Context,
    error::Error,
    events, identity,
    kube_api::{self, Object},
};

/// Reconciliations of one pipeline that run at once.
const CONCURRENCY: u16 = 8;
/// Changes that come within this are one reconciliation: a `kubectl apply` of many objects is one plan.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// Waits until a store has seen its kind whole. Two pipelines on one store must share one of these: the store
/// itself wakes only the last that waits (kube-runtime 5.0.0, `DelayedInit`).
pub fn ready<K>(store: &Store<K>) -> Ready
where
    K: Resource<DynamicType = ()> + Clone + Send + Sync + 'static,
{
    let store = store.clone();
    async move { store.wait_until_ready().await.is_ok() }.boxed().shared()
}

/// Whether there is a store to work on; `false` when its watch has ended.
pub type Ready = Shared<BoxFuture<'static, bool>>;

/// Runs a pipeline for ever: every request once at a time per object, failures again with a growing pause.
pub async fn drive<K, F>(
    pipeline: &'static str,
    context: Arc<Context>,
    store: Store<K>,
    ready: Ready,
    queue: UnboundedReceiver<ReconcileRequest<K>>,
    reconcile: impl Fn(Arc<K>, Arc<Context>) -> F,
) where
    K: Resource<DynamicType = ()> + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Action, Error>> + Send + 'static,
{
    if !ready.await {
        return;
    }
    let queue =
        stream::unfold(queue, |mut queue| async { queue.recv().await.map(|request| (request, queue)) })
            .map(Ok::<_, std::convert::Infallible>)
            .boxed();
    let retries = Arc::new(Retries::<K>::default());
    let on_success = Arc::clone(&retries);
    let run = |object: Arc<K>, context: Arc<Context>| {
        let started = Instant::now();
        let work = reconcile(Arc::clone(&object), Arc::clone(&context));
        let retries = Arc::clone(&on_success);
        async move {
            let result = work.await;
            let label = result.as_ref().err().map_or("ok", Error::kind);
            context.metrics.reconciliations.with_label_values(&[pipeline, label]).inc();
            context.metrics.duration.with_label_values(&[pipeline]).observe(started.elapsed().as_secs_f64());
            if result.is_ok() {
                retries.forget(&object);
            }
            result
        }
        .boxed()
    };
    let on_error = |object: Arc<K>, error: &Error, _: Arc<Context>| {
        let pause = retries.next(&object);
        // A conflict says that the view was old: the new one is on its way.
        if !error.is_conflict() {
            tracing::warn!(pipeline, object = %ObjectRef::from_obj(&*object), %error, retry_in = ?pause, "reconciliation failed");
        }
        Action::requeue(pause)
    };
    let config = controller::Config::default().concurrency(CONCURRENCY).debounce(DEBOUNCE);
    applier(run, on_error, context, store, queue, config).for_each(|_| async {}).await;
}

/// The pause before the next try of each object that failed.
struct Retries<K: Resource<DynamicType = ()>>(Mutex<HashMap<ObjectRef<K>, Duration>>);

impl<K: Resource<DynamicType = ()>> Default for Retries<K> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Resource<DynamicType = ()>> Retries<K> {
    fn next(&self, object: &K) -> Duration {
        let mut pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = pauses.entry(ObjectRef::from_obj(object)).or_insert(RETRY_MIN);
        let now = *pause;
        *pause = (now * 2).min(RETRY_MAX);
        now
    }

    fn forget(&self, object: &K) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&ObjectRef::from_obj(object));
    }
}

/// Whether an object carries an id that an older one of its kind holds. It is told so, and nothing else is done for it.
pub async fn is_duplicate<K: Object>(
    api: &Api<K>,
    object: &K,
    store: &Store<K>,
    observed: &[Condition],
    context: &Context,
) -> Result<bool, Error> {
    if !identity::is_among(&identity::duplicates(&store.state()), object) {
        return Ok(false);
    }
    let why = identity::duplicate_verdict::<K>();
    let stalled = Verdict::yes(why.reason, why.message.clone());
    let verdicts = [("Ready", why), ("Stalled", stalled)];
    let conditions = conditions::merge(observed, object.meta().generation, &verdicts, context.now());
    if conditions != observed {
        let status =
            serde_json::json!({"observedGeneration": object.meta().generation, "conditions": conditions});
        kube_api::write_status(api, object, None, &status).await?;
        events::transition(context, &object.object_ref(&()), observed, &conditions).await;
    }
    Ok(true)
}
