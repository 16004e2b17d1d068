//! What each role may do and may not, one request at a time, with a token that a login gave.

use serde_json::{Value, json};

use super::{Account, Party, World};

const MAY: bool = true;
const MAY_NOT: bool = false;

/// One request, and whether the policy lets it through. What Vault then thinks of it does not matter.
type Case = (bool, &'static str, &'static str, Value);

async fn check(world: &World, party: Party, account: &Account, cases: Vec<Case>) {
    let token = world.token(party, account).await.unwrap();
    for (may, method, path, body) in cases {
        let (status, answer) = world.bao.request(&token, method, path, &body).await;
        assert_eq!(status != 403, may, "{}: {method} {path} {body}: {status} {answer}", party.word());
    }
}

/// Two tenants' mounts with a key of each kind, made by an administrator, and another application's mount.
async fn fill(world: &World) {
    for tenant in ["tenant-a", "tenant-b"] {
        let mount = format!("camerafleet/{tenant}");
        world.bao.must("POST", &format!("sys/mounts/{mount}"), json!({ "type": "transit" })).await;
        for name in ["camera-1", "epoch-1", "epoch-2", "hold-1", "release-1"] {
            world.bao.must("POST", &format!("{mount}/keys/{name}"), json!({ "type": "rsa-3072" })).await;
        }
        for name in ["log", "manifest"] {
            world.bao.must("POST", &format!("{mount}/keys/{name}"), json!({ "type": "ed25519" })).await;
        }
        world
            .bao
            .must("POST", &format!("{mount}/keys/epoch-2/config"), json!({ "deletion_allowed": true }))
            .await;
    }
    world.bao.must("POST", "sys/mounts/other", json!({ "type": "transit" })).await;
    world.bao.must("POST", "other/keys/log", json!({ "type": "ed25519" })).await;
}

fn batch() -> Value {
    json!({ "batch_input": [{ "ciphertext": "vault:v1:AAAA", "plaintext": "AAAA" }] })
}

/// What no role may, whatever its other rights.
fn nobody() -> Vec<Case> {
    let none = || json!({});
    let mut cases = vec![
        (MAY_NOT, "GET", "sys/mounts", none()),
        (MAY_NOT, "POST", "sys/mounts/camerafleet/tenant-a/tune", json!({ "description": "x" })),
        (MAY_NOT, "POST", "sys/mounts/camerafleet/tune", json!({ "type": "transit" })),
        (MAY_NOT, "DELETE", "sys/mounts/camerafleet/tenant-a", none()),
        (MAY_NOT, "POST", "sys/remount", json!({ "from": "camerafleet/tenant-a", "to": "camerafleet/x" })),
        (MAY_NOT, "POST", "sys/mounts/other2", json!({ "type": "transit" })),
        (MAY_NOT, "POST", "sys/policies/acl/camerafleet-operator", json!({ "policy": "" })),
        (MAY_NOT, "GET", "sys/policies/acl/camerafleet-operator", none()),
        (MAY_NOT, "POST", "sys/auth/another", json!({ "type": "userpass" })),
        (MAY_NOT, "POST", "auth/kubernetes/config", json!({ "kubernetes_host": "https://evil.example.com" })),
        (MAY_NOT, "POST", "auth/kubernetes/role/camerafleet-operator", none()),
        (MAY_NOT, "POST", "auth/token/create", none()),
        (MAY_NOT, "POST", "sys/seal", none()),
        (MAY_NOT, "GET", "sys/raw/core", none()),
        (MAY_NOT, "POST", "identity/entity", none()),
        (MAY_NOT, "POST", "other/sign/log", json!({ "input": "AAAA" })),
        (MAY_NOT, "GET", "camerafleet/tenant-a/wrapping_key", none()),
        (MAY_NOT, "POST", "camerafleet/tenant-a/restore", json!({ "backup": "x" })),
        (MAY_NOT, "POST", "camerafleet/tenant-a/restore/camera-9", json!({ "backup": "x" })),
        (MAY_NOT, "POST", "camerafleet/tenant-a/cache-config", json!({ "size": 10 })),
        (MAY_NOT, "POST", "camerafleet/tenant-a/config/keys", json!({ "disable_upsert": false })),
        (MAY_NOT, "POST", "camerafleet/tenant-a/hmac/log", json!({ "input": "AAAA" })),
        (MAY_NOT, "POST", "camerafleet/tenant-a/random/8", none()),
        // A key that is not there must not be made by using it.
        (MAY_NOT, "POST", "camerafleet/tenant-a/encrypt/camera-9", batch()),
        (MAY_NOT, "POST", "camerafleet/tenant-a/encrypt/hold-9", batch()),
        (
            MAY_NOT,
            "POST",
            "camerafleet/tenant-a/keys/camera-9",
            json!({ "type": "rsa-3072", "exportable": true }),
        ),
        (
            MAY_NOT,
            "POST",
            "camerafleet/tenant-a/keys/camera-9",
            json!({ "type": "rsa-3072", "exportable": "true" }),
        ),
        (
            MAY_NOT,
            "POST",
            "camerafleet/tenant-a/keys/camera-9",
            json!({ "type": "rsa-3072", "allow_plaintext_backup": true }),
        ),
        (
            MAY_NOT,
            "POST",
            "camerafleet/tenant-a/keys/camera-9",
            json!({ "type": "rsa-3072", "derived": true }),
        ),
        (
            MAY_NOT,
            "POST",
            "camerafleet/tenant-a/keys/camera-9",
            json!({ "type": "rsa-3072", "auto_rotate_period": "1h" }),
        ),
        (MAY_NOT, "POST", "camerafleet/tenant-a/keys/camera-9", json!({ "type": "rsa-2048" })),
        (MAY_NOT, "POST", "camerafleet/tenant-a/keys/camera-9", json!({ "type": "ed25519" })),
        (MAY_NOT, "DELETE", "camerafleet/tenant-a/keys/log", none()),
        (MAY_NOT, "DELETE", "camerafleet/tenant-a/keys/manifest", none()),
        (MAY_NOT, "POST", "camerafleet/tenant-a/keys/log/config", json!({ "deletion_allowed": true })),
        (MAY_NOT, "POST", "camerafleet/tenant-a/keys/manifest/config", json!({ "deletion_allowed": true })),
    ];
    for key in ["camera-1", "epoch-1", "hold-1", "release-1", "log", "manifest"] {
        let path = |rest: &str| -> &'static str {
            format!("camerafleet/tenant-a/{rest}").replace("KEY", key).leak()
        };
        for kind in ["encryption-key", "signing-key", "hmac-key", "public-key"] {
            cases.push((MAY_NOT, "GET", path(&format!("export/{kind}/KEY")), none()));
            cases.push((MAY_NOT, "GET", path(&format!("export/{kind}/KEY/1")), none()));
        }
        for config in ["exportable", "allow_plaintext_backup"] {
            cases.push((MAY_NOT, "POST", path("keys/KEY/config"), json!({ config: true })));
            cases.push((
                MAY_NOT,
                "POST",
                path("keys/KEY/config"),
                json!({ "deletion_allowed": true, config: true }),
            ));
        }
        cases.extend([
            (MAY_NOT, "GET", path("backup/KEY"), none()),
            (MAY_NOT, "GET", path("byok-export/KEY/KEY"), none()),
            (MAY_NOT, "POST", path("keys/KEY/config"), json!({ "min_decryption_version": 2 })),
            (MAY_NOT, "POST", path("keys/KEY/import"), json!({ "ciphertext": "x", "type": "rsa-3072" })),
            (MAY_NOT, "POST", path("keys/KEY/import_version"), json!({ "ciphertext": "x" })),
            (MAY_NOT, "POST", path("keys/KEY/rotate"), none()),
            (MAY_NOT, "POST", path("keys/KEY/trim"), json!({ "min_available_version": 1 })),
            (MAY_NOT, "DELETE", path("keys/KEY/soft-delete"), none()),
            (MAY_NOT, "POST", path("rewrap/KEY"), batch()),
            (MAY_NOT, "POST", path("datakey/plaintext/KEY"), none()),
            (MAY_NOT, "POST", path("sign/KEY/sha2-256"), json!({ "input": "AAAA" })),
        ]);
    }
    // The path itself may not say what the key is.
    cases.push((
        MAY_NOT,
        "POST",
        "camerafleet/tenant-a/keys/camera-9/import",
        json!({ "ciphertext": "x", "type": "rsa-3072" }),
    ));
    cases
}

#[tokio::test]
async fn the_operator_makes_keys_and_uses_only_the_logs() {
    let world = World::start().await;
    fill(&world).await;
    let rsa = || json!({ "type": "rsa-3072", "exportable": false, "allow_plaintext_backup": false });
    let ed25519 = || json!({ "type": "ed25519", "exportable": false, "allow_plaintext_backup": false });
    let mut cases = nobody();
    cases.extend([
        (MAY, "POST", "sys/mounts/camerafleet/tenant-c", json!({ "type": "transit" })),
        (MAY, "GET", "sys/mounts/camerafleet/tenant-c", json!({})),
        (MAY, "GET", "sys/mounts/camerafleet/nobody", json!({})),
        (MAY_NOT, "POST", "sys/mounts/camerafleet/tenant-d", json!({ "type": "kv" })),
        (MAY_NOT, "POST", "sys/mounts/camerafleet/tenant-d", json!({ "type": "transit", "local": true })),
        (MAY_NOT, "POST", "sys/mounts/camerafleet/a/b", json!({ "type": "transit" })),
        (MAY_NOT, "POST", "sys/mounts/camerafleet", json!({ "type": "transit" })),
        (MAY, "POST", "camerafleet/tenant-c/keys/camera-1", rsa()),
        (MAY, "POST", "camerafleet/tenant-c/keys/camera-1", rsa()),
        // Without a type it is a symmetric key: see the policy.
        (MAY, "POST", "camerafleet/tenant-c/keys/untyped", json!({})),
        (MAY, "POST", "camerafleet/tenant-c/keys/log", ed25519()),
        (MAY, "POST", "camerafleet/tenant-c/keys/manifest", ed25519()),
        (MAY_NOT, "POST", "camerafleet/tenant-c/keys/log", rsa()),
        (
            MAY_NOT,
            "POST",
            "camerafleet/tenant-c/keys/manifest",
            json!({ "type": "ed25519", "exportable": true }),
        ),
        (MAY, "GET", "camerafleet/tenant-c/keys/camera-1", json!({})),
        (MAY, "GET", "camerafleet/tenant-c/keys/log", json!({})),
        (MAY, "LIST", "camerafleet/tenant-c/keys", json!({})),
        (MAY, "GET", "camerafleet/tenant-c/keys?list=true", json!({})),
        (MAY, "POST", "camerafleet/tenant-a/keys/epoch-1/config", json!({ "deletion_allowed": true })),
        (MAY, "POST", "camerafleet/tenant-a/keys/epoch-1/config", json!({ "deletion_allowed": false })),
        (MAY_NOT, "POST", "camerafleet/tenant-a/keys/epoch-1/config", json!({})),
        (MAY_NOT, "DELETE", "camerafleet/tenant-a/keys/epoch-2", json!({})),
        (MAY, "POST", "camerafleet/tenant-a/sign/log", json!({ "input": "AAAA" })),
        (MAY_NOT, "POST", "camerafleet/tenant-a/sign/log", json!({ "batch_input": [{ "input": "AAAA" }] })),
        (MAY_NOT, "POST", "camerafleet/tenant-a/sign/manifest", json!({ "input": "AAAA" })),
        (MAY_NOT, "POST", "camerafleet/tenant-a/sign/camera-1", json!({ "input": "AAAA" })),
    ]);
    for key in ["camera-1", "epoch-1", "hold-1", "release-1"] {
        for act in ["decrypt", "encrypt"] {
            let path: &'static str = format!("camerafleet/tenant-a/{act}/{key}").leak();
            cases.push((MAY_NOT, "POST", path, batch()));
            cases.push((
                MAY_NOT,
                "POST",
                path,
                json!({ "ciphertext": "vault:v1:AAAA", "plaintext": "AAAA" }),
            ));
        }
    }
    check(&world, Party::Operator, &Account::new("camerafleet-system", "camerafleet-operator"), cases).await;
}

/// The same requests at another tenant's mount, which must all be denied.
fn elsewhere(cases: &[Case]) -> Vec<Case> {
    cases
        .iter()
        .map(|(_, method, path, body)| {
            let path: &'static str = path.replace("tenant-a", "tenant-b").leak();
            (MAY_NOT, *method, path, body.clone())
        })
        .collect()
}

#[tokio::test]
async fn retention_destroys_and_holds_in_its_own_tenant() {
    let world = World::start().await;
    fill(&world).await;
    let own = vec![
        (MAY, "LIST", "camerafleet/tenant-a/keys", json!({})),
        (MAY, "GET", "camerafleet/tenant-a/keys/epoch-1", json!({})),
        (MAY, "GET", "camerafleet/tenant-a/keys/log", json!({})),
        (MAY, "DELETE", "camerafleet/tenant-a/keys/epoch-2", json!({})),
        (MAY, "DELETE", "camerafleet/tenant-a/keys/epoch-1", json!({})),
        (MAY, "POST", "camerafleet/tenant-a/decrypt/epoch-1", batch()),
        (MAY, "POST", "camerafleet/tenant-a/encrypt/hold-1", batch()),
        (MAY_NOT, "POST", "camerafleet/tenant-a/decrypt/camera-1", batch()),
        (MAY_NOT, "POST", "camerafleet/tenant-a/decrypt/hold-1", batch()),
        (MAY_NOT, "POST", "camerafleet/tenant-a/decrypt/release-1", batch()),
        (MAY_NOT, "POST", "camerafleet/tenant-a/encrypt/camera-1", batch()),
        (MAY_NOT, "POST", "camerafleet/tenant-a/encrypt/epoch-1", batch()),
        (MAY_NOT, "POST", "camerafleet/tenant-a/sign/log", json!({ "input": "AAAA" })),
        (MAY_NOT, "POST", "camerafleet/tenant-a/sign/manifest", json!({ "input": "AAAA" })),
        (MAY_NOT, "POST", "camerafleet/tenant-a/keys/epoch-1/config", json!({ "deletion_allowed": true })),
        (MAY_NOT, "POST", "camerafleet/tenant-a/keys/epoch-9", json!({ "type": "rsa-3072" })),
        (MAY_NOT, "POST", "camerafleet/tenant-a/keys/epoch-9", json!({})),
        (MAY_NOT, "GET", "sys/mounts/camerafleet/tenant-a", json!({})),
    ];
    let mut cases = nobody();
    cases.extend(elsewhere(&own));
    cases.extend(own);
    check(&world, Party::Retention, &Account::new("tenant-a", "retention"), cases).await;
    // The allowed DELETE without deletion_allowed destroyed nothing; the other tenant lost nothing.
    world.bao.must("GET", "camerafleet/tenant-a/keys/epoch-1", json!({})).await;
    world.bao.must("GET", "camerafleet/tenant-b/keys/epoch-2", json!({})).await;
}

#[tokio::test]
async fn disclosure_decrypts_and_signs_in_its_own_tenant() {
    let world = World::start().await;
    fill(&world).await;
    let own = vec![
        (MAY, "GET", "camerafleet/tenant-a/keys/log", json!({})),
        (MAY, "GET", "camerafleet/tenant-a/keys/camera-1", json!({})),
        (MAY, "POST", "camerafleet/tenant-a/decrypt/camera-1", batch()),
        (MAY, "POST", "camerafleet/tenant-a/decrypt/epoch-1", batch()),
        (MAY, "POST", "camerafleet/tenant-a/decrypt/hold-1", batch()),
        (MAY, "POST", "camerafleet/tenant-a/decrypt/release-1", batch()),
        (MAY, "POST", "camerafleet/tenant-a/sign/manifest", json!({ "input": "AAAA" })),
        (MAY_NOT, "POST", "camerafleet/tenant-a/sign/log", json!({ "input": "AAAA" })),
        (MAY_NOT, "POST", "camerafleet/tenant-a/decrypt/log", batch()),
        (MAY_NOT, "POST", "camerafleet/tenant-a/encrypt/hold-1", batch()),
        (MAY_NOT, "LIST", "camerafleet/tenant-a/keys", json!({})),
        (MAY_NOT, "DELETE", "camerafleet/tenant-a/keys/epoch-2", json!({})),
        (MAY_NOT, "POST", "camerafleet/tenant-a/keys/epoch-1/config", json!({ "deletion_allowed": true })),
        (MAY_NOT, "POST", "camerafleet/tenant-a/keys/epoch-9", json!({ "type": "rsa-3072" })),
        (MAY_NOT, "POST", "camerafleet/tenant-a/keys/epoch-9", json!({})),
        (MAY_NOT, "GET", "sys/mounts/camerafleet/tenant-a", json!({})),
    ];
    let mut cases = nobody();
    cases.extend(elsewhere(&own));
    cases.extend(own);
    check(&world, Party::Disclosure, &Account::new("tenant-a", "disclosure"), cases).await;
    world.bao.must("GET", "camerafleet/tenant-a/keys/epoch-2", json!({})).await;
}
