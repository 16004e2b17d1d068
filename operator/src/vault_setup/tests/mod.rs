//! Setup and policies against a real server, which asks an API server of our own who a token's owner is.

#[path = "../../../../footage/tests/bao/mod.rs"]
mod bao;
mod kubernetes;
mod roles;

use camerafleet_footage::vault::{Vault, VaultError};
use serde_json::{Value, json};
use url::Url;

use self::bao::{Bao, ROOT};
use self::kubernetes::{Account, Kubernetes};
use super::auth::AuthConfig;
use super::policies::Party;
use super::steps::Setup;
use super::{VaultSetupArgs, setup};

/// A server with Transit mounts for two tenants, set up for an API server.
struct World {
    bao: Bao,
    kubernetes: Kubernetes,
}

fn config(kubernetes: &Kubernetes, dry_run: bool) -> Setup {
    Setup {
        auth: AuthConfig {
            mount: "kubernetes".into(),
            host: Some(kubernetes.address.clone()),
            default_host: String::new(),
            ca_pem: Some(kubernetes.ca_pem.clone()),
            reviewer_jwt: Some(kubernetes.reviewer_jwt()),
            overwrite: false,
        },
        mount_prefix: "camerafleet".into(),
        role_prefix: "camerafleet".into(),
        audience: "vault".into(),
        operator_namespace: "camerafleet-system".into(),
        operator_service_account: "camerafleet-operator".into(),
        dry_run,
    }
}

async fn run(setup: &Setup, vault: &Vault) -> anyhow::Result<String> {
    let mut out = Vec::new();
    setup.run(vault, &mut out).await?;
    Ok(String::from_utf8(out)?)
}

impl World {
    async fn start() -> Self {
        let (bao, kubernetes) = (Bao::start().await, Kubernetes::start().await);
        run(&config(&kubernetes, false), &bao.root()).await.unwrap();
        Self { bao, kubernetes }
    }

    /// Logs in and gives the token itself, for requests that the client cannot make.
    async fn token(&self, role: Party, account: &Account) -> Result<String, (u16, Value)> {
        let body =
            json!({ "role": format!("camerafleet-{}", role.word()), "jwt": self.kubernetes.jwt(account) });
        let (status, answer) = self.bao.request("", "POST", "auth/kubernetes/login", &body).await;
        match answer["auth"]["client_token"].as_str() {
            Some(token) => Ok(token.to_owned()),
            None => Err((status, answer)),
        }
    }
}

#[tokio::test]
async fn setup_writes_once_and_finds_it_again() {
    let (bao, kubernetes) = (Bao::start().await, Kubernetes::start().await);
    let root = bao.root();

    // A dry run writes nothing and shows no token.
    let dry = run(&config(&kubernetes, true), &root).await.unwrap();
    assert_eq!(dry.matches("to write ").count(), 8, "{dry}");
    assert!(dry.contains("path \"camerafleet/+/sign/log\"") && dry.contains("[hidden]"), "{dry}");
    assert!(!dry.contains(&kubernetes.reviewer_jwt()) && !dry.contains(ROOT), "{dry}");
    assert_eq!(root.admin_read("sys/auth/kubernetes").await.unwrap(), None);
    assert_eq!(root.admin_read("sys/policies/acl/camerafleet-operator").await.unwrap(), None);

    let first = run(&config(&kubernetes, false), &root).await.unwrap();
    assert_eq!(first.matches("wrote ").count(), 8, "{first}");
    assert!(!first.contains(&kubernetes.reviewer_jwt()) && !first.contains(ROOT), "{first}");

    // Again, without a reviewer's token, which could not be compared.
    let mut again = config(&kubernetes, false);
    again.auth.reviewer_jwt = None;
    let second = run(&again, &root).await.unwrap();
    assert_eq!((second.matches("found ").count(), second.matches("wrote ").count()), (8, 0), "{second}");

    // What somebody loosened is put back.
    let loose = json!({ "bound_service_account_names": ["*"], "bound_service_account_namespaces": ["*"] });
    root.admin_write("auth/kubernetes/role/camerafleet-retention", &loose, &[]).await.unwrap();
    let policy = json!({ "policy": "path \"*\" { capabilities = [\"read\"] }" });
    root.admin_write("sys/policies/acl/camerafleet-disclosure", &policy, &[]).await.unwrap();
    let third = run(&again, &root).await.unwrap();
    assert_eq!((third.matches("found ").count(), third.matches("wrote ").count()), (6, 2), "{third}");
    let role = root.admin_read("auth/kubernetes/role/camerafleet-retention").await.unwrap().unwrap();
    assert_eq!(role["bound_service_account_names"], json!(["retention"]));
    assert!(role["bound_service_account_namespaces"].as_array().is_none_or(Vec::is_empty), "{role}");

    // Another API server's configuration is not replaced unasked.
    again.auth.host = Some("https://other.example.com".into());
    let error = run(&again, &root).await.unwrap_err().to_string();
    assert!(error.contains("--overwrite-auth-config"), "{error}");
    // Nor is another auth method's mount taken.
    bao.must("POST", "sys/auth/people", json!({ "type": "userpass" })).await;
    again.auth.mount = "people".into();
    let error = run(&again, &root).await.unwrap_err().to_string();
    assert!(error.contains("is of type userpass"), "{error}");
}

#[tokio::test]
async fn without_rights_setup_says_what_it_could_not_do() {
    let (bao, kubernetes) = (Bao::start().await, Kubernetes::start().await);
    let token = bao.token_with_policy("nothing", "path \"nothing\" { capabilities = [\"read\"] }").await;
    let error = format!("{:#}", run(&config(&kubernetes, false), &bao.with_token(&token)).await.unwrap_err());
    assert!(error.contains("auth method at auth/kubernetes") && error.contains("denied"), "{error}");
    assert!(!error.contains(&token) && !error.contains(&kubernetes.reviewer_jwt()), "{error}");
}

#[tokio::test]
async fn only_the_right_accounts_log_in() {
    let world = World::start().await;
    let operator = Account::new("camerafleet-system", "camerafleet-operator");
    for (party, account, may) in [
        (Party::Operator, operator.clone(), true),
        (Party::Operator, Account::new("camerafleet-system", "default"), false),
        (Party::Operator, Account::new("tenant-a", "camerafleet-operator"), false),
        (Party::Operator, operator.with_audience("https://kubernetes.default.svc"), false),
        (Party::Retention, Account::new("tenant-a", "retention"), true),
        (Party::Retention, Account::new("tenant-b", "retention"), true),
        (Party::Retention, Account::new("tenant-a", "disclosure"), false),
        (Party::Retention, Account::new("tenant-a", "retention").with_audience("other"), false),
        // A namespace without the label, and one whose label says something else.
        (Party::Retention, Account::new("elsewhere", "retention"), false),
        (Party::Disclosure, Account::new("unmanaged", "disclosure"), false),
        (Party::Disclosure, Account::new("tenant-a", "disclosure"), true),
        (Party::Disclosure, Account::new("tenant-a", "retention"), false),
        (Party::Disclosure, operator, false),
    ] {
        let result = world.token(party, &account).await;
        assert_eq!(result.is_ok(), may, "{account:?} as {}: {result:?}", party.word());
    }
}

#[tokio::test]
async fn the_client_logs_in_knows_its_lease_and_keeps_to_its_tenant() {
    let world = World::start().await;
    let login = async |role: &str, account: Account| {
        let jwt = world.kubernetes.jwt(&account);
        let result = Vault::login_kubernetes(&world.bao.config, "kubernetes", role, &jwt).await;
        if let Err(error) = &result {
            assert!(!format!("{error} {error:?}").contains(&jwt), "{error}");
        }
        result
    };
    let operator = login("camerafleet-operator", Account::new("camerafleet-system", "camerafleet-operator"))
        .await
        .unwrap();
    assert!(!operator.expires_soon());
    for mount in ["camerafleet/tenant-a", "camerafleet/tenant-b"] {
        // Twice: the second time everything is there.
        for _ in 0..2 {
            operator.ensure_transit_mount(mount).await.unwrap();
            operator.create_key(mount, "epoch-1").await.unwrap();
            operator.create_signing_key(mount, "log").await.unwrap();
        }
        operator.sign(mount, "log", b"checkpoint").await.unwrap();
        operator.allow_deletion(mount, "epoch-1").await.unwrap();
        assert_eq!(operator.list_keys(mount).await.unwrap().len(), 2);
        assert!(matches!(operator.delete_key(mount, "epoch-1").await, Err(VaultError::Denied { .. })));
        assert!(matches!(
            operator.decrypt(mount, "epoch-1", &[vec![0]]).await,
            Err(VaultError::Denied { .. })
        ));
    }
    let retention = login("camerafleet-retention", Account::new("tenant-a", "retention")).await.unwrap();
    assert!(matches!(
        retention.delete_key("camerafleet/tenant-b", "epoch-1").await,
        Err(VaultError::Denied { .. })
    ));
    retention.public_key("camerafleet/tenant-a", "epoch-1").await.unwrap();
    let disclosure = login("camerafleet-disclosure", Account::new("tenant-a", "disclosure")).await.unwrap();
    disclosure.signing_public_key("camerafleet/tenant-a", "log").await.unwrap();
    for job in [&retention, &disclosure] {
        // The rule lets it through; what was sent is no ciphertext of this key.
        let results = job.decrypt("camerafleet/tenant-a", "epoch-1", &[vec![0], vec![1]]).await.unwrap();
        assert!(results.iter().all(|result| matches!(result, Err(VaultError::Undecryptable { .. }))));
        let denied = job.decrypt("camerafleet/tenant-b", "epoch-1", &[vec![0]]).await.err();
        assert!(matches!(denied, Some(VaultError::Denied { .. })), "{denied:?}");
    }
    retention.delete_key("camerafleet/tenant-a", "epoch-1").await.unwrap();
    retention.delete_key("camerafleet/tenant-a", "epoch-1").await.unwrap();
    assert_eq!(retention.list_keys("camerafleet/tenant-a").await.unwrap(), ["log"]);

    let refused = login("camerafleet-disclosure", Account::new("tenant-a", "retention")).await.err().unwrap();
    assert!(!refused.is_transient(), "{refused:?}");
}

#[test]
fn arguments_are_checked_before_anything_is_asked() {
    let args = || VaultSetupArgs {
        address: Url::parse("https://vault.example.com:8200").unwrap(),
        ca_file: None,
        namespace: None,
        auth_mount: "kubernetes".into(),
        mount_prefix: "camerafleet".into(),
        role_prefix: "camerafleet".into(),
        audience: "vault".into(),
        kubernetes_host: Some(Url::parse("https://api.example.com:6443/").unwrap()),
        kubernetes_ca_file: None,
        reviewer_jwt_file: None,
        overwrite_auth_config: false,
        operator_namespace: "camerafleet-system".into(),
        operator_service_account: "camerafleet-operator".into(),
        dry_run: false,
    };
    assert_eq!(setup(&args()).unwrap().auth.host.as_deref(), Some("https://api.example.com:6443"));
    for bad in [
        VaultSetupArgs { mount_prefix: "camerafleet/+".into(), ..args() },
        VaultSetupArgs { mount_prefix: "*".into(), ..args() },
        VaultSetupArgs { role_prefix: "a/b".into(), ..args() },
        VaultSetupArgs { operator_namespace: "*".into(), ..args() },
        VaultSetupArgs { operator_service_account: "*".into(), ..args() },
        VaultSetupArgs { audience: " ".into(), ..args() },
    ] {
        assert!(setup(&bad).is_err(), "{bad:?}");
    }
}
