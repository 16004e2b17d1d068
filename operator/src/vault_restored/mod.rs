//! `operator vault-restored`: what an administrator runs after a snapshot of Vault was restored. Keys that had been
//! destroyed since the snapshot are there again, and everything that was sealed with them opens again: those that the
//! tenants' logs say were destroyed are destroyed again. It tells, too, which keys the snapshot did not have.
//! `docs/runbooks/vault-restore.md` has the steps around it.

mod ledger;

use std::{io::Write, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use camerafleet_crds::Tenant;
use camerafleet_footage::{
    ids::TenantId,
    log::{LOG_KEY, LogKey, Reader, origin},
    shard::StoreConfig,
    store::{self, StoreCredential},
    vault::{Vault, VaultConfig},
};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{Api, Client, ResourceExt, api::ListParams};
use object_store::ObjectStore;
use url::Url;

pub use ledger::{Again, Ledger, destroy_again};

use crate::identity;

/// Nobody is in a hurry here.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Where the operator remembers a log's newest checkpoint.
const MEMORY: (&str, &str) = ("camerafleet-log", "checkpoint");

/// Tokens and keys are read from the environment (`VAULT_TOKEN`, `LOG_S3_ACCESS_KEY_ID`, `LOG_S3_SECRET_ACCESS_KEY`),
/// never from arguments, which other users of the machine could see. Tenants are read with the kubeconfig's rights.
#[derive(Clone, Debug, clap::Args)]
pub struct VaultRestoredArgs {
    /// Vault's address, as https://vault.example.com:8200
    #[arg(long, env = "VAULT_ADDR")]
    pub address: Url,
    /// PEM file with the CAs to trust for Vault, instead of the system's
    #[arg(long, env = "VAULT_CACERT")]
    pub ca_file: Option<PathBuf>,
    /// Vault's namespace, where the server has them
    #[arg(long, env = "VAULT_NAMESPACE")]
    pub namespace: Option<String>,
    /// The tenants' Transit mounts are at <prefix>/<namespace>
    #[arg(long, default_value = "camerafleet")]
    pub mount_prefix: String,
    /// The logs' store, as the chart's value log.s3.endpoint
    #[arg(long, env = "LOG_S3_ENDPOINT")]
    pub log_endpoint: String,
    /// The region that requests are signed for
    #[arg(long, env = "LOG_S3_REGION", default_value = "us-east-1")]
    pub log_region: String,
    /// The logs' bucket
    #[arg(long, env = "LOG_S3_BUCKET")]
    pub log_bucket: String,
    /// The folder in it
    #[arg(long, env = "LOG_S3_PREFIX", default_value = "")]
    pub log_prefix: String,
    /// https://host/bucket/key instead of https://bucket.host/key
    #[arg(long, env = "LOG_S3_PATH_STYLE", default_value_t = true, action = clap::ArgAction::Set)]
    pub log_path_style: bool,
    /// PEM file with a CA to trust for the logs' store beside the system's
    #[arg(long)]
    pub log_ca_file: Option<PathBuf>,
    /// Only these tenants, by name; all of them if none is given
    #[arg(long = "tenant")]
    pub tenants: Vec<String>,
    /// Say what would be destroyed again, and destroy nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Goes through the tenants, and prints what it finds and does.
///
/// # Errors
/// What could not be read or destroyed; the other tenants are gone through all the same, and a second run does the rest.
pub async fn run(args: VaultRestoredArgs) -> anyhow::Result<()> {
    let vault = VaultConfig {
        address: args.address.clone(),
        namespace: args.namespace.clone(),
        ca_pem: args.ca_file.as_deref().map(read).transpose()?,
        timeout: TIMEOUT,
    };
    let token = secret("VAULT_TOKEN")?;
    let vault = Vault::with_token(&vault, token)?;
    let config = StoreConfig {
        endpoint: args.log_endpoint.clone(),
        region: args.log_region.clone(),
        bucket: args.log_bucket.clone(),
        prefix: args.log_prefix.clone(),
        path_style: args.log_path_style,
        ca_bundle: args.log_ca_file.as_deref().map(read).transpose()?,
    };
    let credential = StoreCredential {
        access_key_id: secret("LOG_S3_ACCESS_KEY_ID")?.into(),
        secret_access_key: secret("LOG_S3_SECRET_ACCESS_KEY")?.into(),
    };
    let store: Arc<dyn ObjectStore> = Arc::new(store::s3(&config, &credential, TIMEOUT)?);
    let client = Client::try_default().await.context("find the API server")?;
    let cluster = limited(Api::<Namespace>::all(client.clone()).get("kube-system")).await?;
    let cluster = cluster.uid().context("the namespace kube-system has no uid")?;
    let tenants = limited(Api::<Tenant>::all(client.clone()).list(&ListParams::default())).await?;
    let asked = |tenant: &&Tenant| args.tenants.is_empty() || args.tenants.contains(&tenant.name_any());
    let (mut seen, mut failed) = (0, 0);
    for tenant in tenants.iter().filter(asked) {
        seen += 1;
        let restored =
            Restored { client: &client, vault: &vault, store: &store, cluster: &cluster, args: &args };
        if let Err(error) = restored.tenant(tenant).await {
            failed += 1;
            say(&format!("{}: FAILED: {error:#}", tenant.name_any()))?;
        }
    }
    ensure!(seen > 0, "there is no such Tenant: see kubectl get tenants");
    ensure!(
        failed == 0,
        "{failed} of {seen} tenants are not done: put right what is said above, and run it again"
    );
    Ok(())
}

struct Restored<'a> {
    client: &'a Client,
    vault: &'a Vault,
    store: &'a Arc<dyn ObjectStore>,
    cluster: &'a str,
    args: &'a VaultRestoredArgs,
}

impl Restored<'_> {
    async fn tenant(&self, tenant: &Tenant) -> anyhow::Result<()> {
        let name = tenant.name_any();
        let id = identity::of(tenant).context("it has no id yet, so it has no keys")?;
        let id = TenantId::parse(id)?;
        let namespace = &tenant.spec.namespace;
        let mount = format!("{}/{namespace}", self.args.mount_prefix);
        let public = self.vault.signing_public_key(&mount, LOG_KEY).await?;
        let key = LogKey::new(origin(self.cluster, &id), public)?;
        let reader = Reader::new(Arc::clone(self.store), &self.args.log_prefix, &id, key.clone());
        // A log that was put back as well would hide what was destroyed.
        let maps = Api::<ConfigMap>::namespaced(self.client.clone(), namespace);
        let remembered = limited(maps.get_opt(MEMORY.0)).await?.and_then(|map| map.data?.remove(MEMORY.1));
        let checkpoint = match remembered {
            Some(note) => reader.after(&key.open(note.as_bytes())?).await?,
            None => reader.checkpoint().await?,
        };
        let ledger = Ledger::read(&reader.at(&checkpoint)).await?;
        let again = destroy_again(self.vault, &mount, &ledger, self.args.dry_run).await?;
        say(&format!("{name}: {}", again.summary(self.args.dry_run)))?;
        for (what, keys) in again.lists() {
            for key in keys {
                say(&format!("{name}: {what}: {key}"))?;
            }
        }
        ensure!(again.failed.is_empty(), "{} keys could not be destroyed again", again.failed.len());
        Ok(())
    }
}

fn say(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}").context("write what was done")
}

async fn limited<T>(call: impl Future<Output = kube::Result<T>>) -> anyhow::Result<T> {
    Ok(tokio::time::timeout(TIMEOUT, call).await.context("the API server did not answer in time")??)
}

fn secret(name: &str) -> anyhow::Result<String> {
    let value = std::env::var(name).unwrap_or_default().trim().to_owned();
    ensure!(!value.is_empty(), "set {name}: see docs/runbooks/vault-restore.md");
    Ok(value)
}

fn read(path: impl AsRef<std::path::Path>) -> anyhow::Result<String> {
    let path = path.as_ref();
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}
