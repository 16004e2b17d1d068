//! What may go into a request's path. Names come from Kubernetes objects and from the store: one with a slash
//! or a dot-dot would reach another endpoint than the one that was meant.

use url::Url;

use super::VaultError;

/// One path segment: letters, digits, `-`, `_` and `.`, which is also what Transit takes as a key's name.
fn is_segment(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && !text.bytes().all(|b| b == b'.')
}

/// A key's, a policy's or a role's name.
pub(super) fn segment<'a>(kind: &'static str, text: &'a str) -> Result<&'a str, VaultError> {
    if is_segment(text) {
        Ok(text)
    } else {
        Err(VaultError::InvalidName { kind, name: text.escape_debug().to_string() })
    }
}

/// A mount or another path: segments with slashes between them.
pub(super) fn path<'a>(kind: &'static str, text: &'a str) -> Result<&'a str, VaultError> {
    if text.split('/').all(is_segment) {
        Ok(text)
    } else {
        Err(VaultError::InvalidName { kind, name: text.escape_debug().to_string() })
    }
}

/// A mount that can be made. `…/tune` cannot: `sys/mounts/<path>/tune` is another endpoint.
pub(super) fn new_mount(text: &str) -> Result<&str, VaultError> {
    if text.rsplit('/').next() == Some("tune") {
        return Err(VaultError::InvalidName { kind: "mount", name: text.to_owned() });
    }
    path("mount", text)
}

/// An address without what it should not hold.
pub(super) fn printable_address(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leads_to_another_endpoint() {
        for ok in ["log", "epoch-p1-20261125T000000Z-3600", "camera-0c9f0f6e-8a35", "a.b_c"] {
            assert!(segment("key", ok).is_ok(), "{ok}");
        }
        for bad in ["", ".", "..", "a/b", "a/config", "a?x", "a#x", "a%2fb", "a b", "a\nb", "é", "+", "*"] {
            assert!(segment("key", bad).is_err(), "{bad:?}");
        }
        for ok in ["camerafleet/tenant-a", "kubernetes"] {
            assert!(path("mount", ok).is_ok(), "{ok}");
        }
        for bad in ["", "/a", "a/", "a//b", "a/../b", "a/./b", "a b/c"] {
            assert!(path("mount", bad).is_err(), "{bad:?}");
        }
        assert!(new_mount("camerafleet/tune").is_err());
        assert!(new_mount("camerafleet/fortune").is_ok());
    }
}
