//! All that is read for a request: the objects as the API server stores them, the Job and what it said, the package.

use std::{sync::Arc, time::Duration};

use camerafleet_crds::{Approval, DisclosureRequest, LegalHold, LegalOrder, SharingPolicy, Tenant};
use camerafleet_footage::{
    disclosure::{
        Live,
        job::{Ending, Receipt, RunSummary, receipt_key},
    },
    ids::{RequestUid, TenantId},
};
use jiff::Timestamp;
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{
    Api, Resource, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams},
};
use object_store::{ObjectStoreExt as _, path::Path};
use serde_json::Value;

use super::{
    resources::{REQUEST_LABEL, name},
    store::{self, DisclosureStore},
};
use crate::{context::Context, error::Error, kube_api};

/// Objects in one answer.
const PAGE: u32 = 200;
/// And of such as may have 256 KiB each.
const SMALL_PAGE: u32 = 20;
/// The most objects of a kind that are read; the Job reads no more either.
const MAX_OBJECTS: usize = 20_000;
/// The receipt's longest.
const MAX_RECEIPT: usize = 16 << 10;
/// The store is asked for so long.
const STORE_LIMIT: Duration = Duration::from_secs(20);

/// The request's Job and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub enum JobState {
    /// There is none.
    Absent,
    /// It is at work, or begins again by itself.
    Running,
    /// The package is there: this is its receipt, read in the store.
    Delivered(Box<Receipt>),
    /// It refused, and would again.
    Refused(String),
    /// It gave up; another one may do better.
    Failed {
        /// A sentence and a next step.
        message: String,
        /// When.
        at: Timestamp,
    },
}

/// The objects, read now. The items of a list do not say what they are.
pub async fn live(namespace: &str, request: &str, tenant: &Tenant, context: &Context) -> Result<Live, Error> {
    let request = raw::<DisclosureRequest>(namespace, request, context).await?;
    // Others' are not looked at, and may be large.
    let uid = request.as_ref().and_then(|object| object.pointer("/metadata/uid")).cloned();
    let is_answer = |approval: &Value| approval.pointer("/spec/requestRef/uid") == uid.as_ref();
    Ok(Live {
        approvals: list::<Approval>(namespace, SMALL_PAGE, is_answer, context).await?,
        orders: list::<LegalOrder>(namespace, PAGE, |_| true, context).await?,
        holds: list::<LegalHold>(namespace, PAGE, |_| true, context).await?,
        policies: list::<SharingPolicy>(namespace, PAGE, |_| true, context).await?,
        request,
        members: tenant.spec.members.clone(),
    })
}

/// One object as the API server stores it.
pub async fn raw<K: Resource<DynamicType = ()>>(
    namespace: &str,
    name: &str,
    context: &Context,
) -> Result<Option<Value>, Error> {
    let doing = format!("read {} {namespace}/{name}", K::kind(&()));
    let found = kube_api::call(&doing, api::<K>(namespace, context).get_opt(name)).await?;
    Ok(found.map(json::<K>))
}

fn api<K: Resource<DynamicType = ()>>(namespace: &str, context: &Context) -> Api<DynamicObject> {
    Api::namespaced_with(context.client.clone(), namespace, &ApiResource::erase::<K>(&()))
}

async fn list<K: Resource<DynamicType = ()>>(
    namespace: &str,
    page: u32,
    wanted: impl Fn(&Value) -> bool,
    context: &Context,
) -> Result<Vec<Value>, Error> {
    let api = api::<K>(namespace, context);
    let doing = format!("list the {} of {namespace}", K::plural(&()));
    let mut page = ListParams::default().limit(page);
    let mut all = Vec::new();
    loop {
        let list = kube_api::call(&doing, api.list(&page)).await?;
        all.extend(list.items.into_iter().map(json::<K>).filter(&wanted));
        match list.metadata.continue_.filter(|next| !next.is_empty() && all.len() < MAX_OBJECTS) {
            Some(next) => page = page.continue_token(&next),
            None => return Ok(all),
        }
    }
}

fn json<K: Resource<DynamicType = ()>>(object: DynamicObject) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    value["apiVersion"] = K::api_version(&()).into();
    value["kind"] = K::kind(&()).into();
    value
}

/// What became of the request's Job.
pub async fn job(
    namespace: &str,
    uid: &RequestUid,
    tenant: (&Tenant, &TenantId),
    context: &Context,
) -> Result<JobState, Error> {
    let api = Api::<Job>::namespaced(context.client.clone(), namespace);
    let Some(job) = kube_api::get(&api, &name(uid)).await? else { return Ok(JobState::Absent) };
    let state = said(&job, context);
    // What a pod says is checked in the store, which only the disclosure role writes.
    if let Said::Delivered = state {
        let store = match store::read(tenant.0, context).await? {
            Ok(store) => store,
            Err(verdict) => return Ok(JobState::Failed { message: verdict.message, at: context.now() }),
        };
        return Ok(match receipt(&store, tenant.1, uid).await {
            Ok(Some(receipt)) => JobState::Delivered(Box::new(receipt)),
            Ok(None) => JobState::Failed {
                message: "The Job said that the package is made, and the store does not have it.".to_owned(),
                at: context.now(),
            },
            Err(error) => {
                tracing::warn!(%uid, %error, "a package's receipt cannot be read");
                JobState::Running
            }
        });
    }
    Ok(state.into_state(context))
}

/// What a Job has said that makes no package.
pub fn job_state(job: &Job, context: &Context) -> JobState {
    match said(job, context) {
        // For such a Job another one does no better at once, and may later.
        Said::Refused(message) => Said::Failed(message, None),
        said => said,
    }
    .into_state(context)
}

/// Whether a pod of the request's Jobs may still write.
pub fn at_work(uid: &RequestUid, context: &Context) -> bool {
    let pods = context.index.disclosure_pods.state();
    pods.iter()
        .filter(|pod| pod.labels().get(REQUEST_LABEL).map(String::as_str) == Some(uid.as_str()))
        .any(|pod| run_of(pod).is_none())
}

fn said(job: &Job, context: &Context) -> Said {
    let pods = context.index.disclosure_pods.state();
    let runs: Vec<Option<RunSummary>> =
        pods.iter().filter(|pod| is_of(pod, job)).filter_map(|pod| run_of(pod)).collect();
    state(job, &runs)
}

/// What a Job has said through its pods.
#[derive(Debug, PartialEq)]
enum Said {
    Nothing,
    Delivered,
    Refused(String),
    Failed(String, Option<Timestamp>),
}

impl Said {
    fn into_state(self, context: &Context) -> JobState {
        match self {
            Self::Nothing | Self::Delivered => JobState::Running,
            Self::Refused(message) => JobState::Refused(message),
            Self::Failed(message, at) => {
                JobState::Failed { message, at: at.unwrap_or_else(|| context.now()) }
            }
        }
    }
}

fn state(job: &Job, runs: &[Option<RunSummary>]) -> Said {
    // What makes no sense to it may to one that is made anew.
    let refused = |run: &&RunSummary| run.outcome == Ending::Refused && run.reason != "Misconfigured";
    if runs.iter().flatten().any(|run| run.outcome == Ending::Delivered) {
        return Said::Delivered;
    }
    if let Some(run) = runs.iter().flatten().find(refused) {
        return Said::Refused(run.message.clone());
    }
    let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let mut over = conditions
        .filter(|condition| condition.status == "True" && matches!(&*condition.type_, "Failed" | "Complete"));
    match over.next() {
        None => Said::Nothing,
        Some(over) => {
            let last = runs.iter().flatten().last().map(|run| run.message.clone());
            let message = last.unwrap_or_else(|| {
                "The disclosure Job ended without a word: read its pods' log, and look whether its image runs."
                    .to_owned()
            });
            Said::Failed(message, over.last_transition_time.as_ref().map(|time| time.0))
        }
    }
}

fn is_of(pod: &Pod, job: &Job) -> bool {
    let owned = |owner: &k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference| {
        Some(&owner.uid) == job.metadata.uid.as_ref()
    };
    pod.namespace() == job.namespace()
        && pod.labels().get(REQUEST_LABEL) == job.labels().get(REQUEST_LABEL)
        && pod.owner_references().iter().any(owned)
}

/// A pod's run, once it has ended; none if it ended without a word.
fn run_of(pod: &Pod) -> Option<Option<RunSummary>> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    let ended = statuses.first()?.state.as_ref()?.terminated.as_ref()?;
    Some(serde_json::from_str(ended.message.as_deref().unwrap_or_default()).ok())
}

/// The package's receipt, if the package lies beside it as it says.
pub async fn receipt(
    store: &DisclosureStore,
    tenant: &TenantId,
    uid: &RequestUid,
) -> Result<Option<Receipt>, String> {
    let path = Path::from(receipt_key(&store.config.prefix, tenant, uid));
    let read = async {
        let bytes = match store.client.get(&path).await {
            Ok(got) => got.bytes().await?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let receipt = (bytes.len() <= MAX_RECEIPT)
            .then(|| serde_json::from_slice::<Receipt>(&bytes).ok())
            .flatten()
            .filter(|receipt| receipt.request == *uid);
        let Some(receipt) = receipt else { return Ok(None) };
        match store.client.head(&Path::from(receipt.key.as_str())).await {
            Ok(package) => Ok(Some(receipt).filter(|receipt| receipt.bytes == package.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    };
    match tokio::time::timeout(STORE_LIMIT, read).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err("the store did not answer in time".to_owned()),
    }
}

/// The request of this uid in a namespace, as the watch knows it.
pub fn known(namespace: &str, uid: &str, context: &Context) -> Option<Arc<DisclosureRequest>> {
    context.index.disclosure_requests.find(|request| {
        request.namespace().as_deref() == Some(namespace) && request.metadata.uid.as_deref() == Some(uid)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(condition: Option<&str>) -> Job {
        let conditions: Vec<Value> = condition
            .map(|kind| serde_json::json!({"type": kind, "status": "True", "lastTransitionTime": "2026-11-25T12:00:00Z"}))
            .into_iter()
            .collect();
        serde_json::from_value(serde_json::json!({"metadata": {}, "status": {"conditions": conditions}}))
            .unwrap()
    }

    fn run(outcome: Ending, reason: &str) -> Option<RunSummary> {
        Some(RunSummary { outcome, reason: reason.into(), message: format!("{reason}."), package: None })
    }

    #[test]
    fn what_a_job_said_is_what_its_pods_said_and_a_failure_is_one_when_it_is_over() {
        let at = Some("2026-11-25T12:00:00Z".parse().unwrap());
        let silent = Said::Failed(
            "The disclosure Job ended without a word: read its pods' log, and look whether its image runs."
                .into(),
            at,
        );
        let cases = [
            (None, vec![], Said::Nothing),
            (None, vec![run(Ending::Failed, "StoreFailed")], Said::Nothing),
            (
                Some("Failed"),
                vec![run(Ending::Failed, "StoreFailed")],
                Said::Failed("StoreFailed.".into(), at),
            ),
            (Some("Failed"), vec![None], silent),
            (None, vec![run(Ending::Refused, "NothingStored")], Said::Refused("NothingStored.".into())),
            (
                None,
                vec![run(Ending::Failed, "StoreFailed"), run(Ending::Delivered, "Delivered")],
                Said::Delivered,
            ),
            // The next Job may have better files.
            (None, vec![run(Ending::Refused, "Misconfigured")], Said::Nothing),
            (
                Some("Failed"),
                vec![run(Ending::Refused, "Misconfigured")],
                Said::Failed("Misconfigured.".into(), at),
            ),
        ];
        for (condition, runs, expected) in cases {
            assert_eq!(state(&job(condition), &runs), expected, "{condition:?} {runs:?}");
        }
    }
}
