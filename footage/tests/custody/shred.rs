//! Crypto-shredding: what is gone with the epoch's key, and what is not gone before Vault's backups are.

use camerafleet_footage::custody::{self, CustodyError};
use camerafleet_footage::seal::{OpenError, Secret32};
use camerafleet_footage::vault::VaultError;

use crate::bao::Bao;
use crate::support::*;

#[tokio::test]
async fn a_saved_copy_opens_for_nobody_until_a_backup_of_vault_is_restored() {
    let bao = Bao::start_raft().await;
    let root = bao.root();
    root.ensure_transit_mount(MOUNT).await.unwrap();
    let mut parties = vec![("root", root.clone())];
    for name in ["operator", "retention", "disclosure"] {
        parties.push((name, role(&bao, name).await));
    }
    let copy = seal(&mut stream(), &policy(&root, 12).await, b"a frame");
    let header_ = header(&copy);
    let sealed = header_.header();
    let before = custody::unwrap(&root, MOUNT, sealed).await.unwrap();
    assert_eq!(read(&copy, before).unwrap(), b"a frame");
    let backup = bao.snapshot().await;

    root.allow_deletion(MOUNT, &epoch_key(12)).await.unwrap();
    root.delete_key(MOUNT, &epoch_key(12)).await.unwrap();
    let w = custody::window_key(&root, MOUNT, sealed).await.unwrap();
    for (name, party) in &parties {
        match custody::epoch_share(party, MOUNT, sealed).await.err().unwrap() {
            CustodyError::Vault(VaultError::NoSuchKey { name: key, .. }) => assert_eq!(key, epoch_key(12)),
            CustodyError::Vault(VaultError::Denied { .. }) if *name == "operator" => (),
            other => panic!("{name}: {other}"),
        }
        // No other key of the mount opens it, and a key made again under the name is another key.
        let (_, wrapped) = sealed.wrapped_epoch_share();
        for key in root.list_keys(MOUNT).await.unwrap() {
            let answers = root.decrypt(MOUNT, &key, &[wrapped.to_vec()]).await.unwrap();
            assert!(matches!(answers[0], Err(VaultError::Undecryptable { .. })), "{key}");
        }
    }
    root.create_key(MOUNT, &epoch_key(12)).await.unwrap();
    let refused = custody::epoch_share(&root, MOUNT, sealed).await.err().unwrap();
    assert!(matches!(refused, CustodyError::Vault(VaultError::Undecryptable { .. })), "{refused:?}");
    let guess = Secret32::from_bytes(&[0; 32]);
    assert!(matches!(read(&copy, (w, guess)), Err(OpenError::WrongSecret)));

    // Which is why ShredEffectiveAt lies a backup's life after the destruction.
    bao.restore(backup).await;
    let after = custody::unwrap(&root, MOUNT, sealed).await.unwrap();
    assert_eq!(read(&copy, after).unwrap(), b"a frame");
}
