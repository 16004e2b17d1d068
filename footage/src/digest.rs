//! Digests of objects: SHA-256 over RFC 8785's canonical JSON.

use camerafleet_crds::SharingPolicySpec;
use sha2::{Digest, Sha256};

/// The digest of a SharingPolicy's spec, as segments carry it.
pub fn sharing_policy(spec: &SharingPolicySpec) -> [u8; 32] {
    sha256(canonical(spec).as_bytes())
}

/// A SharingPolicy's spec as its digest is made over it.
pub fn canonical(spec: &SharingPolicySpec) -> String {
    serde_jcs::to_string(spec).unwrap_or_else(|e| unreachable!("a spec is plain data: {e}"))
}

/// The digest of any bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The reverse of [`hex`]; refuses any other way of writing the same bytes.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return None;
    }
    let mut out = [0; N];
    for (i, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_does_not_depend_on_the_order_of_fields() {
        let one =
            r#"{"owners":[{"name":"a","user":"a@example.com"}],"custody":"Vault","consentThreshold":1}"#;
        let two =
            r#"{"consentThreshold":1,"custody":"Vault","owners":[{"user":"a@example.com","name":"a"}]}"#;
        let digest = |text| sharing_policy(&serde_json::from_str(text).unwrap());
        assert_eq!(digest(one), digest(two));
        assert_ne!(digest(one), digest(&two.replace("1,", "2,")));
    }
}
