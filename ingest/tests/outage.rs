//! A store that is away for an hour: what waited for it comes in its order, camera by camera, and all of it (kerberos agent
//! PR#300). The hour is in the segments' times, and they are small.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{
    collections::BTreeMap,
    io::Write,
    time::{Duration, Instant, SystemTime},
};

use camerafleet_footage::{
    ids::CameraId,
    shard::{SpoolConfig, StoreState},
};
use camerafleet_ingest::spool::{Kind, Meta};
use serde_json::json;
use support::{
    BUCKET, S3,
    peer::{Media, Peer, Script},
    rig::{self, Rig},
};

const PATIENCE: Duration = Duration::from_secs(60);
const CAMERAS: [&str; 4] = ["c1", "c2", "c3", "c4"];
/// Segments of a minute each.
const MINUTES: i64 = 60;
/// Of each segment.
const BYTES: usize = 4_000;
/// All of it fits, and not a byte more.
const BOUND: u64 = CAMERAS.len() as u64 * MINUTES as u64 * BYTES as u64;

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_without_a_store_loses_nothing_and_reorders_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut s3 = S3::new(&directory.path().join("s3"));
    s3.make_bucket();
    let mut rig = Rig::new(rig::quick());
    let spool = SpoolConfig { size: BOUND, max_age_seconds: 2 * 3_600 };
    rig.spool.limit(spool);
    rig.config["spool"] = json!(spool);
    rig.config["store"]["endpoint"] = json!(format!("http://127.0.0.1:{}", s3.port));
    rig.secret("store.accessKeyId", "root");
    rig.secret("store.secretAccessKey", "rootsecret");
    let silent = Peer::start(Script { media: Media::Silence, ..Script::default() });
    CAMERAS.iter().for_each(|id| rig.camera(id, &silent.url()));
    rig.run();
    let uploads = rig.upload();

    let now = jiff::Timestamp::now().as_millisecond();
    for minute in 0..MINUTES {
        for id in CAMERAS {
            let camera = CameraId::parse(id).unwrap();
            let mut file = rig.spool.create(&camera).unwrap();
            file.write_all(&vec![u8::try_from(minute).unwrap(); BYTES]).unwrap();
            let finished_ms = now - (MINUTES - minute) * 60_000;
            let key = format!("elm/t1/{id}/{minute:02}");
            let kind = Kind::Segment;
            let meta = Meta { kind, key, camera, epoch: None, segment: None, finished_ms, bytes: 0 };
            rig.spool.commit(file, meta).unwrap();
        }
    }
    assert_eq!(rig.spool.bytes(), BOUND);
    let deadline = Instant::now() + PATIENCE;
    while !matches!(rig.status("c1").map(|status| status.stored), Some(StoreState::Failing { .. })) {
        assert!(Instant::now() < deadline, "the outage is said: {:?}", rig.status("c1"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(s3.keys().is_empty());
    s3.on();
    while !rig.spool.is_empty() {
        assert!(Instant::now() < deadline, "{} bytes wait", rig.spool.bytes());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(rig.counted("camerafleet_ingest_segments_lost_total"), 0.0);
    let mut stored = BTreeMap::<String, Vec<(String, SystemTime)>>::new();
    for key in s3.keys() {
        let path = s3.root.join(BUCKET).join(&key);
        let (camera, minute) = key.strip_prefix("elm/t1/").unwrap().split_once('/').unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), [minute.parse::<u8>().unwrap(); BYTES]);
        let at = path.metadata().unwrap().modified().unwrap();
        stored.entry(camera.to_owned()).or_default().push((minute.to_owned(), at));
    }
    assert_eq!(stored.len(), CAMERAS.len());
    for (camera, segments) in stored {
        assert_eq!(segments.len(), usize::try_from(MINUTES).unwrap(), "{camera}");
        assert!(segments.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{camera}: {segments:?}");
    }
    rig.stop().await;
    uploads.await.unwrap();
}
