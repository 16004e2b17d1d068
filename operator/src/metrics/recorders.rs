//! Whether recorders answer, and how far their keys reach.

use super::{Metrics, number};
use crate::{context::EpochKeys, pods::Silence};

/// `silence`: none before every recorder was asked; until then their silence says nothing.
pub(super) fn measure(silence: Option<Silence>, keys: &[EpochKeys], metrics: &Metrics) {
    metrics.recorders.reset();
    if let Some(Silence { answering, silent }) = silence {
        for (state, recorders) in [("answering", answering), ("silent", silent)] {
            metrics.recorders.with_label_values(&[state]).set(number(recorders));
        }
    }
    metrics.epoch_keys_missing.set(number(keys.iter().map(|keys| keys.missing).sum::<usize>()));
    metrics.epoch_keys_end.reset();
    if let Some(end) = keys.iter().filter_map(|keys| keys.end).min() {
        metrics.epoch_keys_end.with_label_values(&[] as &[&str]).set(end.as_second());
    }
}
