//! Proofs that leave the bucket.

use camerafleet_footage::log::{
    ConsistencyProof, Entry, InclusionProof, LogError, LogKey, OpenedEntry, origin,
};

use crate::support::{Signer, entries, log, reader, tenant};

#[tokio::test]
async fn an_entry_is_verified_with_the_public_key_alone() {
    let (store, signer, writer) = log(700).await;
    let reader = reader(&store, &signer);
    let snapshot = reader.at(writer.checkpoint().unwrap());
    for index in [0, 255, 256, 511, 512, 699] {
        let text = serde_json::to_string(&snapshot.open(index).await.unwrap()).unwrap();
        let opened: OpenedEntry = serde_json::from_str(&text).unwrap();
        let (record, checkpoint) = opened.verify(&signer.key()).unwrap();
        assert_eq!(checkpoint.size(), 700);
        assert!(matches!(record.entry, Entry::KeyDestroyed(gone) if gone.key == format!("epoch-{index}")));

        let text = String::from(opened.proof.clone());
        assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra "), "{text}");
        assert_eq!(InclusionProof::try_from(text).unwrap(), opened.proof);
    }
    assert!(matches!(snapshot.prove(700).await, Err(LogError::NoSuchEntry { index: 700, size: 700 })));
}

#[tokio::test]
async fn a_proof_with_anything_changed_proves_nothing() {
    let (store, signer, writer) = log(700).await;
    let reader = reader(&store, &signer);
    let snapshot = reader.at(writer.checkpoint().unwrap());
    let good = snapshot.open(300).await.unwrap();
    let text = String::from(good.proof.clone());
    let verify =
        |text: &str| InclusionProof::try_from(text.to_owned()).and_then(|proof| proof.verify(&signer.key()));
    verify(&text).unwrap();
    assert!(verify(&text.replace("index 300", "index 301")).is_err());
    assert!(verify(&text.replace("index 300", "index 0300")).is_err());
    assert!(verify(&text.replace("index 300", "index 70000")).is_err());
    // Every character of it counts.
    for at in (0..text.len()).step_by(2) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        if changed != text {
            assert!(verify(&changed).is_err(), "at {at}: {changed}");
        }
    }
    let mut other = good.clone();
    other.payload = other.payload.replace("epoch-300", "epoch-301");
    assert!(matches!(other.verify(&signer.key()), Err(LogError::InvalidProof(_))));
    let mut other = good.clone();
    other.proof = snapshot.prove(301).await.unwrap();
    assert!(matches!(other.verify(&signer.key()), Err(LogError::InvalidProof(_))));

    // Another key, another tenant's log, another cluster's.
    assert!(matches!(good.verify(&Signer::new(2).key()), Err(LogError::NotSigned(_))));
    // A key as text has one spelling.
    let vkey = signer.key().vkey();
    assert_eq!(LogKey::from_vkey(&vkey).unwrap(), signer.key());
    for bad in ["", "a", "a+b", "a+00000000+AA==", &vkey[1..], &vkey[..vkey.len() - 1], &format!("{vkey}\n")]
    {
        assert!(LogKey::from_vkey(bad).is_err(), "{bad}");
    }
    assert!(LogKey::new("a b", [0; 32]).is_err() && LogKey::new("a+b", [0; 32]).is_err());
    assert_eq!(origin("c-1", &tenant()), "camerafleet.io/c-1/t-1");
    assert_eq!(signer.key().origin(), "camerafleet.io/c-1/t-1");
}

#[tokio::test]
async fn growth_is_proven_between_any_two_checkpoints() {
    let (store, signer, mut writer) = log(250).await;
    let mut seen = vec![writer.checkpoint().unwrap().clone()];
    for (start, end) in [(250, 256), (256, 257), (257, 513), (513, 540)] {
        writer.append(&signer, &entries(start..end)).await.unwrap();
        seen.push(writer.checkpoint().unwrap().clone());
    }
    let reader = reader(&store, &signer);
    for (i, older) in seen.iter().enumerate() {
        for newer in &seen[i..] {
            let proof = reader.at(newer).consistency(older).await.unwrap();
            let text = serde_json::to_string(&proof).unwrap();
            let (from, to) =
                serde_json::from_str::<ConsistencyProof>(&text).unwrap().verify(&signer.key()).unwrap();
            assert_eq!((from.size(), to.size()), (older.size(), newer.size()));
            let mut bad = proof.clone();
            if bad.hashes.pop().is_some() {
                assert!(matches!(bad.verify(&signer.key()), Err(LogError::Forked { .. })));
            }
        }
        // An old checkpoint's own proofs go on to work when partial tiles are gone.
        reader.at(older).prove(older.size() - 1).await.unwrap().verify(&signer.key()).unwrap();
    }
    assert!(matches!(
        reader.at(&seen[0]).consistency(&seen[1]).await,
        Err(LogError::Stale { remembered: 256, found: 250 })
    ));
}
