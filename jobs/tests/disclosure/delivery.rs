//! What is delivered.

use std::{fs, process::Command};

use camerafleet_footage::{
    digest::{hex, sha256},
    disclosure::job::Ending,
    hold::{Hold, make_sidecars},
    ids::HoldId,
    layout::{epoch_key_name, hold_key_name},
    seal::{PublicKey, SealedHeader, SegmentExpectation},
};
use serde_json::{Value, json};

use crate::stage::*;

fn frames(path: &std::path::Path) -> u64 {
    let mut probe = Command::new("ffprobe");
    probe.args(["-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "json"]);
    let output = probe.arg(path).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    shown["streams"][0]["nb_read_frames"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_gives_a_package_that_opens_and_verifies_and_is_made_once() {
    let stage = Stage::new(&Script::default()).await;
    let summary = stage.run().await;
    assert_eq!(summary.outcome, Ending::Delivered, "{summary:?}");
    let receipt = summary.package.clone().unwrap();
    let package = fs::read(stage.s3.folder("footage").join(&receipt.key)).unwrap();
    assert_eq!(
        (receipt.sha256.as_str(), receipt.bytes),
        (hex(&sha256(&package)).as_str(), package.len() as u64)
    );
    assert_eq!(receipt.segments, 3);

    let folder = stage.open(&receipt.key);
    let said = manifest(&folder);
    assert_eq!(hex(&sha256(&fs::read(folder.path().join("manifest.json")).unwrap())), receipt.manifest);
    let camera = &said["cameras"][0];
    assert_eq!(
        (camera["from"].as_str(), camera["to"].as_str()),
        (Some("2026-11-20T12:00:01Z"), Some("2026-11-20T12:00:11Z"))
    );
    assert_eq!(camera["segments"].as_array().unwrap().len(), 3);
    assert_eq!(camera["chain"]["findings"], json!([]), "{camera}");
    assert_ne!(camera["chain"]["verdict"], "incomplete");
    let clip = &camera["clips"][0];
    assert_eq!(frames(&folder.path().join(clip["file"].as_str().unwrap())), 250, "from 1 s to 11 s");
    assert_eq!(said["authorization"]["approvals"].as_array().unwrap().len(), 1);
    assert!(said["log"]["intent"].as_str().unwrap().starts_with("c2sp.org/tlog-proof@v1\n"));
    for segment in camera["segments"].as_array().unwrap() {
        let key = segment["object"].as_str().unwrap();
        let stored = fs::read(stage.s3.folder("footage").join(key)).unwrap();
        let (_, digest) = camerafleet_footage::seal::hash_segment(&stored[..]).unwrap();
        assert_eq!(segment["digest"].as_str().unwrap(), hex(&digest));
    }

    let again = stage.run().await;
    assert_eq!(again, summary, "a second run finds it made");
    assert_eq!(stage.packages().len(), 2, "{:?}", stage.packages());
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_segments_are_given_whole_or_not_at_all() {
    let stage = Stage::new(&Script { form: "Sealed", ..Script::default() }).await;
    let summary = stage.run().await;
    assert_eq!((summary.outcome, summary.reason.as_str()), (Ending::Refused, "NotWhole"), "{summary:?}");
    assert_eq!(stage.packages(), [""; 0]);

    let stage = Stage::new(&Script { form: "Sealed", window: (0, 12), ..Script::default() }).await;
    let summary = stage.run().await;
    assert_eq!(summary.outcome, Ending::Delivered, "{summary:?}");
    let folder = stage.open(&summary.package.unwrap().key);
    let said = manifest(&folder);
    assert_eq!(said["form"], "Sealed");
    for segment in said["cameras"][0]["segments"].as_array().unwrap() {
        let file = folder.path().join(segment["file"].as_str().unwrap());
        let (header, digest) = {
            let bytes = fs::read(&file).unwrap();
            let at = bytes.windows(4).position(|w| w == b"\n---").unwrap();
            let end = at + 1 + bytes[at + 1..].iter().position(|b| *b == b'\n').unwrap() + 1;
            let both = [sha256(&bytes[..end]), sha256(&bytes[end..])].concat();
            (end, hex(&sha256(&both)))
        };
        assert!(header < 200);
        assert_eq!(segment["reheaded"].as_str().unwrap(), digest);
        assert_eq!(segment["payload"].as_str().unwrap(), hex(&sha256(&fs::read(&file).unwrap()[header..])));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_segment_is_left_out_and_named() {
    for (form, window) in [("Clip", (1, 11)), ("Sealed", (0, 12))] {
        let stage = Stage::new(&Script { form, window, ..Script::default() }).await;
        let key = stage.segments[1].key(PREFIX);
        let path = stage.s3.folder("footage").join(&key);
        let mut file = fs::read(&path).unwrap();
        let last = file.len() - 1;
        file[last] ^= 1;
        fs::write(path, file).unwrap();
        let summary = stage.run().await;
        assert_eq!(summary.outcome, Ending::Delivered, "{form}: {summary:?}");
        let receipt = summary.package.unwrap();
        assert_eq!(receipt.segments, 2, "{form}");
        let said = manifest(&stage.open(&receipt.key));
        let camera = &said["cameras"][0];
        assert_eq!(camera["refused"][0]["object"].as_str(), Some(key.as_str()), "{form}: {camera}");
        assert_eq!(camera["clips"].as_array().unwrap().len(), if form == "Clip" { 2 } else { 0 });
        assert_eq!(stage.packages().len(), 2, "{form}: nothing is left of the first attempt");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_and_a_moved_segment_are_named_and_not_released() {
    let stage = Stage::new(&Script::default()).await;
    let folder = stage.s3.folder("footage");
    let [first, second, third] = [0, 1, 2].map(|i| &stage.segments[i]);
    fs::remove_file(folder.join(second.key(PREFIX))).unwrap();
    // Whoever writes to the store says that the third was recorded a second earlier, so that more of it would be released.
    let mut moved = third.clone();
    moved.start_ms -= 1_000;
    fs::rename(folder.join(third.key(PREFIX)), folder.join(moved.key(PREFIX))).unwrap();
    let summary = stage.run().await;
    assert_eq!(summary.outcome, Ending::Delivered, "{summary:?}");
    let said = manifest(&stage.open(&summary.package.unwrap().key));
    let camera = &said["cameras"][0];
    assert_eq!(camera["chain"]["verdict"], "incomplete");
    let kinds: Vec<&str> =
        camera["chain"]["findings"].as_array().unwrap().iter().map(|f| f["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"missing") && kinds.contains(&"misplaced"), "{kinds:?}");
    let released = camera["segments"].as_array().unwrap();
    assert_eq!(released.len(), 1);
    assert_eq!(released[0]["object"].as_str(), Some(first.key(PREFIX).as_str()));
}

/// The epoch's key is gone, and a hold has copied its shares before.
#[tokio::test(flavor = "multi_thread")]
async fn held_footage_is_opened_through_the_hold() {
    let stage = Stage::new(&Script::default()).await;
    let id = HoldId::parse("h-1").unwrap();
    let pem = stage.root.create_key(MOUNT, &hold_key_name(&id)).await.unwrap();
    let hold = Hold::new(id.clone(), PublicKey::from_pem(&hold_key_name(&id), &pem).unwrap()).unwrap();
    let expected = SegmentExpectation { tenant: tenant(), camera: camera(), stream_key: None };
    for name in &stage.segments[..2] {
        let file = fs::read(stage.s3.folder("footage").join(name.key(PREFIX))).unwrap();
        let header = SealedHeader::parse(&file).unwrap().authenticate(&expected).unwrap();
        let sidecar =
            make_sidecars(&stage.root, MOUNT, &hold, &[&header]).await.unwrap().pop().unwrap().unwrap();
        stage.put(&sidecar.key(PREFIX), &sidecar.to_json());
    }
    let epoch_key = epoch_key_name(&stage.segments[0].policy, &stage.epoch);
    stage.root.allow_deletion(MOUNT, &epoch_key).await.unwrap();
    stage.root.delete_key(MOUNT, &epoch_key).await.unwrap();
    let without = stage.run().await;
    assert_eq!((without.outcome, without.reason.as_str()), (Ending::Refused, "NothingStored"), "{without:?}");

    stage.change(|live| {
        live.holds.push(json!({
            "apiVersion": "camerafleet.io/v1alpha1", "kind": "LegalHold",
            "metadata": {"namespace": NAMESPACE, "name": "h", "uid": "h-uid", "annotations": {"camerafleet.io/id": "h-1"}},
            "spec": {
                "cameras": [], "allCameras": true, "window": {"from": after(-60), "to": after(60)},
                "reference": {"kind": "Matter", "name": "m-1"}, "duration": "30d", "renewals": [],
            },
        }));
    });
    let summary = stage.run().await;
    assert_eq!(summary.outcome, Ending::Delivered, "{summary:?}");
    assert_eq!(summary.package.as_ref().unwrap().segments, 2);
    let said = manifest(&stage.open(&summary.package.unwrap().key));
    assert_eq!(said["cameras"][0]["refused"].as_array().unwrap().len(), 1, "the third was not held");
}
