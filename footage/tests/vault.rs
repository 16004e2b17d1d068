//! The client against a real server.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

mod bao;

use std::time::Duration;

use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camerafleet_footage::vault::{Health, MAX_BATCH, Secret, Vault, VaultConfig, VaultError, health};
use serde_json::json;
use url::Url;

use bao::{Bao, ROOT};
use camerafleet_testkit::free_port;

const MOUNT: &str = "camerafleet/tenant-a";

/// RSA-OAEP-SHA256 as the recorder does it, with nothing but the public half.
fn wrap(pem: &str, plaintext: &[u8]) -> Vec<u8> {
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let key = PublicEncryptingKey::from_der(&STANDARD.decode(base64).unwrap()).unwrap();
    let key = OaepPublicEncryptingKey::new(key).unwrap();
    let mut ciphertext = vec![0; key.ciphertext_size()];
    key.encrypt(&OAEP_SHA256_MGF1SHA256, plaintext, &mut ciphertext, None).unwrap().to_vec()
}

fn no_key(name: &str) -> VaultError {
    VaultError::NoSuchKey { mount: MOUNT.into(), name: name.into() }
}

/// `unwrap_err` needs `Debug` of what would have been there, and a secret has none.
fn error<T>(result: Result<T, VaultError>) -> VaultError {
    result.err().unwrap()
}

fn is_send<T: Send>(value: T) -> T {
    value
}

#[tokio::test]
async fn a_key_lives_decrypts_and_is_destroyed() {
    let bao = Bao::start().await;
    let vault = bao.root();
    assert!(!vault.expires_soon());

    // The mount.
    assert_eq!(vault.list_keys(MOUNT).await, Err(VaultError::NoSuchMount { mount: MOUNT.into() }));
    assert_eq!(
        vault.public_key(MOUNT, "camera-1").await,
        Err(VaultError::NoSuchMount { mount: MOUNT.into() })
    );
    is_send(vault.ensure_transit_mount(MOUNT)).await.unwrap();
    vault.ensure_transit_mount(MOUNT).await.unwrap();
    assert_eq!(vault.list_keys(MOUNT).await.unwrap(), Vec::<String>::new());
    bao.must("POST", "sys/mounts/camerafleet/kv", json!({ "type": "kv" })).await;
    let wrong = vault.ensure_transit_mount("camerafleet/kv").await.unwrap_err();
    assert!(matches!(wrong, VaultError::WrongKind { .. }), "{wrong}");
    assert!(wrong.to_string().contains("camerafleet/kv is a kv secrets engine"), "{wrong}");

    // The key.
    assert_eq!(vault.public_key(MOUNT, "camera-1").await, Err(no_key("camera-1")));
    let pem = is_send(vault.create_key(MOUNT, "camera-1")).await.unwrap();
    assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----"), "{pem}");
    assert_eq!(vault.create_key(MOUNT, "camera-1").await.unwrap(), pem, "an existing key is not changed");
    assert_eq!(vault.public_key(MOUNT, "camera-1").await.unwrap(), pem);
    assert_eq!(vault.list_keys(MOUNT).await.unwrap(), ["camera-1"]);
    let key = &bao.must("GET", "camerafleet/tenant-a/keys/camera-1", json!({})).await["data"];
    for (field, value) in
        [("exportable", json!(false)), ("allow_plaintext_backup", json!(false)), ("type", json!("rsa-3072"))]
    {
        assert_eq!(key[field], value, "{field}");
    }

    // More ciphertexts than one request takes, one of which is another key's, and one damaged.
    let other = vault.create_key(MOUNT, "camera-2").await.unwrap();
    let mut ciphertexts: Vec<_> =
        (0..=MAX_BATCH).map(|n| wrap(&pem, format!("secret {n}").as_bytes())).collect();
    ciphertexts[3] = wrap(&other, b"not for camera-1");
    ciphertexts[MAX_BATCH] = vec![1, 2, 3];
    let results = is_send(vault.decrypt(MOUNT, "camera-1", &ciphertexts)).await.unwrap();
    assert_eq!(results.len(), ciphertexts.len());
    for (n, result) in results.iter().enumerate() {
        if n == 3 || n == MAX_BATCH {
            let undecryptable = VaultError::Undecryptable { mount: MOUNT.into(), name: "camera-1".into() };
            assert_eq!(result.as_ref().err(), Some(&undecryptable), "{n}");
        } else {
            assert_eq!(result.as_ref().map(Secret::expose), Ok(format!("secret {n}").as_bytes()), "{n}");
        }
    }
    assert!(vault.decrypt(MOUNT, "camera-1", &[]).await.unwrap().is_empty());

    // Destroyed, in the order that it takes two roles for.
    let refused = vault.delete_key(MOUNT, "camera-1").await.unwrap_err();
    assert!(matches!(refused, VaultError::DeletionNotAllowed { .. }), "{refused:?}");
    vault.allow_deletion(MOUNT, "camera-1").await.unwrap();
    vault.forbid_deletion(MOUNT, "camera-1").await.unwrap();
    assert!(matches!(vault.delete_key(MOUNT, "camera-1").await, Err(VaultError::DeletionNotAllowed { .. })));
    vault.allow_deletion(MOUNT, "camera-1").await.unwrap();
    vault.delete_key(MOUNT, "camera-1").await.unwrap();
    vault.delete_key(MOUNT, "camera-1").await.unwrap();
    assert_eq!(error(vault.decrypt(MOUNT, "camera-1", &ciphertexts[..1]).await), no_key("camera-1"));
    assert_eq!(vault.public_key(MOUNT, "camera-1").await, Err(no_key("camera-1")));
    assert_eq!(vault.allow_deletion(MOUNT, "camera-1").await, Err(no_key("camera-1")));
    assert_eq!(vault.list_keys(MOUNT).await.unwrap(), ["camera-2"]);
}

#[tokio::test]
async fn signing_keys_and_keys_of_another_kind() {
    let bao = Bao::start().await;
    let vault = bao.root();
    vault.ensure_transit_mount(MOUNT).await.unwrap();

    let public = vault.create_signing_key(MOUNT, "log").await.unwrap();
    assert_eq!(vault.create_signing_key(MOUNT, "log").await.unwrap(), public);
    assert_eq!(vault.signing_public_key(MOUNT, "log").await.unwrap(), public);
    let signature = vault.sign(MOUNT, "log", b"a checkpoint").await.unwrap();
    UnparsedPublicKey::new(&ED25519, public).verify(b"a checkpoint", &signature).unwrap();
    assert_eq!(vault.sign(MOUNT, "manifest", b"").await, Err(no_key("manifest")));

    // Somebody else's keys under our names are told, and not used.
    bao.must("POST", "camerafleet/tenant-a/keys/loose", json!({ "type": "rsa-3072", "exportable": true }))
        .await;
    let backup = json!({ "type": "rsa-3072", "allow_plaintext_backup": true });
    bao.must("POST", "camerafleet/tenant-a/keys/backed", backup).await;
    bao.must("POST", "camerafleet/tenant-a/keys/plain", json!({})).await;
    for (name, word) in
        [("loose", "exportable"), ("backed", "backed up"), ("plain", "aes256-gcm96"), ("log", "ed25519")]
    {
        for error in [
            vault.create_key(MOUNT, name).await.unwrap_err(),
            vault.public_key(MOUNT, name).await.unwrap_err(),
        ] {
            assert!(matches!(error, VaultError::WrongKind { .. }), "{name}: {error:?}");
            assert!(error.to_string().contains(word), "{name}: {error}");
        }
    }
    // A name that would reach another endpoint never leaves the process.
    for name in ["log/config", "..", "a b", ""] {
        assert!(
            matches!(vault.delete_key(MOUNT, name).await, Err(VaultError::InvalidName { .. })),
            "{name:?}"
        );
    }
}

#[tokio::test]
async fn denied_sealed_unreachable_and_slow_are_told_apart_and_hold_no_credential() {
    let bao = Bao::start().await;
    let root = bao.root();
    root.ensure_transit_mount(MOUNT).await.unwrap();
    let pem = root.create_key(MOUNT, "camera-1").await.unwrap();
    let ciphertext = [wrap(&pem, b"opensesame")];
    let mut errors = Vec::new();

    // A token that may nothing, and one that is none.
    let powerless = bao.token_with_policy("nothing", "path \"nothing\" { capabilities = [\"read\"] }").await;
    for token in [&*powerless, "no-such-token"] {
        let vault = bao.with_token(token);
        for error in [
            vault.create_key(MOUNT, "camera-2").await.unwrap_err(),
            vault.public_key(MOUNT, "camera-1").await.unwrap_err(),
            vault.list_keys(MOUNT).await.unwrap_err(),
            vault.ensure_transit_mount(MOUNT).await.unwrap_err(),
            vault.allow_deletion(MOUNT, "camera-1").await.unwrap_err(),
            vault.delete_key(MOUNT, "camera-1").await.unwrap_err(),
            error(vault.decrypt(MOUNT, "camera-1", &ciphertext).await),
            vault.sign(MOUNT, "log", b"x").await.unwrap_err(),
        ] {
            assert!(matches!(error, VaultError::Denied { .. }), "{error:?}");
            errors.push(error);
        }
    }

    // Logging in where there is no such method, with a token that must not be repeated.
    let jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJub2JvZHkifQ.c2lnbmF0dXJlLW9mLWEtdGVzdA";
    let login = || Vault::login_kubernetes(&bao.config, "kubernetes", "camerafleet-operator", jwt);
    let no_method = is_send(login()).await.unwrap_err();
    // Without a token Vault does not say what is mounted.
    assert!(matches!(no_method, VaultError::Denied { .. }), "{no_method:?}");
    bao.must("POST", "sys/auth/kubernetes", json!({ "type": "kubernetes" })).await;
    errors.extend([no_method, login().await.unwrap_err()]);

    assert_eq!(root.health().await, Ok(Health::Ok));
    bao.must("POST", "sys/seal", json!({})).await;
    assert_eq!(health(&bao.config).await, Ok(Health::Sealed));
    for error in [
        root.create_key(MOUNT, "camera-1").await.unwrap_err(),
        root.public_key(MOUNT, "camera-1").await.unwrap_err(),
        root.list_keys(MOUNT).await.unwrap_err(),
        root.ensure_transit_mount(MOUNT).await.unwrap_err(),
        root.delete_key(MOUNT, "camera-1").await.unwrap_err(),
        error(root.decrypt(MOUNT, "camera-1", &ciphertext).await),
        login().await.unwrap_err(),
    ] {
        assert_eq!(error, VaultError::Sealed);
        assert!(error.is_transient());
    }

    // Nobody listens; and somebody who never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for (port, timeout) in [(free_port(), 5000), (silent.local_addr().unwrap().port(), 200)] {
        let config = VaultConfig {
            address: Url::parse(&format!("http://127.0.0.1:{port}")).unwrap(),
            timeout: Duration::from_millis(timeout),
            ..bao.config.clone()
        };
        let vault = Vault::with_token(&config, ROOT.into()).unwrap();
        for error in [
            vault.list_keys(MOUNT).await.unwrap_err(),
            vault.public_key(MOUNT, "camera-1").await.unwrap_err(),
            error(vault.decrypt(MOUNT, "camera-1", &ciphertext).await),
            vault.health().await.unwrap_err(),
            Vault::login_kubernetes(&config, "kubernetes", "camerafleet-operator", jwt).await.unwrap_err(),
        ] {
            match &error {
                VaultError::Unreachable { why, .. } if timeout == 5000 => {
                    assert!(why.contains("refused"), "{why}")
                }
                VaultError::Timeout { after, .. } if timeout == 200 => {
                    assert_eq!(after.as_millis(), 200)
                }
                other => panic!("{other:?}"),
            }
            assert!(error.is_transient());
            errors.push(error);
        }
    }

    for error in &errors {
        for text in [error.to_string(), format!("{error:?}")] {
            for secret in
                [ROOT, &*powerless, "no-such-token", jwt, "c2lnbmF0dXJlLW9mLWEtdGVzdA", "opensesame"]
            {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn only_the_given_ca_is_trusted() {
    let bao = Bao::start_tls().await;
    bao.root().ensure_transit_mount(MOUNT).await.unwrap();
    assert!(bao.root().list_keys(MOUNT).await.unwrap().is_empty());

    // Another server's CA.
    let other = Bao::start_tls().await;
    let config = VaultConfig { ca_pem: other.config.ca_pem.clone(), ..bao.config.clone() };
    let stranger = Vault::with_token(&config, ROOT.into()).unwrap();
    for error in [stranger.list_keys(MOUNT).await.unwrap_err(), stranger.health().await.unwrap_err()] {
        match error {
            VaultError::Unreachable { why, .. } => assert!(why.contains("certificate"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

/// A server that answers every request in the same way, as a proxy in front of Vault may.
async fn fake(answer: String) -> VaultConfig {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 8192]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    VaultConfig { address, namespace: None, ca_pem: None, timeout: Duration::from_secs(5) }
}

#[tokio::test]
async fn another_servers_answer_is_not_taken_for_a_destroyed_key_or_a_sealed_vault() {
    for (status, body) in
        [("404 Not Found", "<html>nothing here</html>"), ("503 Service Unavailable", "no backend")]
    {
        let config = fake(format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        ))
        .await;
        let vault = Vault::with_token(&config, ROOT.into()).unwrap();
        for error in [
            vault.public_key(MOUNT, "camera-1").await.unwrap_err(),
            vault.delete_key(MOUNT, "camera-1").await.unwrap_err(),
            vault.list_keys(MOUNT).await.unwrap_err(),
            error(vault.decrypt(MOUNT, "camera-1", &[vec![1]]).await),
            vault.health().await.unwrap_err(),
        ] {
            assert!(matches!(error, VaultError::Other { .. }), "{error:?}");
        }
    }
}

#[tokio::test]
async fn redirects_end() {
    let config = fake("HTTP/1.1 307 Temporary Redirect\r\nlocation: /v1/again\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".into()).await;
    let vault = Vault::with_token(&config, ROOT.into()).unwrap();
    for error in
        [vault.list_keys(MOUNT).await.unwrap_err(), vault.public_key(MOUNT, "camera-1").await.unwrap_err()]
    {
        assert!(
            matches!(&error, VaultError::Unreachable { why, .. } if why.contains("redirect")),
            "{error:?}"
        );
    }
}
