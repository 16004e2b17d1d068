//! Which recorder streams there are and where their chains stand, from what the recorders say.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use camerafleet_footage::{
    digest::{hex, unhex},
    ids::{CameraId, StreamId},
    log::{
        NewEntry,
        entry::{ChainHead, StreamStarted},
    },
    seal::stream_id,
    shard::ShardStatus,
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

/// Heads of chains are logged once in each such stretch of time.
const HEADS_SECONDS: i64 = 600;

/// By stream: the head that was logged last.
pub(super) type Logged = HashMap<StreamId, ChainHead>;

/// What the recorders say, by the pod's uid.
pub(super) type Statuses = BTreeMap<String, Arc<ShardStatus>>;

/// The digest of the image that a recorder's pod runs, once the kubelet says it.
pub(super) fn image_digest(pod: &Pod) -> Option<String> {
    let image = &pod.status.as_ref()?.container_statuses.as_ref()?.first()?.image_id;
    let digest = image.rsplit_once('@').map_or(image.as_str(), |(_, digest)| digest);
    (!digest.is_empty()).then(|| digest.to_owned())
}

/// What a recorder says of a camera's stream, as far as it can be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub camera: CameraId,
    /// The pod's uid.
    pub pod: String,
    pub stream: StreamId,
    pub public_key: [u8; 32],
    /// The last finished segment: its number and its digest.
    pub head: Option<(u64, [u8; 32])>,
}

/// Takes of the answers what can be true. A recorder speaks for the cameras that it was given, and an entry can never be
/// taken back: of other cameras, and of keys and digests that are none, nothing is logged.
pub(super) fn heard(answers: &Statuses, given: &BTreeSet<CameraId>) -> Vec<Heard> {
    let said = answers.iter().flat_map(|(pod, answer)| answer.cameras.iter().map(move |said| (pod, said)));
    said.filter_map(|(pod, (camera, status))| {
        let recorder = &status.recorder;
        let public_key = unhex(&recorder.public_key)?;
        let ours = given.contains(camera) && stream_id(&public_key) == recorder.stream;
        let head = recorder.last_sequence.zip(recorder.head.as_deref().and_then(unhex));
        ours.then(|| Heard {
            camera: camera.clone(),
            pod: pod.clone(),
            stream: recorder.stream.clone(),
            public_key,
            head,
        })
    })
    .collect()
}

/// An entry for each stream whose pod's image is known.
pub(super) fn started(heard: &[Heard], images: &HashMap<String, String>, now: Timestamp) -> Vec<NewEntry> {
    let entry = |heard: &Heard| {
        let entry = StreamStarted {
            camera: heard.camera.clone(),
            stream: heard.stream.clone(),
            public_key: hex(&heard.public_key),
            pod_uid: heard.pod.clone(),
            image_digest: images.get(&heard.pod)?.clone(),
        };
        Some(NewEntry { id: format!("stream-started/{}", heard.stream), at: now, entry: entry.into() })
    };
    heard.iter().filter_map(entry).collect()
}

pub(super) fn heads_id(now: Timestamp) -> String {
    format!("chain-heads/{}", now.as_second().div_euclid(HEADS_SECONDS))
}

/// The heads that moved since they were logged.
pub(super) fn moved(heard: &[Heard], logged: &Logged) -> Vec<ChainHead> {
    let mut heads: Vec<ChainHead> = heard
        .iter()
        .filter_map(|heard| {
            let (sequence, digest) = heard.head?;
            let (camera, stream) = (heard.camera.clone(), heard.stream.clone());
            Some(ChainHead { camera, stream, sequence, digest: hex(&digest) })
        })
        .filter(|head| logged.get(&head.stream) != Some(head))
        .collect();
    heads.sort();
    heads
}

#[cfg(test)]
pub(super) mod tests {
    use camerafleet_footage::{
        log::Entry,
        shard::{CameraState, CameraStatus, Recorder, StoreState},
    };

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_611_600 + second).unwrap()
    }

    pub(in crate::log) fn recorder(key: u8, last: Option<u64>) -> Recorder {
        Recorder {
            stream: stream_id(&[key; 32]),
            public_key: hex(&[key; 32]),
            last_sequence: last,
            head: last.map(|last| format!("{last:064x}")),
        }
    }

    /// What one pod says.
    pub(in crate::log) fn answers(pod: &str, cameras: Vec<(&str, Recorder)>) -> Statuses {
        let camera = |(camera, recorder): (&str, Recorder)| {
            let status = CameraStatus {
                state: CameraState::Recording,
                message: String::new(),
                stream: None,
                recorder,
                stored: StoreState::Stored,
                oldest_pending_epoch: None,
                pending_epochs: None,
            };
            (CameraId::parse(camera).unwrap(), status)
        };
        let status = ShardStatus {
            pod_uid: pod.to_owned(),
            config_digest: String::new(),
            draining: false,
            spool_bytes: 0,
            cameras: cameras.into_iter().map(camera).collect(),
            other_pending_epochs: Default::default(),
        };
        BTreeMap::from([(pod.to_owned(), Arc::new(status))])
    }

    fn given() -> BTreeSet<CameraId> {
        ["c-1", "c-2", "c-3"].map(|id| CameraId::parse(id).unwrap()).into()
    }

    fn said(cameras: Vec<(&str, Recorder)>) -> Vec<Heard> {
        heard(&answers("uid-1", cameras), &given())
    }

    #[test]
    fn a_stream_is_logged_once_its_image_is_known_and_always_under_one_id() {
        let heard = said(vec![("c-1", recorder(1, None)), ("c-2", recorder(2, Some(3)))]);
        assert!(started(&heard, &HashMap::new(), at(0)).is_empty());
        let images = HashMap::from([("uid-1".to_owned(), "sha256:aa".to_owned())]);
        let entries = started(&heard, &images, at(0));
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].id, format!("stream-started/{}", stream_id(&[1; 32])));
        assert_eq!(started(&heard, &images, at(99))[1].id, entries[1].id);
        assert!(
            matches!(&entries[1].entry, Entry::StreamStarted(s) if s.pod_uid == "uid-1" && s.image_digest == "sha256:aa")
        );
    }

    #[test]
    fn of_what_cannot_be_true_nothing_is_logged() {
        let changed = |change: fn(&mut Recorder)| {
            let mut recorder = recorder(1, Some(3));
            change(&mut recorder);
            recorder
        };
        assert_eq!(said(vec![("c-1", changed(|_| {}))])[0].head.map(|head| head.0), Some(3));
        assert_eq!(said(vec![("c-4", changed(|_| {}))]), []);
        assert_eq!(said(vec![("c-1", changed(|r| r.public_key = "x".repeat(5 << 20)))]), []);
        assert_eq!(said(vec![("c-1", changed(|r| r.stream = stream_id(&[2; 32])))]), []);
        assert_eq!(said(vec![("c-1", changed(|r| r.head = Some("y".repeat(5 << 20))))])[0].head, None);
    }

    #[test]
    fn heads_are_those_that_moved_and_none_at_rest() {
        let numbers = |heads: &[ChainHead]| {
            heads.iter().map(|h| (h.camera.to_string(), h.sequence)).collect::<Vec<_>>()
        };
        let first = said(vec![
            ("c-1", recorder(1, None)),
            ("c-2", recorder(2, Some(3))),
            ("c-3", recorder(3, Some(0))),
        ]);
        let heads = moved(&first, &Logged::new());
        assert_eq!(numbers(&heads), [("c-2".into(), 3), ("c-3".into(), 0)]);
        let logged: Logged = heads.into_iter().map(|head| (head.stream.clone(), head)).collect();
        assert_eq!(moved(&first, &logged), []);
        let next = said(vec![
            ("c-1", recorder(1, Some(0))),
            ("c-2", recorder(2, Some(3))),
            ("c-3", recorder(4, Some(0))),
        ]);
        assert_eq!(numbers(&moved(&next, &logged)), [("c-1".into(), 0), ("c-3".into(), 0)]);
    }

    #[test]
    fn a_stretch_of_ten_minutes_has_one_id() {
        assert_eq!(heads_id(at(0)), heads_id(at(599)));
        assert_ne!(heads_id(at(0)), heads_id(at(600)));
    }

    #[test]
    fn an_images_digest_is_what_the_kubelet_says() {
        let pod = |image: &str| -> Pod {
            serde_json::from_value(serde_json::json!({"metadata": {}, "status": {"containerStatuses": [
                {"name": "ingest", "image": "i", "imageID": image, "ready": true, "restartCount": 0}]}}))
            .unwrap()
        };
        assert_eq!(image_digest(&pod("r.example.com/c@sha256:ab")).as_deref(), Some("sha256:ab"));
        assert_eq!(image_digest(&pod("sha256:ab")).as_deref(), Some("sha256:ab"));
        assert_eq!(image_digest(&pod("")), None);
    }
}
