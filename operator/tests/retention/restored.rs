//! A snapshot of Vault is restored, and what had been destroyed since is destroyed again.

use camerafleet_footage::{log::Entry, vault::VaultError};

use crate::{
    MOUNT, NAMESPACE,
    bao::Bao,
    cluster::{Cluster, until},
    deletable,
    holds::{hold, id, stage, submit},
    read_log, reason,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_says_was_destroyed_is_destroyed_again_after_a_restore() {
    let mut cluster = Cluster::with(Bao::start_raft().await).await;
    let (tenant, _) = stage(&mut cluster).await;
    submit(&cluster, "matter-7", "30d");
    submit(&cluster, "matter-8", "30d");
    let opened = async |name: &str| {
        until(name, async || {
            let seen = hold(&cluster, name)?;
            (reason(&seen, "Ready")? == "Copying").then(|| format!("hold-{}", id(&seen).unwrap()))
        })
        .await
    };
    let (gone, kept) = (opened("matter-7").await, opened("matter-8").await);
    let root = cluster.bao.root();
    let before = cluster.bao.snapshot().await;

    cluster.kubectl(&["-n", NAMESPACE, "delete", "legalhold", "matter-7", "--timeout=100s"]);
    until("its key to be allowed", async || deletable(&cluster, &gone).await.then_some(())).await;
    root.delete_key(MOUNT, &gone).await.unwrap();
    // As the end of the job's pod does.
    cluster.kubectl(&["-n", NAMESPACE, "annotate", "retentionpolicy", "short", "test=destroyed"]);
    until("its destruction to be logged", async || {
        let entries = read_log(&cluster, &tenant).await.1;
        entries.iter().any(|e| matches!(e, Entry::KeyDestroyed(e) if e.key == gone)).then_some(())
    })
    .await;
    submit(&cluster, "matter-9", "30d");
    let newer = opened("matter-9").await;
    cluster.stop_operator();

    cluster.bao.restore(before).await;
    let there = root.list_keys(MOUNT).await.unwrap();
    assert!(there.contains(&gone) && there.contains(&kept) && !there.contains(&newer), "{there:?}");
    let token = cluster.bao.root_token().to_owned();
    let (done, told) = cluster.vault_restored(&token, &["--dry-run"]);
    assert!(done && told.contains(&format!("had been destroyed: {gone}")), "{told}");
    assert!(root.public_key(MOUNT, &gone).await.is_ok(), "a dry run destroys nothing");
    let (done, told) = cluster.vault_restored(&token, &[]);
    assert!(done, "{told}");
    assert!(
        told.contains("elm-street: 1 keys destroyed again, 0 failed; 1 lost by the restore, 0 replaced"),
        "{told}"
    );
    assert!(told.contains(&format!("lost: {newer}")), "{told}");
    let again = root.public_key(MOUNT, &gone).await;
    assert!(matches!(again, Err(VaultError::NoSuchKey { .. })), "{again:?}");
    assert!(root.public_key(MOUNT, &kept).await.is_ok());
    // And again: nothing is left to do.
    let (done, told) = cluster.vault_restored(&token, &["--tenant=elm-street"]);
    assert!(done && told.contains("0 keys destroyed again"), "{told}");

    // A key that is made again under a lost one's name is told, and a wrong token is a failure.
    root.create_key(MOUNT, &newer).await.unwrap();
    let (_, told) = cluster.vault_restored(&token, &[]);
    assert!(told.contains(&format!("replaced by another key: {newer}")), "{told}");
    let (done, told) = cluster.vault_restored("no-token", &[]);
    assert!(!done && told.contains("1 of 1 tenants are not done"), "{told}");
    let (done, told) = cluster.vault_restored(&token, &["--tenant=other"]);
    assert!(!done && told.contains("no such Tenant"), "{told}");
}
