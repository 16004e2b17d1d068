//! A request fails, its answer is lost, or the process dies there: for every request of an append.

use std::sync::Arc;

use camerafleet_footage::log::{NewEntry, SignedCheckpoint};
use jiff::SignedDuration;
use object_store::ObjectStore;
use proptest::prelude::*;

use crate::support::{Mode, Scripted, Signer, copy, entries, list, log, now, open, read, reader};

/// Runs a batch with the k-th request failing, then what a person or the next operator would do, and looks whether
/// all is as if nothing had happened. Whether the fault came at all.
async fn survive(
    before: &Arc<dyn ObjectStore>,
    size: u64,
    batch: &[NewEntry],
    k: usize,
    mode: Mode,
    same: bool,
) -> bool {
    let signer = Signer::new(1);
    let case = format!("{size} entries, {} more, request {k} {mode:?}, the same writer: {same}", batch.len());
    let store = copy(before).await;
    let old = reader(&store, &signer).checkpoint().await.ok();
    let scripted = Scripted::new(&store, Some((k, mode)));
    let faulty: Arc<dyn ObjectStore> = scripted.clone();

    let mut seen: Option<SignedCheckpoint> = old.clone();
    let mut writer = open(&faulty, &signer, seen.as_ref()).await.ok();
    let mut told = None;
    if let Some(writer) = &mut writer {
        told = writer.append(&signer, batch).await.ok();
        seen = writer.checkpoint().cloned();
        if told.is_none() && same && mode != Mode::Crash && mode != Mode::CrashAfter {
            told = Some(writer.append(&signer, batch).await.unwrap_or_else(|e| panic!("{case}: {e}")));
            seen = writer.checkpoint().cloned();
        }
    }
    let came = scripted.count() > k;

    // What a reader sees meanwhile is the old log or the new one.
    if let Ok(published) = reader(&store, &signer).checkpoint().await {
        assert!([size, size + batch.len() as u64].contains(&published.size()), "{case}");
        read(&reader(&store, &signer), &published).await.unwrap_or_else(|e| panic!("{case}: {e}"));
    }

    let mut next = open(&store, &signer, seen.as_ref()).await.unwrap_or_else(|e| panic!("{case}: {e}"));
    let indices = next.append(&signer, batch).await.unwrap_or_else(|e| panic!("{case}: {e}"));
    assert_eq!(indices, (size..size + batch.len() as u64).collect::<Vec<_>>(), "{case}");
    if let Some(told) = told {
        assert_eq!(told, indices, "{case}");
    }
    let last = next.checkpoint().unwrap().clone();
    assert_eq!(last.size(), size + batch.len() as u64, "{case}");
    let keys = read(&reader(&store, &signer), &last).await.unwrap_or_else(|e| panic!("{case}: {e}"));
    assert_eq!(keys, (0..last.size()).map(|n| format!("epoch-{n}")).collect::<Vec<_>>(), "{case}");

    // Never a fork: whatever was published belongs to one history.
    let snapshot = reader(&store, &signer);
    let snapshot = snapshot.at(&last);
    let published = scripted.published.lock().unwrap().clone();
    for note in published {
        let published = signer.key().open(&note).unwrap();
        snapshot.consistency(&published).await.unwrap_or_else(|e| panic!("{case}: {e}"));
    }

    // Nothing readable stays that is not in the log.
    next.sweep(&signer, now() + SignedDuration::from_hours(2)).await.unwrap();
    for folder in ["payloads", "keys"] {
        assert_eq!(list(&store, folder).await.len() as u64, last.size(), "{case}");
    }
    assert_eq!(read(&reader(&store, &signer), &last).await.unwrap().len() as u64, last.size());
    came
}

const MODES: [Mode; 4] = [Mode::Refused, Mode::AnswerLost, Mode::Crash, Mode::CrashAfter];

#[tokio::test]
async fn an_append_that_fails_at_any_request_leaves_the_old_log_or_the_new_one() {
    // In a partial tile; over a tile's end; exactly to it; and the very first.
    for (size, count) in [(3, 2), (254, 3), (255, 1), (0, 1)] {
        let before: Arc<dyn ObjectStore> =
            if size == 0 { Arc::new(object_store::memory::InMemory::new()) } else { log(size).await.0 };
        let batch = entries(size..size + count);
        for mode in MODES {
            for same in [true, false] {
                if same && matches!(mode, Mode::Crash | Mode::CrashAfter) {
                    continue;
                }
                let mut k = 0;
                while survive(&before, size, &batch, k, mode, same).await {
                    k += 1;
                }
                assert!(k >= 8, "an append has only {k} requests?");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_size_any_batch_any_fault(size in 0u64..600, count in 1u64..40, k in 0usize..120, mode in 0usize..4, same: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (before, _, _) = log(size).await;
            survive(&before, size, &entries(size..size + count), k, MODES[mode], same).await;
        });
    }
}
