//! Watches a camera as the recorder's library does, without recording it.

#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use camerafleet_footage::shard::Transport;
use camerafleet_ingest::{
    camera::{
        failure::Failure,
        limits::Limits,
        relay::{Route, Way},
        session::{self, Item},
    },
    config::diff::CameraSpec,
};
use retina::client::SessionGroup;

use super::{peer::Peer, spec};

const PATIENCE: Duration = Duration::from_secs(10);

/// Connects and reads: the frames' times (RTP, 90 kHz), or why not. A camera that needs the relay is tried again with it.
pub async fn watch(url: &str, transport: Transport, audio: bool, frames: usize) -> Result<Vec<i64>, Failure> {
    let spec = spec::spec(url, transport, audio, true);
    let mut route = Route::default();
    loop {
        let way = route.way(url);
        match watch_over(&spec, way, frames).await {
            Err(Failure::NeedsRelay) if way == Way::Direct => route.failed(url, Failure::NeedsRelay),
            done => return done,
        }
    }
}

/// The same over one way.
pub async fn watch_over(spec: &CameraSpec, way: Way, frames: usize) -> Result<Vec<i64>, Failure> {
    let group = Arc::new(SessionGroup::default());
    let reading = async {
        let mut camera = session::connect(spec, &Limits::default(), &group, 0, way).await?;
        let mut times = Vec::new();
        while times.len() < frames {
            if let Item::Video(frame, _) = camera.next(spec).await? {
                times.push(frame.raw);
            }
        }
        Ok(times)
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap_or(Err(Failure::Stalled))
}

/// Whether any session with the camera went through the relay: descriptions are asked for under its address then.
pub fn is_relayed(peer: &Peer) -> bool {
    peer.asked("DESCRIBE").iter().any(|request| request.port() != Some(peer.port))
}
