//! The job, when to look again, and when a policy is let go.

use super::*;

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
        {"apiGroups": ["camerafleet.io"], "resources": ["legalholds"], "verbs": ["list"]},
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

/// Of a tenant that goes: the last policy's job is the last that can destroy a key.
#[test]
fn the_last_policy_of_a_deleted_tenant_stays_for_the_cameras_keys() {
    let mut policy = policy();
    policy.metadata.deletion_timestamp = Some(Time(at(0)));
    let mut seen = observed(keys([]), &[]);
    seen.segments_left = Some(Ok(false));
    seen.others.all.insert("camera-c-1".to_owned());
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
    seen.others.all.clear();
    assert!(decide(&seen).0);
    seen.segments_left = Some(Ok(true));
    assert_eq!(decide(&seen), (false, false), "nothing of it before its footage is gone");
}
