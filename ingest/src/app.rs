//! The program's parts put together, and how it stops.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    camera::{limits::Limits, supervisor},
    config::{self, Intake},
    http,
    metrics::Metrics,
    segment::Context,
    spool::{self, Spool},
    status::Board,
};

/// Cameras finish their segments within this when the pod stops.
const FINISH: Duration = Duration::from_secs(20);

/// What the program is told at its start.
pub struct Options {
    /// The pod's uid, shown in the status.
    pub pod_uid: String,
    /// Where configuration comes from.
    pub source: Source,
    /// The spool's directory.
    pub spool_dir: PathBuf,
    /// The endpoints' address.
    pub listen: SocketAddr,
    /// How long the spool may take to empty when the pod stops.
    pub drain: Duration,
}

/// Where configuration comes from.
pub enum Source {
    /// ConfigMap and Secret of one name.
    Cluster {
        /// Theirs.
        namespace: String,
        /// Their name.
        shard: String,
    },
    /// Files.
    Files {
        /// As `shard.json`.
        config: PathBuf,
        /// One file per key.
        secrets: Option<PathBuf>,
    },
}

/// Runs until `stop`, then stops in good order.
pub async fn run(options: Options, stop: CancellationToken) -> anyhow::Result<()> {
    let metrics = Metrics::new();
    let spool = Spool::open(&options.spool_dir, metrics.clone())
        .with_context(|| format!("opening the spool in {}", options.spool_dir.display()))?;
    let board = Arc::new(Board::new(options.pod_uid, spool.clone()));
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("listening on {}", options.listen))?;

    // The parts end one after the other: first what records, last what uploads and answers.
    let (recording, rest) = (CancellationToken::new(), CancellationToken::new());
    let (intake, current) = Intake::new();
    match options.source {
        Source::Cluster { namespace, shard } => {
            let client = kube::Client::try_default().await.context("finding the cluster's API server")?;
            config::watch::start(&client, &namespace, &shard, &intake, &metrics, &recording);
        }
        Source::Files { config, secrets } => config::file::start(config, secrets, intake.clone(), &recording),
    }
    let context = Context {
        spool: spool.clone(),
        board: board.clone(),
        metrics: metrics.clone(),
        limits: Limits::default(),
    };
    let cameras = tokio::spawn(supervisor::run(context, current.clone(), recording.clone()));
    let uploads = tokio::spawn(spool::upload::run(
        spool.clone(),
        board.clone(),
        metrics.clone(),
        current,
        rest.clone(),
    ));
    let ended = rest.clone();
    let router = http::router(board.clone(), metrics);
    let server = tokio::spawn(async move {
        axum::serve(listener, router).with_graceful_shutdown(ended.cancelled_owned()).await
    });

    stop.cancelled().await;
    tracing::info!("stopping: segments are finished, then the spool drains");
    board.drain();
    recording.cancel();
    let drained = tokio::time::timeout(options.drain, async {
        if tokio::time::timeout(FINISH, cameras).await.is_err() {
            tracing::error!("not every camera finished its segment in time");
        }
        while !spool.is_empty() {
            tokio::select! {
                () = spool.changed() => {}
                () = tokio::time::sleep(Duration::from_millis(500)) => {}
            }
        }
    });
    match drained.await {
        Ok(()) => tracing::info!("the spool is empty"),
        Err(_) => tracing::error!(
            bytes = spool.bytes(),
            "the spool did not drain in time: what is left in it is lost with the pod"
        ),
    }
    rest.cancel();
    let _ = tokio::time::timeout(Duration::from_secs(5), async { tokio::join!(uploads, server) }).await;
    // Nothing holds the intake's sender any more; kept until here so that the parts did not see it close.
    drop(intake);
    Ok(())
}
