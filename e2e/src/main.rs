//! The demo, the end-to-end suite and the local cluster, from the command line.

use std::{process::ExitCode, time::Instant};

use anyhow::Result;
use camerafleet_e2e::{
    cluster::{Cluster, Logs},
    demo::{self, Ground, connect},
    instance::Instance,
    progress, rights, suite, tools,
};
use clap::{Parser, Subcommand};

/// A one-node Kubernetes of real components on this machine, for the demo and the end-to-end tests.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The main job, from a camera to an opened clip.
    Demo {
        /// On a cluster of this machine's own, or on the one that the current kubeconfig names.
        #[arg(long, value_enum, default_value = "embedded")]
        cluster: Where,
        /// For an existing cluster: the project's image.
        #[arg(long, env = "IMAGE")]
        image: Option<String>,
        /// For an existing cluster: the image of Vault, S3 server and cameras (e2e/images/fixtures/Dockerfile).
        #[arg(long, env = "FIXTURES_IMAGE")]
        fixtures_image: Option<String>,
    },
    /// The end-to-end tests, on an instance of their own.
    Test {
        /// Leave the instance up, for looking at it.
        #[arg(long)]
        keep: bool,
        /// Only tests with one of these in their names.
        names: Vec<String>,
    },
    /// Name the operator's rights that a kept instance's audit log never saw used, after a whole suite.
    Rights {
        /// Which one.
        instance: Instance,
    },
    /// Install and build what the cluster is made of (once; the first time takes about 20 minutes).
    Tools,
    /// Start an instance, afresh: what an earlier run of it left is cleared first.
    Up {
        /// Which one.
        instance: Instance,
    },
    /// Stop an instance, or every one, and remove all it left on this machine.
    Down {
        /// Which one; all, if none is named.
        instance: Option<Instance>,
        /// Keep the components' logs.
        #[arg(long)]
        keep_logs: bool,
    },
    /// Copy the logs of an instance's components and pods, and what kubectl says of them, into a folder.
    Logs {
        /// Which one.
        instance: Instance,
        /// Where to.
        to: std::path::PathBuf,
    },
}

/// Which cluster the demo runs on.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Where {
    /// One of this machine's own, started afresh.
    Embedded,
    /// The current kubeconfig's.
    Existing,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The whole chain of reasons, and never a backtrace: a person reads this.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<()> {
    match command {
        Command::Demo { cluster, image, fixtures_image } => {
            let started = Instant::now();
            demo::run(cluster.into_ground(image, fixtures_image).await?, started).await
        }
        Command::Test { keep, names } => suite::run(keep, &names).await,
        Command::Rights { instance } => {
            rights::check(&connect(&instance.kubeconfig()).await?, instance).await
        }
        Command::Tools => tools::ensure_for_tests().await.map(drop),
        Command::Up { instance } => up(instance).await,
        Command::Down { instance, keep_logs } => down(instance, keep_logs).await,
        Command::Logs { instance, to } => camerafleet_e2e::cluster::collect_logs(instance, &to).await,
    }
}

impl Where {
    async fn into_ground(self, image: Option<String>, fixtures_image: Option<String>) -> Result<Ground> {
        match self {
            Self::Embedded => Ground::embedded(Instance::Demo).await,
            Self::Existing => Ground::existing(image, fixtures_image).await,
        }
    }
}

async fn up(instance: Instance) -> Result<()> {
    let tools = tools::ensure().await?;
    let cluster = Cluster::start(instance, &tools).await?;
    progress::say(&format!("export KUBECONFIG={}", cluster.kubeconfig().display()));
    progress::say(&format!("alias kubectl={}", tools.bin("kubectl").display()));
    Ok(())
}

async fn down(instance: Option<Instance>, keep_logs: bool) -> Result<()> {
    let logs = if keep_logs { Logs::Keep } else { Logs::Remove };
    match instance {
        Some(instance) => Cluster::down(instance, logs).await,
        None => {
            for instance in Instance::ALL {
                Cluster::down(instance, logs).await?;
            }
            Ok(())
        }
    }
}
