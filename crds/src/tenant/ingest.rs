//! How a tenant's recorders run.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ResourceRequirements, Toleration};
use kube::core::{Rule, validate};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::{Amount, LocalRef, Span, quantity, span};

/// How a tenant's recorders run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Ingest {
    /// What waits on disk for the store.
    pub spool: Spool,
    /// The most cameras of one pod.
    #[schemars(range(min = 1, max = 1000))]
    pub cameras_per_shard: u32,
    /// Cameras are local to a site: on which nodes their recorders run. At most 32 labels.
    #[schemars(extend("maxProperties" = 32))]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that the recorders tolerate.
    #[schemars(length(max = 16))]
    pub tolerations: Vec<Toleration>,
    /// Requests and limits of a recorder.
    pub resources: ResourceRequirements,
    /// The recorders' priority class.
    #[schemars(length(max = 253))]
    #[schemars(extend("x-kubernetes-validations" = [{
        "rule": "self.matches('^[a-z0-9.-]*$')",
        "message": "priorityClassName is the name of a PriorityClass, or empty for none",
    }]))]
    pub priority_class_name: String,
    /// Secrets to pull the image with, in the tenant's namespace.
    #[schemars(length(max = 8))]
    pub image_pull_secrets: Vec<LocalRef>,
    /// How long a stopping recorder may take to empty its spool.
    #[schemars(range(min = 5, max = 3600))]
    pub drain_seconds: u32,
}

impl Default for Ingest {
    fn default() -> Self {
        Self {
            spool: Spool::default(),
            cameras_per_shard: 100,
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            resources: ResourceRequirements::default(),
            priority_class_name: String::new(),
            image_pull_secrets: Vec::new(),
            drain_seconds: 300,
        }
    }
}

/// What waits on disk for the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Spool {
    /// The most bytes, 16Mi to 1Ti.
    #[schemars(schema_with = "size")]
    pub size: Amount,
    /// The longest wait, 1m to 7d; also how long a silent recorder keeps an epoch's key alive.
    #[schemars(schema_with = "max_age")]
    pub max_age: Span,
}

impl Default for Spool {
    fn default() -> Self {
        let size = Amount::try_from("2Gi".to_owned()).unwrap_or_else(|_| unreachable!("2Gi is an amount"));
        Self { size, max_age: Span::hours(1) }
    }
}

// Not `x_kube`: it builds a type of one field, which the container's default does not fit. And not `extend`: it
// would replace the rule of the type itself.

fn size(generator: &mut SchemaGenerator) -> Schema {
    let rule = quantity::between("spool.size", ["16Mi", "1Ti"], "2Gi");
    with(Amount::json_schema(generator), rule)
}

fn max_age(generator: &mut SchemaGenerator) -> Schema {
    let rule = span::between("spool.maxAge", Span::minutes(1), Span::days(7), "1h");
    with(Span::json_schema(generator), rule)
}

fn with(mut schema: Schema, rule: Rule) -> Schema {
    validate(&mut schema, rule).unwrap_or_else(|e| unreachable!("a rule is plain data: {e}"));
    schema
}
