//! What an append costs in a long log.

use std::sync::Arc;

use object_store::ObjectStore;

use crate::support::{Scripted, entry, log, open, reader};

#[tokio::test]
async fn a_hundred_thousand_entries_later_an_append_costs_as_little() {
    const SIZE: u64 = 100_000;
    let (store, signer, writer) = log(SIZE).await;
    drop(writer);
    let scripted = Scripted::new(&store, None);
    let counted: Arc<dyn ObjectStore> = scripted.clone();
    let mut writer = open(&counted, &signer, None).await.unwrap();
    let opened = scripted.count();
    println!("open: {opened} requests");
    assert!(opened <= usize::try_from(SIZE / 256).unwrap() + 12, "{opened}");

    let mut most = 0;
    for n in SIZE..SIZE + 600 {
        let start = scripted.count();
        writer.append(&signer, &[entry(n)]).await.unwrap();
        most = most.max(scripted.count() - start);
    }
    println!("append of one entry: at most {most} requests");
    // Payload and key, head, bundle, a tile for each of three levels, checkpoint; at a tile's end the dropping of
    // partial ones.
    assert!(most <= 16, "{most}");

    // The same id is not asked of the store.
    let start = scripted.count();
    assert_eq!(writer.append(&signer, &[entry(5)]).await.unwrap(), [5]);
    assert_eq!(scripted.count(), start);

    let scripted = Scripted::new(&store, None);
    let counted: Arc<dyn ObjectStore> = scripted.clone();
    let reader = reader(&counted, &signer);
    let checkpoint = reader.checkpoint().await.unwrap();
    let proof = reader.at(&checkpoint).prove(70_000).await.unwrap();
    println!("checkpoint and proof: {} requests, {} bytes", scripted.count(), String::from(proof).len());
    assert!(scripted.count() <= 8, "{}", scripted.count());

    // A log does not keep every partial tile it ever had.
    let partial: Vec<_> = crate::support::list(&store, "tile").await;
    assert!(partial.len() < 1_500, "{}", partial.len());
}
