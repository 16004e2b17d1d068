//! The log's key in a real Vault.

use std::sync::Arc;

use camerafleet_footage::log::{LOG_KEY, LogError, LogKey, Reader, VaultSigner, Writer, origin};
use object_store::{ObjectStore, memory::InMemory};

use crate::{
    bao::Bao,
    support::{PREFIX, entries, read, tenant},
};

#[tokio::test]
async fn a_checkpoint_is_signed_by_vault_and_verified_under_vaults_key() {
    let bao = Bao::start().await;
    let (vault, mount) = (bao.root(), "camerafleet/elm");
    vault.ensure_transit_mount(mount).await.unwrap();
    let public = vault.create_signing_key(mount, LOG_KEY).await.unwrap();
    let key = LogKey::new(origin("c-1", &tenant()), public).unwrap();
    let signer = VaultSigner { vault: &vault, mount };
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut writer = Writer::open(Arc::clone(&store), PREFIX, &tenant(), key, &signer, None).await.unwrap();
    writer.append(&signer, &entries(0..3)).await.unwrap();

    let public = vault.signing_public_key(mount, LOG_KEY).await.unwrap();
    let key = LogKey::new(origin("c-1", &tenant()), public).unwrap();
    let reader = Reader::new(Arc::clone(&store), PREFIX, &tenant(), key.clone());
    let checkpoint = reader.checkpoint().await.unwrap();
    assert_eq!(read(&reader, &checkpoint).await.unwrap().len(), 3);

    // While Vault refuses, nothing is written; when it answers again, the log goes on.
    let before = crate::support::list(&store, "payloads").await;
    let token = bao.token_with_policy("nothing", "path \"sys/nothing\" { capabilities = [\"read\"] }").await;
    let denied = bao.with_token(&token);
    let refused = writer.append(&VaultSigner { vault: &denied, mount }, &entries(3..4)).await;
    assert!(matches!(refused, Err(LogError::Sign(_))));
    assert_eq!(crate::support::list(&store, "payloads").await, before);
    assert_eq!(writer.append(&signer, &entries(3..4)).await.unwrap(), [3]);

    // A key made anew under the name is not the log's.
    bao.must(
        "POST",
        &format!("{mount}/keys/{LOG_KEY}/config"),
        serde_json::json!({"deletion_allowed": true}),
    )
    .await;
    vault.delete_key(mount, LOG_KEY).await.unwrap();
    let other = LogKey::new(key.origin(), vault.create_signing_key(mount, LOG_KEY).await.unwrap()).unwrap();
    let error = Writer::open(store, PREFIX, &tenant(), other, &signer, None).await.err().unwrap();
    assert!(matches!(error, LogError::NotSigned(_)), "{error}");
}
