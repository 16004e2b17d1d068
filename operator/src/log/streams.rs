//! Which recorder streams there are and where their chains stand, from what the recorders say.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use camerafleet_footage::{
    ids::StreamId,
    log::{
        NewEntry,
        entry::{ChainHead, ChainHeads, StreamStarted},
    },
    shard::ShardStatus,
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

/// Heads of chains are logged once in each such stretch of time.
const HEADS_SECONDS: i64 = 600;

/// By stream: the last sequence number that was logged.
pub(super) type Logged = HashMap<StreamId, u64>;

/// What the recorders say, by the pod's uid.
pub(super) type Statuses = BTreeMap<String, Arc<ShardStatus>>;

/// The digest of the image that a recorder's pod runs, once the kubelet says it.
pub(super) fn image_digest(pod: &Pod) -> Option<String> {
    let image = &pod.status.as_ref()?.container_statuses.as_ref()?.first()?.image_id;
    let digest = image.rsplit_once('@').map_or(image.as_str(), |(_, digest)| digest);
    (!digest.is_empty()).then(|| digest.to_owned())
}

/// An entry for each stream whose pod's image is known.
pub(super) fn started(answers: &Statuses, images: &HashMap<String, String>, now: Timestamp) -> Vec<NewEntry> {
    let mut entries = Vec::new();
    for (uid, answer) in answers {
        let Some(image_digest) = images.get(uid) else { continue };
        for (camera, status) in &answer.cameras {
            let recorder = &status.recorder;
            let entry = StreamStarted {
                camera: camera.clone(),
                stream: recorder.stream.clone(),
                public_key: recorder.public_key.clone(),
                pod_uid: uid.clone(),
                image_digest: image_digest.clone(),
            };
            entries.push(NewEntry {
                id: format!("stream-started/{}", recorder.stream),
                at: now,
                entry: entry.into(),
            });
        }
    }
    entries
}

pub(super) fn heads_id(now: Timestamp) -> String {
    format!("chain-heads/{}", now.as_second().div_euclid(HEADS_SECONDS))
}

/// One entry with the heads that moved since they were logged.
pub(super) fn moved(answers: &Statuses, logged: &Logged, now: Timestamp) -> Option<NewEntry> {
    let mut heads = Vec::new();
    for (camera, status) in answers.values().flat_map(|answer| &answer.cameras) {
        let recorder = &status.recorder;
        let (Some(sequence), Some(digest)) = (recorder.last_sequence, &recorder.head) else { continue };
        if logged.get(&recorder.stream) == Some(&sequence) {
            continue;
        }
        let (stream, digest) = (recorder.stream.clone(), digest.clone());
        heads.push(ChainHead { camera: camera.clone(), stream, sequence, digest });
    }
    if heads.is_empty() {
        return None;
    }
    heads.sort();
    Some(NewEntry { id: heads_id(now), at: now, entry: ChainHeads { at: now, heads }.into() })
}

/// What is logged now, of the streams that are still there.
pub(super) fn merge(mut logged: Logged, answers: &Statuses, heads: ChainHeads) -> Logged {
    logged.extend(heads.heads.into_iter().map(|head| (head.stream, head.sequence)));
    let alive: BTreeSet<&StreamId> = answers
        .values()
        .flat_map(|answer| answer.cameras.values())
        .map(|status| &status.recorder.stream)
        .collect();
    logged.retain(|stream, _| alive.contains(stream));
    logged
}

#[cfg(test)]
mod tests {
    use camerafleet_footage::{
        ids::CameraId,
        log::Entry,
        shard::{CameraState, CameraStatus, Recorder, StoreState},
    };

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_611_600 + second).unwrap()
    }

    fn answers(streams: &[(&str, u8, Option<u64>)]) -> Statuses {
        let camera = |(camera, stream, last): &(&str, u8, Option<u64>)| {
            let recorder = Recorder {
                stream: StreamId::from_bytes([*stream; 16]),
                public_key: "ab".repeat(32),
                last_sequence: *last,
                head: last.map(|last| format!("{last:064x}")),
            };
            let status = CameraStatus {
                state: CameraState::Recording,
                message: String::new(),
                stream: None,
                recorder,
                stored: StoreState::Stored,
                oldest_pending_epoch: None,
                pending_epochs: None,
            };
            (CameraId::parse(*camera).unwrap(), status)
        };
        let status = ShardStatus {
            pod_uid: "uid-1".into(),
            config_digest: String::new(),
            draining: false,
            spool_bytes: 0,
            cameras: streams.iter().map(camera).collect(),
            other_pending_epochs: Default::default(),
        };
        BTreeMap::from([("uid-1".to_owned(), Arc::new(status))])
    }

    fn heads(entry: Option<NewEntry>) -> Option<ChainHeads> {
        match entry?.entry {
            Entry::ChainHeads(heads) => Some(heads),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_stream_is_logged_once_its_image_is_known_and_always_under_one_id() {
        let answers = answers(&[("c-1", 1, None), ("c-2", 2, Some(3))]);
        assert!(started(&answers, &HashMap::new(), at(0)).is_empty());
        let images = HashMap::from([("uid-1".to_owned(), "sha256:aa".to_owned())]);
        let entries = started(&answers, &images, at(0));
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].id, "stream-started/01010101010101010101010101010101");
        assert_eq!(started(&answers, &images, at(99))[1].id, entries[1].id);
        assert!(
            matches!(&entries[1].entry, Entry::StreamStarted(s) if s.pod_uid == "uid-1" && s.image_digest == "sha256:aa")
        );
    }

    #[test]
    fn heads_are_one_entry_of_what_moved_and_none_at_rest() {
        let first = answers(&[("c-1", 1, None), ("c-2", 2, Some(3)), ("c-3", 3, Some(0))]);
        let entry = heads(moved(&first, &Logged::new(), at(0))).unwrap();
        assert_eq!(entry.heads.iter().map(|h| h.sequence).collect::<Vec<_>>(), [3, 0]);
        let logged = merge(Logged::new(), &first, entry);
        assert_eq!(heads(moved(&first, &logged, at(600))), None);
        let next = answers(&[("c-1", 1, Some(0)), ("c-2", 2, Some(3)), ("c-3", 4, Some(0))]);
        let entry = heads(moved(&next, &logged, at(600))).unwrap();
        assert_eq!(entry.heads.iter().map(|h| h.camera.as_str()).collect::<Vec<_>>(), ["c-1", "c-3"]);
        assert_eq!(merge(logged, &next, entry).len(), 3, "a stream that is gone is forgotten");
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
