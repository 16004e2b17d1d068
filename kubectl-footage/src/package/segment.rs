//! A sealed segment's bytes on their way: hashed whole, and its header and payload apart, as a segment's digest is made.

use std::io::{self, Read};

use camerafleet_footage::seal::MAX_HEADER_BYTES;
use sha2::{Digest as _, Sha256};

/// Hashes what is read through it.
pub struct Split<R> {
    from: R,
    whole: Sha256,
    payload: Sha256,
    header: Vec<u8>,
    header_is_whole: bool,
}

impl<R: Read> Split<R> {
    /// Nothing is read yet.
    pub fn new(from: R) -> Self {
        let (whole, payload) = Default::default();
        Self { from, whole, payload, header: Vec::new(), header_is_whole: false }
    }

    /// SHA-256 of all that was read, and of header and payload.
    pub fn finish(self) -> ([u8; 32], ([u8; 32], [u8; 32])) {
        (self.whole.finalize().into(), (Sha256::digest(&self.header).into(), self.payload.finalize().into()))
    }

    fn see(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.whole.update(bytes);
        while let (false, Some((byte, rest))) = (self.header_is_whole, bytes.split_first()) {
            if self.header.len() == MAX_HEADER_BYTES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "no header of a segment"));
            }
            self.header.push(*byte);
            bytes = rest;
            self.header_is_whole = *byte == b'\n' && is_mac(&self.header);
        }
        self.payload.update(bytes);
        Ok(())
    }
}

/// Whether the last line is the one with age's MAC.
fn is_mac(header: &[u8]) -> bool {
    let lines = &header[..header.len() - 1];
    let last = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    lines[last..].starts_with(b"--- ")
}

impl<R: Read> Read for Split<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(out)?;
        self.see(&out[..read])?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_payload_are_hashed_apart_however_they_arrive() {
        let file = b"age-encryption.org/v1\n-> X25519 a\nb\n--- mac\npay\nload--- x\n";
        let at = file.windows(4).position(|w| w == b"pay\n").unwrap();
        for piece in [1, 7, 100] {
            let mut split = Split::new(&file[..]);
            let mut buffer = vec![0; piece];
            while split.read(&mut buffer).unwrap() > 0 {}
            let (whole, (header, payload)) = split.finish();
            assert_eq!(whole, <[u8; 32]>::from(Sha256::digest(file)));
            assert_eq!(header, <[u8; 32]>::from(Sha256::digest(&file[..at])));
            assert_eq!(payload, <[u8; 32]>::from(Sha256::digest(&file[at..])));
        }
    }
}
