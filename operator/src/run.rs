//! `operator run`: waits for the Lease, then watches and reconciles until it is told to stop.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use kube::{
    Client,
    client::ClientBuilder,
    runtime::events::{Recorder, Reporter},
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};

use crate::{
    admission::{self, Admission, Operator, Shipped},
    config::RunArgs,
    context::{Context, Plans},
    controllers::{self, camera, disclosure, ingest, legal_hold, retention_policy, sharing_policy, tenant},
    http::{self, Health},
    lease::Leadership,
    log::{self, Logs},
    metrics::{self, Metrics},
    pods::{self, Answers},
    report::{self, Reports},
    vault::Sessions,
    watch::{self, Queues, Router, Synced, TenantSecrets},
};

/// Runs until a signal, or until the Lease is lost, which is an error: the process must end.
pub async fn run(args: RunArgs) -> anyhow::Result<()> {
    let config = kube::Config::infer().await.context("find the API server")?;
    let client = Client::try_from(config.clone()).context("make a client for the API server")?;
    // The Lease's calls must fail in time: no retries below them.
    let lease_client = ClientBuilder::try_from(config).context("make a client for the Lease")?.build();
    let policies = admission::shipped(&Operator::from(&args)).context("read the admission policies")?;
    let metrics = Metrics::new().context("register metrics")?;
    let synced = Synced::default();
    let leading = Arc::new(AtomicBool::new(false));
    let health = Health { metrics: metrics.clone(), synced: synced.clone(), leading: Arc::clone(&leading) };
    let listener =
        TcpListener::bind(args.listen).await.with_context(|| format!("listen on {}", args.listen))?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        if let Err(error) = axum::serve(listener, http::router(health)).await {
            tracing::error!(%error, "the endpoint for probes and metrics ended");
        }
    });

    let tiles =
        TcpListener::bind(args.log_listen).await.with_context(|| format!("listen on {}", args.log_listen))?;
    let logs = log::serve::Configured::new(args.log.clone(), client.clone(), args.namespace.clone());
    tasks.spawn(async move {
        if let Err(error) = axum::serve(tiles, log::serve::router(logs)).await {
            tracing::error!(%error, "the endpoint for the logs' tiles ended");
        }
    });

    let mut stop = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut leadership = Leadership::new(lease_client, &args.namespace, &args.identity);
    tracing::info!(identity = args.identity, "waiting for the Lease");
    tokio::select! {
        () = leadership.acquire() => {}
        _ = stop.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    }
    tracing::info!("leading");
    leading.store(true, Ordering::Relaxed);
    metrics.leader.set(1);
    reconcile_all(client, args, policies, metrics, synced, &mut tasks);

    let lost = tokio::select! {
        why = leadership.hold() => Some(why),
        _ = stop.recv() => None,
        _ = interrupt.recv() => None,
    };
    // First everything that writes ends, then the Lease goes.
    tasks.shutdown().await;
    match lost {
        Some(why) => anyhow::bail!("{why}; ending, so that no two replicas write"),
        None => {
            let _ = tokio::time::timeout(Duration::from_secs(3), leadership.release()).await;
            Ok(())
        }
    }
}

/// Starts the watches and a pipeline per kind.
fn reconcile_all(
    client: Client,
    args: RunArgs,
    policies: Vec<Shipped>,
    metrics: Metrics,
    synced: Synced,
    tasks: &mut JoinSet<()>,
) {
    let (router, queues) = Router::new(TenantSecrets::new(client.clone()));
    let index = watch::start(&client, &args, &router, &synced, tasks);
    let reporter =
        Reporter { controller: "camerafleet-operator".into(), instance: Some(args.identity.clone()) };
    let context = Arc::new(Context {
        events: Recorder::new(client.clone(), reporter),
        vault: Sessions::new(args.vault.clone(), metrics.vault_logins.clone()),
        logs: Logs::new(args.log.clone()),
        answers: Answers::default(),
        plans: Plans::default(),
        admission: Admission::new(Operator::from(&args)),
        client,
        args,
        index,
        router,
        metrics,
    });
    let Queues {
        tenant,
        ingest,
        camera,
        retention_policy,
        sharing_policy,
        legal_hold,
        legal_order,
        disclosure_request,
        approval,
        report,
    } = queues;
    let index = context.index.clone();
    let tenants = controllers::ready(&index.tenants);
    let cameras = controllers::ready(&index.cameras);
    let retention = controllers::ready(&index.retention_policies);
    let sharing = controllers::ready(&index.sharing_policies);
    let holds = controllers::ready(&index.legal_holds);
    let orders = controllers::ready(&index.legal_orders);
    let requests = controllers::ready(&index.disclosure_requests);
    let approvals = controllers::ready(&index.approvals);
    macro_rules! spawn {
        ($pipeline:ident, $store:expr, $ready:expr) => {
            let (context, store) = (Arc::clone(&context), $store.clone());
            let name = stringify!($pipeline);
            tasks.spawn(controllers::drive(name, context, store, $ready, $pipeline, $pipeline::reconcile));
        };
    }
    spawn!(tenant, index.tenants, tenants.clone());
    spawn!(ingest, index.tenants, tenants.clone());
    spawn!(camera, index.cameras, cameras);
    spawn!(retention_policy, index.retention_policies, retention);
    spawn!(sharing_policy, index.sharing_policies, sharing);
    spawn!(legal_hold, index.legal_holds, holds);
    tasks.spawn(controllers::drive(
        "legal_order",
        Arc::clone(&context),
        index.legal_orders.clone(),
        orders,
        legal_order,
        disclosure::reconcile_order,
    ));
    tasks.spawn(controllers::drive(
        "disclosure_request",
        Arc::clone(&context),
        index.disclosure_requests.clone(),
        requests,
        disclosure_request,
        disclosure::reconcile,
    ));
    tasks.spawn(controllers::drive(
        "approval",
        Arc::clone(&context),
        index.approvals.clone(),
        approvals,
        approval,
        disclosure::reconcile_approval,
    ));
    let reports = Reports::default();
    tasks.spawn(controllers::drive(
        "report",
        Arc::clone(&context),
        index.tenants.clone(),
        tenants,
        report,
        move |tenant, context| report::reconcile(tenant, context, reports.clone()),
    ));
    tasks.spawn(admission::watch(context.clone(), policies));
    tasks.spawn(log::run(Arc::clone(&context)));
    tasks.spawn(metrics::measure(Arc::clone(&context)));
    tasks.spawn(pods::poll(context));
}
