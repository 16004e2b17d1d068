//! A legal hold: the share moves with nobody able to read, and later opens what the epoch's key no longer can.

use camerafleet_footage::custody::{self, CustodyError};
use camerafleet_footage::hold::{
    Hold, HoldError, MAX_SIDECAR_BYTES, Sidecar, check_sidecars, epoch_share, make_sidecars,
};
use camerafleet_footage::ids::HoldId;
use camerafleet_footage::layout::{camera_key_name, hold_key_name, parse_sidecar_key};
use camerafleet_footage::seal::AuthenticatedHeader;
use camerafleet_footage::vault::VaultError;

use crate::bao::Bao;
use crate::support::*;

#[tokio::test]
async fn a_held_segment_outlives_its_epochs_key_and_nobody_reads_it_on_the_way() {
    let bao = Bao::start().await;
    let (root, operator) = (bao.root(), role(&bao, "operator").await);
    root.ensure_transit_mount(MOUNT).await.unwrap();
    let (retention, disclosure) = (role(&bao, "retention").await, role(&bao, "disclosure").await);
    let policy = policy(&operator, 12).await;
    let mut stream = stream();
    let held = seal(&mut stream, &policy, b"held");
    let free = seal(&mut stream, &policy, b"not held");
    let header_ = header(&held);

    // The hold's key is made, and the retention role copies the share, sees that it is right, and can read neither
    // the segment nor its own copy.
    let hold = hold(&operator, &hold_id()).await;
    let sidecar = make_sidecars(&retention, MOUNT, &hold, &[&header_]).await.unwrap().pop().unwrap().unwrap();
    let object = sidecar.to_json();
    let key = sidecar.key("elm");
    assert_eq!(parse_sidecar_key("elm", &tenant(), &key), Some((hold_id(), header_.header().digest())));
    let stored = [(&header_, object.as_slice())];
    check_sidecars(&retention, MOUNT, &hold, &stored).await.unwrap().pop().unwrap().unwrap();
    let refused = custody::window_key(&retention, MOUNT, header_.header()).await.err().unwrap();
    assert!(matches!(refused, CustodyError::Vault(VaultError::Denied { .. })), "{refused:?}");
    let refused = epoch_share(&retention, MOUNT, &hold_id(), &header_, &sidecar).await.err().unwrap();
    assert!(matches!(refused, HoldError::Vault(VaultError::Denied { .. })), "{refused:?}");

    // The epoch's key is destroyed on time.
    operator.allow_deletion(MOUNT, &epoch_key(12)).await.unwrap();
    retention.delete_key(MOUNT, &epoch_key(12)).await.unwrap();
    for file in [&held, &free] {
        for party in [&root, &disclosure] {
            let gone = custody::unwrap(party, MOUNT, header(file).header()).await;
            let name = epoch_key(12);
            assert!(
                matches!(&gone, Err(CustodyError::Vault(VaultError::NoSuchKey { name: n, .. })) if *n == name)
            );
        }
    }
    // W from the camera's key and E from the hold: only the segment that is held.
    let read_back = Sidecar::from_json(&object).unwrap();
    assert_eq!(read_back, sidecar);
    let w = custody::window_key(&disclosure, MOUNT, header_.header()).await.unwrap();
    let e = epoch_share(&disclosure, MOUNT, &hold_id(), &header_, &read_back).await.unwrap();
    assert_eq!(read(&held, (w.clone(), e.clone())).unwrap(), b"held");
    assert!(read(&free, (w, e)).is_err());
    let refused =
        epoch_share(&disclosure, MOUNT, &hold_id(), &header(&free), &read_back).await.err().unwrap();
    assert!(matches!(refused, HoldError::Misplaced { what: "segment", .. }), "{refused:?}");
    // It came too late for what was not copied.
    let late = make_sidecars(&retention, MOUNT, &hold, &[&header(&free)]).await.unwrap().pop().unwrap();
    assert!(matches!(late, Err(HoldError::Vault(VaultError::NoSuchKey { .. }))), "{late:?}");

    // The hold ends: its key is destroyed, and nothing opens the segment any more.
    operator.allow_deletion(MOUNT, &hold_key_name(&hold_id())).await.unwrap();
    retention.delete_key(MOUNT, &hold_key_name(&hold_id())).await.unwrap();
    let gone = epoch_share(&root, MOUNT, &hold_id(), &header_, &read_back).await.err().unwrap();
    assert!(matches!(gone, HoldError::Vault(VaultError::NoSuchKey { .. })), "{gone:?}");
    assert!(root.public_key(MOUNT, &camera_key_name(&camera())).await.is_ok());
}

#[tokio::test]
async fn a_wrong_swapped_or_damaged_sidecar_says_so() {
    let bao = Bao::start().await;
    let root = bao.root();
    root.ensure_transit_mount(MOUNT).await.unwrap();
    let policy = policy(&root, 12).await;
    let mut stream = stream();
    let files = [seal(&mut stream, &policy, b"one"), seal(&mut stream, &policy, b"two")];
    let headers = files.each_ref().map(|file| header(file));
    let hold = hold(&root, &hold_id()).await;
    let made = make_sidecars(&root, MOUNT, &hold, &[&headers[0], &headers[1]]).await.unwrap();
    let [one, two] =
        <[Sidecar; 2]>::try_from(made.into_iter().map(Result::unwrap).collect::<Vec<_>>()).unwrap();
    let share = async |header: &AuthenticatedHeader, bytes: &[u8]| {
        let sidecar = Sidecar::from_json(bytes)?;
        epoch_share(&root, MOUNT, &hold_id(), header, &sidecar).await.map(|_| ())
    };
    let check = async |bytes: &[u8]| {
        check_sidecars(&root, MOUNT, &hold, &[(&headers[0], bytes)]).await.unwrap().pop().unwrap()
    };
    let text = String::from_utf8(one.to_json()).unwrap();
    check(text.as_bytes()).await.unwrap();
    share(&headers[0], text.as_bytes()).await.unwrap();

    // Another segment's, under its own name and renamed by somebody who can write to the store.
    for refused in [share(&headers[0], &two.to_json()).await, check(&two.to_json()).await] {
        assert!(matches!(refused, Err(HoldError::Misplaced { what: "segment", .. })), "{refused:?}");
    }
    let digest = |sidecar: &Sidecar| camerafleet_footage::digest::hex(&sidecar.segment);
    let renamed = String::from_utf8(two.to_json()).unwrap().replace(&digest(&two), &digest(&one));
    for refused in [share(&headers[0], renamed.as_bytes()).await, check(renamed.as_bytes()).await] {
        assert!(matches!(refused, Err(HoldError::WrongCopy)), "{refused:?}");
    }
    // Another hold's, whose key opens it.
    let other = HoldId::parse("h-2").unwrap();
    let theirs = crate::support::hold(&root, &other).await;
    let theirs = make_sidecars(&root, MOUNT, &theirs, &[&headers[0]]).await.unwrap().pop().unwrap().unwrap();
    for refused in [share(&headers[0], &theirs.to_json()).await, check(&theirs.to_json()).await] {
        assert!(matches!(refused, Err(HoldError::Misplaced { what: "hold", .. })), "{refused:?}");
    }
    let renamed = String::from_utf8(theirs.to_json()).unwrap().replace("\"h-2\"", "\"h-1\"");
    let refused = share(&headers[0], renamed.as_bytes()).await;
    assert!(matches!(refused, Err(HoldError::Vault(VaultError::Undecryptable { .. }))), "{refused:?}");
    // A key that was lost and made again under the hold's name would open nothing later.
    let lost = Hold::new(hold_id(), renamed_key(&root, &hold_id()).await).unwrap();
    let stale = make_sidecars(&root, MOUNT, &lost, &[&headers[0]]).await.unwrap().pop().unwrap().unwrap();
    let refused = check(&stale.to_json()).await;
    assert!(matches!(refused, Err(HoldError::Misplaced { what: "a key with SHA-256", .. })), "{refused:?}");
    let wrong = Hold::new(other, renamed_key(&root, &hold_id()).await);
    assert!(matches!(wrong, Err(HoldError::WrongKeyName { .. })), "{wrong:?}");

    // No byte can be changed: it is no sidecar then, or not this one's, or its tag shows it.
    for i in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[i] ^= 1;
        let refused = check(&changed).await;
        assert!(
            matches!(
                refused,
                Err(HoldError::Malformed { .. }
                    | HoldError::UnknownVersion(_)
                    | HoldError::Misplaced { .. }
                    | HoldError::WrongCopy)
            ),
            "{i}: {refused:?}"
        );
    }
    for other in [
        String::new(),
        text[..text.len() - 1].to_owned(),
        format!("{text}\n"),
        text.replace("\"epochKey\"", " \"epochKey\""),
        text.replace("\"version\":1", "\"more\":1,\"version\":1"),
        format!("{text}{}", " ".repeat(MAX_SIDECAR_BYTES)),
    ] {
        let refused = Sidecar::from_json(other.as_bytes());
        assert!(matches!(refused, Err(HoldError::Malformed { .. })), "{refused:?}");
    }
    let refused = Sidecar::from_json(text.replace("\"version\":1", "\"version\":2").as_bytes());
    assert!(matches!(refused, Err(HoldError::UnknownVersion(2))), "{refused:?}");
}

/// Another key's public half under the hold's name.
async fn renamed_key(
    root: &camerafleet_footage::vault::Vault,
    id: &HoldId,
) -> camerafleet_footage::seal::PublicKey {
    let pem = root.create_key(MOUNT, "hold-other").await.unwrap();
    camerafleet_footage::seal::PublicKey::from_pem(&hold_key_name(id), &pem).unwrap()
}

#[tokio::test]
async fn many_segments_of_several_epochs_keep_their_order() {
    let bao = Bao::start().await;
    let root = bao.root();
    root.ensure_transit_mount(MOUNT).await.unwrap();
    let retention = role(&bao, "retention").await;
    let policies = [policy(&root, 12).await, policy(&root, 13).await];
    let mut stream = stream();
    let mut files: Vec<Vec<u8>> =
        (0..230usize).map(|i| seal(&mut stream, &policies[i % 2], i.to_string().as_bytes())).collect();
    // One of an epoch whose key is gone, between them.
    let gone = policy(&root, 14).await;
    files.insert(150, seal(&mut stream, &gone, b"gone"));
    root.allow_deletion(MOUNT, &epoch_key(14)).await.unwrap();
    root.delete_key(MOUNT, &epoch_key(14)).await.unwrap();

    let hold = hold(&root, &hold_id()).await;
    let headers: Vec<AuthenticatedHeader> = files.iter().map(|file| header(file)).collect();
    let headers: Vec<&AuthenticatedHeader> = headers.iter().collect();
    let sidecars = make_sidecars(&retention, MOUNT, &hold, &headers).await.unwrap();
    assert_eq!(sidecars.len(), files.len());
    let mut stored = Vec::new();
    for (i, (sidecar, header)) in sidecars.iter().zip(&headers).enumerate() {
        match sidecar {
            Ok(sidecar) => {
                assert_eq!(sidecar.segment, header.header().digest(), "{i}");
                stored.push((*header, sidecar.to_json()));
            }
            Err(HoldError::Vault(VaultError::NoSuchKey { name, .. })) => {
                assert_eq!((i, name), (150, &epoch_key(14)))
            }
            Err(other) => panic!("{i}: {other}"),
        }
    }
    assert_eq!(stored.len(), 230);
    let stored: Vec<_> = stored.iter().map(|(header, bytes)| (*header, bytes.as_slice())).collect();
    for result in check_sidecars(&retention, MOUNT, &hold, &stored).await.unwrap() {
        result.unwrap();
    }
    for i in [0, 99, 100, 151, 230] {
        let sidecar = sidecars[i].as_ref().unwrap();
        let w = custody::window_key(&root, MOUNT, headers[i].header()).await.unwrap();
        let e = epoch_share(&root, MOUNT, &hold_id(), headers[i], sidecar).await.unwrap();
        let number = if i < 150 { i } else { i - 1 };
        assert_eq!(read(&files[i], (w, e)).unwrap(), number.to_string().as_bytes(), "{i}");
    }
}
