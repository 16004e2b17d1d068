//! `retention`: deletes footage that is due and destroys the keys that the operator named, for one
//! RetentionPolicy, once.
//!
//! Exit codes: 0 all that was due is done; 1 something is left for the next run; 2 the arguments or the pod's
//! files cannot be used; 3 it refused to delete anything, because a clock is wrong or the policy is another
//! one; 143 it was told to stop.

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use camerafleet_footage::retention::RunSummary;
use clap::Parser;
use jiff::Timestamp;
use jobs::retention::{
    Job, JobError, Keys, KubePolicy, StoreClock, exit_code, read_config, read_log_store, read_store,
    read_versions, report_termination, run,
};
use object_store::ObjectStore;
use tokio::signal::unix::{SignalKind, signal};

/// 128 + SIGTERM.
const STOPPED: u8 = 143;
/// As clap's.
const UNUSABLE: u8 = 2;

#[derive(Parser)]
#[command(name = "retention", version, about = "Deletes footage that is due and destroys its keys")]
struct Args {
    /// The RetentionPolicy's name.
    #[arg(long)]
    policy: String,
    /// Its namespace.
    #[arg(long, env = "POD_NAMESPACE")]
    namespace: String,
    /// The run's name, which names its report: the Job's.
    #[arg(long, env = "JOB_NAME")]
    run: String,
    /// What the operator says.
    #[arg(long, default_value = "/etc/camerafleet/retention/retention.json")]
    config: PathBuf,
    /// The folder with the store's credential.
    #[arg(long, default_value = "/etc/camerafleet/store")]
    store_dir: PathBuf,
    /// The projected ServiceAccount token with Vault's audience.
    #[arg(long, default_value = "/var/run/secrets/vault/token")]
    vault_token_file: PathBuf,
    /// Where the run in short is left for the operator.
    #[arg(long, default_value = "/dev/termination-log")]
    termination_log: PathBuf,
    /// Seconds after which no further epoch is begun.
    #[arg(long, default_value_t = 3_000)]
    time_limit: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        anyhow::bail!("another TLS provider was installed first");
    }
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().json().with_env_filter(filter).init();
    let args = Args::parse();
    let mut stop = signal(SignalKind::terminate())?;
    let job = match prepare(&args).await {
        Ok(job) => job,
        Err(error) => {
            tracing::error!(%error, "cannot begin");
            let mut summary = RunSummary::started(Timestamp::now());
            summary.outcome = error.outcome();
            error.reason().clone_into(&mut summary.reason);
            summary.message = error.to_string();
            leave(&args, &summary);
            return Ok(UNUSABLE.into());
        }
    };
    tokio::select! {
        report = run(&job) => {
            let summary = &report.summary;
            tracing::info!(outcome = ?summary.outcome, reason = summary.reason, deleted = summary.deleted_objects, bytes = summary.deleted_bytes, keys = summary.destroyed_keys, "the run is over");
            leave(&args, summary);
            Ok(exit_code(summary.outcome).into())
        }
        // As process 1 of its container it would otherwise be killed only after the grace period.
        _ = stop.recv() => {
            tracing::warn!("told to stop; the next run goes on where this one was");
            Ok(STOPPED.into())
        }
    }
}

async fn prepare(args: &Args) -> Result<Job<KubePolicy>, JobError> {
    let config = read_config(&args.config)?;
    let store = read_store(&config.store, &args.store_dir)?;
    let log_store = match &config.log {
        Some(log) => Some(read_log_store(&log.store, &args.store_dir)? as Arc<dyn ObjectStore>),
        None => None,
    };
    let versions = Some(read_versions(&config.store, &args.store_dir)?);
    let store_clock = StoreClock::new(&config.store)?;
    let client = kube::Client::try_default()
        .await
        .map_err(|e| JobError::Setup { what: "The pod's API access".to_owned(), why: e.to_string() })?;
    Ok(Job {
        config,
        pages: Arc::clone(&store) as _,
        store,
        log_store,
        store_clock,
        versions,
        policy: KubePolicy::new(client, args.namespace.clone(), args.policy.clone()),
        keys: Keys::Login { token_file: args.vault_token_file.clone() },
        now: Timestamp::now,
        run: args.run.clone(),
        time_limit: Duration::from_secs(args.time_limit),
    })
}

fn leave(args: &Args, summary: &RunSummary) {
    if let Err(error) = report_termination(&args.termination_log, summary) {
        tracing::warn!(%error, "the operator is not told how the run ended");
    }
}
