use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use camerafleet_crds::{DestroyIntent, ID_ANNOTATION, RetentionPolicy, Span, Tenant};
use camerafleet_footage::{
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
    }
}

fn nobody() -> EpochUse {
    EpochUse { listed: BTreeSet::new(), recorders: Vec::new(), max_age: Span::seconds(30) }
}

fn keys(minutes: impl IntoIterator<Item = i64>) -> BTreeMap<Epoch, String> {
    minutes.into_iter().map(|n| (minute(n), key(n))).collect()
}

fn in_force(minutes: u64) -> Terms {
    Terms { keep_for: Span::minutes(minutes), retired: false }
}

/// With a time to keep of three minutes, and nothing stored in the epochs named.
fn decide(recorded: &[DestroyIntent], minutes: &[i64], used: &EpochUse, now: i64) -> Shredding {
    let keys = keys(minutes.iter().copied());
    let newest = keys.keys().map(|epoch| (*epoch, None)).collect();
    shredding(&id(), in_force(3), recorded, &keys, Some(&newest), used, at(now))
}

#[test]
fn a_key_goes_step_by_step() {
    // Nothing is due: it waits for the first.
    let plan = decide(&[], &[0, 1, 2], &nobody(), 239);
    assert_eq!((plan.new.len(), plan.next), (0, Some(at(240))));
    // Due: recorded, and not yet allowed.
    let plan = decide(&[], &[0, 1, 2], &nobody(), 240);
    assert_eq!(plan.new.iter().map(|i| &i.key).collect::<Vec<_>>(), [&key(0)]);
    assert_eq!((plan.allow.len(), plan.next), (0, Some(at(300))));
    // Recorded: allowed.
    let plan = decide(&[intent(0, false)], &[0, 1, 2], &nobody(), 241);
    assert_eq!((plan.new.len(), &plan.allow), (0, &vec![key(0)]));
    assert_eq!(plan.standing, [intent(0, false)]);
    // Allowed: nothing to do until the job did its part.
    let plan = decide(&[intent(0, true)], &[0, 1, 2], &nobody(), 242);
    assert_eq!((plan.new.len(), plan.allow.len(), plan.gone.len()), (0, 0, 0));
    // Gone.
    let plan = decide(&[intent(0, true)], &[1, 2], &nobody(), 243);
    assert_eq!((&plan.gone, plan.standing.len()), (&vec![intent(0, true)], 0));
    assert_eq!(plan.oldest_key, Some(minute(1).start()));
}

/// Of a policy that is deleted: what was made ahead goes first, and what footage needs stays for its date.
#[test]
fn a_retired_policy_does_not_wait_for_keys_that_were_never_used() {
    let keys = keys([0, 1, 2]);
    let newest = keys.keys().map(|epoch| (*epoch, (*epoch == minute(0)).then(|| at(30)))).collect();
    let retired = Terms { retired: true, ..in_force(3) };
    let plan = shredding(&id(), retired, &[], &keys, Some(&newest), &nobody(), at(40));
    assert_eq!(plan.new.iter().map(|i| &i.key).collect::<Vec<_>>(), [&key(1), &key(2)]);
    assert_eq!(plan.next, Some(at(240)));
    let later = shredding(&id(), retired, &[], &keys, Some(&newest), &nobody(), at(240));
    assert_eq!(later.new.len(), 3);
}

#[test]
fn a_key_that_is_no_longer_due_is_taken_back() {
    let keys = keys([0]);
    let newest = BTreeMap::from([(minute(0), None)]);
    let longer = shredding(&id(), in_force(60), &[intent(0, true)], &keys, Some(&newest), &nobody(), at(240));
    assert_eq!((longer.withdraw, longer.standing.len()), (vec![intent(0, true)], 0));
    let listed = EpochUse { listed: BTreeSet::from([key(0)]), ..nobody() };
    assert_eq!(decide(&[intent(0, true)], &[0], &listed, 240).withdraw.len(), 1);
}

#[test]
fn where_the_store_or_vault_does_not_say_nothing_is_done() {
    let recorded = [intent(0, false), intent(1, true)];
    let plan = shredding(&id(), in_force(3), &recorded, &keys([0, 1, 2]), None, &nobody(), at(9_999));
    assert_eq!((plan.new.len(), plan.allow.len(), plan.withdraw.len(), plan.gone.len()), (0, 0, 0, 0));
    assert_eq!(plan.standing, recorded);
    assert_eq!(Shredding::unknown(&recorded).standing, recorded);
}

#[test]
fn a_silent_recorder_keeps_a_key_until_its_spool_gives_up() {
    // Footage that came late, when the epoch was over for two minutes.
    let silent = EpochUse { recorders: vec![Recorder::Silent], max_age: Span::minutes(5), ..nobody() };
    let plan = decide(&[], &[0], &silent, 359);
    assert!(plan.new.is_empty() && plan.waits_for_recorders);
    assert_eq!(decide(&[], &[0], &silent, 360).new.len(), 1);
}

#[test]
fn another_policys_footage_that_waits_keeps_only_its_own_keys() {
    let recording = |policy: &PolicyId| {
        let exactly = BTreeSet::from([(policy.clone(), minute(0))]);
        let recorders = vec![Recorder::Pending { exactly, oldest: Vec::new() }];
        EpochUse { recorders, max_age: Span::days(7), ..nobody() }
    };
    let other = PolicyId::parse("p-other").unwrap();
    assert_eq!(decide(&[], &[0], &recording(&other), 360).new.len(), 1);
    let plan = decide(&[], &[0], &recording(&id()), 9_999);
    assert!(plan.new.is_empty() && plan.waits_for_recorders);
}

#[test]
fn intents_are_bounded_oldest_first() {
    let minutes: Vec<i64> = (-300..-10).collect();
    let plan = decide(&[], &minutes, &nobody(), 0);
    assert_eq!((plan.new.len(), &plan.new[0].key), (100, &key(-300)));
    let recorded: Vec<_> = (-300..-210).map(|n| intent(n, true)).collect();
    assert_eq!(decide(&recorded, &minutes, &nobody(), 0).new.len(), 10);
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
        cameras: CameraKeys::default(),
        last: false,
        standing: recorded.to_vec(),
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

#[test]
fn the_job_of_a_suspended_tenant_runs_on_with_its_own_account_and_role() {
    let made = planned(&policy(), &observed(keys([]), &[]), 0).resources.unwrap();
    let cron = serde_json::to_value(&made.cron_job).unwrap();
    assert_eq!(cron["metadata"]["name"], "retention-0c9f0f6e-8a3");
    let spec = &cron["spec"];
    assert_eq!((&spec["suspend"], &spec["concurrencyPolicy"]), (&json!(false), &json!("Forbid")));
    assert_eq!(spec["schedule"], "* * * * *");
    let pod = &spec["jobTemplate"]["spec"]["template"];
    assert_eq!(pod["spec"]["serviceAccountName"], "retention");
    assert_eq!(pod["spec"]["containers"][0]["image"], "registry.example.com/camerafleet:1");
    let token = &pod["spec"]["volumes"][2]["projected"]["sources"][0]["serviceAccountToken"];
    assert_eq!(token["audience"], "vault");
    for (label, value) in [
        ("camerafleet.io/managed", "true"),
        ("camerafleet.io/tenant", "elm-street"),
        ("camerafleet.io/component", "retention"),
    ] {
        assert_eq!(pod["metadata"]["labels"][label], value);
        assert_eq!(cron["metadata"]["labels"][label], value);
    }
    let json = &made.config_map.data.as_ref().unwrap()["retention.json"];
    for secret in ["opensesame", "readersesame"] {
        assert!(!json.contains(secret) && !cron.to_string().contains(secret));
        let data = made.secret.data.as_ref().unwrap();
        assert_eq!(data.values().filter(|value| value.0 == secret.as_bytes()).count(), 1, "{secret}");
    }
    let config: JobConfig = serde_json::from_str(json).unwrap();
    assert_eq!((config.vault.role.as_str(), config.policy_uid.as_str()), ("camerafleet-retention", "uid-1"));
    assert_eq!(config.vault.mount, "camerafleet/elm-street");
    let log = config.log.unwrap();
    assert_eq!((log.store.bucket.as_str(), log.origin.as_str()), ("log", "camerafleet.io/c-1/t-1"));
    let rules = serde_json::to_value(&made.role.rules).unwrap();
    let only = json!([
        {"apiGroups": ["camerafleet.io"], "resources": ["retentionpolicies"], "resourceNames": ["short"], "verbs": ["get"]},
        {"apiGroups": ["camerafleet.io"], "resources": ["cameras"], "verbs": ["list"]},
    ]);
    assert_eq!(rules, only);
}

#[test]
fn it_looks_again_when_something_comes_due() {
    let pause = |observed: &Observed| planned(&policy(), observed, 0).look_again;
    assert_eq!(pause(&observed(keys([]), &[])), Duration::from_secs(300));
    assert_eq!(pause(&observed(keys([-3, 0]), &[])), Duration::from_secs(61));
    let mut away = observed(keys([0]), &[]);
    away.keys = Err(VaultError::Sealed);
    assert_eq!(pause(&away), Duration::from_secs(10));
}

#[test]
fn a_deleted_policy_stays_until_nothing_depends_on_it() {
    let mut policy = policy();
    policy.metadata.deletion_timestamp = Some(Time(at(0)));
    let release = |observed: &Observed| {
        let plan = planned(&policy, observed, 0);
        assert!(plan.resources.is_ok(), "its job goes on");
        plan.release
    };
    let mut seen = observed(keys([]), &[]);
    assert!(!release(&seen), "the store was not asked");
    seen.segments_left = Some(Err("away".into()));
    assert!(!release(&seen));
    seen.segments_left = Some(Ok(true));
    assert!(!release(&seen));
    seen.segments_left = Some(Ok(false));
    assert!(release(&seen));
    seen.used.listed.insert(key(0));
    assert!(!release(&seen), "a camera is still recorded under it");
    let mut seen = observed(keys([0]), &[]);
    seen.segments_left = Some(Ok(false));
    assert!(!release(&seen), "a key is left");
    seen.keys = Err(VaultError::Sealed);
    assert!(!release(&seen));
}

fn told(status: &camerafleet_crds::RetentionPolicyStatus, type_: &str) -> (String, String) {
    let condition = crate::conditions::get(&status.conditions, type_).unwrap();
    let known = camerafleet_crds::reasons::known("RetentionPolicy", type_, &condition.reason);
    assert!(known, "people find {type_} {} nowhere", condition.reason);
    (condition.status.clone(), condition.reason.clone())
}

fn run(second: i64) -> Run {
    let mut summary = RunSummary::started(at(second));
    (summary.deleted_objects, summary.destroyed_keys) = (3, 1);
    summary.oldest_footage_time = Some(at(second - 100));
    Run { finished_at: at(second + 1), summary: Some(summary), pod: "p".into() }
}

#[test]
fn the_status_tells_a_run_and_a_destruction_once() {
    let mut policy = policy();
    let mut seen = observed(keys([5, 6]), &[intent(0, true), intent(1, true)]);
    seen.run = Some(run(200));
    let plan = planned(&policy, &seen, 300);
    let first = status::status(&policy, &seen, &plan, &Applied::default(), at(300));
    assert_eq!(first.key_destroyed_until, Some(Time(minute(1).end())));
    let week = 7 * 86_400;
    assert_eq!(first.shred_effective_until, Some(Time(at(300 + week))));
    assert_eq!(first.destroy_intents, []);
    assert_eq!(first.last_run.as_ref().map(|run| run.deleted_objects), Some(3));
    assert_eq!(first.oldest_footage_time, Some(Time(at(100))));
    let words = ["Ready", "RunSucceeded", "KeyDestroyed"].map(|c| told(&first, c).1);
    assert_eq!(words, ["InForce", "Done", "Destroyed"]);

    // At rest nothing changes, also when the run's pod is cleaned away. The API server keeps whole seconds.
    let first: camerafleet_crds::RetentionPolicyStatus =
        serde_json::from_value(serde_json::to_value(&first).unwrap()).unwrap();
    policy.status = Some(first.clone());
    let summary = seen.run.as_mut().and_then(|run| run.summary.as_mut()).unwrap();
    summary.started_at += jiff::SignedDuration::from_millis(400);
    let mut rest = observed(keys([5, 6]), &[]);
    rest.run = seen.run.clone();
    let plan = planned(&policy, &rest, 320);
    assert_eq!(status::status(&policy, &rest, &plan, &Applied::default(), at(320)), first);
    rest.run = None;
    assert_eq!(status::status(&policy, &rest, &plan, &Applied::default(), at(330)), first);
    // And an older run says nothing new.
    rest.run = Some(run(100));
    let old = status::status(&policy, &rest, &plan, &Applied::default(), at(330));
    assert_eq!(old.last_run, first.last_run);
}

/// Of a tenant that goes: the last policy's job is the last that can destroy a key.
#[test]
fn the_last_policy_of_a_deleted_tenant_stays_for_the_cameras_keys() {
    let mut policy = policy();
    policy.metadata.deletion_timestamp = Some(Time(at(0)));
    let mut seen = observed(keys([]), &[]);
    seen.segments_left = Some(Ok(false));
    seen.cameras.all.insert("camera-c-1".to_owned());
    let decide = |seen: &Observed| {
        let plan = planned(&policy, seen, 10);
        (plan.release, plan.forget_cameras)
    };
    assert_eq!(decide(&seen), (true, false), "the tenant lives, and another policy will see to them");
    let mut tenant = (*seen.tenant).clone();
    tenant.metadata.deletion_timestamp = Some(Time(at(0)));
    seen.tenant = Arc::new(tenant);
    assert_eq!(decide(&seen), (true, false), "another policy is left");
    seen.last = true;
    assert_eq!(decide(&seen), (false, true));
    seen.cameras.all.clear();
    assert!(decide(&seen).0);
    seen.segments_left = Some(Ok(true));
    assert_eq!(decide(&seen), (false, false), "nothing of it before its footage is gone");
}

#[test]
fn an_older_key_that_is_left_bounds_what_is_claimed() {
    let seen = observed(keys([-5, 6]), &[intent(0, true)]);
    let policy = policy();
    let plan = planned(&policy, &seen, 100);
    assert!(!plan.shredding.gone.is_empty() && !plan.shredding.new.is_empty());
    let status = status::status(&policy, &seen, &plan, &Applied::default(), at(100));
    assert_eq!(status.key_destroyed_until, Some(Time(minute(-5).start())));
}

#[test]
fn an_intent_says_allowed_only_after_vault_was_told() {
    let seen = observed(keys([0, 9]), &[intent(0, false)]);
    let policy = policy();
    let plan = planned(&policy, &seen, 300);
    assert_eq!(plan.shredding.allow, [key(0)]);
    let failed = Applied { failure: Some(VaultError::Sealed), ..Applied::default() };
    let status = status::status(&policy, &seen, &plan, &failed, at(300));
    assert_eq!(
        (status.destroy_intents.as_slice(), told(&status, "KeyDestroyed").1.as_str()),
        ([intent(0, false)].as_slice(), "VaultSealed")
    );
    let allowed = Applied { allowed: vec![key(0)], ..Applied::default() };
    let status = status::status(&policy, &seen, &plan, &allowed, at(300));
    assert_eq!(status.destroy_intents, [intent(0, true)]);
}

#[test]
fn what_does_not_work_is_told() {
    let policy = policy();
    let mut seen = observed(keys([0]), &[]);
    seen.store = Err(Verdict::no("StoreUnavailable", "x"));
    let mut refused = run(1);
    let summary = refused.summary.as_mut().unwrap();
    (summary.outcome, summary.reason) = (Outcome::Refused, "ClocksDisagree".into());
    seen.run = Some(refused);
    let plan = planned(&policy, &seen, 0);
    let status = status::status(&policy, &seen, &plan, &Applied::default(), at(0));
    assert_eq!(told(&status, "Ready"), ("False".into(), "StoreUnavailable".into()));
    assert_eq!(told(&status, "RunSucceeded"), ("False".into(), "ClocksDisagree".into()));
    assert_eq!(status.oldest_footage_time, None, "it did not look");

    let seen = observed(keys([0]), &[]);
    let plan = planned(&policy, &seen, 0);
    let applied = Applied { refused: Some("schedule".into()), ..Applied::default() };
    let status = status::status(&policy, &seen, &plan, &applied, at(0));
    assert_eq!(told(&status, "Ready").1, "JobRefused");
}

#[test]
fn a_run_is_read_from_its_pod() {
    let pod = |message: &str| -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "p"},
            "status": {"containerStatuses": [{
                "name": "retention", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {"exitCode": 0, "finishedAt": at(201), "message": message}},
            }]},
        }))
        .unwrap()
    };
    let summary = run(200).summary.unwrap();
    assert_eq!(run_of(&pod(&serde_json::to_string(&summary).unwrap())), Some(run(200)));
    assert_eq!(run_of(&pod("Killed")).unwrap().summary, None);
    assert_eq!(run_of(&Pod::default()), None);
}
