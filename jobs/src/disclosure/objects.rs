//! The objects that a decision needs, as they are at the API server now.

use std::{future::Future, time::Duration};

use camerafleet_crds::{Approval, DisclosureRequest, LegalHold, LegalOrder, SharingPolicy, Tenant};
pub use camerafleet_footage::disclosure::Live;
use kube::{
    Api, Client, Resource,
    api::{ApiResource, DynamicObject, ListParams},
};
use serde_json::Value;

use super::JobError;

/// One call takes at most this long.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Objects in one answer.
const PAGE: u32 = 200;
/// And of such as may have 256 KiB each.
const SMALL_PAGE: u32 = 20;
/// The most objects of a kind that are read.
const MAX_OBJECTS: usize = 20_000;

/// Where the objects are read.
pub trait Objects: Sync {
    /// Reads them now.
    fn read(&self) -> impl Future<Output = Result<Live, JobError>> + Send;
}

/// The API server.
pub struct KubeObjects {
    client: Client,
    namespace: String,
    request: String,
    tenant: String,
}

impl KubeObjects {
    /// Of a request in a namespace, and the Tenant that it is of.
    pub fn new(client: Client, namespace: String, request: String, tenant: String) -> Self {
        Self { client, namespace, request, tenant }
    }

    fn api<K: Resource<DynamicType = ()>>(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &ApiResource::erase::<K>(&()))
    }

    async fn list<K: Resource<DynamicType = ()>>(
        &self,
        page: u32,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Vec<Value>, kube::Error> {
        let (api, kind) = (self.api::<K>(), K::kind(&()).into_owned());
        let version = K::api_version(&()).into_owned();
        let mut page = ListParams::default().limit(page);
        let mut all = Vec::new();
        loop {
            let list = api.list(&page).await?;
            // The items of a list do not say what they are.
            let objects = list.items.into_iter().map(|object| json(object, &version, &kind));
            all.extend(objects.filter(&wanted));
            match list.metadata.continue_.filter(|next| !next.is_empty() && all.len() < MAX_OBJECTS) {
                Some(next) => page = page.continue_token(&next),
                None => return Ok(all),
            }
        }
    }

    async fn all(&self) -> Result<Live, kube::Error> {
        let request = self.api::<DisclosureRequest>().get_opt(&self.request).await?;
        let tenant = Api::<Tenant>::all(self.client.clone()).get(&self.tenant).await?;
        let (version, kind) = (DisclosureRequest::api_version(&()), DisclosureRequest::kind(&()));
        let request = request.map(|object| json(object, &version, &kind));
        // Others' are not looked at, and may be large.
        let uid = request.as_ref().and_then(|object| object.pointer("/metadata/uid")).cloned();
        let is_answer = |approval: &Value| approval.pointer("/spec/requestRef/uid") == uid.as_ref();
        Ok(Live {
            approvals: self.list::<Approval>(SMALL_PAGE, is_answer).await?,
            orders: self.list::<LegalOrder>(PAGE, |_| true).await?,
            holds: self.list::<LegalHold>(PAGE, |_| true).await?,
            policies: self.list::<SharingPolicy>(PAGE, |_| true).await?,
            request,
            members: tenant.spec.members,
        })
    }
}

fn json(object: DynamicObject, version: &str, kind: &str) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    value["apiVersion"] = version.into();
    value["kind"] = kind.into();
    value
}

impl Objects for KubeObjects {
    async fn read(&self) -> Result<Live, JobError> {
        match tokio::time::timeout(6 * TIMEOUT, self.all()).await {
            Ok(answer) => answer.map_err(|error| JobError::Api { why: error.to_string() }),
            Err(_) => Err(JobError::Api { why: "it did not answer in time".to_owned() }),
        }
    }
}
