//! How a tenant's recorders run.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ResourceRequirements, Toleration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Amount, LocalRef, Span};

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
    #[schemars(extend("x-kubernetes-validations" = [{
        "rule": "!isQuantity(self) || (quantity(self).compareTo(quantity('16Mi')) >= 0 && quantity(self).compareTo(quantity('1Ti')) <= 0)",
        "message": "spool.size must be from 16Mi to 1Ti, for instance 2Gi",
    }]))]
    pub size: Amount,
    /// The longest wait, 1m to 7d; also how long a silent recorder keeps an epoch's key alive.
    #[schemars(extend("x-kubernetes-validations" = [{
        "rule": "self >= duration('1m') && self <= duration('168h')",
        "message": "spool.maxAge must be from 1m to 7d, for instance 1h",
    }]))]
    pub max_age: Span,
}

impl Default for Spool {
    fn default() -> Self {
        let size = Amount::try_from("2Gi".to_owned()).unwrap_or_else(|_| unreachable!("2Gi is an amount"));
        Self { size, max_age: Span::hours(1) }
    }
}
