//! A sealed segment's header, read without any key.

use std::borrow::Cow;
use std::io::{self, Read};

use age_core::format::read::age_stanza;
use age_core::format::{FileKey, Stanza};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

use super::aead::{self, WRAPPED_FILE_KEY_BYTES};
use super::encode::{sha256, unbase64};
use super::error::OpenError;
use super::identity::{SegmentIdentity, shown};
use super::open::SegmentExpectation;
use super::owners::OwnersWindow;
use super::recipient::signed_message;
use super::secret::Secret32;
use super::{EPOCH_STANZA, SEGMENT_STANZA, WINDOW_STANZA};

/// The largest header that is read, in bytes. Under custody `Vault` one has about 2,100; with 16 owners about 20,000.
pub const MAX_HEADER_BYTES: usize = 64 * 1024;

const FIRST_LINE: &[u8] = b"age-encryption.org/v1\n";
const ANY_VERSION: &[u8] = b"age-encryption.org/";
const OUR_STANZAS: &str = "camerafleet.io/";
const LAST_LINE: &[u8] = b"---";
const MAC_CHARACTERS: usize = 43;

/// A header: who, when, and the two wrapped secrets. Nothing of it is authentic before
/// [`SealedHeader::verify_signature`] with a key that the log vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedHeader {
    /// What it says of the segment.
    pub identity: SegmentIdentity,
    signature: [u8; 64],
    wrapped_file_key: [u8; WRAPPED_FILE_KEY_BYTES],
    window: WindowStanza,
    epoch_key_name: String,
    wrapped_epoch_share: Vec<u8>,
    bytes: Vec<u8>,
}

/// Where the window key is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum WindowStanza {
    Vault { key_name: String, wrapped: Vec<u8> },
    Owners(OwnersWindow),
}

impl WindowStanza {
    /// The names decide which key a job uses, and what a share must say of itself: they must be the identity's
    /// own, or a header could have a job use another camera's key.
    fn read(stanza: Stanza, identity: &SegmentIdentity) -> Result<Self, OpenError> {
        let (window, name) = match identity.window_key_name() {
            Some(key_name) => (Self::Vault { key_name: key_name.clone(), wrapped: stanza.body }, key_name),
            None => {
                let window = OwnersWindow::parse(&stanza.body)?;
                let id = window.id(identity);
                (Self::Owners(window), id)
            }
        };
        if stanza.args != [identity.custody.as_str(), &name] {
            return Err(OpenError::Malformed {
                what: "the window stanza is not for this segment's window key",
            });
        }
        Ok(window)
    }

    fn body(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Vault { wrapped, .. } => Cow::Borrowed(wrapped),
            Self::Owners(window) => Cow::Owned(window.encode()),
        }
    }
}

impl SealedHeader {
    /// Reads exactly the header from a file's start, byte by byte: give it something buffered.
    pub fn read(file: &mut impl Read) -> Result<Self, OpenError> {
        Self::parse(&read_header_bytes(file)?)
    }

    /// Parses the header at the start of `file`, which may be the whole file or its first bytes;
    /// [`OpenError::Truncated`] asks for more of them. [`SealedHeader::byte_length`] says where it ended.
    pub fn parse(file: &[u8]) -> Result<Self, OpenError> {
        let bytes = read_header_bytes(&mut &file[..])?;
        let mut found = Found::default();
        let mut rest = &bytes[FIRST_LINE.len()..];
        while !rest.starts_with(LAST_LINE) {
            // The last line is there, so an incomplete stanza is a malformed one.
            let (after, stanza) = age_stanza(rest)
                .map_err(|_| OpenError::Malformed { what: "a stanza is not as age writes it" })?;
            found.take(stanza.into())?;
            rest = after;
        }
        let mac = rest
            .strip_prefix(b"--- ")
            .and_then(|mac| mac.strip_suffix(b"\n"))
            .filter(|mac| mac.len() == MAC_CHARACTERS)
            .and_then(|mac| std::str::from_utf8(mac).ok())
            .and_then(unbase64::<32>);
        if mac.is_none() {
            return Err(OpenError::Malformed { what: "the line with the MAC" });
        }
        found.finish(bytes)
    }

    /// Under custody `Vault`, the Transit key's name and the ciphertext that it opens to the window key.
    pub fn wrapped_window_key(&self) -> Option<(&str, &[u8])> {
        match &self.window {
            WindowStanza::Vault { key_name, wrapped } => Some((key_name, wrapped)),
            WindowStanza::Owners(_) => None,
        }
    }

    /// Under custody `Owners`, the sealed shares of the window key.
    pub fn owners_window(&self) -> Option<&OwnersWindow> {
        match &self.window {
            WindowStanza::Vault { .. } => None,
            WindowStanza::Owners(window) => Some(window),
        }
    }

    /// The Transit key's name and the ciphertext that it opens to the epoch share.
    pub fn wrapped_epoch_share(&self) -> (&str, &[u8]) {
        (&self.epoch_key_name, &self.wrapped_epoch_share)
    }

    /// Checks that `stream_key` signed this header: identity and wrapped keys. Take the key from the log; the
    /// one in the header proves only that the header fits its stream's id.
    pub fn verify_signature(&self, stream_key: &[u8; 32]) -> Result<(), OpenError> {
        let stream = || self.identity.stream.to_string();
        if stream_key != &self.identity.stream_key {
            return Err(OpenError::WrongStreamKey { stream: stream() });
        }
        let message = signed_message(
            &self.identity.encoded(),
            &self.wrapped_file_key,
            &self.window.body(),
            &self.wrapped_epoch_share,
        );
        UnparsedPublicKey::new(&ED25519, stream_key)
            .verify(&message, &self.signature)
            .map_err(|_| OpenError::BadSignature { stream: stream() })
    }

    /// SHA-256 of the header's bytes; what a hold's sidecar is named by.
    pub fn digest(&self) -> [u8; 32] {
        sha256(&self.bytes)
    }

    /// Where the payload starts, in bytes.
    pub fn byte_length(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// A header whose tenant and camera are the expected ones and whose signature fits. What is made of a segment under
/// new keys, a hold's copy or a re-headed file, is made of one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticatedHeader(SealedHeader);

impl SealedHeader {
    /// Checks the identity against what is expected, then the signature.
    pub fn authenticate(self, expected: &SegmentExpectation) -> Result<AuthenticatedHeader, OpenError> {
        let identity = &self.identity;
        if identity.tenant != expected.tenant {
            let (expected, found) = (expected.tenant.to_string(), identity.tenant.to_string());
            return Err(OpenError::WrongTenant { expected, found });
        }
        if identity.camera != expected.camera {
            let (expected, found) = (expected.camera.to_string(), identity.camera.to_string());
            return Err(OpenError::WrongCamera { expected, found });
        }
        self.verify_signature(&expected.stream_key.unwrap_or(identity.stream_key))?;
        Ok(AuthenticatedHeader(self))
    }

    /// The very header that was authenticated before, told by its digest: who reads it again need not check it again.
    pub(crate) fn authenticated_as(self, digest: &[u8; 32]) -> Option<AuthenticatedHeader> {
        (self.digest() == *digest).then_some(AuthenticatedHeader(self))
    }
}

impl AuthenticatedHeader {
    /// The header.
    pub fn header(&self) -> &SealedHeader {
        &self.0
    }

    pub(super) fn into_header(self) -> SealedHeader {
        self.0
    }

    /// The file key, after age's MAC was checked with it.
    pub(super) fn file_key(&self, w: &Secret32, e: &Secret32) -> Result<FileKey, OpenError> {
        let header = &self.0;
        let file_key = aead::unwrap(w, e, &header.identity.encoded(), &header.wrapped_file_key)
            .map_err(|_| OpenError::WrongSecret)?;
        // The MAC covers everything before it, up to and with the three dashes.
        let (covered, mac) = header.bytes.split_at(header.bytes.len() - (MAC_CHARACTERS + 2));
        let mac = std::str::from_utf8(&mac[1..=MAC_CHARACTERS]).ok().and_then(unbase64::<32>);
        let key = aead::header_mac_key(&file_key).map_err(|_| OpenError::WrongSecret)?;
        mac.and_then(|mac| hmac::verify(&key, covered, &mac).ok()).ok_or(OpenError::TamperedHeader)?;
        Ok(file_key)
    }
}

/// Our three stanzas, as far as they were seen.
#[derive(Default)]
struct Found {
    segment: Option<Stanza>,
    window: Option<Stanza>,
    epoch: Option<Stanza>,
}

impl Found {
    fn take(&mut self, stanza: Stanza) -> Result<(), OpenError> {
        let place = match stanza.tag.as_str() {
            SEGMENT_STANZA => &mut self.segment,
            WINDOW_STANZA => &mut self.window,
            EPOCH_STANZA => &mut self.epoch,
            // A stanza of ours that we do not know may say something that must be obeyed.
            tag if tag.starts_with(OUR_STANZAS) => {
                return Err(OpenError::UnknownVersion { what: "a stanza of type", found: shown(tag) });
            }
            _ => return Ok(()), // age's grease, or another recipient's
        };
        match place.replace(stanza) {
            None => Ok(()),
            Some(_) => Err(OpenError::Malformed { what: "a stanza occurs twice" }),
        }
    }

    fn finish(self, bytes: Vec<u8>) -> Result<SealedHeader, OpenError> {
        let segment = self.segment.ok_or(OpenError::NotSealed { why: "it has no segment stanza" })?;
        let (identity, signature) = SegmentIdentity::from_arguments(&segment.args)?;
        let window = self.window.ok_or(OpenError::Malformed { what: "there is no window stanza" })?;
        let epoch = self.epoch.ok_or(OpenError::Malformed { what: "there is no epoch stanza" })?;
        let window = WindowStanza::read(window, &identity)?;
        let epoch_key_name = identity.epoch_key_name();
        if epoch.args != [epoch_key_name.as_str()] {
            return Err(OpenError::Malformed { what: "the epoch stanza is not for this epoch's key" });
        }
        let wrapped_file_key = segment
            .body
            .as_slice()
            .try_into()
            .map_err(|_| OpenError::Malformed { what: "the wrapped file key must have 32 bytes" })?;
        Ok(SealedHeader {
            identity,
            signature,
            wrapped_file_key,
            window,
            epoch_key_name,
            wrapped_epoch_share: epoch.body,
            bytes,
        })
    }
}

/// The bytes up to and with the line that starts with `---`.
fn read_header_bytes(file: &mut impl Read) -> Result<Vec<u8>, OpenError> {
    let mut bytes = Vec::with_capacity(2560);
    let mut line_start = 0;
    let mut byte = [0];
    loop {
        match file.read_exact(&mut byte) {
            Ok(()) => bytes.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(OpenError::Truncated { part: "header" });
            }
            Err(error) => return Err(OpenError::Io(error)),
        }
        if bytes.len() <= FIRST_LINE.len() {
            check_first_line(&bytes)?;
        }
        if bytes.len() > MAX_HEADER_BYTES {
            return Err(OpenError::HeaderTooLong { max: MAX_HEADER_BYTES });
        }
        if byte[0] == b'\n' {
            if bytes[line_start..].starts_with(LAST_LINE) {
                return Ok(bytes);
            }
            line_start = bytes.len();
        }
    }
}

/// Stops at the first byte that no age file of this version has.
fn check_first_line(bytes: &[u8]) -> Result<(), OpenError> {
    if FIRST_LINE.starts_with(bytes) {
        Ok(())
    } else if bytes.len() > ANY_VERSION.len() {
        let found = String::from_utf8_lossy(&bytes[ANY_VERSION.len()..]).into_owned();
        Err(OpenError::UnknownVersion { what: "age version", found })
    } else {
        Err(OpenError::NotSealed { why: "it is no age file" })
    }
}
