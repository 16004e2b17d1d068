use std::{fs, path::Path, process::Command, sync::Arc};

use camerafleet_crds::{ID_ANNOTATION, LegalHold, LegalOrder, SharingPolicy, Tenant};
use camerafleet_footage::{
    disclosure::{Frozen, Logged, ORDER_NAMESPACE},
    hold::{HeldEpoch, HoldReport},
    ids::{HoldId, TenantId},
    layout::Epoch,
    log::Entry,
    vault::VaultError,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    KeyProblem,
    gather::Observed,
    order,
    plan::{Plan, plan},
    status::status,
};
use crate::{conditions::Truth, log::LogProblem};

fn at(time: &str) -> Timestamp {
    format!("2026-11-25T{time}Z").parse().unwrap()
}

fn hold(change: impl FnOnce(&mut Value)) -> LegalHold {
    let mut object = json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "LegalHold",
        "metadata": {"name": "matter-7", "creationTimestamp": at("12:00:00"), "annotations": {ID_ANNOTATION: "h-1"}},
        "spec": {
            "cameras": [{"name": "door", "id": "c-1"}],
            "window": {"from": at("08:00:00"), "to": at("09:00:00")},
            "reference": {"kind": "Matter", "name": "7"},
            "duration": "1h",
        },
    });
    change(&mut object);
    serde_json::from_value(object).unwrap()
}

fn renewed(object: &mut Value) {
    object["spec"]["renewals"] =
        json!([{"duration": "30m", "reference": {"kind": "LegalOrder", "name": "po-1"}}]);
}

fn planned(hold: &LegalHold, now: &str) -> Plan {
    plan(hold, &HoldId::parse("h-1").unwrap(), at(now))
}

#[test]
fn what_is_logged_of_a_hold_is_its_opening_each_renewal_and_its_end() {
    let ids = |plan: &Plan| plan.entries.iter().map(|entry| entry.id.clone()).collect::<Vec<_>>();
    let opened = planned(&hold(|_| {}), "12:59:59");
    assert_eq!((ids(&opened), opened.over), (vec!["hold-opened/h-1".to_owned()], false));
    let Entry::HoldOpened(entry) = &opened.entries[0].entry else { panic!("{:?}", opened.entries) };
    assert_eq!((entry.expires_at, entry.reference.as_str()), (at("13:00:00"), "Matter/7"));
    assert_eq!(entry.cameras.len(), 1);
    let longer = planned(&hold(renewed), "13:29:59");
    assert_eq!((ids(&longer)[1].as_str(), longer.over), ("hold-renewed/h-1/0", false));
    let Entry::HoldRenewed(entry) = &longer.entries[1].entry else { panic!("{:?}", longer.entries) };
    assert_eq!((entry.expires_at, longer.expires_at), (at("13:30:00"), at("13:30:00")));
    assert_eq!(entry.reference, "LegalOrder/po-1");
    let over = planned(&hold(renewed), "13:30:00");
    assert_eq!((ids(&over)[2].as_str(), over.over), ("hold-closed/h-1", true));
    let deleted = planned(
        &hold(|h| {
            h["metadata"]["deletionTimestamp"] = json!(at("12:01:00"));
            h["metadata"]["finalizers"] = json!(["camerafleet.io/hold"]);
        }),
        "12:02:00",
    );
    assert_eq!((ids(&deleted)[1].as_str(), deleted.over), ("hold-closed/h-1", true));
}

fn observed() -> Observed {
    let spec = json!({
        "namespace": "elm-street",
        "storage": {"s3": {"endpoint": "https://s3.example.com", "bucket": "footage", "credentials": {
            "ingest": {"name": "i"}, "retention": {"name": "r"}, "disclosure": {"name": "d"}}}},
        "cameraNetworks": ["198.51.100.0/24"],
    });
    let held = HeldEpoch { segments: 3, bytes: 30, copied: 2, names: String::new() };
    let report = HoldReport {
        looked_at: Some(at("12:05:00")),
        epochs: [(Epoch::containing(at("08:00:00"), 3_600), held)].into(),
    };
    Observed {
        tenant: Arc::new(Tenant::new("elm-street", serde_json::from_value(spec).unwrap())),
        id: HoldId::parse("h-1").unwrap(),
        vault: Err(VaultError::Sealed),
        reports: Ok(vec![Some(report.clone()), Some(report)]),
        logged: Ok(()),
        key: Ok(()),
    }
}

#[test]
fn a_hold_is_effective_when_it_is_logged_has_a_key_and_every_job_has_looked() {
    let change = |change: &dyn Fn(&mut Observed)| {
        let mut observed = observed();
        change(&mut observed);
        observed
    };
    let cases: Vec<(&str, Observed, &str, bool)> = vec![
        ("all is done", observed(), "12:30:00", true),
        ("not logged", change(&|o| o.logged = Err(LogProblem::Timeout)), "LogUnavailable", false),
        ("no key", change(&|o| o.key = Err(KeyProblem::Vault(VaultError::Sealed))), "VaultSealed", false),
        ("a job has not run", change(&|o| o.reports.as_mut().unwrap().push(None)), "Copying", false),
        (
            "a job was killed",
            change(&|o| o.reports.as_mut().unwrap()[0].as_mut().unwrap().looked_at = None),
            "Copying",
            false,
        ),
        (
            "the store is away",
            change(&|o| o.reports = Err("It is away.".to_owned())),
            "StoreUnavailable",
            false,
        ),
    ];
    for (name, observed, reason, effective) in cases {
        let hold = hold(|_| {});
        let status = status(&hold, &observed, &planned(&hold, "12:30:00"), at("12:30:00"));
        assert_eq!(status.effective, effective, "{name}");
        if !effective {
            assert_eq!(status.conditions[0].reason, reason, "{name}");
        }
        assert_eq!(status.expires_at.unwrap().0, at("13:00:00"), "{name}");
    }
    let hold = hold(|_| {});
    let now = status(&hold, &observed(), &planned(&hold, "12:30:00"), at("12:30:00"));
    assert_eq!((now.held_segments, now.held_bytes, now.rewrapped_segments), (Some(6), Some(60), Some(4)));
    let over = status(&hold, &observed(), &planned(&hold, "13:00:00"), at("13:00:00"));
    assert_eq!((over.effective, over.conditions[0].reason.as_str()), (false, "Ended"));
}

#[test]
fn an_order_says_that_its_footage_is_kept_only_while_its_hold_lasts() {
    let told = |hold: Option<&LegalHold>, now: &str| {
        let told = order::standing(hold, at(now));
        assert!(camerafleet_crds::reasons::known("LegalOrder", "Ready", told.reason), "{}", told.reason);
        (told.truth, told.reason)
    };
    let hold = hold(renewed);
    assert_eq!(told(Some(&hold), "13:29:59"), (Truth::True, "Held"));
    assert_eq!(told(Some(&hold), "13:30:00"), (Truth::False, "NotInForce"));
    assert_eq!(told(None, "12:30:00"), (Truth::False, "NotInForce"), "somebody deleted it");
}

fn keygen(folder: &Path, name: &str) -> String {
    let file = folder.join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-N", "", "-C", "", "-t", "ed25519", "-f"])
        .arg(&file)
        .status();
    assert!(made.unwrap().success());
    fs::read_to_string(file.with_extension("pub")).unwrap().trim().to_owned()
}

fn signed(folder: &Path, key: &str, mut object: Value) -> LegalOrder {
    object["spec"]["signature"] = "".into();
    let frozen = Frozen::read("LegalOrder", &object, Logged { index: 0, at: at("12:00:00") }).unwrap();
    let message = folder.join("message");
    fs::write(&message, frozen.signed_bytes(&["signature"])).unwrap();
    let _ = fs::remove_file(folder.join("message.sig"));
    let made = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", ORDER_NAMESPACE, "-f"])
        .arg(folder.join(key))
        .arg(&message)
        .status();
    assert!(made.unwrap().success());
    object["spec"]["signature"] = fs::read_to_string(folder.join("message.sig")).unwrap().into();
    serde_json::from_value(object).unwrap()
}

fn preservation(change: impl FnOnce(&mut Value)) -> Value {
    let mut object = json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "LegalOrder",
        "metadata": {"name": "po-17", "namespace": "elm-street", "uid": "u-1"},
        "spec": {
            "kind": "PreservationOrder", "authority": "district-court", "court": "District Court", "docket": "17",
            "issuedAt": at("11:00:00"), "expiresAt": "2027-11-25T11:00:00Z",
            "scope": {
                "tenant": "t-1", "cameras": [{"name": "door", "id": "c-1"}], "audio": false,
                "window": {"from": at("08:00:00"), "to": at("09:00:00")},
            },
            "documentDigest": format!("sha256:{}", "0".repeat(64)),
        },
    });
    change(&mut object);
    object
}

#[test]
fn a_preservation_order_counts_if_its_authoritys_key_signed_it_for_this_tenant_and_now() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let public = keygen(folder, "court");
    keygen(folder, "other");
    let spec = json!({
        "owners": [{"name": "a", "user": "a@example.com"}],
        "trustedAuthorities": [{"name": "district-court", "sshPublicKey": public}],
    });
    let policies = [Arc::new(SharingPolicy::new("building", serde_json::from_value(spec).unwrap()))];
    let tenant = TenantId::parse("t-1").unwrap();
    let order = signed(folder, "court", preservation(|_| {}));
    let verify = |order: &LegalOrder, now: &str| {
        order::verify(order, Some(&tenant), &policies, at(now)).map_err(|why| (why.truth, why.reason))
    };
    assert_eq!(verify(&order, "12:00:00"), Ok(()));
    assert_eq!(verify(&order, "10:59:59"), Err((Truth::False, "NotInForce")));
    let mut changed = order.clone();
    changed.spec.docket = "18".into();
    assert_eq!(verify(&changed, "12:00:00"), Err((Truth::False, "SignatureInvalid")));
    let other = signed(folder, "other", preservation(|_| {}));
    assert_eq!(verify(&other, "12:00:00"), Err((Truth::False, "AuthorityUnknown")));
    let elsewhere = signed(folder, "court", preservation(|o| o["spec"]["scope"]["tenant"] = "t-2".into()));
    assert_eq!(verify(&elsewhere, "12:00:00"), Err((Truth::False, "WrongTenant")));
    let unnamed = signed(folder, "court", preservation(|o| o["spec"]["authority"] = "county-court".into()));
    assert_eq!(verify(&unnamed, "12:00:00"), Err((Truth::False, "AuthorityUnknown")));

    let made = order::hold(&order, at("12:00:00"));
    assert_eq!(made.metadata.name.as_deref(), Some("hold-po-17"));
    assert_eq!(made.spec.duration.as_secs(), 90 * 86_400, "at most as long as a hold may be");
    assert_eq!(
        (&made.spec.cameras, &made.spec.window),
        (&order.spec.scope.cameras, &order.spec.scope.window)
    );
    assert!(made.metadata.owner_references.is_none(), "an order that is deleted releases nothing");
    let soon = signed(folder, "court", preservation(|o| o["spec"]["expiresAt"] = json!(at("13:00:00"))));
    assert_eq!(order::hold(&soon, at("12:00:00")).spec.duration.as_secs(), 3_600);
}
