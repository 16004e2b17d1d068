//! The log's word on a camera's streams.

use std::collections::BTreeMap;

use super::evidence::{LoggedClose, LoggedHead, StreamAnchor};
use crate::digest::unhex;
use crate::ids::{CameraId, StreamId};
use crate::log::entry::ChainHead;
use crate::log::{Entry, Record};
use crate::seal::stream_id;

/// Collects what the log's entries, in its order, say of a camera's streams.
#[derive(Debug)]
pub struct Anchors {
    camera: CameraId,
    streams: BTreeMap<StreamId, StreamAnchor>,
}

impl Anchors {
    /// Of this camera, none yet.
    pub fn of(camera: CameraId) -> Self {
        Self { camera, streams: BTreeMap::new() }
    }

    /// The next entry. Heads and ends of a stream whose start the log does not have are no evidence, and passed over, as
    /// is a value that is no digest or key: what such a stream signed then is forged.
    pub fn add(&mut self, record: &Record) {
        match &record.entry {
            Entry::StreamStarted(started) if started.camera == self.camera => {
                let Some(public_key) = unhex(&started.public_key) else { return };
                if stream_id(&public_key) != started.stream {
                    return;
                }
                self.streams.entry(started.stream.clone()).or_insert_with(|| StreamAnchor {
                    stream: started.stream.clone(),
                    public_key,
                    pod_uid: started.pod_uid.clone(),
                    started_ms: record.at.as_millisecond(),
                    heads: Vec::new(),
                    closed: None,
                });
            }
            Entry::ChainHeads(heads) => {
                let at_ms = heads.at.as_millisecond();
                heads.heads.iter().for_each(|head| self.head(head, at_ms));
            }
            Entry::StreamClosed(closed) if closed.camera == self.camera => {
                let at_ms = record.at.as_millisecond();
                closed.last.iter().for_each(|head| self.head(head, at_ms));
                if let Some(anchor) = self.streams.get_mut(&closed.stream) {
                    let record = closed.close_record.as_deref().and_then(unhex);
                    anchor.closed.get_or_insert(LoggedClose { at_ms, record });
                }
            }
            _ => {}
        }
    }

    fn head(&mut self, head: &ChainHead, at_ms: i64) {
        if let Some(anchor) = self.streams.get_mut(&head.stream)
            && head.camera == self.camera
            && let Some(digest) = unhex(&head.digest)
        {
            anchor.heads.push(LoggedHead { sequence: head.sequence, digest, at_ms });
        }
    }

    /// All of them.
    pub fn finish(self) -> Vec<StreamAnchor> {
        self.streams.into_values().collect()
    }
}
