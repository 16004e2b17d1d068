//! The operator's settings. The chart gives every one of them; the defaults are the chart's.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::Args;
use ipnet::IpNet;

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
    /// Where the disclosure logs' tiles are served.
    #[arg(long, env = "LOG_LISTEN", default_value = "0.0.0.0:8081")]
    pub log_listen: std::net::SocketAddr,
    /// How Vault is reached.
    #[command(flatten)]
    pub vault: VaultArgs,
    /// Where the disclosure logs are.
    #[command(flatten)]
    pub log: LogArgs,
    /// What tenants' network policies name.
    #[command(flatten)]
    pub network: NetworkArgs,
}

/// What tenants' network policies name.
#[derive(Args, Clone, Debug, Default)]
pub struct NetworkArgs {
    /// The API server's service, as the kubelet says it.
    #[arg(long = "api-server-host", env = "KUBERNETES_SERVICE_HOST")]
    pub api_server_host: Option<IpAddr>,
    /// Its port.
    #[arg(long = "api-server-port", env = "KUBERNETES_SERVICE_PORT")]
    pub api_server_port: Option<u16>,
    /// Namespaces from which recorders' metrics are read.
    #[arg(long = "monitoring-namespaces", env = "MONITORING_NAMESPACES", value_delimiter = ',')]
    pub monitoring_namespaces: Vec<String>,
    /// Vault's addresses, where they are known; else its port is open to jobs everywhere.
    #[arg(long = "vault-cidrs", env = "VAULT_CIDRS", value_delimiter = ',')]
    pub vault_cidrs: Vec<IpNet>,
    /// Those of the disclosure logs' store.
    #[arg(long = "log-cidrs", env = "LOG_CIDRS", value_delimiter = ',')]
    pub log_cidrs: Vec<IpNet>,
}

/// Where the disclosure logs are: a bucket of the operator's own. Secrets are of the operator's namespace.
#[derive(Args, Clone, Debug)]
pub struct LogArgs {
    /// `https://s3.example.com`. Without it nothing is logged, and no key is destroyed.
    #[arg(long = "log-s3-endpoint", env = "LOG_S3_ENDPOINT")]
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    #[arg(long = "log-s3-region", env = "LOG_S3_REGION", default_value = "us-east-1")]
    pub region: String,
    /// The bucket.
    #[arg(long = "log-s3-bucket", env = "LOG_S3_BUCKET")]
    pub bucket: Option<String>,
    /// The folder in it.
    #[arg(long = "log-s3-prefix", env = "LOG_S3_PREFIX", default_value = "")]
    pub prefix: String,
    /// `https://host/bucket/key` instead of `https://bucket.host/key`.
    #[arg(long = "log-s3-path-style", env = "LOG_S3_PATH_STYLE", default_value_t = true, action = clap::ArgAction::Set)]
    pub path_style: bool,
    /// A Secret with `ca.crt`, to be trusted beside the system's certificates.
    #[arg(long = "log-s3-ca-bundle-secret", env = "LOG_S3_CA_BUNDLE_SECRET")]
    pub ca_bundle_secret: Option<String>,
    /// The Secret with the operator's own credential (`accessKeyId`, `secretAccessKey`): get, put, list and delete.
    #[arg(
        long = "log-s3-credentials-secret",
        env = "LOG_S3_CREDENTIALS_SECRET",
        default_value = "camerafleet-log"
    )]
    pub credentials_secret: String,
    /// The Secret with the credential that jobs get: to get and list, and nothing else.
    #[arg(
        long = "log-s3-reader-credentials-secret",
        env = "LOG_S3_READER_CREDENTIALS_SECRET",
        default_value = "camerafleet-log-reader"
    )]
    pub reader_credentials_secret: String,
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
    /// The disclosure Jobs' role there.
    #[arg(
        long = "vault-disclosure-role",
        env = "VAULT_DISCLOSURE_ROLE",
        default_value = "camerafleet-disclosure"
    )]
    pub disclosure_role: String,
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
