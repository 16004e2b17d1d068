//! The objects that a decision needs, as they are at the API server now.

use std::{future::Future, time::Duration};

use camerafleet_crds::{
    Approval, DisclosureRequest, LegalHold, LegalOrder, Member, Role, SharingPolicy, Subject, SubjectKind,
};
pub use camerafleet_footage::disclosure::Live;
use k8s_openapi::api::rbac::v1::RoleBinding;
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
/// The roles whose members decide, and the bindings by which they have them. A Tenant lies in no namespace, so that a right
/// to read one's own would be a right to read everybody's; these say the same of one tenant, and are what the API server
/// itself goes by. The operator writes them from the Tenant, and nobody else can (`camerafleet-managed`).
const DECIDERS: [(Role, &str); 2] =
    [(Role::Owner, "camerafleet-member-owner"), (Role::Reviewer, "camerafleet-member-reviewer")];

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
}

impl KubeObjects {
    /// Of a request in a tenant's namespace.
    pub fn new(client: Client, namespace: String, request: String) -> Self {
        Self { client, namespace, request }
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

    /// Whoever may decide for the tenant.
    async fn members(&self) -> Result<Vec<Member>, kube::Error> {
        let bindings = Api::<RoleBinding>::namespaced(self.client.clone(), &self.namespace);
        let mut members = Vec::new();
        for (role, name) in DECIDERS {
            // There is none where a tenant has no such members.
            let found = bindings.get_opt(name).await?;
            members.extend(found.and_then(|binding| member(role, name, binding)));
        }
        Ok(members)
    }

    async fn all(&self) -> Result<Live, kube::Error> {
        let request = self.api::<DisclosureRequest>().get_opt(&self.request).await?;
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
            members: self.members().await?,
        })
    }
}

/// Those who have a role by its binding.
fn member(role: Role, name: &str, binding: RoleBinding) -> Option<Member> {
    if (binding.role_ref.kind.as_str(), binding.role_ref.name.as_str()) != ("ClusterRole", name) {
        return None;
    }
    let subjects = binding.subjects.unwrap_or_default().into_iter().filter_map(|subject| {
        let kind = match subject.kind.as_str() {
            "User" => SubjectKind::User,
            "Group" => SubjectKind::Group,
            // A Tenant names no account.
            _ => return None,
        };
        Some(Subject { kind, name: subject.name })
    });
    Some(Member { role, subjects: subjects.collect() })
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
