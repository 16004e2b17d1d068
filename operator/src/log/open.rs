//! Which streams were begun and are not over yet. It is remembered in the tenant's namespace: a recorder may end while no
//! operator runs, and a stream whose end nobody logs can never again be told from one that goes on.

use std::collections::{BTreeMap, HashSet};

use camerafleet_crds::Tenant;
use camerafleet_footage::{
    ids::{CameraId, StreamId},
    log::{
        NewEntry,
        entry::{ChainHead, StreamClosed},
    },
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    memory::Memory,
    streams::{Heard, Statuses},
};
use crate::{context::Context, error::Error};

const MEMORY: Memory = Memory { name: "camerafleet-streams", key: "open.json" };

/// By stream.
pub(super) type Open = BTreeMap<StreamId, OpenStream>;

/// A stream that goes on, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OpenStream {
    pub camera: CameraId,
    /// The uid of its recorder's pod.
    pub pod: String,
}

/// With what recorders say now.
pub(super) fn with(mut open: Open, heard: &[Heard]) -> Open {
    for stream in heard {
        open.entry(stream.stream.clone())
            .or_insert_with(|| OpenStream { camera: stream.camera.clone(), pod: stream.pod.clone() });
    }
    open
}

/// The streams that are over: their pod is gone, or it answers and has another stream, or none, of the camera. Whatever a pod
/// says that it still has goes on, also of a camera that it shall not record any more: its end is logged once.
pub(super) fn over(open: &Open, answers: &Statuses, alive: &HashSet<String>) -> Vec<StreamId> {
    let goes_on = |id: &StreamId, pod: &str| match answers.get(pod) {
        Some(answer) => answer.cameras.values().any(|camera| camera.recorder.stream == *id),
        None => true,
    };
    let is_over =
        |(id, stream): &(&StreamId, &OpenStream)| !alive.contains(&stream.pod) || !goes_on(id, &stream.pod);
    open.iter().filter(is_over).map(|(id, _)| id.clone()).collect()
}

/// The entry that a stream is over. What it recorded last is said as far as it was heard.
pub(super) fn closed(
    id: &StreamId,
    stream: &OpenStream,
    last: Option<&ChainHead>,
    now: Timestamp,
) -> NewEntry {
    let entry = StreamClosed {
        camera: stream.camera.clone(),
        stream: id.clone(),
        last: last.cloned(),
        close_record: None,
    };
    NewEntry { id: format!("stream-closed/{id}"), at: now, entry: entry.into() }
}

/// What was remembered; none before the first time.
pub(super) async fn recall(tenant: &Tenant, context: &Context) -> Result<Open, Error> {
    let json = MEMORY.recall(tenant, context).await?;
    // What nobody can read was written by somebody else: it is begun anew.
    Ok(json.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default())
}

/// Remembers it.
pub(super) async fn remember(tenant: &Tenant, open: &Open, context: &Context) -> Result<(), Error> {
    let build = |source| Error::Build { doing: "write down the open streams".to_owned(), source };
    let json = serde_json::to_string(open).map_err(build)?;
    MEMORY.remember(json, tenant, context).await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use camerafleet_footage::seal::stream_id;

    use super::{
        super::streams::{
            heard,
            tests::{answers, recorder},
        },
        *,
    };

    /// What the pods say, each of the streams with these keys.
    fn said(pods: &[(&str, &[u8])]) -> Statuses {
        let names = ["c-0", "c-1", "c-2", "c-3", "c-4"];
        let pods = pods.iter().map(|(pod, keys)| {
            let cameras = keys.iter().map(|key| (names[usize::from(*key)], recorder(*key, None)));
            answers(pod, cameras.collect())
        });
        pods.flatten().collect()
    }

    #[test]
    fn a_stream_is_over_when_its_pod_is_gone_or_says_so() {
        let given: BTreeSet<CameraId> = ["c-1", "c-2", "c-3"].map(|id| CameraId::parse(id).unwrap()).into();
        let open = with(Open::new(), &heard(&said(&[("a", &[1, 2]), ("b", &[3])]), &given));
        assert_eq!(open.len(), 3);
        type Case<'a> = (&'a str, &'a [(&'a str, &'a [u8])], &'a [&'a str], &'a [u8]);
        let cases: [Case<'_>; 5] = [
            ("all go on", &[("a", &[1, 2]), ("b", &[3])], &["a", "b"], &[]),
            ("one pod is silent", &[("b", &[3])], &["a", "b"], &[]),
            ("one pod is gone", &[("b", &[3])], &["b"], &[1, 2]),
            ("a container began anew", &[("a", &[1, 4]), ("b", &[3])], &["a", "b"], &[2]),
            ("all are gone", &[], &[], &[1, 2, 3]),
        ];
        for (case, pods, alive, expected) in cases {
            let alive = alive.iter().map(|pod| (*pod).to_owned()).collect();
            let expected: BTreeSet<StreamId> = expected.iter().map(|key| stream_id(&[*key; 32])).collect();
            let found: BTreeSet<StreamId> = over(&open, &said(pods), &alive).into_iter().collect();
            assert_eq!(found, expected, "{case}");
        }
    }

    /// A camera that is taken away and given back within seconds may keep its stream.
    #[test]
    fn a_stream_that_its_pod_still_has_goes_on_whether_or_not_it_was_given_the_camera() {
        let answers = said(&[("a", &[1])]);
        let given = BTreeSet::from([CameraId::parse("c-1").unwrap()]);
        let open = with(Open::new(), &heard(&answers, &given));
        assert_eq!(heard(&answers, &BTreeSet::new()), []);
        assert_eq!(over(&open, &answers, &HashSet::from(["a".to_owned()])), []);
    }
}
