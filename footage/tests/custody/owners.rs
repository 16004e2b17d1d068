//! Custody Owners against everything that Vault can give.

use age::x25519::Identity;
use camerafleet_footage::custody::{self, CustodyError};
use camerafleet_footage::layout::{camera_key_name, hold_key_name};
use camerafleet_footage::seal::{
    OpenError, OwnersCustody, Secret32, SegmentPolicy, ShareContext, WindowCustody, WindowShare, combine,
};
use camerafleet_footage::vault::VaultError;

use crate::bao::Bao;
use crate::support::*;

#[tokio::test]
async fn vaults_root_with_every_key_in_it_cannot_read() {
    let bao = Bao::start().await;
    let root = bao.root();
    root.ensure_transit_mount(MOUNT).await.unwrap();
    let owners: Vec<Identity> = (0..3).map(|_| Identity::generate()).collect();
    let recipients: Vec<String> = owners.iter().map(|key| key.to_public().to_string()).collect();
    let policy = SegmentPolicy {
        window: WindowCustody::Owners(OwnersCustody::new(2, recipients.iter().map(String::as_str)).unwrap()),
        // The camera's key exists as well, as it does where the custody was changed.
        ..policy(&root, 12).await
    };
    key(&root, &hold_key_name(&hold_id())).await;
    key(&root, "release-r-1").await;
    let file = seal(&mut stream(), &policy, b"a frame");
    let header = header(&file);
    let sealed = header.header();

    // Root has the epoch share, and nothing that gives the window key.
    let e = custody::epoch_share(&root, MOUNT, sealed).await.unwrap();
    for refused in [
        custody::unwrap(&root, MOUNT, sealed).await.map(|_| ()),
        custody::window_key(&root, MOUNT, sealed).await.map(|_| ()),
    ] {
        assert!(matches!(refused, Err(CustodyError::OwnersKeepIt)), "{refused:?}");
    }
    // Every key in the mount, on everything that the header shows of the window key.
    let window = sealed.owners_window().unwrap();
    let shares: Vec<(ShareContext, &[u8])> = window.shares(&sealed.identity).collect();
    let mut pieces: Vec<Vec<u8>> = vec![sealed.identity.window_recipient.to_vec()];
    for (context, share) in &shares {
        pieces.push(context.window.commitment.to_vec());
        pieces.push(share.to_vec());
        pieces.extend(share.windows(384).step_by(16).map(<[u8]>::to_vec));
    }
    let names = root.list_keys(MOUNT).await.unwrap();
    let expected = [camera_key_name(&camera()), epoch_key(12), "hold-h-1".into(), "release-r-1".into()];
    for name in &expected {
        assert!(names.contains(name), "{names:?}");
    }
    for name in &names {
        for answer in root.decrypt(MOUNT, name, &pieces).await.unwrap() {
            assert!(matches!(answer, Err(VaultError::Undecryptable { .. })), "{name} opened something");
        }
    }
    // What can be seen or had is no window key; nor is one owner's share, with root's help.
    let open = |owner: usize| WindowShare::open(shares[owner].1, &owners[owner], &shares[owner].0).unwrap();
    let one = open(0);
    let text = String::from_utf8(one.to_plaintext().to_vec()).unwrap();
    let value = text.split("\"share\":\"").nth(1).unwrap()[..64].to_owned();
    let guesses = [
        *e.expose(),
        [0; 32],
        sealed.identity.window_recipient,
        shares[0].0.window.commitment,
        camerafleet_footage::digest::unhex(&value).unwrap(),
    ];
    for guess in guesses {
        let refused = read(&file, (Secret32::from_bytes(&guess), e.clone()));
        assert!(matches!(refused, Err(OpenError::WrongSecret)));
    }
    assert!(combine(&[one], &shares[0].0.window).is_err());

    // Two owners can.
    let w = combine(&[open(2), open(0)], &window.context(&sealed.identity)).unwrap();
    assert_eq!(read(&file, (w, e)).unwrap(), b"a frame");
}
