//! The objects that a decision needs, as they are at the API server now.

use std::{future::Future, time::Duration};

use camerafleet_crds::{Approval, DisclosureRequest, LegalHold, LegalOrder, Member, SharingPolicy, Tenant};
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
/// The most objects of a kind that are read.
const MAX_OBJECTS: usize = 20_000;

/// What the API server has. Objects are JSON as it stores them: digests and signatures are over that.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// The request.
    pub request: Option<Value>,
    /// All Approvals of the namespace.
    pub approvals: Vec<Value>,
    /// All LegalOrders.
    pub orders: Vec<Value>,
    /// All LegalHolds.
    pub holds: Vec<Value>,
    /// All SharingPolicies.
    pub policies: Vec<Value>,
    /// The Tenant's members.
    pub members: Vec<Member>,
}

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

    async fn list<K: Resource<DynamicType = ()>>(&self) -> Result<Vec<Value>, kube::Error> {
        let (api, kind) = (self.api::<K>(), K::kind(&()).into_owned());
        let version = K::api_version(&()).into_owned();
        let mut page = ListParams::default().limit(PAGE);
        let mut all = Vec::new();
        loop {
            let list = api.list(&page).await?;
            // The items of a list do not say what they are.
            all.extend(list.items.into_iter().map(|object| json(object, &version, &kind)));
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
        Ok(Live {
            request: request.map(|object| json(object, &version, &kind)),
            approvals: self.list::<Approval>().await?,
            orders: self.list::<LegalOrder>().await?,
            holds: self.list::<LegalHold>().await?,
            policies: self.list::<SharingPolicy>().await?,
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
