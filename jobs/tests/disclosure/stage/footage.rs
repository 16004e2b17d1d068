//! The recorder's side: pictures, sealed and put into the store.

use std::{fs, io::Write as _, process::Command, sync::OnceLock};

use camerafleet_footage::{
    digest::{hex, sharing_policy},
    ids::PolicyId,
    layout::{Tracks, camera_key_name, epoch_key_name},
    log::entry,
    seal::{PublicKey, RecorderStream, SegmentPolicy, WindowCustody},
};

use super::*;

/// Four seconds of pictures, a key frame in each.
pub(super) fn film() -> &'static [u8] {
    static FILM: OnceLock<Vec<u8>> = OnceLock::new();
    FILM.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film.mp4");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=4"]);
        ffmpeg.args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-bf", "0", "-movflags"]);
        ffmpeg.args(["frag_keyframe+empty_moov+default_base_moof+skip_trailer", "-f", "mp4"]).arg(&path);
        assert!(ffmpeg.status().unwrap().success());
        fs::read(path).unwrap()
    })
}

impl Stage {
    /// Three segments, one after the other, and the stream's end.
    pub(super) async fn record(&mut self, script: &Script) {
        let policy_id = PolicyId::parse("p-1").unwrap();
        let (camera_key, epoch_key) = (camera_key_name(&camera()), epoch_key_name(&policy_id, &self.epoch));
        let camera_pem = self.root.create_key(MOUNT, &camera_key).await.unwrap();
        let epoch_pem = self.root.create_key(MOUNT, &epoch_key).await.unwrap();
        let vault = WindowCustody::Vault(PublicKey::from_pem(&camera_key, &camera_pem).unwrap());
        let sealed = SegmentPolicy {
            retention_policy: policy_id,
            epoch: self.epoch,
            epoch_key: PublicKey::from_pem(&epoch_key, &epoch_pem).unwrap(),
            window: script.window_custody.clone().unwrap_or(vault),
            sharing_policy: script.sealed_under.unwrap_or_else(|| sharing_policy(&spec(&script.policy))),
        };
        let mut stream = RecorderStream::new(tenant(), camera()).unwrap();
        let started = entry::StreamStarted {
            camera: camera(),
            stream: stream.id().clone(),
            public_key: hex(&stream.public_key()),
            pod_uid: "pod-1".into(),
            image_digest: "sha256:0".into(),
        };
        self.started = Some(started.into());
        let (count, seconds) = script.segments;
        for i in 0..count {
            let opened = after(i * seconds);
            let mut writer = stream.open(&sealed, opened, None, Tracks::Video, Vec::new()).unwrap();
            writer.write_all(&script.film).unwrap();
            let (finished, file) = stream
                .finish(writer, opened.as_millisecond(), u64::try_from(seconds * 1000).unwrap())
                .unwrap();
            self.put(&finished.name.key(PREFIX), &file);
            self.segments.push(finished.name);
        }
        let close = stream.close("Stop", after(count * seconds)).unwrap();
        self.put(&close.key(PREFIX), &close.to_json());
    }

    pub fn put(&self, key: &str, body: &[u8]) {
        let path = self.s3.folder("footage").join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, body).unwrap();
    }
}
