//! Tables of what is planned and told: for a policy's keys, for its job, in its status.

mod job;
mod keys;
mod told;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use camerafleet_crds::{DestroyIntent, ID_ANNOTATION, RetentionPolicy, Span, Tenant};

use camerafleet_footage::{
    hold::Holds,
    ids::{PolicyId, TenantId},
    layout::{Epoch, epoch_key_name},
    retention::{EpochUse, JobConfig, Outcome, Recorder, RunSummary},
    shard::StoreConfig,
    store::StoreCredential,
    vault::VaultError,
};

use clap::Parser;

use jiff::Timestamp;

use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Time};

use kube::ResourceExt;

use serde_json::json;

use super::*;

use crate::controllers::retention_policy::{
    apply::Applied,
    gather::{JobLog, Observed, Run, run_of},
    look::Left,
    status,
    store::TenantStore,
};

use crate::log::LogStore;

const BASE: i64 = 1_795_611_600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(BASE + second).unwrap()
}

fn minute(n: i64) -> Epoch {
    Epoch::containing(at(n * 60), 60)
}

fn id() -> PolicyId {
    PolicyId::parse("0c9f0f6e-8a35-4a53-9d39-0a1d1c5ce0a0").unwrap()
}

fn key(n: i64) -> String {
    epoch_key_name(&id(), &minute(n))
}

fn intent(n: i64, allowed: bool) -> DestroyIntent {
    DestroyIntent {
        key: key(n),
        epoch_end: Some(Time(minute(n).end())),
        intended_at: Time(at(0)),
        log_index: None,
        allowed,
        shred: false,
    }
}

fn nobody() -> EpochUse {
    EpochUse {
        listed: BTreeSet::new(),
        recorders: Vec::new(),
        max_age: Span::seconds(30),
        uncopied: BTreeSet::new(),
    }
}

fn keys(minutes: impl IntoIterator<Item = i64>) -> BTreeMap<Epoch, String> {
    minutes.into_iter().map(|n| (minute(n), key(n))).collect()
}

fn policy() -> RetentionPolicy {
    let spec = json!({"keepFor": "3m", "keyEpoch": "1m", "schedule": "* * * * *", "snapshotTTL": "7d"});
    let mut policy = RetentionPolicy::new("short", serde_json::from_value(spec).unwrap());
    policy.metadata.namespace = Some("elm-street".into());
    policy.metadata.uid = Some("uid-1".into());
    policy.metadata.generation = Some(1);
    policy.annotations_mut().insert(ID_ANNOTATION.into(), id().to_string());
    policy
}

fn observed(keys: BTreeMap<Epoch, String>, recorded: &[DestroyIntent]) -> Observed {
    let spec = json!({
        "namespace": "elm-street",
        "storage": {"s3": {"endpoint": "https://s3.example.com", "bucket": "footage", "credentials": {
            "ingest": {"name": "i"}, "retention": {"name": "r"}, "disclosure": {"name": "d"}}}},
        "cameraNetworks": ["198.51.100.0/24"],
        "suspend": true,
    });
    let config = StoreConfig {
        endpoint: "https://s3.example.com".into(),
        region: "eu-1".into(),
        bucket: "footage".into(),
        prefix: "elm-street".into(),
        path_style: true,
        ca_bundle: None,
    };
    Observed {
        tenant: Arc::new(Tenant::new("elm-street", serde_json::from_value(spec).unwrap())),
        tenant_id: TenantId::parse("t-1").unwrap(),
        policy_id: id(),
        store: Ok(TenantStore {
            config: config.clone(),
            credential: StoreCredential {
                access_key_id: "id".to_owned().into(),
                secret_access_key: "opensesame".to_owned().into(),
            },
            client: Arc::new(object_store::memory::InMemory::new()),
        }),
        log: Ok(JobLog {
            store: LogStore {
                config: StoreConfig { bucket: "log".into(), prefix: String::new(), ..config.clone() },
                credential: StoreCredential {
                    access_key_id: "reader".to_owned().into(),
                    secret_access_key: "readersesame".to_owned().into(),
                },
                version: String::new(),
            },
            origin: "camerafleet.io/c-1/t-1".into(),
        }),
        vault: Ok(crate::vault::Target {
            address: "https://vault.example.com:8200".into(),
            namespace: None,
            ca_pem: None,
        }),
        newest: Ok(keys.keys().map(|epoch| (*epoch, None)).collect()),
        keys: Ok(keys),
        used: nobody(),
        others: OtherKeys::default(),
        to_shred: Vec::new(),
        holds: Holds::default(),
        last: false,
        standing: recorded.to_vec(),
        orphaned: None,
        left: None,
        segments_left: None,
        run: None,
    }
}

fn args() -> RunArgs {
    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: RunArgs,
    }
    let arguments = ["x", "--image=registry.example.com/camerafleet:1", "--vault-address=https://v"];
    Cli::try_parse_from(arguments).unwrap().args
}

fn planned(policy: &RetentionPolicy, observed: &Observed, now: i64) -> Plan {
    plan(policy, observed, &args(), at(now)).unwrap()
}
