//! How the legal holds are, by what their statuses say.

use std::sync::Arc;

use camerafleet_crds::LegalHold;

use super::{Metrics, count};
use crate::conditions;

pub(super) fn measure(holds: &[Arc<LegalHold>], metrics: &Metrics) {
    count(&metrics.legal_holds, holds.iter().map(|hold| [state(hold).unwrap_or("New")]));
    let open = holds.iter().filter(|hold| state(hold) != Some("Ended"));
    let ends = open.filter_map(|hold| hold.status.as_ref()?.expires_at.as_ref());
    metrics.hold_next_end.reset();
    if let Some(end) = ends.map(|end| end.0).min() {
        metrics.hold_next_end.with_label_values(&[] as &[&str]).set(end.as_second());
    }
}

fn state(hold: &LegalHold) -> Option<&str> {
    let ready = conditions::get(&hold.status.as_ref()?.conditions, "Ready")?;
    Some(ready.reason.as_str())
}
