//! The API server's part: a RetentionPolicy, Cameras and LegalHolds.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use camerafleet_crds::{ID_ANNOTATION, LegalHold, RetentionPolicy, RetentionPolicyStatus};
use camerafleet_footage::{ids::CameraId, layout::Epoch, vault::Vault};
use jiff::{SignedDuration, Timestamp};
use jobs::retention::{Answer, Declared, JobError, PolicySource};
use serde_json::json;

use super::{POLICY, S3, ago, log_intents};

/// What somebody does meanwhile.
type Change = Box<dyn Fn(&mut RetentionPolicy) + Send>;

/// The RetentionPolicy of a test.
#[derive(Clone)]
pub struct Policy {
    pub object: Arc<Mutex<Option<RetentionPolicy>>>,
    pub date: fn() -> Option<Timestamp>,
    /// After it was read so often, its owner changes it.
    pub changes: Arc<Mutex<Option<(usize, Change)>>>,
    /// The cameras that are declared.
    pub cameras: Vec<String>,
    /// Those that are deleted to be shredded.
    pub to_shred: Vec<String>,
    /// The holds: the first answer is given once, the last for ever; none is a failure.
    pub holds: Arc<Mutex<VecDeque<Option<Vec<LegalHold>>>>>,
}

impl Policy {
    pub fn new(keep_for: &str) -> Self {
        let spec = serde_json::from_value(json!({"keepFor": keep_for, "keyEpoch": "1m"})).unwrap();
        let mut policy = RetentionPolicy::new("short", spec);
        policy.metadata.uid = Some("uid-1".into());
        policy.metadata.annotations = Some([(ID_ANNOTATION.to_owned(), POLICY.to_owned())].into());
        Self {
            object: Arc::new(Mutex::new(Some(policy))),
            date: || Some(Timestamp::now()),
            changes: Arc::default(),
            cameras: Vec::new(),
            to_shred: Vec::new(),
            holds: Arc::new(Mutex::new([Some(Vec::new())].into())),
        }
    }

    /// What the API server answers about holds from now on, one answer after the other.
    pub fn answer(&self, answers: impl IntoIterator<Item = Option<Vec<LegalHold>>>) {
        *self.holds.lock().unwrap() = answers.into_iter().collect();
    }

    pub fn hold(&self, holds: &[LegalHold]) {
        self.answer([Some(holds.to_vec())]);
    }

    /// What happens when it was read so often.
    pub fn change_after(&self, reads: usize, change: impl Fn(&mut RetentionPolicy) + Send + 'static) {
        *self.changes.lock().unwrap() = Some((reads, Box::new(change)));
    }

    /// What the operator names for destruction, after it has logged it.
    pub async fn intend(&self, s3: &S3, vault: &Vault, keys: &[&str]) {
        let indices = log_intents(s3, vault, keys).await;
        self.name(&keys.iter().copied().zip(indices.into_iter().map(Some)).collect::<Vec<_>>());
    }

    /// What the status names, whatever the log says.
    pub fn name(&self, intents: &[(&str, Option<u64>)]) {
        let at = Timestamp::now();
        let intent = |(key, index): &(&str, Option<u64>)| json!({"key": key, "epochEnd": at, "intendedAt": at, "logIndex": index});
        let intents: Vec<_> = intents.iter().map(intent).collect();
        let status: RetentionPolicyStatus =
            serde_json::from_value(json!({"destroyIntents": intents})).unwrap();
        self.change(|policy| policy.status = Some(status));
    }

    pub fn change(&self, change: impl FnOnce(&mut RetentionPolicy)) {
        change(self.object.lock().unwrap().as_mut().unwrap());
    }
}

impl PolicySource for Policy {
    async fn read(&self) -> Result<Answer, JobError> {
        if let Some((left, change)) = self.changes.lock().unwrap().as_mut() {
            match left.checked_sub(1) {
                Some(less) => *left = less,
                None => self.change(&**change),
            }
        }
        Ok(Answer { policy: self.object.lock().unwrap().clone(), date: (self.date)() })
    }

    async fn holds(&self) -> Result<Vec<LegalHold>, JobError> {
        let mut answers = self.holds.lock().unwrap();
        let answer = match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop_front().unwrap(),
        };
        answer.ok_or_else(|| JobError::Holds { why: "it does not answer".to_owned() })
    }

    async fn declares(&self, camera: &CameraId) -> Result<Declared, JobError> {
        let is_in = |cameras: &[String]| cameras.iter().any(|declared| declared == camera.as_str());
        Ok(match () {
            () if is_in(&self.cameras) => Declared::Yes,
            () if is_in(&self.to_shred) => Declared::ToShred,
            () => Declared::No,
        })
    }
}

/// A hold of an hour around the epoch's start, on these cameras or on all.
pub fn legal_hold(id: &str, epoch: Epoch, cameras: &[&str]) -> LegalHold {
    let cameras: Vec<_> = cameras.iter().map(|id| json!({"name": id, "id": id})).collect();
    serde_json::from_value(json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "LegalHold",
        "metadata": {"name": id, "annotations": {ID_ANNOTATION: id}, "creationTimestamp": ago(10)},
        "spec": {
            "cameras": cameras, "allCameras": cameras.is_empty(), "duration": "24h",
            "window": {"from": epoch.start() - SignedDuration::from_mins(10), "to": epoch.start() + SignedDuration::from_mins(50)},
            "reference": {"kind": "Matter", "name": "7"},
        },
    }))
    .unwrap()
}
