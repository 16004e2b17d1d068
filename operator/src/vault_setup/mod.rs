//! `operator vault-setup`: what an administrator runs once, and again after an upgrade. It enables and configures
//! the Kubernetes auth method, writes the three policies and the three roles, and says for each whether it was there.
//! The operator itself never holds a token that may do this.

mod auth;
mod policies;
mod steps;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use camerafleet_footage::vault::{Vault, VaultConfig};
use url::Url;

use policies::is_plain_path;
use steps::Setup;

/// Setup is not in a hurry; Vault may be far away.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The administrator's token is read from the environment variable `VAULT_TOKEN`, never from an argument, which
/// other users of the machine could see.
#[derive(Clone, Debug, clap::Args)]
pub struct VaultSetupArgs {
    /// Vault's address, as https://vault.example.com:8200
    #[arg(long, env = "VAULT_ADDR")]
    pub address: Url,
    /// PEM file with the CAs to trust for Vault, instead of the system's
    #[arg(long, env = "VAULT_CACERT")]
    pub ca_file: Option<PathBuf>,
    /// Vault's namespace, where the server has them
    #[arg(long, env = "VAULT_NAMESPACE")]
    pub namespace: Option<String>,
    /// Where the Kubernetes auth method is, or is to be enabled
    #[arg(long, default_value = "kubernetes")]
    pub auth_mount: String,
    /// The tenants' Transit mounts are at <prefix>/<namespace>
    #[arg(long, default_value = "camerafleet")]
    pub mount_prefix: String,
    /// Policies and roles are <prefix>-operator, <prefix>-retention, <prefix>-disclosure
    #[arg(long, default_value = "camerafleet")]
    pub role_prefix: String,
    /// The audience that the ServiceAccounts' tokens must carry
    #[arg(long, default_value = "vault")]
    pub audience: String,
    /// The API server as Vault reaches it. Without it, an existing configuration is kept as it is; a new one gets
    /// the address in KUBERNETES_SERVICE_HOST, or https://kubernetes.default.svc
    #[arg(long)]
    pub kubernetes_host: Option<Url>,
    /// PEM file with the API server's CA; needed where Vault does not run in this cluster
    #[arg(long)]
    pub kubernetes_ca_file: Option<PathBuf>,
    /// File with the token under which Vault asks the API server to review others; without it Vault uses its own
    /// pod's. That account needs the ClusterRole system:auth-delegator, and `get` on namespaces
    #[arg(long)]
    pub reviewer_jwt_file: Option<PathBuf>,
    /// Replace the configuration of an auth method that is configured for another API server
    #[arg(long)]
    pub overwrite_auth_config: bool,
    /// The operator's namespace
    #[arg(long, default_value = "camerafleet-system")]
    pub operator_namespace: String,
    /// The operator's ServiceAccount
    #[arg(long, default_value = "camerafleet-operator")]
    pub operator_service_account: String,
    /// Print what would be written, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Brings Vault to what Camerafleet needs, printing each step.
///
/// # Errors
/// What could not be read or written, and why; steps already done stay done, and a second run finds them.
pub async fn run(args: VaultSetupArgs) -> anyhow::Result<()> {
    let token = std::env::var("VAULT_TOKEN").unwrap_or_default();
    let token = token.trim();
    ensure!(!token.is_empty(), "set VAULT_TOKEN to a token that may write auth methods, policies and roles");
    let setup = setup(&args)?;
    let config = VaultConfig {
        address: args.address.clone(),
        namespace: args.namespace.clone(),
        ca_pem: args.ca_file.as_deref().map(read).transpose()?,
        timeout: TIMEOUT,
    };
    let vault = Vault::with_token(&config, token.to_owned())?;
    setup.run(&vault, &mut std::io::stdout()).await
}

/// Everything that is to be in Vault, checked.
fn setup(args: &VaultSetupArgs) -> anyhow::Result<Setup> {
    for (flag, text) in [
        ("auth-mount", &args.auth_mount),
        ("mount-prefix", &args.mount_prefix),
        ("role-prefix", &args.role_prefix),
        ("operator-namespace", &args.operator_namespace),
        ("operator-service-account", &args.operator_service_account),
    ] {
        if !is_plain_path(text) {
            bail!(
                "--{flag} {text:?}: letters, digits, '-', '_' and '.' only, with '/' between the parts of a path"
            );
        }
    }
    ensure!(!args.role_prefix.contains('/'), "--role-prefix must not have a slash");
    ensure!(
        !args.audience.trim().is_empty(),
        "--audience must not be empty: any token of the cluster would be taken"
    );
    Ok(Setup {
        auth: auth::AuthConfig {
            mount: args.auth_mount.clone(),
            host: args.kubernetes_host.as_ref().map(without_slash),
            default_host: auth::default_host(|name| std::env::var(name).ok()),
            ca_pem: args.kubernetes_ca_file.as_deref().map(read).transpose()?,
            reviewer_jwt: args
                .reviewer_jwt_file
                .as_deref()
                .map(read)
                .transpose()?
                .map(|jwt| jwt.trim().to_owned()),
            overwrite: args.overwrite_auth_config,
        },
        mount_prefix: args.mount_prefix.clone(),
        role_prefix: args.role_prefix.clone(),
        audience: args.audience.clone(),
        operator_namespace: args.operator_namespace.clone(),
        operator_service_account: args.operator_service_account.clone(),
        dry_run: args.dry_run,
    })
}

fn without_slash(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

fn read(path: impl AsRef<std::path::Path>) -> anyhow::Result<String> {
    let path = path.as_ref();
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}
