//! Custody `Owners`: any threshold of the owners opens, fewer do not, and a share is for one thing only.

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use camerafleet_footage::ids::{CameraId, TenantId};
use camerafleet_footage::seal::{
    InvalidOwners, MAX_OWNERS, MAX_SEALED_SHARE_BYTES, OpenError, OwnersCustody, SealedHeader, Secret32,
    SegmentPolicy, ShareContext, ShareError, WindowContext, WindowCustody, WindowShare, combine, open,
};
use proptest::prelude::*;

use crate::support::*;

/// A household.
pub struct Owners {
    pub keys: Vec<Identity>,
    pub custody: OwnersCustody,
}

impl Owners {
    pub fn new(threshold: usize, number: usize) -> Self {
        let keys: Vec<Identity> = (0..number).map(|_| Identity::generate()).collect();
        let custody = custody(threshold, &keys);
        Self { keys, custody }
    }

    pub fn policy(&self) -> SegmentPolicy {
        SegmentPolicy { window: WindowCustody::Owners(self.custody.clone()), ..policy() }
    }

    /// The shares of these owners, from 0, as they release them.
    pub fn shares(&self, file: &[u8], who: &[usize]) -> Vec<WindowShare> {
        let header = SealedHeader::parse(file).unwrap();
        let window = header.owners_window().unwrap();
        let sealed: Vec<(ShareContext, &[u8])> = window.shares(&header.identity).collect();
        who.iter().map(|i| WindowShare::open(sealed[*i].1, &self.keys[*i], &sealed[*i].0).unwrap()).collect()
    }
}

fn custody(threshold: usize, keys: &[Identity]) -> OwnersCustody {
    let recipients: Vec<String> = keys.iter().map(|key| key.to_public().to_string()).collect();
    OwnersCustody::new(threshold, recipients.iter().map(String::as_str)).unwrap()
}

fn context(file: &[u8]) -> WindowContext {
    let header = SealedHeader::parse(file).unwrap();
    header.owners_window().unwrap().context(&header.identity)
}

fn epoch_share(file: &[u8]) -> Secret32 {
    keys().1.decrypt(SealedHeader::parse(file).unwrap().wrapped_epoch_share().1)
}

fn error<T>(result: Result<T, ShareError>) -> ShareError {
    result.err().unwrap()
}

/// Every choice of owners, as a bit for each.
fn choices(number: usize) -> impl Iterator<Item = Vec<usize>> {
    (0..1u32 << number).map(move |bits| (0..number).filter(|i| bits & (1 << i) != 0).collect())
}

#[test]
fn every_threshold_of_owners_opens_and_no_fewer() {
    for number in 1..=5 {
        for threshold in 1..=number {
            let owners = Owners::new(threshold, number);
            let (_, file) = seal_in(&mut stream(), &owners.policy(), "2026-11-25T12:00:00Z", b"media", 5);
            let e = epoch_share(&file);
            for who in choices(number) {
                let window = combine(&owners.shares(&file, &who), &context(&file));
                if who.len() >= threshold {
                    let media = open_whole(&file, &window.unwrap(), &e).unwrap();
                    assert_eq!(media, b"media", "{threshold} of {number}: {who:?}");
                } else {
                    let need = u8::try_from(threshold).unwrap();
                    assert_eq!(error(window), ShareError::TooFew { have: who.len(), need });
                }
            }
        }
    }
}

#[test]
fn fewer_shares_than_the_threshold_say_nothing() {
    // Somebody who lies about the threshold gets another key, which the commitment shows and the segment refuses.
    let owners = Owners::new(3, 4);
    let (_, file) = seal_in(&mut stream(), &owners.policy(), "2026-11-25T12:00:00Z", b"media", 5);
    let lie = |share: &WindowShare| {
        let text = String::from_utf8(share.to_plaintext().to_vec()).unwrap();
        let text = text.replace("\"threshold\":3", "\"threshold\":2");
        let mut expected = share.context().clone();
        expected.window.threshold = 2;
        WindowShare::from_plaintext(text.as_bytes(), &expected).unwrap()
    };
    let two: Vec<WindowShare> = owners.shares(&file, &[0, 2]).iter().map(lie).collect();
    let expected = WindowContext { threshold: 2, ..context(&file) };
    assert_eq!(error(combine(&two, &expected)), ShareError::WrongKey { indexes: vec![1, 3] });
}

#[test]
fn shares_are_made_once_for_a_window() {
    let owners = Owners::new(2, 3);
    let mut stream = stream();
    let mut window = |policy: &SegmentPolicy, at: &str| {
        let (_, file) = seal_in(&mut stream, policy, at, b"media", 5);
        SealedHeader::parse(&file).unwrap().owners_window().unwrap().clone()
    };
    let first = window(&owners.policy(), "2026-11-25T12:00:00Z");
    assert!(first == window(&owners.policy(), "2026-11-25T12:59:59Z"));
    assert!(first != window(&owners.policy(), "2026-11-25T13:00:00Z"), "another hour");
    let first = window(&owners.policy(), "2026-11-25T13:00:00Z");
    let other = SegmentPolicy { window: WindowCustody::Owners(custody(3, &owners.keys)), ..owners.policy() };
    assert!(first != window(&other, "2026-11-25T13:10:00Z"), "another threshold");
    let other = SegmentPolicy { sharing_policy: [1; 32], ..owners.policy() };
    assert!(first != window(&other, "2026-11-25T13:10:00Z"), "another SharingPolicy");
    assert!(first == window(&owners.policy(), "2026-11-25T13:20:00Z"));
}

#[test]
fn the_header_is_bound_to_the_owners() {
    let owners = Owners::new(2, 3);
    let (_, file) = seal_in(&mut stream(), &owners.policy(), "2026-11-25T12:00:00Z", b"media", 5);
    let header = SealedHeader::parse(&file).unwrap();
    let window = header.owners_window().unwrap();
    window.check_owners(&header.identity, &owners.custody).unwrap();
    let mut reordered = owners.keys.clone();
    reordered.swap(0, 1);
    let mut replaced = owners.keys.clone();
    replaced[2] = Identity::generate();
    for (case, other) in [
        ("another threshold", custody(1, &owners.keys)),
        ("fewer owners", custody(2, &owners.keys[..2])),
        ("another order", custody(2, &reordered)),
        ("another owner", custody(2, &replaced)),
    ] {
        let refused = window.check_owners(&header.identity, &other);
        assert!(matches!(refused, Err(OpenError::WrongOwners)), "{case}");
    }
}

/// A share that its owner moved, changed or made up.
#[test]
fn a_share_of_anything_else_is_named_and_refused() {
    let owners = Owners::new(2, 3);
    let mut stream = stream();
    let (_, file) = seal_in(&mut stream, &owners.policy(), "2026-11-25T12:00:00Z", b"media", 5);
    let header = SealedHeader::parse(&file).unwrap();
    let window = header.owners_window().unwrap();
    let sealed: Vec<(ShareContext, &[u8])> = window.shares(&header.identity).collect();
    let (first, share) = &sealed[0];
    let other = |change: &dyn Fn(&mut ShareContext)| {
        let mut expected = first.clone();
        change(&mut expected);
        error(WindowShare::open(share, &owners.keys[0], &expected))
    };
    for (what, refused) in [
        ("tenant", other(&|c| c.window.tenant = TenantId::parse("other").unwrap())),
        ("camera", other(&|c| c.window.camera = CameraId::parse("other").unwrap())),
        ("hour", other(&|c| c.window.hour = c.window.hour.next())),
        ("the threshold", other(&|c| c.window.threshold = 1)),
        ("the number of shares", other(&|c| c.window.shares = 4)),
        ("the commitment", other(&|c| c.window.commitment = [0; 32])),
        ("the owner of number", other(&|c| c.index = 2)),
    ] {
        let named = matches!(&refused, ShareError::WrongContext { what: named, .. } if *named == what);
        assert!(named, "{what}: {refused}");
    }
    // That of the next hour, which belongs to another window.
    let (_, later) = seal_in(&mut stream, &owners.policy(), "2026-11-25T13:00:00Z", b"media", 5);
    let mut expected = first.clone();
    expected.window = context(&later);
    let refused = error(WindowShare::open(share, &owners.keys[0], &expected));
    assert!(matches!(refused, ShareError::WrongContext { index: 1, what: "hour", .. }), "{refused}");
    // Another stream's in the same hour differs in the window alone.
    let (_, twin) = seal_in(&mut self::stream(), &owners.policy(), "2026-11-25T12:00:00Z", b"media", 5);
    let mut expected = first.clone();
    expected.window = context(&twin);
    let refused = error(WindowShare::open(share, &owners.keys[0], &expected));
    assert!(matches!(refused, ShareError::WrongContext { index: 1, what: "window", .. }), "{refused}");
    // Shares of two windows are not mixed.
    let mut mixed = owners.shares(&file, &[0]);
    mixed.extend(owners.shares(&later, &[1]));
    let refused = error(combine(&mixed, &context(&file)));
    assert!(matches!(refused, ShareError::WrongContext { index: 2, what: "hour", .. }), "{refused}");
    // One owner counts once.
    let twice = owners.shares(&file, &[1, 1]);
    assert_eq!(error(combine(&twice, &context(&file))), ShareError::Twice { index: 2 });

    // Another owner's key; and no byte can be changed.
    let refused = error(WindowShare::open(share, &owners.keys[1], first));
    assert_eq!(refused, ShareError::NotForThisKey { index: 1 });
    for i in 0..share.len() {
        let mut changed = share.to_vec();
        changed[i] ^= 1 << (i % 8);
        let refused = error(WindowShare::open(&changed, &owners.keys[0], first));
        let named =
            matches!(refused, ShareError::NotForThisKey { index: 1 } | ShareError::Damaged { index: 1 });
        assert!(named, "{i}: {refused}");
    }
    for end in 0..share.len() {
        let refused = error(WindowShare::open(&share[..end], &owners.keys[0], first));
        assert_eq!(refused, ShareError::Damaged { index: 1 }, "{end}");
    }
    // A value that an owner made up shows when it is used, and the shares that were used are named.
    let genuine = owners.shares(&file, &[0, 2]);
    let text = String::from_utf8(genuine[1].to_plaintext().to_vec()).unwrap();
    let value = text.split("\"share\":\"").nth(1).unwrap()[..64].to_owned();
    let forged = text.replace(&value, &"0".repeat(64));
    let forged = WindowShare::from_plaintext(forged.as_bytes(), genuine[1].context()).unwrap();
    let used = [genuine.into_iter().next().unwrap(), forged];
    assert_eq!(error(combine(&used, &context(&file))), ShareError::WrongKey { indexes: vec![1, 3] });
}

#[test]
fn a_share_is_written_one_way() {
    let owners = Owners::new(1, 1);
    let (_, file) = seal_in(&mut stream(), &owners.policy(), "2026-11-25T12:00:00Z", b"media", 5);
    let share = owners.shares(&file, &[0]).pop().unwrap();
    let text = String::from_utf8(share.to_plaintext().to_vec()).unwrap();
    let read = |text: &str| WindowShare::from_plaintext(text.as_bytes(), share.context()).err();
    assert_eq!(read(&text), None);
    assert_eq!(
        read(&text.replace("\"version\":1", "\"version\":2")),
        Some(ShareError::UnknownVersion { index: 1, found: 2 })
    );
    for other in [
        text.replace("\"camera\"", " \"camera\""),
        text.replace("{\"camera\"", "{\"also\":1,\"camera\""),
        text.replace("\"share\":\"", "\"share\":\"0"),
        format!("{text}\n"),
        format!("{text}{}", " ".repeat(2000)),
        "{\"version\":1}".to_owned(),
        "[]".to_owned(),
        String::new(),
    ] {
        assert!(matches!(read(&other), Some(ShareError::Malformed { index: 1, .. })), "{other}");
    }
}

#[test]
fn nobody_becomes_an_owner_by_mistake() {
    let keys: Vec<Identity> = (0..17).map(|_| Identity::generate()).collect();
    let recipients: Vec<String> = keys.iter().map(|key| key.to_public().to_string()).collect();
    let new = |m: usize, texts: &[&str]| OwnersCustody::new(m, texts.iter().copied()).err();
    let texts: Vec<&str> = recipients.iter().map(String::as_str).collect();
    assert_eq!(new(MAX_OWNERS, &texts[..MAX_OWNERS]), None);
    assert_eq!(new(1, &texts), Some(InvalidOwners::Count(17)));
    assert_eq!(new(1, &[]), Some(InvalidOwners::Count(0)));
    for threshold in [0, 3, 258] {
        let refused = new(threshold, &texts[..2]);
        assert_eq!(refused, Some(InvalidOwners::Threshold { threshold, owners: 2 }));
    }
    let refused = new(1, &[texts[0], texts[1], texts[0]]);
    assert_eq!(refused, Some(InvalidOwners::SameRecipient { first: 1, second: 3 }));
    let upper = texts[0].to_uppercase();
    let refused = new(1, &[texts[0], &upper]);
    assert_eq!(
        refused,
        Some(InvalidOwners::SameRecipient { first: 1, second: 2 }),
        "one key in two spellings"
    );
    let secret = keys[0].to_string().expose_secret().to_owned();
    // The last is the point 0, to which age would end the thread when it seals.
    let zero = "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z";
    for bad in ["", "age1", "ssh-ed25519 AAAA", secret.as_str(), &texts[0][..40], zero] {
        let refused = new(1, &[texts[1], bad]);
        assert!(matches!(refused, Some(InvalidOwners::Recipient { owner: 2, .. })), "{refused:?}");
        assert!(!format!("{refused:?}").contains(&secret), "what was given by mistake is not repeated");
    }
}

#[test]
fn a_window_stanza_is_bounded_and_has_one_encoding() {
    let owners = Owners::new(2, 2);
    let (_, file) = seal_in(&mut stream(), &owners.policy(), "2026-11-25T12:00:00Z", b"", 1);
    let length = SealedHeader::parse(&file).unwrap().byte_length();
    let text = String::from_utf8(file[..length].to_vec()).unwrap();
    let from = text.find("-> camerafleet.io/window").unwrap();
    let from = from + text[from..].find('\n').unwrap() + 1;
    let to = from + text[from..].find("-> ").unwrap();
    let body = unwrapped(&text[from..to]);
    let with = |body: &[u8]| {
        let changed = [&text[..from], &wrapped(body), &text[to..]].concat();
        SealedHeader::parse(changed.as_bytes())
    };
    assert!(with(&body).is_ok());
    let change = |at: usize, value: u8| {
        let mut body = body.clone();
        body[at] = value;
        body
    };
    let long = u32::try_from(MAX_SEALED_SHARE_BYTES + 1).unwrap().to_be_bytes();
    let too_long = [&body[..34], &long, &vec![0; MAX_SEALED_SHARE_BYTES + 1], &long].concat();
    for (case, body) in [
        ("no body", vec![]),
        ("cut", body[..33].to_vec()),
        ("threshold 0", change(0, 0)),
        ("threshold above the owners", change(0, 3)),
        ("no owner", change(1, 0)),
        ("17 owners", change(1, 17)),
        ("one owner less", change(1, 1)),
        ("one owner more", change(1, 3)),
        ("a length beyond the body", change(34, 255)),
        ("an empty share", [&body[..34], &[0; 8][..]].concat()),
        ("a longer share than may be", too_long),
        ("something after it", [&body[..], b"x"].concat()),
        ("another commitment, and so another window", change(2, body[2] ^ 1)),
    ] {
        let refused = with(&body);
        assert!(matches!(refused, Err(OpenError::Malformed { .. })), "{case}: {refused:?}");
    }
    // A share that is replaced is the signature's to see.
    let mut changed = body.clone();
    *changed.last_mut().unwrap() ^= 1;
    let header = with(&changed).unwrap();
    let refused = header.verify_signature(&header.identity.stream_key);
    assert!(matches!(refused, Err(OpenError::BadSignature { .. })));
}

#[test]
fn the_longest_header_is_far_from_the_bound() {
    let owners = Owners::new(16, 16);
    let mut longest = 0;
    for _ in 0..5 {
        let (_, file) = seal_in(&mut stream(), &owners.policy(), "2026-11-25T12:00:00Z", b"", 1);
        longest = longest.max(SealedHeader::parse(&file).unwrap().byte_length());
    }
    println!("longest header with 16 owners: {longest} bytes");
    assert!(longest <= 24_000, "{longest}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_threshold_of_up_to_16_opens(
        (number, threshold, order) in (1..=MAX_OWNERS).prop_flat_map(|n| {
            (Just(n), 1..=n, Just((0..n).collect::<Vec<usize>>()).prop_shuffle())
        })
    ) {
        let owners = Owners::new(threshold, number);
        let (_, file) = seal_in(&mut stream(), &owners.policy(), "2026-11-25T12:00:00Z", b"media", 5);
        let (w, e) = (
            combine(&owners.shares(&file, &order[..threshold]), &context(&file)).unwrap(),
            epoch_share(&file),
        );
        prop_assert_eq!(open_whole(&file, &w, &e).unwrap(), b"media");
        let few = combine(&owners.shares(&file, &order[..threshold - 1]), &context(&file));
        let too_few = matches!(few, Err(ShareError::TooFew { .. }));
        prop_assert!(too_few);
        // Without a share the window key is not to be had from what the header shows.
        let header = SealedHeader::parse(&file).unwrap();
        let window = context(&file);
        for guess in [window.commitment, header.identity.window_recipient, [0; 32]] {
            let guess = Secret32::from_bytes(&guess);
            prop_assert!(open(&file[..], &expectation(), guess, e.clone()).is_err());
        }
    }
}
