//! What somebody with write access to the bucket can do, and what it is called.

use std::sync::Arc;

use camerafleet_footage::log::{LogError, SignedCheckpoint};
use object_store::ObjectStore;

use crate::support::{Signer, copy, entries, get, list, log, open, put, read, reader, remove, restore};

const SIZE: u64 = 600;

/// A log of 600 entries, and what it was at 598.
async fn grown() -> (Arc<dyn ObjectStore>, Arc<dyn ObjectStore>, Signer, SignedCheckpoint) {
    let (store, signer, mut writer) = log(SIZE - 2).await;
    let old = copy(&store).await;
    writer.append(&signer, &entries(SIZE - 2..SIZE)).await.unwrap();
    (store, old, signer, writer.checkpoint().unwrap().clone())
}

#[tokio::test]
async fn an_older_state_put_back_is_stale() {
    let (store, old, signer, seen) = grown().await;
    restore(&old, &store).await;
    let stale = |error| matches!(error, LogError::Stale { remembered: SIZE, found } if found == SIZE - 2);
    assert!(stale(reader(&store, &signer).after(&seen).await.unwrap_err()));
    assert!(stale(open(&store, &signer, Some(&seen)).await.err().unwrap()));
    // Without a memory of its own nobody can tell.
    open(&store, &signer, None).await.unwrap();
}

#[tokio::test]
async fn a_writer_that_lives_remembers() {
    let (store, signer, mut writer) = log(10).await;
    let old = copy(&store).await;
    writer.append(&signer, &entries(10..12)).await.unwrap();
    restore(&old, &store).await;
    // The head has changed under it: it reads again, and sees what happened.
    for _ in 0..2 {
        let refused = writer.append(&signer, &entries(12..13)).await;
        assert!(matches!(refused, Err(LogError::Stale { remembered: 12, found: 10 })), "{refused:?}");
    }
}

#[tokio::test]
async fn only_the_checkpoint_or_only_the_head_put_back_is_stale_without_a_memory() {
    for name in ["checkpoint", "head"] {
        let (store, signer, mut writer) = log(10).await;
        let old = get(&store, name).await;
        writer.append(&signer, &entries(10..12)).await.unwrap();
        writer.append(&signer, &entries(12..14)).await.unwrap();
        put(&store, name, old).await;
        let error = open(&store, &signer, None).await.err().unwrap();
        assert!(matches!(error, LogError::Stale { .. }), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_deleted_log_is_lost_and_no_new_one_is_begun() {
    let (store, _, signer, seen) = grown().await;
    remove(&store, "head").await;
    assert!(matches!(open(&store, &signer, None).await.err().unwrap(), LogError::Lost(_)));
    remove(&store, "checkpoint").await;
    assert!(matches!(reader(&store, &signer).after(&seen).await.unwrap_err(), LogError::Lost(_)));
    assert!(matches!(reader(&store, &signer).checkpoint().await.unwrap_err(), LogError::Absent(_)));
    assert!(matches!(open(&store, &signer, Some(&seen)).await.err().unwrap(), LogError::Lost(_)));
    assert!(list(&store, "checkpoint").await.is_empty() && list(&store, "head").await.is_empty());
}

/// The operator itself, or one who can sign, shows two histories.
#[tokio::test]
async fn a_fork_is_told_by_everyone_who_saw_the_other_branch() {
    let (store, _, signer, seen) = grown().await;
    for other_size in [SIZE, SIZE + 3] {
        let (other, signer_of_other, mut writer) = log(SIZE - 5).await;
        writer.append(&signer_of_other, &entries(1_000..1_000 + other_size + 5 - SIZE)).await.unwrap();
        let forked = |error| matches!(error, LogError::Forked { older: SIZE, newer } if newer == other_size);
        assert!(forked(reader(&other, &signer).after(&seen).await.unwrap_err()));
        assert!(forked(open(&other, &signer, Some(&seen)).await.err().unwrap()));
    }
    reader(&store, &signer).after(&seen).await.unwrap();
}

#[tokio::test]
async fn a_checkpoint_of_another_key_or_another_log_is_not_signed() {
    let (store, _, signer, _) = grown().await;
    let other = Signer::new(2);
    let forged = {
        let store: Arc<dyn ObjectStore> = Arc::new(object_store::memory::InMemory::new());
        open(&store, &other, None).await.unwrap().append(&other, &entries(0..3)).await.unwrap();
        get(&store, "checkpoint").await
    };
    let mut altered = get(&store, "checkpoint").await;
    let digit = altered.windows(4).position(|part| part == b"600\n").unwrap();
    altered[digit] = b'7';
    let torn = get(&store, "checkpoint").await[..40].to_vec();
    for bytes in [forged, altered, torn, Vec::new(), b"\xff\xfe".to_vec()] {
        put(&store, "checkpoint", bytes).await;
        assert!(matches!(reader(&store, &signer).checkpoint().await.unwrap_err(), LogError::NotSigned(_)));
        assert!(matches!(open(&store, &signer, None).await.err().unwrap(), LogError::NotSigned(_)));
    }
    put(&store, "checkpoint", vec![b'a'; 1 << 20]).await;
    assert!(matches!(reader(&store, &signer).checkpoint().await.unwrap_err(), LogError::Oversized(_)));
}

#[tokio::test]
async fn an_edited_or_missing_tile_is_told() {
    let (store, _, signer, seen) = grown().await;
    let tiles: Vec<_> = list(&store, "tile").await.into_iter().filter(|t| !t.contains("entries")).collect();
    assert_eq!(
        tiles,
        // The two full tiles; the partial ones of 598 and 600 entries.
        [
            "tile/0/000",
            "tile/0/001",
            "tile/0/002.p/86",
            "tile/0/002.p/88",
            "tile/1/000.p/1",
            "tile/1/000.p/2"
        ]
    );
    for tile in ["tile/0/000", "tile/0/002.p/88", "tile/1/000.p/2"] {
        let good = get(&store, tile).await;
        let mut bad = good.clone();
        bad[3] ^= 1;
        let prove = async |store: &Arc<dyn ObjectStore>, index| {
            reader(store, &signer).at(&seen).prove(index).await.map(|_| ())
        };
        put(&store, tile, bad).await;
        assert!(matches!(prove(&store, 5).await, Err(LogError::TileAltered(_))), "{tile}");
        put(&store, tile, good[..31].to_vec()).await;
        assert!(matches!(prove(&store, 5).await, Err(LogError::TileAltered(_))), "{tile}");
        remove(&store, tile).await;
        let result = prove(&store, 5).await;
        assert!(matches!(result, Err(LogError::TileMissing(_))), "{tile}: {result:?}");
        put(&store, tile, good).await;
        prove(&store, 5).await.unwrap();
    }
}

#[tokio::test]
async fn an_edited_entry_bundle_is_told() {
    let (store, _, signer, seen) = grown().await;
    for (bundle, index) in [("tile/entries/001", 300), ("tile/entries/002.p/88", 599)] {
        let good = get(&store, bundle).await;
        let mut edited = good.clone();
        *edited.last_mut().unwrap() ^= 1;
        let mut longer = good.clone();
        longer.extend_from_slice(&[0, 1]);
        for bad in [edited, longer, good[..good.len() - 57].to_vec(), Vec::new()] {
            put(&store, bundle, bad).await;
            let error = reader(&store, &signer).at(&seen).entry(index).await.unwrap_err();
            assert!(matches!(&error, LogError::LeafAltered(name) if name == bundle), "{bundle}: {error}");
            // The operator does not start on it either.
            assert!(matches!(open(&store, &signer, None).await.err().unwrap(), LogError::LeafAltered(_)));
        }
        remove(&store, bundle).await;
        assert!(matches!(
            reader(&store, &signer).at(&seen).entry(index).await.unwrap_err(),
            LogError::TileMissing(_)
        ));
        put(&store, bundle, good).await;
    }
    assert_eq!(read(&reader(&store, &signer), &seen).await.unwrap().len(), 600);
}

#[tokio::test]
async fn an_edited_head_is_told_and_never_signed_over() {
    let (store, signer, mut writer) = log(10).await;
    let unpublished = get(&store, "checkpoint").await;
    writer.append(&signer, &entries(10..12)).await.unwrap();
    let mut head: serde_json::Value = serde_json::from_slice(&get(&store, "head").await).unwrap();
    head["leaves"][0] = head["leaves"][1].clone();
    // As after a crash before the tiles were written, with the head's leaves exchanged meanwhile.
    put(&store, "checkpoint", unpublished).await;
    put(&store, "head", head.to_string().into_bytes()).await;
    assert!(matches!(open(&store, &signer, None).await.err().unwrap(), LogError::HeadAltered));
    put(&store, "head", b"{}".to_vec()).await;
    assert!(matches!(open(&store, &signer, None).await.err().unwrap(), LogError::HeadAltered));
}

/// What is planted where a tile will be is not taken for the tile.
#[tokio::test]
async fn a_planted_tile_stops_the_append_and_the_log_goes_on_when_it_is_gone() {
    let (store, signer, mut writer) = log(10).await;
    put(&store, "tile/0/000.p/11", vec![0; 352]).await;
    assert!(matches!(writer.append(&signer, &entries(10..11)).await, Err(LogError::TileAltered(_))));
    assert_eq!(reader(&store, &signer).checkpoint().await.unwrap().size(), 10);
    remove(&store, "tile/0/000.p/11").await;
    assert_eq!(writer.append(&signer, &entries(10..11)).await.unwrap(), [10]);
    assert_eq!(read(&reader(&store, &signer), writer.checkpoint().unwrap()).await.unwrap().len(), 11);
}
