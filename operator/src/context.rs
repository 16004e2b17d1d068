//! What every pipeline has at hand.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use kube::{Client, runtime::events::Recorder};

use crate::{
    admission::Admission,
    conditions::Verdict,
    config::RunArgs,
    log::Logs,
    metrics::Metrics,
    pods::Answers,
    vault::Sessions,
    watch::{Index, Router},
};

/// What every pipeline has at hand.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// The operator's settings.
    pub args: RunArgs,
    /// What the watches have seen.
    pub index: Index,
    /// Whom to wake.
    pub router: Arc<Router>,
    /// Vault.
    pub vault: Sessions,
    /// The tenants' disclosure logs.
    pub logs: Logs,
    /// What recorders say.
    pub answers: Answers,
    /// What the ingest pipeline decided last.
    pub plans: Plans,
    /// Whether the admission policies are enforced: while they are not, nothing is authorised.
    pub admission: Admission,
    /// Counters.
    pub metrics: Metrics,
    /// Events on objects.
    pub events: Recorder,
}

impl Context {
    /// The clock of the edge; decisions get it passed in.
    pub fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// What the ingest pipeline decided last for each tenant namespace: the Camera pipeline tells it to people.
#[derive(Default)]
pub struct Plans(Mutex<HashMap<String, Arc<TenantPlan>>>);

/// For a tenant: which camera is recorded where, and which is not, and why.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TenantPlan {
    /// By the Camera's name.
    pub cameras: HashMap<String, Placement>,
    /// How far the epoch keys reach that its recorders have.
    pub epoch_keys: EpochKeys,
}

/// How far a tenant's epoch keys reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EpochKeys {
    /// Keys that are due and do not exist.
    pub missing: usize,
    /// When the first of its policies in use has none left; none where no policy is in use.
    pub end: Option<Timestamp>,
}

/// What was decided for a camera.
#[derive(Clone, Debug, PartialEq)]
pub enum Placement {
    /// A shard was told to record it.
    Shard {
        /// The shard's name.
        shard: String,
        /// The RetentionPolicy in force.
        retention_policy: String,
        /// The SharingPolicy in force.
        sharing_policy: Option<String>,
        /// Its key and the present epoch's exist.
        keys: Verdict,
    },
    /// Nothing records it.
    Not {
        /// Ready's reason and message.
        why: Verdict,
        /// What is known of its keys.
        keys: Verdict,
    },
}

impl Plans {
    /// The last plan for a namespace.
    pub fn get(&self, namespace: &str) -> Option<Arc<TenantPlan>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(namespace).cloned()
    }

    /// Keeps a plan; gives the names of the cameras for which something changed.
    pub fn replace(&self, namespace: &str, plan: TenantPlan) -> Vec<String> {
        let plan = Arc::new(plan);
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let old = plans.insert(namespace.to_owned(), Arc::clone(&plan));
        let old = old.as_deref();
        plan.cameras
            .iter()
            .filter(|(name, placement)| old.and_then(|o| o.cameras.get(*name)) != Some(placement))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// How far the epoch keys of all tenants reach.
    pub fn epoch_keys(&self) -> Vec<EpochKeys> {
        let plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        plans.values().map(|plan| plan.epoch_keys).collect()
    }

    /// A tenant is gone.
    pub fn forget(&self, namespace: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(namespace);
    }
}
