//! Which footage is held, and until when: pure, with the clock passed in.

use std::collections::BTreeSet;

use camerafleet_crds::{ID_ANNOTATION, LegalHold, LegalHoldSpec};
use jiff::{SignedDuration, Timestamp};

use crate::{
    ids::{CameraId, HoldId},
    layout::{Epoch, MAX_SEGMENT_DURATION_MS, SegmentName},
    retention::due_at,
};

/// What one hold covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldTerms {
    /// None: every camera of the tenant. Texts, as a hold that names no camera of ours holds none.
    cameras: Option<BTreeSet<String>>,
    from: Timestamp,
    to: Timestamp,
    expires_at: Timestamp,
}

impl HoldTerms {
    /// Of a hold that was created at `created`; one whose creation is not known does not expire.
    pub fn new(spec: &LegalHoldSpec, created: Option<Timestamp>) -> Self {
        let spans =
            std::iter::once(spec.duration).chain(spec.renewals.iter().map(|renewal| renewal.duration));
        let cameras = spec.cameras.iter().map(|camera| camera.id.clone()).collect();
        Self {
            cameras: (!spec.all_cameras).then_some(cameras),
            from: spec.window.from.0,
            to: spec.window.to.0,
            expires_at: created.map_or(Timestamp::MAX, |created| spans.fold(created, due_at)),
        }
    }

    /// When it ends, renewals included.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Whether it is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }

    /// Whether it holds footage of a camera, whatever its time: then the camera's key stays.
    pub fn names(&self, camera: &CameraId) -> bool {
        self.cameras.as_ref().is_none_or(|cameras| cameras.contains(camera.as_str()))
    }

    /// The cameras; none for all.
    pub fn cameras(&self) -> Option<impl Iterator<Item = CameraId> + '_> {
        Some(self.cameras.as_ref()?.iter().filter_map(|id| CameraId::parse(id.as_str()).ok()))
    }

    /// Whether a segment is held: it need only touch the window.
    pub fn covers(&self, name: &SegmentName) -> bool {
        self.names(&name.camera)
            && name.start_ms <= self.to.as_millisecond()
            && name.end_ms() >= self.from.as_millisecond()
    }

    /// Whether an epoch can have a segment that is held. Only saves listing the others: a key may be used after its
    /// epoch, never before, but for what a clock is corrected by.
    pub fn may_touch(&self, epoch: &Epoch) -> bool {
        let slack = SignedDuration::from_millis(MAX_SEGMENT_DURATION_MS.try_into().unwrap_or(i64::MAX));
        epoch.start() <= self.to.checked_add(slack).unwrap_or(Timestamp::MAX)
    }
}

/// A hold in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// Its lasting identity, once it has one: before that nothing can be copied for it.
    pub id: Option<HoldId>,
    /// What it covers.
    pub terms: HoldTerms,
}

/// A tenant's holds in force, as they were at one moment. One that is being deleted holds until it is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds(Vec<InForce>);

impl Holds {
    /// Of all LegalHolds of a namespace.
    pub fn of<'a>(objects: impl IntoIterator<Item = &'a LegalHold>, now: Timestamp) -> Self {
        let holds = objects.into_iter().map(|object| {
            let id = object.metadata.annotations.as_ref().and_then(|all| all.get(ID_ANNOTATION));
            InForce {
                id: id.and_then(|id| HoldId::parse(id.as_str()).ok()),
                terms: HoldTerms::new(
                    &object.spec,
                    object.metadata.creation_timestamp.as_ref().map(|created| created.0),
                ),
            }
        });
        Self(holds.filter(|hold| !hold.terms.is_over(now)).collect())
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &InForce> {
        self.0.iter()
    }

    /// Adds those of an earlier moment: what was held when a run began stays held in it.
    pub fn join(&mut self, others: &Self) {
        for hold in &others.0 {
            if !self.0.contains(hold) {
                self.0.push(hold.clone());
            }
        }
    }

    /// Whether one of them covers a segment.
    pub fn cover(&self, name: &SegmentName) -> bool {
        self.0.iter().any(|hold| hold.terms.covers(name))
    }

    /// Whether one of them names a camera.
    pub fn name(&self, camera: &CameraId) -> bool {
        self.0.iter().any(|hold| hold.terms.names(camera))
    }

    /// Whether the hold with this identity is among them.
    pub fn has(&self, id: &HoldId) -> bool {
        self.0.iter().any(|hold| hold.id.as_ref() == Some(id))
    }
}
