//! What is left of an epoch.

use std::collections::BTreeMap;

use camerafleet_footage::{
    ids::CameraId,
    retention::{Judged, listing::Stored},
};

use super::super::Report;

/// What stays, summed up camera by camera.
#[derive(Default)]
pub(super) struct Seen {
    kept: BTreeMap<CameraId, Kept>,
    foreign: u64,
    held_bytes: u64,
}

struct Kept {
    start_ms: i64,
    bytes: u64,
    objects: u64,
}

impl Seen {
    /// With so many objects that are no recorder's.
    pub fn new(foreign: u64) -> Self {
        Self { foreign, ..Self::default() }
    }

    /// One more that is no recorder's.
    pub fn foreign(&mut self) {
        self.foreign += 1;
    }

    /// A segment that stays.
    pub fn kept(&mut self, object: &Stored, judged: Judged) {
        if judged == (Judged::Held { due: true }) {
            self.held_bytes += object.size;
        }
        let start_ms = object.name.start_ms;
        let none = Kept { start_ms, bytes: 0, objects: 0 };
        let kept = self.kept.entry(object.name.camera.clone()).or_insert(none);
        kept.start_ms = kept.start_ms.min(start_ms);
        kept.bytes += object.size;
        kept.objects += 1;
    }

    /// Tells it.
    pub fn tell(self, report: &mut Report) {
        report.summary.foreign_objects += self.foreign;
        report.summary.held_bytes += self.held_bytes;
        for (camera, Kept { start_ms, bytes, objects }) in self.kept {
            report.kept(&camera, start_ms, bytes, objects);
        }
    }
}
