//! A camera's specification for tests that run inside the recorder's library.

#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use camerafleet_footage::shard::Transport;
use camerafleet_ingest::config::{
    Secrets,
    diff::{self, CameraSpec},
    parse,
};
use serde_json::json;

pub const USER: &str = "admin";
pub const PASSWORD: &str = "p@#/:?%w";

/// One camera, `c1`, without keys.
pub fn spec(url: &str, transport: Transport, audio: bool, credentials: bool) -> Arc<CameraSpec> {
    let config = json!({
        "tenant": "t1",
        "store": {"endpoint": "http://127.0.0.1:9", "region": "eu-1", "bucket": "footage", "prefix": "elm", "pathStyle": true},
        "cameraNetworks": ["127.0.0.1/32"],
        "spool": {"size": 1_000_000, "maxAgeSeconds": 3_600},
        "cameras": {"c1": {
            "name": "door", "url": url, "transport": transport, "maxSessions": 2, "audio": audio,
            "recording": {"mode": "Continuous"}, "segmentDurationMs": 4_000, "expectedBitrate": 1_000_000,
            "retentionPolicy": "p1", "window": {"custody": "Vault", "key": {"name": "camera-c1", "pem": ""}},
        }},
        "epochKeys": {"p1": []},
    });
    let shard = parse::shard(&config.to_string()).unwrap();
    let secrets = [("camera.c1.username", USER), ("camera.c1.password", PASSWORD)]
        .map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec()));
    let secrets = Secrets::new(secrets.into_iter().filter(|_| credentials));
    diff::cameras(&shard, &secrets).into_values().next().unwrap()
}
