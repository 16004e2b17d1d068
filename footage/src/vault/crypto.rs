//! What a key does: decrypt, sign.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::error::Act;
use super::keys::key_act;
use super::transport::Answer;
use super::{Secret, Vault, VaultError};

/// How many ciphertexts go into one request: OpenBao refuses 500, and 100 take a quarter of a second of a core.
pub const MAX_BATCH: usize = 100;

/// The keys' only version: they are destroyed, never rotated.
const PREFIX: &str = "vault:v1:";

#[derive(Deserialize)]
struct Batch {
    data: BatchData,
}

#[derive(Deserialize)]
struct BatchData {
    batch_results: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    error: String,
    #[serde(default, deserialize_with = "wiped")]
    plaintext: Zeroizing<String>,
}

fn wiped<'de, D: Deserializer<'de>>(d: D) -> Result<Zeroizing<String>, D::Error> {
    Option::<String>::deserialize(d).map(|text| Zeroizing::new(text.unwrap_or_default()))
}

impl Vault {
    /// Decrypts RSA-OAEP-SHA256 ciphertexts (raw, as the key's public half made them), [`MAX_BATCH`] in a
    /// request. The results are in the ciphertexts' order.
    ///
    /// # Errors
    /// For one ciphertext, [`VaultError::Undecryptable`]. For all, [`VaultError::NoSuchKey`] and the others; what an
    /// earlier batch gave is then dropped.
    pub async fn decrypt(
        &self,
        mount: &str,
        name: &str,
        ciphertexts: &[Vec<u8>],
    ) -> Result<Vec<Result<Secret, VaultError>>, VaultError> {
        let act = key_act("decrypt with the key", mount, name)?;
        let mut results = Vec::with_capacity(ciphertexts.len());
        for batch in ciphertexts.chunks(MAX_BATCH) {
            let input: Vec<_> = batch
                .iter()
                .map(|ciphertext| serde_json::json!({ "ciphertext": format!("{PREFIX}{}", STANDARD.encode(ciphertext)) }))
                .collect();
            let body = serde_json::json!({ "batch_input": input }).to_string().into_bytes();
            let answer = self
                .transport
                .send(&act, Method::POST, &format!("{mount}/decrypt/{name}"), Some(body))
                .await?;
            results.extend(read_batch(&act, mount, name, &answer, batch.len())?);
        }
        Ok(results)
    }

    /// Signs a message with an Ed25519 key; the signature is raw (RFC 8032).
    ///
    /// # Errors
    /// [`VaultError::NoSuchKey`], [`VaultError::Denied`] and the others.
    pub async fn sign(&self, mount: &str, name: &str, message: &[u8]) -> Result<[u8; 64], VaultError> {
        #[derive(Deserialize)]
        struct Signed {
            data: Signature,
        }
        #[derive(Deserialize)]
        struct Signature {
            signature: String,
        }
        let act = key_act("sign with the key", mount, name)?;
        let body = serde_json::json!({ "input": STANDARD.encode(message) }).to_string().into_bytes();
        let answer =
            self.transport.send(&act, Method::POST, &format!("{mount}/sign/{name}"), Some(body)).await?;
        let signature = answer.read::<Signed>(&act)?.data.signature;
        signature
            .strip_prefix(PREFIX)
            .and_then(|text| STANDARD.decode(text).ok())
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| {
                act.other(answer.status, "with something that is no Ed25519 signature of version 1")
            })
    }
}

/// Where one item fails, OpenBao answers 500 and HashiCorp Vault 400, both with every item's result: the
/// results count, not the status.
fn read_batch(
    act: &Act<'_>,
    mount: &str,
    name: &str,
    answer: &Answer,
    expected: usize,
) -> Result<Vec<Result<Secret, VaultError>>, VaultError> {
    let Ok(batch) = serde_json::from_slice::<Batch>(&answer.body) else {
        return Err(if answer.is_success() { act.unreadable(answer.status) } else { answer.failure(act) });
    };
    let items = batch.data.batch_results;
    if items.len() != expected {
        return Err(act.other(answer.status, "with another number of results than was asked for"));
    }
    let read = |item: Item| {
        let undecryptable = || VaultError::Undecryptable { mount: mount.to_owned(), name: name.to_owned() };
        if !item.error.is_empty() {
            return Err(undecryptable());
        }
        STANDARD.decode(item.plaintext.as_bytes()).map(Secret::new).map_err(|_| act.unreadable(answer.status))
    };
    Ok(items.into_iter().map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str, expected: usize) -> Result<Vec<Result<Secret, VaultError>>, VaultError> {
        let act = Act::on_key("decrypt with the key", "m", "k");
        let answer = Answer { status, body: Zeroizing::new(body.as_bytes().to_vec()) };
        read_batch(&act, "m", "k", &answer, expected)
    }

    #[test]
    fn each_item_has_its_own_result_whatever_the_status() {
        let body = r#"{"data":{"batch_results":[{"plaintext":"aGk=","reference":""},{"plaintext":"","error":"crypto/rsa: decryption error"}]}}"#;
        for status in [200, 400, 500] {
            let results = read(status, body, 2).unwrap();
            assert_eq!(results[0].as_ref().map(Secret::expose), Ok(b"hi".as_slice()));
            assert!(matches!(results[1], Err(VaultError::Undecryptable { .. })));
        }
    }

    #[test]
    fn results_are_never_shifted_against_the_ciphertexts() {
        let body = r#"{"data":{"batch_results":[{"plaintext":"aGk="}]}}"#;
        assert!(matches!(read(200, body, 2), Err(VaultError::Other { .. })));
        assert!(matches!(read(200, "{}", 1), Err(VaultError::Other { .. })));
        assert!(matches!(read(503, r#"{"errors":["Vault is sealed"]}"#, 1), Err(VaultError::Sealed)));
    }
}
