//! What all kinds share.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// The API group.
pub const GROUP: &str = "camerafleet.io";
/// The annotation with an object's lasting identity: set once, by the operator, to the first uid. It survives
/// a restore from backup and names keys and paths.
pub const ID_ANNOTATION: &str = "camerafleet.io/id";
/// The annotation by which an existing namespace consents to become a tenant's: its value is the tenant's name.
pub const ADOPT_ANNOTATION: &str = "camerafleet.io/adopt";
/// On what the operator made.
pub const MANAGED_LABEL: &str = "camerafleet.io/managed";
/// On a tenant's namespace and what the operator made there: the tenant's name.
pub const TENANT_LABEL: &str = "camerafleet.io/tenant";
/// The type of a Secret with a camera's `username` and `password`; no other type is read.
pub const CAMERA_SECRET_TYPE: &str = "camerafleet.io/camera";
/// The type of a Secret with a webhook's `url` and `hmacKey`.
pub const WEBHOOK_SECRET_TYPE: &str = "camerafleet.io/webhook";

/// An object of a kind that the field decides, in the same namespace unless the field says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalRef {
    /// The object's name.
    #[schemars(schema_with = "crate::formats::object_name")]
    pub name: String,
}

impl From<&str> for LocalRef {
    fn from(name: &str) -> Self {
        Self { name: name.to_owned() }
    }
}

/// `status.conditions` as a list-map by `type`, so that two writers of different conditions never overwrite
/// each other and a diff names the condition.
pub(crate) fn conditions(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = Vec::<Condition>::json_schema(generator);
    schema.insert("x-kubernetes-list-type".into(), "map".into());
    schema.insert("x-kubernetes-list-map-keys".into(), serde_json::json!(["type"]));
    schema
}

/// A camera by its lasting identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CameraRef {
    /// The camera's name, for people.
    #[schemars(schema_with = "crate::formats::object_name")]
    pub name: String,
    /// Its annotation `camerafleet.io/id`, which decides: a camera made again under the name is another one.
    #[schemars(schema_with = "crate::formats::id")]
    pub id: String,
}

/// A list of cameras names each once: a rule rather than a list-map, since a list-map's order may change under
/// an immutable field, and digests and signatures are over the order too.
pub(crate) const EACH_CAMERA_ONCE: &str = "self.all(c, self.exists_one(d, d.id == c.id))";
/// What [`EACH_CAMERA_ONCE`] says.
pub(crate) const EACH_CAMERA_ONCE_MESSAGE: &str =
    "cameras must name each camera once: two entries have the same id";

/// A DisclosureRequest, and no later one of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequestRef {
    /// The request's name.
    #[schemars(schema_with = "crate::formats::object_name")]
    pub name: String,
    /// Its `metadata.uid`.
    #[schemars(schema_with = "crate::formats::id")]
    pub uid: String,
}

/// A stretch of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("self.from < self.to").message("the window's from must be before its to"))]
pub struct Window {
    /// Its start, in UTC, as in `2026-11-25T18:00:00Z`.
    #[schemars(schema_with = "crate::formats::utc_time")]
    pub from: Time,
    /// Its end, in UTC.
    #[schemars(schema_with = "crate::formats::utc_time")]
    pub to: Time,
}
