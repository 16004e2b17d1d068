//! `FORMAT.md` to the byte, read by hand with age's own parser and RustCrypto's primitives.

use age_core::format::Stanza;
use age_core::format::read::age_stanza;
use age_core::primitives::{aead_decrypt, hkdf};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD as BASE64;
use camerafleet_footage::ids::{CameraId, PolicyId, TenantId};
use camerafleet_footage::layout::{Epoch, Tracks, camera_key_name, epoch_key_name};
use camerafleet_footage::seal::{PublicKey, RecorderStream, SealedHeader, SegmentPolicy, WindowCustody};

use crate::owners::Owners;
use crate::support::*;

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().unwrap()
}

fn item(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// The stanzas, and the header's length.
fn stanzas(file: &[u8]) -> (Vec<Stanza>, usize) {
    let mut rest = file.strip_prefix(b"age-encryption.org/v1\n").unwrap();
    let mut found = Vec::new();
    while let Ok((after, stanza)) = age_stanza(rest) {
        found.push(stanza.into());
        rest = after;
    }
    assert!(rest.starts_with(b"--- "));
    let mac = rest.iter().position(|b| *b == b'\n').unwrap() + 1;
    (found, file.len() - rest.len() + mac)
}

#[test]
fn the_file_is_what_the_format_says() {
    let mut stream = stream();
    let (first, _) = seal(&mut stream, b"first");
    let (finished, file) = seal(&mut stream, b"second");
    let (stanzas, header_length) = stanzas(&file);
    let tags: Vec<&str> = stanzas.iter().map(|s| s.tag.as_str()).collect();
    assert_eq!(&tags[..3], ["camerafleet.io/segment", "camerafleet.io/window", "camerafleet.io/epoch"]);
    assert!(tags.len() == 4 && tags[3].ends_with("-grease"), "{tags:?}");
    let [segment, window, epoch] = &stanzas[..3] else { panic!() };

    // The arguments, in order.
    let der = |pem: &str| {
        let body: String = pem.lines().filter(|l| !l.starts_with('-')).collect();
        base64::prelude::BASE64_STANDARD.decode(body).unwrap()
    };
    let start = at("2026-11-25T12:59:59.999Z").as_millisecond() - 40;
    let public = stream.public_key();
    let epoch_key = format!("epoch-{}-20261125T000000Z-86400", retention());
    let expected = [
        "1".to_owned(),
        "vault".to_owned(),
        tenant().to_string(),
        camera().to_string(),
        sha256(&public)[..16].iter().map(|b| format!("{b:02x}")).collect(),
        BASE64.encode(public),
        "1".to_owned(),
        at("2026-11-25T12:59:59.999Z").as_millisecond().to_string(),
        BASE64.encode(sha256(&der(&keys().0.pem))),
        epoch_key.clone(),
        BASE64.encode(sha256(&der(&keys().1.pem))),
        BASE64.encode([0x5a; 32]),
        "0".to_owned(),
        BASE64.encode(first.digest),
        start.to_string(),
        "60000".to_owned(),
        "-".to_owned(),
        "v".to_owned(),
    ];
    assert_eq!(segment.args[..18], expected);
    assert_eq!(segment.args.len(), 19);
    assert_eq!(window.args, ["vault".to_owned(), format!("camera-{}", camera())]);
    assert_eq!(epoch.args, [epoch_key]);
    assert_eq!((segment.body.len(), window.body.len(), epoch.body.len()), (32, 384, 384));

    // The identity.
    let mut identity = item(b"camerafleet.io/segment");
    for argument in &segment.args[..18] {
        identity.extend(item(argument.as_bytes()));
    }
    assert_eq!(SealedHeader::parse(&file).unwrap().identity.encoded(), identity);

    // The signature.
    let mut message = item(b"camerafleet.io/segment-signature");
    message.extend(item(&identity));
    for stanza in [segment, window, epoch] {
        message.extend(item(&sha256(&stanza.body)));
    }
    let signature = BASE64.decode(&segment.args[18]).unwrap();
    UnparsedPublicKey::new(&ED25519, public).verify(&message, &signature).unwrap();

    // The file key, and age's MAC under it.
    let (w, e) = (keys().0.decrypt(&window.body), keys().1.decrypt(&epoch.body));
    let kek = hkdf(&[], &identity, &[*w.expose(), *e.expose()].concat());
    let file_key = aead_decrypt(&kek, 16, &segment.body).unwrap();
    let header = &file[..header_length];
    let mac_line = header_length - 1 - 43;
    let mac_key = hmac::Key::new(hmac::HMAC_SHA256, &hkdf(&[], b"header", &file_key));
    let mac = BASE64.decode(&header[mac_line..header_length - 1]).unwrap();
    hmac::verify(&mac_key, &header[..mac_line - 1], &mac).unwrap();

    // The digest.
    let both = [sha256(header), sha256(&file[header_length..])].concat();
    assert_eq!(finished.digest, sha256(&both));
}

/// A product in the field of AES: polynomials over GF(2) modulo x^8 + x^4 + x^3 + x + 1.
fn times(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        if b & 1 != 0 {
            product ^= a;
        }
        a = (a << 1) ^ if a & 0x80 != 0 { 0x1b } else { 0 };
        b >>= 1;
    }
    product
}

/// The value at 0 of the polynomial through these points.
fn at_zero(points: &[(u8, u8)]) -> u8 {
    let inverse = |a: u8| (1..=255).find(|b| times(a, *b) == 1).unwrap();
    points.iter().fold(0, |sum, (x, y)| {
        let others = points.iter().filter(|(other, _)| other != x);
        sum ^ others.fold(*y, |term, (other, _)| times(term, times(*other, inverse(other ^ x))))
    })
}

#[test]
fn the_owners_form_is_what_the_format_says() {
    let owners = Owners::new(3, 4);
    let mut stream = stream();
    let public = stream.public_key();
    let (_, file) = seal_in(&mut stream, &owners.policy(), "2026-11-25T12:59:59Z", b"media", 5);
    let (stanzas, _) = stanzas(&file);
    let [segment, window, epoch] = &stanzas[..3] else { panic!() };

    // The window stanza.
    let (head, mut rest) = window.body.split_at(34);
    let commitment = &head[2..];
    assert_eq!(head[..2], [3, 4]);
    let mut shares = Vec::new();
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>().unwrap();
        let (share, after) = after.split_at(u32::from_be_bytes(*length) as usize);
        shares.push(share);
        rest = after;
    }
    assert_eq!(shares.len(), 4);
    let items = |items: &[&[u8]]| sha256(&items.iter().flat_map(|i| item(i)).collect::<Vec<u8>>());
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let (tenant, camera) = (tenant().to_string(), camera().to_string());
    let stream_id = hex(&sha256(&public)[..16]);
    let id = items(&[
        b"camerafleet.io/owners-window",
        tenant.as_bytes(),
        camera.as_bytes(),
        stream_id.as_bytes(),
        b"20261125T12",
        &[0x5a; 32],
        commitment,
    ]);
    let id = hex(&id[..16]);
    assert_eq!(window.args, ["owners".to_owned(), id.clone()]);

    // The segment stanza's arguments 2 and 9.
    let recipients: Vec<String> = owners.keys.iter().map(|key| key.to_public().to_string()).collect();
    let mut digest: Vec<&[u8]> = vec![b"camerafleet.io/owners", b"3", b"4"];
    digest.extend(recipients.iter().map(|recipient| recipient.as_bytes()));
    digest.push(commitment);
    assert_eq!((segment.args[1].as_str(), &segment.args[8]), ("owners", &BASE64.encode(items(&digest))));

    // Any three shares, opened with stock age.
    let mut points = vec![Vec::new(); 32];
    for i in [3, 0, 2] {
        let plain = age::decrypt(&owners.keys[i], shares[i]).unwrap();
        let text = String::from_utf8(plain).unwrap();
        let value = text.split("\"share\":\"").nth(1).unwrap()[..64].to_owned();
        let expected = format!(
            "{{\"camera\":\"{camera}\",\"commitment\":\"{}\",\"hour\":\"20261125T12\",\"index\":{},\"share\":\"{value}\",\
             \"shares\":4,\"tenant\":\"{tenant}\",\"threshold\":3,\"version\":1,\"window\":\"{id}\"}}",
            hex(commitment),
            i + 1
        );
        assert_eq!(text, expected);
        for (k, points) in points.iter_mut().enumerate() {
            let y = u8::from_str_radix(&value[2 * k..2 * k + 2], 16).unwrap();
            points.push((u8::try_from(i + 1).unwrap(), y));
        }
    }
    let w: Vec<u8> = points.iter().map(|points| at_zero(points)).collect();
    assert_eq!(items(&[b"camerafleet.io/window-key", &w]), commitment);

    // From here on it is as under custody Vault.
    let e = keys().1.decrypt(&epoch.body);
    let identity: Vec<u8> = std::iter::once(item(b"camerafleet.io/segment"))
        .chain(segment.args[..segment.args.len() - 1].iter().map(|argument| item(argument.as_bytes())))
        .flatten()
        .collect();
    let kek = hkdf(&[], &identity, &[&w[..], e.expose()].concat());
    assert!(aead_decrypt(&kek, 16, &segment.body).is_ok());
}

#[test]
fn stock_age_reads_the_header_and_finds_no_key_of_its_own() {
    let (_, file) = seal(&mut stream(), b"media");
    let identity = age::x25519::Identity::generate();
    for decryptor in [age::Decryptor::new(&file[..]), age::Decryptor::new_buffered(&file[..])] {
        let refused =
            decryptor.unwrap().decrypt(std::iter::once(&identity as &dyn age::Identity)).map(|_| ());
        assert!(matches!(refused, Err(age::DecryptError::NoMatchingKeys)));
    }
}

#[test]
fn a_header_is_small() {
    let mut longest = 0;
    let mut stream_ = stream();
    for _ in 0..50 {
        let (_, file) = seal(&mut stream_, b"");
        longest = longest.max(SealedHeader::parse(&file).unwrap().byte_length());
    }
    println!("longest header with UUIDs for ids: {longest} bytes");
    assert!(longest <= 2_560, "{longest}");

    // The longest ids there can be.
    let id = "x".repeat(63);
    let (camera, retention) = (CameraId::parse(&*id).unwrap(), PolicyId::parse(&*id).unwrap());
    let epoch = policy().epoch;
    let policy = SegmentPolicy {
        window: WindowCustody::Vault(PublicKey::from_pem(&camera_key_name(&camera), &keys().0.pem).unwrap()),
        epoch_key: PublicKey::from_pem(&epoch_key_name(&retention, &epoch), &keys().1.pem).unwrap(),
        retention_policy: retention,
        epoch: Epoch::new(epoch.start().as_second(), epoch.length_seconds()).unwrap(),
        sharing_policy: [0; 32],
    };
    let mut stream_ = RecorderStream::new(TenantId::parse(&*id).unwrap(), camera).unwrap();
    for _ in 0..50 {
        let writer =
            stream_.open(&policy, at("2026-11-25T12:00:00Z"), None, Tracks::Video, Vec::new()).unwrap();
        let (_, file) = stream_.finish(writer, 1_795_611_600_000, 3_600_000).unwrap();
        longest = longest.max(SealedHeader::parse(&file).unwrap().byte_length());
    }
    println!("longest header with the longest ids: {longest} bytes");
    assert!(longest <= 2_560, "{longest}");
}
