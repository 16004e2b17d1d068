//! What monitoring reads. Label values are bounded: kinds, results and states, never names of objects.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// The operator's metrics.
#[derive(Clone)]
pub struct Metrics {
    /// Where they are registered.
    pub registry: Registry,
    /// `camerafleet_reconciliations_total{pipeline,result}`.
    pub reconciliations: IntCounterVec,
    /// `camerafleet_reconciliation_duration_seconds{pipeline}`.
    pub duration: HistogramVec,
    /// `camerafleet_leader`.
    pub leader: IntGauge,
    /// `camerafleet_admission_enforced`.
    pub admission_enforced: IntGauge,
    /// `camerafleet_cameras{state}`.
    pub cameras: IntGaugeVec,
    /// `camerafleet_retention_policies{run}`.
    pub retention_policies: IntGaugeVec,
    /// `camerafleet_retention_late_policies`.
    pub retention_late: IntGauge,
    /// `camerafleet_retention_overdue_objects`.
    pub overdue_objects: IntGauge,
    /// `camerafleet_retention_overdue_bytes`.
    pub overdue_bytes: IntGauge,
    /// `camerafleet_retention_held_bytes`.
    pub held_bytes: IntGauge,
    /// `camerafleet_stored_bytes`.
    pub stored_bytes: IntGauge,
    /// `camerafleet_storage_quotas{state}`.
    pub storage_quotas: IntGaugeVec,
    /// `camerafleet_keys_created_total{kind}`.
    pub keys_created: IntCounterVec,
}

impl Metrics {
    /// Registers all of them.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let metrics = Self {
            reconciliations: IntCounterVec::new(
                Opts::new("camerafleet_reconciliations_total", "Reconciliations, by pipeline and result."),
                &["pipeline", "result"],
            )?,
            duration: HistogramVec::new(
                HistogramOpts::new(
                    "camerafleet_reconciliation_duration_seconds",
                    "How long a reconciliation took.",
                )
                .buckets(vec![0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 20.0]),
                &["pipeline"],
            )?,
            leader: IntGauge::new("camerafleet_leader", "1 while this replica holds the Lease.")?,
            admission_enforced: IntGauge::new(
                "camerafleet_admission_enforced",
                "1 while every admission policy is proved to be enforced. Meaningful where camerafleet_leader is 1.",
            )?,
            cameras: IntGaugeVec::new(
                Opts::new("camerafleet_cameras", "Cameras, by the reason of their Ready condition."),
                &["state"],
            )?,
            retention_policies: IntGaugeVec::new(
                Opts::new(
                    "camerafleet_retention_policies",
                    "Retention policies, by the reason of their RunSucceeded condition.",
                ),
                &["run"],
            )?,
            retention_late: IntGauge::new(
                "camerafleet_retention_late_policies",
                "Retention policies of which no run did all that was due for two periods of their schedule.",
            )?,
            overdue_objects: IntGauge::new(
                "camerafleet_retention_overdue_objects",
                "Objects past their date that are still stored, as the last runs found them.",
            )?,
            overdue_bytes: IntGauge::new(
                "camerafleet_retention_overdue_bytes",
                "Bytes past their date that are still stored, as the last runs found them.",
            )?,
            held_bytes: IntGauge::new(
                "camerafleet_retention_held_bytes",
                "Bytes past their date that a legal hold keeps, as the last runs found them.",
            )?,
            stored_bytes: IntGauge::new(
                "camerafleet_stored_bytes",
                "Bytes of footage stored, as the retention jobs counted them last, at most a day and a run ago.",
            )?,
            storage_quotas: IntGaugeVec::new(
                Opts::new(
                    "camerafleet_storage_quotas",
                    "Tenants with a storage quota, by the reason of their WithinStorageQuota condition.",
                ),
                &["state"],
            )?,
            keys_created: IntCounterVec::new(
                Opts::new("camerafleet_keys_created_total", "Transit keys made, by kind (camera, epoch)."),
                &["kind"],
            )?,
            registry,
        };
        let registry = &metrics.registry;
        registry.register(Box::new(metrics.reconciliations.clone()))?;
        registry.register(Box::new(metrics.duration.clone()))?;
        registry.register(Box::new(metrics.leader.clone()))?;
        registry.register(Box::new(metrics.admission_enforced.clone()))?;
        registry.register(Box::new(metrics.cameras.clone()))?;
        registry.register(Box::new(metrics.retention_policies.clone()))?;
        registry.register(Box::new(metrics.retention_late.clone()))?;
        registry.register(Box::new(metrics.overdue_objects.clone()))?;
        registry.register(Box::new(metrics.overdue_bytes.clone()))?;
        registry.register(Box::new(metrics.held_bytes.clone()))?;
        registry.register(Box::new(metrics.stored_bytes.clone()))?;
        registry.register(Box::new(metrics.storage_quotas.clone()))?;
        registry.register(Box::new(metrics.keys_created.clone()))?;
        Ok(metrics)
    }
}
