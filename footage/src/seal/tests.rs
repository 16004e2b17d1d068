//! What cannot be seen from outside: that the file key's wrapping alone binds secrets and identity, without
//! the signature before it. The derivation is checked against RustCrypto's, as `age_core` has it.

use age_core::format::FileKey;
use age_core::primitives::{aead_decrypt, hkdf};
use age_core::secrecy::ExposeSecret;

use super::aead::{unwrap, wrap};
use super::encode::{hex, push_item, unbase64, unhex};
use super::secret::{Secret32, WrongSecretLength};

const FILE_KEY: [u8; 16] = *b"sixteen bytes ..";

fn wrapped(w: &Secret32, e: &Secret32, identity: &[u8]) -> [u8; 32] {
    wrap(w, e, identity, &FileKey::new(Box::new(FILE_KEY))).unwrap().try_into().unwrap()
}

#[test]
fn the_file_key_is_bound_to_both_secrets_in_order_and_to_the_identity() {
    let (w, e) = (Secret32::from_bytes(&[1; 32]), Secret32::from_bytes(&[2; 32]));
    let body = wrapped(&w, &e, b"identity");
    let key = unwrap(&w, &e, b"identity", &body).unwrap();
    assert_eq!(key.expose_secret(), &FILE_KEY);

    let other = Secret32::from_bytes(&[3; 32]);
    for (case, w, e, identity) in [
        ("wrong W", &other, &e, &b"identity"[..]),
        ("wrong E", &w, &other, b"identity"),
        ("swapped", &e, &w, b"identity"),
        ("twice W", &w, &w, b"identity"),
        ("another identity", &w, &e, b"Identity"),
        ("no identity", &w, &e, b""),
    ] {
        assert!(unwrap(w, e, identity, &body).is_err(), "{case}");
    }
    for i in 0..body.len() {
        let mut body = body;
        body[i] ^= 1;
        assert!(unwrap(&w, &e, b"identity", &body).is_err(), "byte {i}");
    }
}

#[test]
fn another_implementation_unwraps_the_file_key() {
    let (w, e) = (Secret32::from_bytes(&[7; 32]), Secret32::from_bytes(&[9; 32]));
    let body = wrapped(&w, &e, b"identity");
    let ikm = [[7; 32], [9; 32]].concat();
    let kek = hkdf(&[], b"identity", &ikm);
    assert_eq!(aead_decrypt(&kek, 16, &body).unwrap(), FILE_KEY);
}

#[test]
fn encodings_have_one_way() {
    assert_eq!(unbase64::<1>("AA"), Some([0]));
    for other in ["AB", "AA==", "A", "AAA", "A A", "A-"] {
        assert_eq!(unbase64::<1>(other), None, "{other:?}");
    }
    assert_eq!(unhex::<2>(&hex(&[0x0a, 0xff])), Some([0x0a, 0xff]));
    for other in ["0AFF", "0aff0", "+aff", "0a f", "é0a"] {
        assert_eq!(unhex::<2>(other), None, "{other:?}");
    }
    let mut items = Vec::new();
    push_item(&mut items, b"ab");
    push_item(&mut items, b"");
    assert_eq!(items, [0, 0, 0, 2, b'a', b'b', 0, 0, 0, 0]);
}

#[test]
fn a_secret_has_32_bytes() {
    assert_eq!(Secret32::try_from(&[5; 32][..]).ok().map(|s| *s.expose()), Some([5; 32]));
    assert_eq!(Secret32::try_from(&[5; 31][..]).err(), Some(WrongSecretLength(31)));
}
