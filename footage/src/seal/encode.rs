//! The few encodings that the format uses.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;

// Lower-case hex, as JSON documents use it.
pub(super) use crate::digest::{hex, unhex};

/// age's base64: standard alphabet, no padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD_NO_PAD.encode(bytes)
}

/// The reverse of [`base64`], for a fixed length; refuses any other way of writing the same bytes.
pub(super) fn unbase64<const N: usize>(text: &str) -> Option<[u8; N]> {
    // Without padding the length is decided by N; checked first, so that a hostile text is not decoded.
    if text.len() != (N * 8).div_ceil(6) {
        return None;
    }
    BASE64_STANDARD_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// Appends an item with its length (four bytes, big-endian), so that no two lists of items are the same bytes.
pub(crate) fn push_item(out: &mut Vec<u8>, item: &[u8]) {
    let length = u32::try_from(item.len()).expect("items are parts of a header, which is bounded");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(item);
}

/// SHA-256.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    out
}

/// The end of a SHA-256 over a stream.
pub(super) fn finish_sha256(context: aws_lc_rs::digest::Context) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}
