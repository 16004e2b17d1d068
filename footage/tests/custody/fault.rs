//! What custody and holds do when Vault fails: a custodian that fails on purpose, over a real one.

use std::sync::atomic::{AtomicUsize, Ordering};

use camerafleet_footage::custody::{self, CustodyError};
use camerafleet_footage::hold::{HoldError, check_sidecars, epoch_share, make_sidecars};
use camerafleet_footage::seal::AuthenticatedHeader;
use camerafleet_footage::vault::{MAX_BATCH, PublicKeyPem, Secret, TransitKeys, Vault, VaultError};

use crate::bao::Bao;
use crate::support::*;

/// From which request on it fails, and how.
struct Faulty {
    vault: Vault,
    asked: AtomicUsize,
    largest: AtomicUsize,
    from: usize,
    fault: Fault,
}

enum Fault {
    Fails(VaultError),
    /// It decrypts to something else.
    Answers(Vec<u8>),
    /// It leaves an answer out.
    Forgets,
}

impl TransitKeys for Faulty {
    async fn unwrap(
        &self,
        mount: &str,
        name: &str,
        ciphertexts: &[Vec<u8>],
    ) -> Result<Vec<Result<Secret, VaultError>>, VaultError> {
        self.largest.fetch_max(ciphertexts.len(), Ordering::Relaxed);
        let mut answers = TransitKeys::unwrap(&self.vault, mount, name, ciphertexts).await?;
        if self.asked.fetch_add(1, Ordering::Relaxed) < self.from {
            return Ok(answers);
        }
        match &self.fault {
            Fault::Fails(error) => return Err(error.clone()),
            Fault::Answers(bytes) => answers.iter_mut().for_each(|a| *a = Ok(Secret::new(bytes.clone()))),
            Fault::Forgets => drop(answers.pop()),
        }
        Ok(answers)
    }

    async fn sign(&self, mount: &str, name: &str, message: &[u8]) -> Result<[u8; 64], VaultError> {
        TransitKeys::sign(&self.vault, mount, name, message).await
    }

    async fn create(&self, mount: &str, name: &str) -> Result<PublicKeyPem, VaultError> {
        self.vault.create(mount, name).await
    }

    async fn destroy(&self, mount: &str, name: &str) -> Result<(), VaultError> {
        self.vault.destroy(mount, name).await
    }
}

#[tokio::test]
async fn a_failing_vault_is_told_apart_from_a_destroyed_key() {
    let bao = Bao::start().await;
    let root = bao.root();
    root.ensure_transit_mount(MOUNT).await.unwrap();
    let policy = policy(&root, 12).await;
    let mut stream = stream();
    let files: Vec<Vec<u8>> = (0..MAX_BATCH + 20).map(|_| seal(&mut stream, &policy, b"media")).collect();
    let headers: Vec<AuthenticatedHeader> = files.iter().map(|file| header(file)).collect();
    let headers: Vec<&AuthenticatedHeader> = headers.iter().collect();
    let hold = hold(&root, &hold_id()).await;
    let good = make_sidecars(&root, MOUNT, &hold, &headers[..1]).await.unwrap().pop().unwrap().unwrap();
    let faulty = |from: usize, fault: Fault| Faulty {
        vault: root.clone(),
        asked: AtomicUsize::new(0),
        largest: AtomicUsize::new(0),
        from,
        fault,
    };
    let unreachable =
        || VaultError::Unreachable { address: "https://vault.example.com".into(), why: "refused".into() };
    let no_key = || VaultError::NoSuchKey { mount: MOUNT.into(), name: epoch_key(12) };

    // In the middle of a hold: nothing is reported as copied, and nothing as shredded.
    for error in [unreachable(), VaultError::Sealed, VaultError::Denied { what: "decrypt".into() }] {
        let keys = faulty(1, Fault::Fails(error.clone()));
        let refused = make_sidecars(&keys, MOUNT, &hold, &headers).await.map(|made| made.len());
        assert_eq!(refused, Err(error.clone()));
        assert_eq!(keys.largest.load(Ordering::Relaxed), MAX_BATCH, "chunks are of 100");
        let refused =
            custody::unwrap(&faulty(1, Fault::Fails(error.clone())), MOUNT, headers[0].header()).await;
        assert!(matches!(refused, Err(CustodyError::Vault(e)) if e == error));
    }
    let keys = faulty(1, Fault::Fails(no_key()));
    let made = make_sidecars(&keys, MOUNT, &hold, &headers).await.unwrap();
    let shredded =
        |made: &Result<_, HoldError>| matches!(made, Err(HoldError::Vault(VaultError::NoSuchKey { .. })));
    assert!(made[..MAX_BATCH].iter().all(Result::is_ok) && made[MAX_BATCH..].iter().all(shredded));

    // Answers that are no secrets of ours, or too few, give no sidecar and open nothing.
    for fault in [Fault::Answers(vec![7; 31]), Fault::Answers(Vec::new()), Fault::Forgets] {
        let keys = faulty(0, fault);
        let made = make_sidecars(&keys, MOUNT, &hold, &headers[..1]).await.unwrap().pop().unwrap();
        assert!(matches!(made, Err(HoldError::NotASecret { .. })), "{made:?}");
        let refused = custody::unwrap(&keys, MOUNT, headers[0].header()).await;
        assert!(matches!(refused, Err(CustodyError::NotASecret { .. })));
        let refused = epoch_share(&keys, MOUNT, &hold_id(), headers[0], &good).await;
        assert!(matches!(refused, Err(HoldError::NotASecret { .. })));
    }
    // Another share than the segment's is noticed before it is used.
    let keys = faulty(0, Fault::Answers(vec![7; 32]));
    let refused = epoch_share(&keys, MOUNT, &hold_id(), headers[0], &good).await;
    assert!(matches!(refused, Err(HoldError::WrongCopy)));
    let json = good.to_json();
    let checked = check_sidecars(&keys, MOUNT, &hold, &[(headers[0], &json)]).await.unwrap().pop().unwrap();
    assert!(matches!(checked, Err(HoldError::WrongCopy)), "{checked:?}");
}
