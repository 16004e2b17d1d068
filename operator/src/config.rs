//! The operator's settings. The chart gives every one of them; the defaults are the chart's.

use std::{path::PathBuf, time::Duration};

use clap::Args;

/// `operator run`.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// The operator's own namespace: its Lease, and the Secrets that Tenants name for stores.
    #[arg(long, env = "POD_NAMESPACE", default_value = "camerafleet-system")]
    pub namespace: String,
    /// What the Lease says of its holder.
    #[arg(long, env = "POD_NAME", default_value = "camerafleet-operator")]
    pub identity: String,
    /// The operator's ServiceAccount, which it binds in each tenant's namespace.
    #[arg(long, env = "SERVICE_ACCOUNT", default_value = "camerafleet-operator")]
    pub service_account: String,
    /// The ClusterRole that the operator binds to itself in each tenant's namespace.
    #[arg(long, env = "TENANT_CLUSTER_ROLE", default_value = "camerafleet-operator-tenant")]
    pub tenant_cluster_role: String,
    /// The image that recorders and jobs run.
    #[arg(long, env = "IMAGE")]
    pub image: String,
    /// When recorders' and jobs' images are pulled.
    #[arg(long, env = "IMAGE_PULL_POLICY", default_value = "IfNotPresent")]
    pub image_pull_policy: String,
    /// Where metrics, probes and readiness are served.
    #[arg(long, env = "LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: std::net::SocketAddr,
    /// How Vault is reached.
    #[command(flatten)]
    pub vault: VaultArgs,
}

/// How Vault is reached. The token comes from a login with the pod's own projected ServiceAccount token.
#[derive(Args, Clone, Debug)]
pub struct VaultArgs {
    /// `https://vault.example.com:8200`.
    #[arg(long = "vault-address", env = "VAULT_ADDR")]
    pub address: String,
    /// Vault's namespace, where it has any.
    #[arg(id = "vault_namespace", long = "vault-namespace", env = "VAULT_NAMESPACE")]
    pub namespace: Option<String>,
    /// PEM certificates to trust beside the system's.
    #[arg(long = "vault-ca-file", env = "VAULT_CACERT")]
    pub ca_file: Option<PathBuf>,
    /// The mount of the Kubernetes auth method.
    #[arg(long = "vault-auth-mount", env = "VAULT_AUTH_MOUNT", default_value = "kubernetes")]
    pub auth_mount: String,
    /// The operator's role there.
    #[arg(long = "vault-role", env = "VAULT_ROLE", default_value = "camerafleet-operator")]
    pub role: String,
    /// The retention jobs' role there.
    #[arg(
        long = "vault-retention-role",
        env = "VAULT_RETENTION_ROLE",
        default_value = "camerafleet-retention"
    )]
    pub retention_role: String,
    /// The audience of the ServiceAccount tokens that jobs show to Vault.
    #[arg(long = "vault-audience", env = "VAULT_AUDIENCE", default_value = "vault")]
    pub audience: String,
    /// Tenants' Transit mounts are `<prefix>/<namespace>`.
    #[arg(long = "vault-mount-prefix", env = "VAULT_MOUNT_PREFIX", default_value = "camerafleet")]
    pub mount_prefix: String,
    /// The projected ServiceAccount token with Vault's audience.
    #[arg(
        long = "vault-token-file",
        env = "VAULT_TOKEN_FILE",
        default_value = "/var/run/secrets/vault/token"
    )]
    pub token_file: PathBuf,
}

/// One call to the API server, Vault, a store or a recorder takes at most this long.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How often recorders are asked how they are.
pub const POLL_INTERVAL: Duration = Duration::from_secs(3);
/// A reconciliation that failed is tried again after this, doubled up to [`RETRY_MAX`].
pub const RETRY_MIN: Duration = Duration::from_secs(1);
/// See [`RETRY_MIN`]. Short enough that what a person put right heals within a minute.
pub const RETRY_MAX: Duration = Duration::from_secs(30);
/// The field manager of everything the operator applies.
pub const FIELD_MANAGER: &str = "camerafleet-operator";
