//! What monitoring reads: `camerafleet_*`, told to people in docs/monitoring.md. Label values are bounded: kinds, results
//! and reasons, never names of objects.
//!
//! Counters are counted where something happens. What describes the fleet is measured from what the watches have seen, by
//! the replica that leads: of any other, and of objects that are gone, nothing is told.

mod cameras;
mod disclosure;
mod holds;
mod recorders;
mod retention;
mod tenants;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
    core::Collector,
};

use crate::context::Context;

/// How often the fleet is measured: as often as Prometheus usually asks, or oftener.
const INTERVAL: Duration = Duration::from_secs(10);

/// The operator's metrics. Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    /// Held while figures are written that belong together, and while all are read.
    whole: Arc<Mutex<()>>,
    /// By pipeline and result.
    pub reconciliations: IntCounterVec,
    /// Seconds, by pipeline.
    pub duration: HistogramVec,
    /// Whether this replica leads.
    pub leader: IntGauge,
    /// Watches that do not follow.
    pub watches_failing: IntGauge,
    /// Whether the admission policies are enforced.
    pub admission_enforced: IntGauge,
    /// Logins at Vault, by result.
    pub vault_logins: IntCounterVec,
    /// By the reason of Ready.
    pub tenants: IntGaugeVec,
    /// Tenants, by the reason of LogReady.
    pub tenant_logs: IntGaugeVec,
    /// By the reason of Ready.
    pub cameras: IntGaugeVec,
    /// Cameras, by the reason of KeysReady where it is not True.
    pub cameras_without_keys: IntGaugeVec,
    /// By whether they answer.
    pub recorders: IntGaugeVec,
    /// By kind.
    pub keys_created: IntCounterVec,
    /// Epoch keys that are due and do not exist.
    pub epoch_keys_missing: IntGauge,
    /// When the first policy has none left.
    pub epoch_keys_end: IntGaugeVec,
    /// By the reason of RunSucceeded.
    pub retention_policies: IntGaugeVec,
    /// Policies that are late.
    pub retention_late: IntGauge,
    /// Objects past their date.
    pub overdue_objects: IntGauge,
    /// Bytes past their date.
    pub overdue_bytes: IntGauge,
    /// Bytes past their date that are held.
    pub held_bytes: IntGauge,
    /// Bytes stored.
    pub stored_bytes: IntGauge,
    /// By the reason of WithinStorageQuota.
    pub storage_quotas: IntGaugeVec,
    /// By the reason of Ready.
    pub legal_holds: IntGaugeVec,
    /// When the next one ends.
    pub hold_next_end: IntGaugeVec,
    /// By basis and the reason of Ready.
    pub disclosure_requests: IntGaugeVec,
    /// When the oldest open one was created, by the reason of Ready.
    pub disclosure_oldest_open: IntGaugeVec,
    /// Orders that are overdue.
    pub disclosure_overdue: IntGauge,
    /// Messages to owners, by result.
    pub notices: IntCounterVec,
}

impl Metrics {
    /// Registers all of them.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let gauge = |name, help| register(&registry, IntGauge::with_opts(opts(name, help)));
        let gauges = |name, help, labels| register(&registry, IntGaugeVec::new(opts(name, help), labels));
        let counters = |name, help, labels| register(&registry, IntCounterVec::new(opts(name, help), labels));
        let seconds = |name, help, buckets: &[f64], labels| {
            let options = HistogramOpts::from(opts(name, help)).buckets(buckets.to_vec());
            register(&registry, HistogramVec::new(options, labels))
        };
        Ok(Self {
            whole: Arc::default(),
            reconciliations: counters("reconciliations_total", "Reconciliations.", &["pipeline", "result"])?,
            duration: seconds(
                "reconciliation_duration_seconds",
                "Time that a reconciliation took.",
                &[0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 20.0],
                &["pipeline"],
            )?,
            leader: gauge("leader", "1 while this replica holds the Lease.")?,
            watches_failing: gauge("watches_failing", "Watches that do not follow the API server.")?,
            admission_enforced: gauge(
                "admission_enforced",
                "1 while every admission policy is proved to be enforced.",
            )?,
            vault_logins: counters("vault_logins_total", "Logins at Vault.", &["result"])?,
            tenants: gauges("tenants", "Tenants, by the reason of Ready.", &["state"])?,
            tenant_logs: gauges("tenant_logs", "Tenants, by the reason of LogReady.", &["state"])?,
            cameras: gauges("cameras", "Cameras, by the reason of Ready.", &["state"])?,
            cameras_without_keys: gauges(
                "cameras_without_keys",
                "Cameras whose KeysReady is False, by its reason.",
                &["reason"],
            )?,
            recorders: gauges("recorders", "Recorders, by whether a pod of theirs answers.", &["state"])?,
            keys_created: counters("keys_created_total", "Transit keys made.", &["kind"])?,
            epoch_keys_missing: gauge(
                "epoch_keys_missing",
                "Epoch keys that should have been made ahead and do not exist.",
            )?,
            epoch_keys_end: gauges(
                "epoch_keys_end_timestamp_seconds",
                "When the first RetentionPolicy in use has no epoch key left.",
                &[],
            )?,
            retention_policies: gauges(
                "retention_policies",
                "Retention policies, by the reason of RunSucceeded.",
                &["run"],
            )?,
            retention_late: gauge(
                "retention_late_policies",
                "Retention policies of which no run did all that was due for two periods of their schedule.",
            )?,
            overdue_objects: gauge(
                "retention_overdue_objects",
                "Objects past their date that are still stored, as the last runs found them.",
            )?,
            overdue_bytes: gauge(
                "retention_overdue_bytes",
                "Bytes past their date that are still stored, as the last runs found them.",
            )?,
            held_bytes: gauge(
                "retention_held_bytes",
                "Bytes past their date that a legal hold keeps, as the last runs found them.",
            )?,
            stored_bytes: gauge(
                "stored_bytes",
                "Bytes of footage stored, as the retention jobs counted them last, at most a day and a run ago.",
            )?,
            storage_quotas: gauges(
                "storage_quotas",
                "Tenants with a storage quota, by the reason of WithinStorageQuota.",
                &["state"],
            )?,
            legal_holds: gauges("legal_holds", "Legal holds, by the reason of Ready.", &["state"])?,
            hold_next_end: gauges(
                "legal_hold_next_end_timestamp_seconds",
                "When the first legal hold that is not over ends.",
                &[],
            )?,
            disclosure_requests: gauges(
                "disclosure_requests",
                "Disclosure requests, by basis and the reason of Ready.",
                &["basis", "state"],
            )?,
            disclosure_oldest_open: gauges(
                "disclosure_oldest_open_timestamp_seconds",
                "When the oldest disclosure request that is not answered was created, by the reason of Ready.",
                &["state"],
            )?,
            disclosure_overdue: gauge(
                "disclosure_follow_ups_overdue",
                "Releases in an emergency whose order has not followed in time.",
            )?,
            notices: counters("disclosure_notices_total", "Tries to tell an owner by webhook.", &["result"])?,
            registry,
        })
    }

    /// The text that Prometheus reads.
    pub fn render(&self) -> prometheus::Result<String> {
        let _whole = self.whole();
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    fn whole(&self) -> MutexGuard<'_, ()> {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("camerafleet_{name}"), help)
}

fn register<M: Collector + Clone + 'static>(
    registry: &Registry,
    metric: prometheus::Result<M>,
) -> prometheus::Result<M> {
    let metric = metric?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

/// Measures the fleet, for ever.
pub async fn measure(context: Arc<Context>) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (index, metrics) = (&context.index, &context.metrics);
        let answers = Some(&context.answers).filter(|answers| answers.asked());
        let silence = answers.map(|answers| answers.silence(&index.deployments.state(), &index.pods.state()));
        let _whole = metrics.whole();
        metrics.watches_failing.set(number(index.synced.missing().len()));
        tenants::measure(&index.tenants.state(), metrics);
        cameras::measure(&index.cameras.state(), metrics);
        recorders::measure(silence, &context.plans.epoch_keys(), metrics);
        retention::measure(&index.retention_policies.state(), metrics);
        holds::measure(&index.legal_holds.state(), metrics);
        disclosure::measure(&index.disclosure_requests.state(), metrics);
    }
}

fn number(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// Sets a gauge to how often each of its labels' values occurs; what no longer occurs is no longer told.
fn count<'a, const LABELS: usize>(gauge: &IntGaugeVec, found: impl Iterator<Item = [&'a str; LABELS]>) {
    let mut counts = BTreeMap::<_, i64>::new();
    found.for_each(|labels| *counts.entry(labels).or_default() += 1);
    gauge.reset();
    for (labels, count) in counts {
        gauge.with_label_values(&labels).set(count);
    }
}
