//! What is above a policy's limit of bytes for each camera.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    ids::CameraId,
    layout::{Epoch, SegmentName},
};

/// Up to where the footage of cameras goes that have too much. It says which, and not how much: two runs that counted the
/// same name the same segments, however far the other one is, and neither takes more than what is above the limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OverLimit(BTreeMap<CameraId, (Epoch, String)>);

impl OverLimit {
    /// This segment and all older ones of its camera go.
    pub fn up_to(&mut self, last: &SegmentName) {
        self.0.insert(last.camera.clone(), (last.epoch, last.key("")));
    }

    /// Whether it is known where a camera's footage goes to.
    pub fn has(&self, camera: &CameraId) -> bool {
        self.0.contains_key(camera)
    }

    /// Whether something goes in this epoch, or in a newer one.
    pub fn reaches(&self, epoch: &Epoch) -> bool {
        self.0.values().any(|(last, _)| epoch <= last)
    }

    /// Whether a segment goes. The order of names within an epoch is the store's, which is that of time.
    pub fn covers(&self, name: &SegmentName) -> bool {
        self.0
            .get(&name.camera)
            .is_some_and(|(epoch, key)| name.epoch < *epoch || (name.epoch == *epoch && name.key("") <= *key))
    }
}

/// Finds the newest segment of a camera that has to go, of segments that come oldest first. It holds those that fit.
#[derive(Clone, Debug)]
pub struct Room {
    most: u64,
    bytes: u64,
    fit: VecDeque<(SegmentName, u64)>,
    last: Option<SegmentName>,
}

impl Room {
    /// For so many bytes.
    pub fn of(most: u64) -> Self {
        Self { most, bytes: 0, fit: VecDeque::new(), last: None }
    }

    /// One more segment.
    pub fn add(&mut self, name: SegmentName, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.fit.push_back((name, bytes));
        while self.bytes > self.most {
            let Some((name, bytes)) = self.fit.pop_front() else { break };
            (self.bytes, self.last) = (self.bytes.saturating_sub(bytes), Some(name));
        }
    }

    /// The newest that does not fit; none if all do.
    pub fn last(self) -> Option<SegmentName> {
        self.last
    }
}
