//! What Prometheus reads: `camerafleet_ingest_*`, told to people in docs/monitoring.md.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use camerafleet_footage::ids::CameraId;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
    core::{Collector, MetricVec, MetricVecBuilder},
};

/// All metrics. Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    /// Held while series are replaced by their successors, and while all are read.
    whole: Arc<Mutex<()>>,
    /// By camera and track (`video`, `audio`).
    pub frames: IntCounterVec,
    /// Media bytes by camera and track.
    pub bytes: IntCounterVec,
    /// Frames not recorded, by camera and reason.
    pub dropped_frames: IntCounterVec,
    /// RTP packets that never came, by camera.
    pub lost_packets: IntCounterVec,
    /// RTP packets that could not be taken apart, by camera.
    pub bad_packets: IntCounterVec,
    /// Interruptions of a camera's footage, by camera and reason.
    pub gaps: IntCounterVec,
    /// Sessions that ended without being asked to, by camera and reason.
    pub reconnects: IntCounterVec,
    /// Timestamps that were not believed, by camera.
    pub outliers: IntCounterVec,
    /// Segments sealed with another epoch's key than their own time's, by camera.
    pub stale_epoch_key: IntCounterVec,
    /// Segments finished, by camera.
    pub finished: IntCounterVec,
    /// Segments that reached the store, by camera.
    pub stored: IntCounterVec,
    /// Segments lost after they were begun, by camera and reason.
    pub lost: IntCounterVec,
    /// Failed uploads, by reason.
    pub upload_failures: IntCounterVec,
    /// Seconds that an upload took, by camera.
    pub upload_seconds: HistogramVec,
    /// Seconds from a segment's end to its being stored, by camera.
    pub delay_seconds: HistogramVec,
    /// Bytes in the spool that wait for the store, by camera.
    pub camera_spool_bytes: IntGaugeVec,
    /// Bytes in the spool.
    pub spool_bytes: IntGauge,
    /// How many it may hold.
    pub spool_limit_bytes: IntGauge,
    /// Finished segments in the spool.
    pub spool_pending: IntGauge,
    /// Age of the oldest of them, seconds.
    pub spool_oldest_age: IntGauge,
    /// How old it may become.
    pub spool_limit_age: IntGauge,
    /// Seconds since a camera's last frame, by camera.
    pub last_frame_age: IntGaugeVec,
    /// 1 for the state that a camera is in, by camera, name and state.
    pub camera_state: IntGaugeVec,
    /// Whether the last upload succeeded.
    pub store_up: IntGauge,
    /// Configurations that were not taken.
    pub config_errors: IntCounter,
    /// Whether the configuration in force is the present one.
    pub config_current: IntGauge,
    /// Failures of the watches, by kind.
    pub watch_errors: IntCounterVec,
}

impl Metrics {
    /// All at zero, in a registry of their own.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let registry = Registry::new();
        let camera = &["camera"][..];
        let camera_reason = &["camera", "reason"][..];
        let camera_track = &["camera", "track"][..];
        let counters = |name, help, labels| register(&registry, IntCounterVec::new(opts(name, help), labels));
        let gauges = |name, help, labels| register(&registry, IntGaugeVec::new(opts(name, help), labels));
        let gauge = |name, help| register(&registry, IntGauge::with_opts(opts(name, help)));
        // A series each for every camera: few.
        let seconds = |name, help, buckets: &[f64]| {
            let options = HistogramOpts::from(opts(name, help)).buckets(buckets.to_vec());
            register(&registry, HistogramVec::new(options, camera))
        };
        Self {
            frames: counters("frames_total", "Frames recorded.", camera_track),
            bytes: counters("media_bytes_total", "Media recorded, before sealing.", camera_track),
            dropped_frames: counters("dropped_frames_total", "Frames that were not recorded.", camera_reason),
            lost_packets: counters("lost_rtp_packets_total", "RTP packets that never came.", camera),
            bad_packets: counters(
                "bad_rtp_packets_total",
                "RTP packets that could not be taken apart.",
                camera,
            ),
            gaps: counters("gaps_total", "Interruptions of a camera's footage.", camera_reason),
            reconnects: counters("session_ends_total", "Camera sessions that failed.", camera_reason),
            outliers: counters("timestamp_outliers_total", "Timestamps that were not believed.", camera),
            stale_epoch_key: counters(
                "stale_epoch_key_segments_total",
                "Segments sealed to the newest epoch key because their own time's did not exist.",
                camera,
            ),
            finished: counters("segments_finished_total", "Segments finished.", camera),
            stored: counters("segments_stored_total", "Segments that reached the store.", camera),
            lost: counters("segments_lost_total", "Segments lost after they were begun.", camera_reason),
            upload_failures: counters("upload_failures_total", "Failed uploads.", &["reason"]),
            upload_seconds: seconds(
                "upload_duration_seconds",
                "Time that an upload took.",
                &[0.1, 0.5, 1.0, 5.0, 30.0, 120.0],
            ),
            delay_seconds: seconds(
                "segment_delay_seconds",
                "Time from a segment's end to its being stored.",
                &[1.0, 5.0, 30.0, 120.0, 600.0, 3_600.0],
            ),
            camera_spool_bytes: gauges("camera_spool_bytes", "Sealed bytes that wait for the store.", camera),
            spool_bytes: gauge("spool_bytes", "Sealed bytes on disk."),
            spool_limit_bytes: gauge("spool_limit_bytes", "Sealed bytes that may be on disk."),
            spool_pending: gauge("spool_pending_segments", "Finished segments that wait for the store."),
            spool_oldest_age: gauge("spool_oldest_age_seconds", "Age of the oldest segment that waits."),
            spool_limit_age: gauge(
                "spool_limit_age_seconds",
                "Age at which a segment that waits is given up.",
            ),
            last_frame_age: gauges("last_frame_age_seconds", "Time since a camera's last frame.", camera),
            camera_state: gauges(
                "camera_state",
                "1 for the state that a camera is in.",
                &["camera", "name", "state"],
            ),
            store_up: gauge("store_up", "Whether the last upload succeeded."),
            config_errors: register(
                &registry,
                IntCounter::with_opts(opts("config_errors_total", "Configurations that were not taken.")),
            ),
            config_current: gauge("config_current", "Whether the configuration in force is the present one."),
            watch_errors: counters("watch_errors_total", "Failures of the watches.", &["kind"]),
            whole: Arc::default(),
            registry,
        }
    }

    /// Keeps others from reading while series are taken away and written anew: they would miss some. Nothing is waited for
    /// meanwhile.
    pub fn whole(&self) -> MutexGuard<'_, ()> {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The text that Prometheus reads.
    pub fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        let _whole = self.whole();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }

    /// A camera that left the shard must not be reported for ever.
    pub fn forget(&self, camera: &CameraId) {
        let counters = [
            &self.frames,
            &self.bytes,
            &self.dropped_frames,
            &self.lost_packets,
            &self.bad_packets,
            &self.gaps,
            &self.reconnects,
            &self.outliers,
            &self.stale_epoch_key,
            &self.finished,
            &self.stored,
            &self.lost,
        ];
        for vector in counters {
            forget(vector, camera);
        }
        forget(&self.last_frame_age, camera);
        forget(&self.camera_state, camera);
        forget(&self.upload_seconds, camera);
        forget(&self.delay_seconds, camera);
        forget(&self.camera_spool_bytes, camera);
    }
}

fn forget<T: MetricVecBuilder>(vector: &MetricVec<T>, camera: &CameraId)
where
    MetricVec<T>: Collector,
{
    for family in vector.collect() {
        let of_camera = |metric: &&prometheus::proto::Metric| {
            metric
                .get_label()
                .iter()
                .any(|label| label.name() == "camera" && label.value() == camera.as_str())
        };
        for metric in family.get_metric().iter().filter(of_camera) {
            let labels: HashMap<_, _> =
                metric.get_label().iter().map(|label| (label.name(), label.value())).collect();
            let _ = vector.remove::<_, std::hash::RandomState>(&labels); // gone already, then
        }
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("camerafleet_ingest_{name}"), help)
}

fn register<M: Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<M>) -> M {
    let metric = metric.expect("the names and labels above are constants that a test has checked");
    registry
        .register(Box::new(metric.clone()))
        .expect("each name above is given once, which a test has checked");
    metric
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_for_people_has_every_metric_of_the_recorder() {
        let metrics = Metrics::new();
        let all = camerafleet_testkit::collectors!(&metrics, Metrics but registry, whole:
            frames, bytes, dropped_frames, lost_packets, bad_packets, gaps, reconnects,
            outliers, stale_epoch_key, finished, stored, lost, upload_failures, upload_seconds,
            delay_seconds, camera_spool_bytes, spool_bytes, spool_limit_bytes, spool_pending,
            spool_oldest_age, spool_limit_age, last_frame_age, camera_state, store_up,
            config_errors, config_current, watch_errors,
        );
        let text = include_str!("../../docs/monitoring.md");
        let own = |row: &&str| row.starts_with("| `camerafleet_ingest_");
        camerafleet_testkit::assert_documented(&all, text.lines().filter(own));
    }

    #[test]
    fn every_metric_registers_and_is_rendered_under_our_name() {
        let metrics = Metrics::new();
        metrics.frames.with_label_values(&["c1", "video"]).inc();
        let text = String::from_utf8(metrics.render().unwrap()).unwrap();
        assert!(text.contains("camerafleet_ingest_frames_total{camera=\"c1\",track=\"video\"} 1"));
        assert!(text.lines().filter(|l| !l.starts_with('#')).all(|l| l.starts_with("camerafleet_ingest_")));
        metrics.gaps.with_label_values(&["c1", "Stalled"]).inc();
        metrics.gaps.with_label_values(&["c2", "Stalled"]).inc();
        metrics.upload_seconds.with_label_values(&["c1"]).observe(1.0);
        metrics.camera_spool_bytes.with_label_values(&["c1"]).set(1);
        metrics.forget(&CameraId::parse("c1").unwrap());
        let text = String::from_utf8(metrics.render().unwrap()).unwrap();
        assert!(!text.contains("c1") && text.contains("c2"));
    }
}
