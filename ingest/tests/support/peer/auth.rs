//! What a server must know of RFC 7616 and RFC 7617 to tell a right password from a wrong one.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use md5::Md5;
use sha2::{Digest, Sha256};

use super::Request;

pub const REALM: &str = "camera";
const NONCE: &str = "dcd98b7102dd2f0e8b11d0f600bfb0c0";

/// A way to ask for user and password.
#[derive(Clone)]
pub struct Auth {
    pub user: String,
    pub password: String,
    pub scheme: Scheme,
}

#[derive(Clone, Copy, Debug)]
pub enum Scheme {
    Basic,
    /// RFC 2069, as most cameras have it.
    Plain,
    /// The same with SHA-256, as gortsplib has it.
    PlainSha256,
    /// With `qop="auth"`.
    Md5,
    /// With `qop="auth"`.
    Sha256,
    /// Both Digests, the newer one first.
    Both,
}

impl Auth {
    pub fn challenge(&self) -> String {
        let digest = |more: &str| format!("Digest realm=\"{REALM}\", nonce=\"{NONCE}\"{more}");
        let (md5, sha256) = (", algorithm=MD5, qop=\"auth\"", ", algorithm=SHA-256, qop=\"auth\"");
        match self.scheme {
            Scheme::Basic => format!("Basic realm=\"{REALM}\""),
            Scheme::Plain => digest(""),
            Scheme::PlainSha256 => digest(", algorithm=\"SHA-256\""),
            Scheme::Md5 => digest(md5),
            Scheme::Sha256 => digest(sha256),
            Scheme::Both => format!("{}, {}", digest(sha256), digest(md5)),
        }
    }

    pub fn allows(&self, request: &Request) -> bool {
        let Some(given) = request.header("Authorization") else { return false };
        if matches!(self.scheme, Scheme::Basic) {
            let both = BASE64_STANDARD.encode(format!("{}:{}", self.user, self.password));
            return given == format!("Basic {both}");
        }
        let field = |name: &str| {
            given.trim_start_matches("Digest ").split(',').find_map(|part| {
                let (key, value) = part.trim().split_once('=')?;
                (key == name).then(|| value.trim_matches('"').to_owned())
            })
        };
        let hash = |text: String| match field("algorithm").as_deref() {
            Some("SHA-256") => hex(&Sha256::digest(text)),
            _ => hex(&Md5::digest(text)),
        };
        let get = |name: &str| field(name).unwrap_or_default();
        let a1 = hash(format!("{}:{REALM}:{}", self.user, self.password));
        let a2 = hash(format!("{}:{}", request.method, request.uri));
        let expected = match field("qop") {
            Some(qop) => hash(format!("{a1}:{NONCE}:{}:{}:{qop}:{a2}", get("nc"), get("cnonce"))),
            None => hash(format!("{a1}:{NONCE}:{a2}")),
        };
        let strong =
            !matches!(self.scheme, Scheme::Sha256 | Scheme::PlainSha256) || get("algorithm") == "SHA-256";
        strong && get("uri") == request.uri && get("response") == expected
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
