//! `ingest`: records the cameras of one shard.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use camerafleet_footage::shard::STATUS_PORT;
use camerafleet_ingest::app::{self, Options, Source};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{
    EnvFilter, filter::filter_fn, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// Records the cameras of one shard into sealed segments in an object store.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The shard: the name of its ConfigMap and of its Secret.
    #[arg(long, env = "SHARD", required_unless_present = "config")]
    shard: Option<String>,
    /// The pod's namespace (downward API).
    #[arg(long, env = "POD_NAMESPACE", required_unless_present = "config")]
    namespace: Option<String>,
    /// The pod's name (downward API), for the log.
    #[arg(long, env = "POD_NAME", default_value = "")]
    pod_name: String,
    /// The pod's uid (downward API), shown in the status.
    #[arg(long, env = "POD_UID", default_value = "")]
    pod_uid: String,
    /// Where sealed segments wait for the store.
    #[arg(long, env = "SPOOL_DIR", default_value = "/spool")]
    spool_dir: PathBuf,
    /// The address of the status, metrics and probe endpoints.
    #[arg(long, env = "LISTEN", default_value_t = SocketAddr::from(([0, 0, 0, 0], STATUS_PORT)))]
    listen: SocketAddr,
    /// How long the spool may take to empty when the pod stops.
    #[arg(long, env = "DRAIN_SECONDS", default_value_t = 300)]
    drain_seconds: u64,
    /// Without a cluster: a file to read instead of the ConfigMap's shard.json.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Without a cluster: a directory with one file for each key of the Secret.
    #[arg(long, requires = "config")]
    secret_dir: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Before anything makes a TLS client: two providers are compiled in by different libraries.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider was installed before main"))?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // Whatever the environment asks for: retina's messages hold what cameras send, which may be what they were sent.
    let not_retina = filter_fn(|metadata| !metadata.target().starts_with("retina"));
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().json().flatten_event(true))
        .with(filter)
        .with(not_retina)
        .init();

    let arguments = Arguments::parse();
    let source = match (arguments.config, arguments.namespace, arguments.shard) {
        (Some(config), _, _) => Source::Files { config, secrets: arguments.secret_dir },
        (None, Some(namespace), Some(shard)) => Source::Cluster { namespace, shard },
        _ => anyhow::bail!("give --shard and --namespace, or --config"),
    };
    tracing::info!(
        pod = arguments.pod_name,
        uid = arguments.pod_uid,
        version = env!("CARGO_PKG_VERSION"),
        "starting"
    );
    let stop = CancellationToken::new();
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stopped = stop.clone();
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        stopped.cancel();
    });
    let options = Options {
        pod_uid: arguments.pod_uid,
        source,
        spool_dir: arguments.spool_dir,
        listen: arguments.listen,
        drain: Duration::from_secs(arguments.drain_seconds),
    };
    app::run(options, stop).await
}
