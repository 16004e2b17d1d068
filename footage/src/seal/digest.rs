//! A segment's digest.

use std::io::Read;

use aws_lc_rs::digest::{Context, SHA256};

use super::encode::{finish_sha256, sha256};
use super::error::OpenError;
use super::header::SealedHeader;

/// `SHA-256(SHA-256(header) || SHA-256(payload))`: over the two digests, so that whoever replaces a header need
/// not read the payload.
pub fn segment_digest(header: &[u8; 32], payload: &[u8; 32]) -> [u8; 32] {
    let mut both = [0; 64];
    both[..32].copy_from_slice(header);
    both[32..].copy_from_slice(payload);
    sha256(&both)
}

/// Reads a whole file and computes its digest: what a chain is checked with, and needs no key.
pub fn hash_segment<R: Read>(mut file: R) -> Result<(SealedHeader, [u8; 32]), OpenError> {
    let mut file = std::io::BufReader::with_capacity(64 * 1024, &mut file);
    let header = SealedHeader::read(&mut file)?;
    let mut payload = Context::new(&SHA256);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => payload.update(&buffer[..n]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => (),
            Err(error) => return Err(OpenError::Io(error)),
        }
    }
    let digest = segment_digest(&header.digest(), &finish_sha256(payload));
    Ok((header, digest))
}
