//! The three stanzas, as an age recipient.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use age_core::format::{FileKey, Stanza};
use age_core::secrecy::ExposeSecret;
use aws_lc_rs::signature::Ed25519KeyPair;

use super::encode::{base64, push_item, sha256};
use super::identity::SegmentIdentity;
use super::secret::Secret32;
use super::{EPOCH_STANZA, SEGMENT_STANZA, WINDOW_STANZA, aead};

/// The first item of a signed message says what is signed, so that no signature serves for something else.
const SIGNATURE_LABEL: &[u8] = b"camerafleet.io/segment-signature";

/// What the stream key signs: the identity and the three bodies. Without the bodies, somebody who can write
/// to the store could put a payload of their own under a genuine identity and its signature.
pub(super) fn signed_message(
    identity: &[u8],
    segment_body: &[u8],
    window_body: &[u8],
    epoch_body: &[u8],
) -> Vec<u8> {
    let mut out = Vec::with_capacity(identity.len() + 256);
    push_item(&mut out, SIGNATURE_LABEL);
    push_item(&mut out, identity);
    for body in [segment_body, window_body, epoch_body] {
        push_item(&mut out, &sha256(body));
    }
    out
}

/// A window key as the window stanza holds it: made once for each key, not for each segment.
pub(super) struct WrappedWindow {
    /// The stanza's second argument: the camera key's name, or the window's id.
    pub name: String,
    /// The segment stanza's argument for what the key is wrapped to.
    pub recipient: [u8; 32],
    /// The stanza's body.
    pub body: Arc<[u8]>,
}

/// Wraps one segment's file key.
pub(super) struct SegmentRecipient<'a> {
    pub identity: &'a SegmentIdentity,
    pub signer: &'a Ed25519KeyPair,
    pub window_key: &'a Secret32,
    pub window: &'a WrappedWindow,
    pub epoch_share: &'a Secret32,
    pub wrapped_epoch_share: &'a [u8],
    /// The file key that age made, once it was wrapped: the payload is sealed with it.
    pub file_key: OnceCell<FileKey>,
}

impl age::Recipient for SegmentRecipient<'_> {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
        let identity = self.identity.encoded();
        let body = aead::wrap(self.window_key, self.epoch_share, &identity, file_key)
            .map_err(|_| io::Error::other("wrapping the file key failed"))?;
        let message = signed_message(&identity, &body, &self.window.body, self.wrapped_epoch_share);
        let signature =
            self.signer.try_sign(&message).map_err(|_| io::Error::other("signing the header failed"))?;
        let mut arguments = self.identity.arguments();
        arguments.push(base64(signature.as_ref()));
        let custody = self.identity.custody.as_str().to_owned();
        let stanzas = vec![
            Stanza { tag: SEGMENT_STANZA.into(), args: arguments, body },
            Stanza {
                tag: WINDOW_STANZA.into(),
                args: vec![custody, self.window.name.clone()],
                body: self.window.body.to_vec(),
            },
            Stanza {
                tag: EPOCH_STANZA.into(),
                args: vec![self.identity.epoch_key_name()],
                body: self.wrapped_epoch_share.to_vec(),
            },
        ];
        let kept = FileKey::init_with_mut(|key| key.copy_from_slice(file_key.expose_secret()));
        if self.file_key.set(kept).is_err() {
            return Err(io::Error::other("a segment's file key was wrapped twice").into());
        }
        Ok((stanzas, HashSet::new()))
    }
}
