//! Two writers, as with a broken Lease.

use std::sync::Arc;

use camerafleet_footage::log::LogError;
use object_store::ObjectStore;

use crate::support::{Mode, Scripted, copy, entries, entry, list, log, open, read, reader};

#[tokio::test]
async fn the_second_of_two_writers_is_told_and_leaves_nothing() {
    let (store, signer, mut one) = log(3).await;
    let mut two = open(&store, &signer, None).await.unwrap();
    one.append(&signer, &entries(3..5)).await.unwrap();
    assert!(matches!(two.append(&signer, &entries(7..8)).await, Err(LogError::Conflict)));
    assert_eq!(list(&store, "keys").await.len(), 5);
    assert_eq!(list(&store, "payloads").await.len(), 5);
    // What the other one has is not appended again.
    assert_eq!(two.append(&signer, &[entry(4), entry(5)]).await.unwrap(), [4, 5]);
    assert!(matches!(one.append(&signer, &entries(9..10)).await, Err(LogError::Conflict)));
}

#[tokio::test]
async fn whenever_another_writer_comes_between_one_of_the_two_wins() {
    let (before, signer, _) = log(254).await;
    let (mut won, mut lost) = (0, 0);
    // From the first request after opening on.
    let counted = Scripted::new(&before, None);
    open(&(counted.clone() as Arc<dyn ObjectStore>), &signer, None).await.unwrap();
    for k in counted.count().. {
        let store = copy(&before).await;
        let scripted = Scripted::new(&store, Some((k, Mode::Waits)));
        let slow: Arc<dyn ObjectStore> = scripted.clone();
        let batch = entries(254..257);
        let mut slow = open(&slow, &signer, None).await.unwrap();
        let interloper = async {
            scripted.waiting.notified().await;
            let mut fast = open(&store, &signer, None).await.unwrap();
            fast.append(&signer, &entries(300..304)).await.unwrap();
            scripted.go_on.notify_one();
        };
        let finished = {
            let appended = slow.append(&signer, &batch);
            tokio::pin!(interloper, appended);
            tokio::select! {
                result = &mut appended => Some(result),
                () = &mut interloper => { let result = appended.await; (scripted.count() > k).then_some(result) }
            }
        };
        if scripted.count() <= k {
            break;
        }
        // Listings and deletions do not wait: they come when all is published.
        if reader(&store, &signer).checkpoint().await.unwrap().size() == 257 {
            continue;
        }
        // Every entry is there once, and the slow one can finish.
        let told = finished.unwrap();
        match &told {
            Ok(indices) => {
                won += 1;
                assert_eq!(*indices, [254, 255, 256], "request {k}");
            }
            Err(LogError::Conflict) => lost += 1,
            Err(error) => panic!("request {k}: {error}"),
        }
        let indices = slow.append(&signer, &batch).await.unwrap();
        let last = reader(&store, &signer).checkpoint().await.unwrap();
        let keys = read(&reader(&store, &signer), &last).await.unwrap();
        assert_eq!(keys.len(), 254 + 3 + 4, "request {k}");
        for (index, n) in indices.iter().zip(254..) {
            assert_eq!(keys[usize::try_from(*index).unwrap()], format!("epoch-{n}"), "request {k}");
        }
    }
    assert!(won > 0 && lost > 0, "{won} won, {lost} lost");
}

/// Each write of an append in turn is done, answered by an error and sent again, and between the two another writer goes on
/// from what it finds.
#[tokio::test]
async fn a_write_that_the_client_repeats_loses_nothing_that_is_committed() {
    let (before, signer, _) = log(3).await;
    let counted = Scripted::new(&before, None);
    open(&(counted.clone() as Arc<dyn ObjectStore>), &signer, None).await.unwrap();
    let (mut tried, mut kept) = (0, 0);
    for k in counted.count().. {
        let store = copy(&before).await;
        let scripted = Scripted::new(&store, Some((k, Mode::Repeated)));
        let repeating: Arc<dyn ObjectStore> = scripted.clone();
        let mut one = open(&repeating, &signer, None).await.unwrap();
        let batch = entries(3..5);
        let other = async {
            scripted.waiting.notified().await;
            let mut two = open(&store, &signer, None).await.unwrap();
            two.append(&signer, &entries(10..11)).await.unwrap();
            scripted.go_on.notify_one();
        };
        let told = {
            let appended = one.append(&signer, &batch);
            tokio::pin!(appended, other);
            tokio::select! {
                told = &mut appended => { told.unwrap(); None }
                () = &mut other => Some(appended.await),
            }
        };
        if scripted.count() <= k {
            break;
        }
        // The k-th request was no write.
        let Some(told) = told else { continue };
        tried += 1;
        let last = reader(&store, &signer).checkpoint().await.unwrap();
        let keys = read(&reader(&store, &signer), &last).await.unwrap();
        match told {
            Ok(_) => {
                kept += 1;
                assert_eq!(keys.len(), 6, "request {k}");
            }
            Err(LogError::Conflict) => assert_eq!(keys.len(), 4, "request {k}"),
            Err(error) => panic!("request {k}: {error}"),
        }
        one.append(&signer, &batch).await.unwrap();
        let last = reader(&store, &signer).checkpoint().await.unwrap();
        assert_eq!(read(&reader(&store, &signer), &last).await.unwrap().len(), 6, "request {k}");
    }
    assert!(tried > 3 && kept > 0, "{tried} writes were repeated, {kept} of them committed");
}
