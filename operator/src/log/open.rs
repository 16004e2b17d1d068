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
use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{Api, Resource};
use serde::{Deserialize, Serialize};

use super::{LogProblem, streams::Heard};
use crate::{context::Context, controllers::tenant::tenant_labels, error::Error, kube_api};

/// The ConfigMap in the tenant's namespace.
const NAME: &str = "camerafleet-streams";
const KEY: &str = "open.json";

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

/// The streams that are over: their pod is gone, or it answers and has another stream, or none, of the camera.
pub(super) fn over(
    open: &Open,
    heard: &[Heard],
    answered: &HashSet<&str>,
    alive: &HashSet<String>,
) -> Vec<StreamId> {
    let goes_on: HashSet<&StreamId> = heard.iter().map(|heard| &heard.stream).collect();
    let is_over = |(id, stream): &(&StreamId, &OpenStream)| {
        !alive.contains(&stream.pod) || (answered.contains(&*stream.pod) && !goes_on.contains(id))
    };
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
pub(super) async fn recall(tenant: &Tenant, context: &Context) -> Result<Open, LogProblem> {
    let api = Api::<ConfigMap>::namespaced(context.client.clone(), &tenant.spec.namespace);
    let map = kube_api::get(&api, NAME).await?;
    let json = map.and_then(|map| map.data?.remove(KEY));
    // What nobody can read was written by somebody else: it is begun anew.
    Ok(json.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default())
}

/// Remembers it.
pub(super) async fn remember(tenant: &Tenant, open: &Open, context: &Context) -> Result<(), LogProblem> {
    let build = |source| Error::Build { doing: format!("build the ConfigMap {NAME}"), source };
    let json = serde_json::to_string(open).map_err(build)?;
    let map = ConfigMap {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            namespace: Some(tenant.spec.namespace.clone()),
            labels: Some(tenant_labels(tenant)),
            owner_references: tenant.controller_owner_ref(&()).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(KEY.to_owned(), json)])),
        ..ConfigMap::default()
    };
    let api = Api::<ConfigMap>::namespaced(context.client.clone(), &tenant.spec.namespace);
    kube_api::apply(&api, &map).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> StreamId {
        StreamId::from_bytes([n; 16])
    }

    fn heard(pod: &str, stream: u8) -> Heard {
        let camera = CameraId::parse(format!("c-{stream}")).unwrap();
        Heard { camera, pod: pod.into(), stream: id(stream), public_key: [stream; 32], head: None }
    }

    #[test]
    fn a_stream_is_over_when_its_pod_is_gone_or_says_so() {
        let open = with(Open::new(), &[heard("a", 1), heard("a", 2), heard("b", 3)]);
        assert_eq!(open.len(), 3);
        let pods = |pods: &[&str]| pods.iter().map(|pod| (*pod).to_owned()).collect::<HashSet<_>>();
        type Case<'a> = (&'a str, &'a [Heard], &'a [&'a str], &'a [&'a str], &'a [u8]);
        let cases: [Case<'_>; 5] = [
            ("all go on", &[heard("a", 1), heard("a", 2), heard("b", 3)], &["a", "b"], &["a", "b"], &[]),
            ("one pod is silent", &[heard("b", 3)], &["b"], &["a", "b"], &[]),
            ("one pod is gone", &[heard("b", 3)], &["b"], &["b"], &[1, 2]),
            (
                "a container began anew",
                &[heard("a", 1), heard("a", 4), heard("b", 3)],
                &["a", "b"],
                &["a", "b"],
                &[2],
            ),
            ("all are gone", &[], &[], &[], &[1, 2, 3]),
        ];
        for (case, heard, answered, alive, expected) in cases {
            let answered = answered.iter().copied().collect();
            let expected: Vec<StreamId> = expected.iter().map(|n| id(*n)).collect();
            assert_eq!(over(&open, heard, &answered, &pods(alive)), expected, "{case}");
        }
    }
}
