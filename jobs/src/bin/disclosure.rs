//! `disclosure`: carries out one Intent of a DisclosureRequest, once; `disclosure prepare` lists the owners' sealed shares
//! for one.
//!
//! Exit codes: 0 done; 1 something failed, and another run goes on; 2 the arguments or the pod's files cannot be used;
//! 3 it refused, and another run would too; 143 it was told to stop.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use camerafleet_footage::disclosure::job::{Ending, JobConfig, PrepareConfig, RunSummary};
use clap::{Parser, Subcommand};
use jiff::Timestamp;
use jobs::disclosure::{
    Job, JobError, Keys, KubeObjects, exit_code, failed, prepare, read_config, read_store,
    report_termination, run,
};
use tokio::signal::unix::{SignalKind, signal};

/// 128 + SIGTERM.
const STOPPED: u8 = 143;
/// As clap's.
const UNUSABLE: u8 = 2;

#[derive(Parser)]
#[command(name = "disclosure", version, about = "Opens what a logged Intent allows, and writes the package")]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The tenant's namespace.
    #[arg(long, env = "POD_NAMESPACE", global = true, default_value = "")]
    namespace: String,
    /// What the operator says.
    #[arg(long, global = true, default_value = "/etc/camerafleet/disclosure/disclosure.json")]
    config: PathBuf,
    /// The folder with the stores' credentials.
    #[arg(long, global = true, default_value = "/etc/camerafleet/store")]
    store_dir: PathBuf,
    /// The projected ServiceAccount token with Vault's audience.
    #[arg(long, default_value = "/var/run/secrets/vault/token")]
    vault_token_file: PathBuf,
    /// Where the run in short is left for the operator.
    #[arg(long, global = true, default_value = "/dev/termination-log")]
    termination_log: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Lists each owner's sealed shares of the window's keys; opens nothing.
    Prepare,
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
    let args = Arc::new(args);
    // A task of its own: it blocks its thread while parts of the package are on their way.
    let working = tokio::spawn({
        let args = Arc::clone(&args);
        async move { work(&args).await }
    });
    tokio::select! {
        summary = working => {
            let summary = summary?;
            tracing::info!(outcome = ?summary.outcome, reason = summary.reason, "the run is over");
            if let Err(error) = report_termination(&args.termination_log, &summary) {
                tracing::warn!(%error, "the operator is not told how the run ended");
            }
            let code = if summary.reason == "Misconfigured" { UNUSABLE } else { exit_code(summary.outcome) };
            Ok(code.into())
        }
        // As process 1 of its container it would otherwise be killed only after the grace period.
        _ = stop.recv() => {
            tracing::warn!("told to stop; the next run begins the package anew");
            // A thread may be in the middle of a package: it is not waited for.
            std::process::exit(STOPPED.into());
        }
    }
}

async fn work(args: &Args) -> RunSummary {
    let done = match args.command {
        None => disclose(args).await,
        Some(Command::Prepare) => list_shares(args).await,
    };
    done.unwrap_or_else(|error| failed(&error))
}

async fn client() -> Result<kube::Client, JobError> {
    kube::Client::try_default()
        .await
        .map_err(|e| JobError::Setup { what: "The pod's API access".to_owned(), why: e.to_string() })
}

async fn disclose(args: &Args) -> Result<RunSummary, JobError> {
    let config: JobConfig = read_config(&args.config)?;
    let store = read_store(&config.store, &args.store_dir, "")?;
    let log_store = read_store(&config.log.store, &args.store_dir, "log.")?;
    let (namespace, request) = (args.namespace.clone(), config.request.clone());
    let objects = KubeObjects::new(client().await?, namespace, request);
    let keys = Keys::Login { token_file: args.vault_token_file.clone() };
    let job = Job { config, store, log_store, objects, keys, now: Timestamp::now };
    Ok(run(&job).await)
}

async fn list_shares(args: &Args) -> Result<RunSummary, JobError> {
    let config: PrepareConfig = read_config(&args.config)?;
    let store = read_store(&config.store, &args.store_dir, "")?;
    let lists = prepare::KubeLists::new(client().await?, &args.namespace);
    prepare::run(&config, &store, &lists).await?;
    Ok(RunSummary {
        outcome: Ending::Delivered,
        reason: "Prepared".to_owned(),
        message: "The owners' shares are listed.".to_owned(),
        package: None,
    })
}
