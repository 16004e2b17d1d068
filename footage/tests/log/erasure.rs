//! Erasing a payload leaves every proof as it was.

use std::sync::{Arc, atomic::Ordering};

use camerafleet_footage::log::{Content, Erasure, LogError};
use futures::TryStreamExt as _;
use object_store::ObjectStore;

use crate::support::{Scripted, get, list, log, open, put, reader, remove};

#[tokio::test]
async fn an_erased_payload_cannot_be_read_and_its_entry_is_still_proven() {
    let (store, signer, writer) = log(5).await;
    let checkpoint = writer.checkpoint().unwrap().clone();
    let before = reader(&store, &signer).at(&checkpoint).open(3).await.unwrap();
    assert_eq!(writer.erase(3).await.unwrap(), Erasure::Done);
    assert_eq!(writer.erase(3).await.unwrap(), Erasure::Done);

    let reader = reader(&store, &signer);
    let snapshot = reader.at(&checkpoint);
    let entry = snapshot.entry(3).await.unwrap();
    assert_eq!(entry.content, Content::Erased);
    assert!(matches!(entry.record(), Err(LogError::Erased(3))));
    assert!(matches!(snapshot.open(3).await, Err(LogError::Erased(3))));
    // The leaf, its kind and its proof are what they were.
    let proof = snapshot.prove(3).await.unwrap();
    assert_eq!(proof, before.proof);
    proof.verify(&signer.key()).unwrap();
    assert_eq!(entry.leaf().unwrap().kind, 3);
    let all: Vec<_> = snapshot.entries(0).try_collect().await.unwrap();
    assert_eq!(all.iter().filter(|entry| entry.record().is_ok()).count(), 4);
    // The writer needs no payload.
    let mut again = open(&store, &signer, Some(&checkpoint)).await.unwrap();
    again.append(&signer, &crate::support::entries(5..6)).await.unwrap();
}

#[tokio::test]
async fn a_bucket_that_keeps_versions_keeps_the_key_and_that_is_said() {
    let (store, signer, _) = log(2).await;
    let scripted = Scripted::new(&store, None);
    let writer = open(&(scripted.clone() as Arc<dyn ObjectStore>), &signer, None).await.unwrap();
    scripted.versions.store(true, Ordering::SeqCst);
    assert_eq!(writer.erase(1).await.unwrap(), Erasure::VersionKept);
}

#[tokio::test]
async fn erased_missing_and_altered_are_three_things() {
    let (store, signer, writer) = log(5).await;
    let checkpoint = writer.checkpoint().unwrap().clone();
    let (payloads, keys) = (list(&store, "payloads").await, list(&store, "keys").await);
    remove(&store, &keys[0]).await;
    remove(&store, &payloads[1]).await;
    let mut sealed = get(&store, &payloads[2]).await;
    sealed[4] ^= 1;
    put(&store, &payloads[2], sealed).await;
    let mut key = get(&store, &keys[3]).await;
    key[0] ^= 1; // the salt: the payload decrypts, and is not what was committed to
    put(&store, &keys[3], key).await;

    let reader = reader(&store, &signer);
    let snapshot = reader.at(&checkpoint);
    assert_eq!(snapshot.entry(0).await.unwrap().content, Content::Erased);
    assert!(matches!(snapshot.entry(1).await, Err(LogError::PayloadMissing { index: 1, .. })));
    assert!(matches!(snapshot.entry(2).await, Err(LogError::PayloadAltered { index: 2, .. })));
    assert!(matches!(snapshot.entry(3).await, Err(LogError::PayloadAltered { index: 3, .. })));
    assert!(snapshot.entry(4).await.unwrap().record().is_ok());
}

#[tokio::test]
async fn payloads_of_two_entries_cannot_be_exchanged() {
    let (store, signer, writer) = log(2).await;
    let checkpoint = writer.checkpoint().unwrap().clone();
    for folder in ["payloads", "keys"] {
        let names = list(&store, folder).await;
        let (one, two) = (get(&store, &names[0]).await, get(&store, &names[1]).await);
        put(&store, &names[0], two).await;
        put(&store, &names[1], one).await;
    }
    let reader = reader(&store, &signer);
    assert!(matches!(reader.at(&checkpoint).entry(0).await, Err(LogError::PayloadAltered { index: 0, .. })));
}

/// Nothing that is served to auditors says what an entry is about.
#[tokio::test]
async fn tiles_and_checkpoint_hold_nothing_of_a_payload() {
    let (store, _, _) = log(5).await;
    let mut public = list(&store, "tile").await;
    public.extend(["checkpoint".to_owned(), "head".to_owned()]);
    assert!(public.len() >= 4);
    for name in public {
        let bytes = get(&store, &name).await;
        for word in ["epoch", "destroyed"] {
            assert!(!bytes.windows(word.len()).any(|part| part == word.as_bytes()), "{name}");
        }
    }
}
