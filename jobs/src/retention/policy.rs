//! The RetentionPolicy, read when it counts: an outdated one would delete what its owner just decided to keep.

use std::future::Future;

use camerafleet_crds::{Amount, Camera, DestroyIntent, ID_ANNOTATION, LegalHold, RetentionPolicy};
use camerafleet_footage::{ids::CameraId, retention::Terms};
use jiff::Timestamp;
use kube::{Api, Client, Resource, ResourceExt, api::ListParams, client::Body, core::params::GetParams};

use super::{CALL_TIMEOUT, Job, JobError, clock};

/// Objects in one answer of the API server.
const PAGE: u32 = 500;

/// What the API server answers.
pub struct Answer {
    /// The object, if there is one.
    pub policy: Option<RetentionPolicy>,
    /// The server's clock.
    pub date: Option<Timestamp>,
}

/// Whether a Camera is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declared {
    /// It may be recorded again.
    Yes,
    /// It is deleted with `deletionPolicy: Shred`, and waits for its key to go.
    ToShred,
    /// None with its identity is.
    No,
}

/// Where the policy is read.
pub trait PolicySource: Sync {
    /// Reads it now.
    fn read(&self) -> impl Future<Output = Result<Answer, JobError>> + Send;

    /// All LegalHolds that are there now.
    fn holds(&self) -> impl Future<Output = Result<Vec<LegalHold>, JobError>> + Send;

    /// Whether a Camera with this identity is declared now.
    fn declares(&self, camera: &CameraId) -> impl Future<Output = Result<Declared, JobError>> + Send;
}

/// The API server.
pub struct KubePolicy {
    client: Client,
    namespace: String,
    name: String,
}

impl KubePolicy {
    /// Of a policy by name.
    pub fn new(client: Client, namespace: String, name: String) -> Self {
        Self { client, namespace, name }
    }

    async fn ask(&self) -> Result<Answer, String> {
        let url = RetentionPolicy::url_path(&(), Some(&self.namespace));
        let request = kube::core::Request::new(url).get(&self.name, &GetParams::default());
        let request = request.map_err(|e| e.to_string())?;
        // Not `Api::get`: the answer's Date is wanted, too.
        let response = self.client.send(request.map(Body::from)).await.map_err(|e| e.to_string())?;
        let date = response.headers().get("date").and_then(|date| date.to_str().ok());
        let date = date.and_then(clock::http_date);
        match response.status().as_u16() {
            200 => {
                let body = response.into_body().collect_bytes().await.map_err(|e| e.to_string())?;
                let policy = serde_json::from_slice(&body).map_err(|e| e.to_string())?;
                Ok(Answer { policy: Some(policy), date })
            }
            404 => Ok(Answer { policy: None, date }),
            status => Err(format!("it answered {status}")),
        }
    }

    async fn find(&self, camera: &CameraId) -> Result<Declared, String> {
        let api = Api::<Camera>::namespaced(self.client.clone(), &self.namespace);
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list = api.list(&page).await.map_err(|e| e.to_string())?;
            let is_it = |found: &&Camera| {
                found.annotations().get(ID_ANNOTATION).map(String::as_str) == Some(camera.as_str())
            };
            if let Some(found) = list.items.iter().find(is_it) {
                return Ok(if found.is_shredded() { Declared::ToShred } else { Declared::Yes });
            }
            match list.metadata.continue_.filter(|next| !next.is_empty()) {
                Some(next) => page = page.continue_token(&next),
                None => return Ok(Declared::No),
            }
        }
    }

    async fn list_holds(&self) -> Result<Vec<LegalHold>, String> {
        let api = Api::<LegalHold>::namespaced(self.client.clone(), &self.namespace);
        let mut page = ListParams::default().limit(PAGE);
        let mut holds = Vec::new();
        loop {
            let list = api.list(&page).await.map_err(|e| e.to_string())?;
            holds.extend(list.items);
            match list.metadata.continue_.filter(|next| !next.is_empty()) {
                Some(next) => page = page.continue_token(&next),
                None => return Ok(holds),
            }
        }
    }
}

impl PolicySource for KubePolicy {
    async fn holds(&self) -> Result<Vec<LegalHold>, JobError> {
        match tokio::time::timeout(CALL_TIMEOUT, self.list_holds()).await {
            Ok(answer) => answer.map_err(|why| JobError::Holds { why }),
            Err(_) => Err(JobError::Holds { why: "it did not answer in time".to_owned() }),
        }
    }

    async fn declares(&self, camera: &CameraId) -> Result<Declared, JobError> {
        match tokio::time::timeout(CALL_TIMEOUT, self.find(camera)).await {
            Ok(answer) => answer.map_err(|why| JobError::Policy { why }),
            Err(_) => Err(JobError::Policy { why: "it did not answer in time".to_owned() }),
        }
    }

    async fn read(&self) -> Result<Answer, JobError> {
        match tokio::time::timeout(CALL_TIMEOUT, self.ask()).await {
            Ok(answer) => answer.map_err(|why| JobError::Policy { why }),
            Err(_) => Err(JobError::Policy { why: "it did not answer in time".to_owned() }),
        }
    }
}

/// What the policy says, after it was found to be the one that the job was made for, by a server that agrees
/// on the time.
pub(super) struct Checked {
    /// For how long footage is kept.
    pub terms: Terms,
    /// At most so many bytes of each camera.
    pub most: Option<u64>,
    /// The keys to destroy.
    pub intents: Vec<DestroyIntent>,
}

impl Checked {
    /// Whether the key is to be destroyed.
    pub fn names(&self, key: &str) -> bool {
        self.intents.iter().any(|intent| intent.key == key)
    }

    /// Reads it now.
    pub async fn read<P: PolicySource>(job: &Job<P>) -> Result<Self, JobError> {
        let answer = job.policy.read().await?;
        const WHOSE: &str = "the API server's clock";
        let date = answer.date.ok_or_else(|| JobError::NoClock {
            whose: "the API server",
            why: "its answer has no Date".to_owned(),
        })?;
        clock::check(WHOSE, (job.now)(), date)?;
        let config = &job.config;
        let ours = |policy: &RetentionPolicy| {
            policy.uid().as_deref() == Some(config.policy_uid.as_str())
                && policy.annotations().get(ID_ANNOTATION).map(String::as_str) == Some(config.policy.as_str())
        };
        let policy = answer.policy.filter(ours).ok_or(JobError::NotOurPolicy)?;
        Ok(Self {
            terms: Terms::of(&policy),
            most: policy.spec.max_bytes_per_camera.as_ref().map(Amount::value),
            intents: policy.status.map(|status| status.destroy_intents).unwrap_or_default(),
        })
    }
}
