//! What can go wrong, told apart, and how Vault's answers are read.

use std::time::Duration;

/// A sentence with a next step, and never a token, a JWT or a plaintext.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// Vault has the mount, but not the key: what was encrypted to it can no longer be read.
    #[error(
        "the Transit mount {mount} has no key {name}: it was destroyed or never made, or Vault was restored from before it was made"
    )]
    #[allow(missing_docs)]
    NoSuchKey { mount: String, name: String },
    /// Nothing is mounted there.
    #[error(
        "Vault has nothing mounted at {mount}/: look whether this is the right Vault, namespace and prefix; the operator makes a tenant's mount"
    )]
    #[allow(missing_docs)]
    NoSuchMount { mount: String },
    /// The token's policies do not cover the call, or the token is no longer valid: Vault does not say which.
    #[error(
        "Vault denied to {what}: log in again if the token may have expired; if not, run `operator vault-setup`, which writes the policies and roles"
    )]
    #[allow(missing_docs)]
    Denied { what: String },
    /// Vault is sealed: nothing works until it is unsealed.
    #[error("Vault is sealed: unseal it")]
    Sealed,
    /// No answer, or none from Vault.
    #[error(
        "Vault at {address} could not be reached: {why}; check the address, the network policies and the CA"
    )]
    #[allow(missing_docs)]
    Unreachable { address: String, why: String },
    /// No answer in time. What was asked for may have been done.
    #[error("Vault did not answer within {after:?} when asked to {what}: look at its load, and try again")]
    #[allow(missing_docs)]
    Timeout { what: String, after: Duration },
    /// Something of that name is there and is of another kind. It is never changed.
    #[error(
        "{what} is {found} where {expected} is needed: somebody else made it; move it away, or use another mount prefix"
    )]
    #[allow(missing_docs)]
    WrongKind { what: String, expected: String, found: String },
    /// The key must first be released for deletion, which is another role's to do.
    #[error(
        "the key {name} in {mount} may not be deleted yet: the operator allows that when its DestroyIntent is logged"
    )]
    #[allow(missing_docs)]
    DeletionNotAllowed { mount: String, name: String },
    /// One ciphertext does not belong to this key, or is damaged.
    #[error(
        "the key {name} in {mount} does not decrypt this: it was encrypted to another key, or it is damaged"
    )]
    #[allow(missing_docs)]
    Undecryptable { mount: String, name: String },
    /// A name that would lead to another endpoint.
    #[error("{name:?} cannot be the name of a {kind} in Vault: letters, digits, '-', '_' and '.' only")]
    #[allow(missing_docs)]
    InvalidName { kind: &'static str, name: String },
    /// The configuration cannot be used.
    #[error("the configuration for Vault cannot be used: {why}")]
    #[allow(missing_docs)]
    Config { why: String },
    /// Vault answered something else.
    #[error("Vault could not {what}: it answered {status}{}", detail(.message))]
    #[allow(missing_docs)]
    Other { status: u16, what: String, message: String },
}

fn detail(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(", {message}") }
}

impl VaultError {
    /// Whether the same call may well succeed later without anyone changing the call or the policies.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Sealed | Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::Other { status, .. } => *status == 429 || *status == 412 || *status >= 500,
            _ => false,
        }
    }
}

/// What is being done, to which mount and key, for the error's sentence.
#[derive(Clone, Debug, Default)]
pub(super) struct Act<'a> {
    /// A verb phrase.
    pub what: String,
    pub mount: Option<&'a str>,
    pub key: Option<&'a str>,
    /// What the call sends that no message may repeat.
    pub hide: Vec<&'a str>,
}

impl<'a> Act<'a> {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    pub(super) fn on_mount(what: &str, mount: &'a str) -> Self {
        Self { what: format!("{what} {mount}"), mount: Some(mount), ..Self::default() }
    }

    pub(super) fn on_key(what: &str, mount: &'a str, key: &'a str) -> Self {
        Self { what: format!("{what} {mount}/{key}"), mount: Some(mount), key: Some(key), ..Self::default() }
    }

    /// Reads an answer that is not a success. `errors` is `None` where the answer was not Vault's JSON.
    pub(super) fn failure(&self, status: u16, errors: Option<&[String]>) -> VaultError {
        let Some(errors) = errors else {
            // A proxy or another server: its 404 must not look like a destroyed key.
            return match status {
                403 => VaultError::Denied { what: self.what.clone() },
                _ => self.other(status, "and not in Vault's form: something else may be listening there"),
            };
        };
        let text = errors.join("; ");
        let has = |needle: &str| text.contains(needle);
        match status {
            403 => VaultError::Denied { what: self.denied(&text) },
            503 if has("is sealed") => VaultError::Sealed,
            404 if has("no handler for route") => match self.mount {
                Some(mount) => VaultError::NoSuchMount { mount: mount.to_owned() },
                None => self.other(status, &text),
            },
            _ => match (self.mount, self.key) {
                (Some(mount), Some(name)) => {
                    let (mount, name) = (mount.to_owned(), name.to_owned());
                    if (status == 404 && errors.is_empty()) || (status == 400 && says_no_key(&text)) {
                        VaultError::NoSuchKey { mount, name }
                    } else if has("deletion is not allowed") {
                        VaultError::DeletionNotAllowed { mount, name }
                    } else {
                        self.other(status, &text)
                    }
                }
                _ => self.other(status, &text),
            },
        }
    }

    /// Vault's reason goes along where it gives one, as logins do: a wrong audience, a namespace without its label.
    fn denied(&self, text: &str) -> String {
        if text.is_empty() || text.contains("permission denied") {
            self.what.clone()
        } else {
            format!("{} ({})", self.what, clean(text, &self.hide))
        }
    }

    pub(super) fn other(&self, status: u16, message: &str) -> VaultError {
        VaultError::Other { status, what: self.what.clone(), message: clean(message, &self.hide) }
    }

    pub(super) fn unreadable(&self, status: u16) -> VaultError {
        self.other(
            status,
            "and the answer could not be read: something else than Vault may be listening there",
        )
    }
}

/// How Transit says it; the key's own name is not part of the needles.
fn says_no_key(text: &str) -> bool {
    [
        "encryption key not found",
        "signing key not found",
        "could not delete key; not found",
        "no existing key named",
    ]
    .iter()
    .any(|needle| text.contains(needle))
}

/// Vault's own words, short and on one line, without what the request held: a server's message may quote it.
fn clean(message: &str, hide: &[&str]) -> String {
    let mut text = message.to_owned();
    for secret in hide {
        // A JWT's parts are told as such, too: the payload names the account, the signature is the credential.
        for part in std::iter::once(*secret).chain(secret.split('.')).filter(|part| part.len() >= 8) {
            text = text.replace(part, "[hidden]");
        }
    }
    let mut text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if let Some((end, _)) = text.char_indices().nth(300) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, errors: &[&str]) -> VaultError {
        let errors: Vec<String> = errors.iter().map(|e| (*e).to_owned()).collect();
        Act::on_key("use the key", "camerafleet/a", "camera-1").failure(status, Some(&errors))
    }

    #[test]
    fn answers_are_told_apart() {
        let no_key = VaultError::NoSuchKey { mount: "camerafleet/a".into(), name: "camera-1".into() };
        let no_mount = VaultError::NoSuchMount { mount: "camerafleet/a".into() };
        let denied = VaultError::Denied { what: "use the key camerafleet/a/camera-1".into() };
        // The words are OpenBao 2.7.2's; HashiCorp Vault's Transit has the same ones.
        for (status, words, expected) in [
            (404, vec![], no_key.clone()),
            (400, vec!["encryption key not found"], no_key.clone()),
            (400, vec!["error deleting policy camera-1: could not delete key; not found"], no_key.clone()),
            (400, vec!["no existing key named camera-1 could be found"], no_key),
            (
                404,
                vec!["no handler for route \"camerafleet/a/keys/camera-1\". route entry not found."],
                no_mount,
            ),
            (403, vec!["permission denied"], denied.clone()),
            (403, vec!["1 error occurred:\n\t* permission denied\n\n"], denied),
            (503, vec!["Vault is sealed"], VaultError::Sealed),
        ] {
            assert_eq!(read(status, &words), expected, "{status} {words:?}");
        }
        assert!(matches!(
            read(400, &["error deleting policy camera-1: deletion is not allowed for this key"]),
            VaultError::DeletionNotAllowed { .. }
        ));
        assert!(matches!(read(500, &["internal error"]), VaultError::Other { status: 500, .. }));
    }

    #[test]
    fn only_vault_itself_can_say_that_a_key_is_gone() {
        let act = Act::on_key("read the key", "camerafleet/a", "camera-1");
        assert!(matches!(act.failure(404, None), VaultError::Other { status: 404, .. }));
        assert!(matches!(act.failure(503, None), VaultError::Other { status: 503, .. }));
    }

    #[test]
    fn a_message_does_not_repeat_what_was_sent() {
        let jwt = "eyJhbGciOi.eyJzdWIiOiJzeXN0ZW0i.c2lnbmF0dXJl";
        let act = Act { hide: vec![jwt], ..Act::new("log in") };
        for words in [format!("cannot parse {jwt}"), "bad signature c2lnbmF0dXJl\nhere".to_owned()] {
            let text = act.failure(400, Some(&[words])).to_string();
            assert!(text.contains("[hidden]"), "{text}");
            assert!(!text.contains("c2lnbmF0dXJl") && !text.contains('\n'), "{text}");
        }
        let long = act.failure(400, Some(&["é".repeat(5000)])).to_string();
        assert!(long.chars().count() < 400, "{}", long.len());
    }
}
