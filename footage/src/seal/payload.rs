//! age's payload, written: the ChaCha20-Poly1305 stream of C2SP's `age`, in chunks of 64 KiB.
//!
//! The `age` crate writes the same bytes, but a segment's payload is also hashed, and with the crate's cipher both
//! together reach six tenths of its speed. aws-lc's cipher makes up for the hash. What is written here is read
//! with the crate.

use std::io::{self, Write};

use age_core::format::FileKey;
use age_core::secrecy::ExposeSecret;
use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

use super::encode::finish_sha256;

const CHUNK_BYTES: usize = 64 * 1024;
const TAG_BYTES: usize = 16;
/// The length of the nonce that the payload begins with.
pub(super) const PAYLOAD_NONCE_BYTES: usize = 16;

/// Seals what is written to it.
pub(super) struct PayloadWriter<W> {
    out: W,
    key: LessSafeKey,
    counter: u64,
    /// Not sealed before it is known whether it is the last one. It has room for the tag.
    chunk: Vec<u8>,
    hash: Context,
    bytes: u64,
}

/// A payload that is complete.
pub(super) struct Payload<W> {
    pub out: W,
    pub digest: [u8; 32],
    pub bytes: u64,
}

impl<W: Write> PayloadWriter<W> {
    /// Begins it. The nonce must be fresh for this file key; it is taken as written, and hashed.
    pub(super) fn new(
        file_key: &FileKey,
        nonce: &[u8; PAYLOAD_NONCE_BYTES],
        out: W,
    ) -> Result<Self, Unspecified> {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, nonce).extract(file_key.expose_secret());
        let mut key = Zeroizing::new([0; 32]);
        prk.expand(&[b"payload"], hkdf::HKDF_SHA256)?.fill(key.as_mut_slice())?;
        let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key.as_slice())?);
        let mut hash = Context::new(&SHA256);
        hash.update(nonce);
        let chunk = Vec::with_capacity(CHUNK_BYTES + TAG_BYTES);
        Ok(Self { out, key, counter: 0, chunk, hash, bytes: PAYLOAD_NONCE_BYTES as u64 })
    }

    /// After an error the payload cannot be continued: the chunk is sealed already.
    fn seal_chunk(&mut self, last: bool) -> io::Result<()> {
        let failed = || io::Error::other("sealing a chunk failed");
        let mut nonce = [0; NONCE_LEN];
        nonce[3..11].copy_from_slice(&self.counter.to_be_bytes());
        nonce[11] = u8::from(last);
        self.counter = self.counter.checked_add(1).ok_or_else(failed)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.key.seal_in_place_append_tag(nonce, Aad::empty(), &mut self.chunk).map_err(|_| failed())?;
        self.out.write_all(&self.chunk)?;
        self.hash.update(&self.chunk);
        self.bytes += self.chunk.len() as u64;
        self.chunk.clear();
        Ok(())
    }

    /// Writes the last chunk.
    pub(super) fn finish(mut self) -> io::Result<Payload<W>> {
        self.seal_chunk(true)?;
        Ok(Payload { out: self.out, digest: finish_sha256(self.hash), bytes: self.bytes })
    }
}

impl<W: Write> Write for PayloadWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.chunk.len() == CHUNK_BYTES {
                self.seal_chunk(false)?;
            }
            let (now, later) = rest.split_at(rest.len().min(CHUNK_BYTES - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            rest = later;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// Hands age the file key that is written with.
    struct Fixed;

    const FILE_KEY: [u8; 16] = *b"sixteen bytes ..";

    impl age::Identity for Fixed {
        fn unwrap_stanza(&self, _: &age_core::format::Stanza) -> Option<Result<FileKey, age::DecryptError>> {
            Some(Ok(FileKey::new(Box::new(FILE_KEY))))
        }
    }

    #[test]
    fn the_age_crate_reads_every_length_around_a_chunk() {
        // Of a real file's header only the MAC counts.
        let mut header = b"age-encryption.org/v1\n-> test\n\n---".to_vec();
        let mac_key = age_core::primitives::hkdf(&[], b"header", &FILE_KEY);
        let mac = aws_lc_rs::hmac::sign(
            &aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &mac_key),
            &header,
        );
        header.extend_from_slice(format!(" {}\n", super::super::encode::base64(mac.as_ref())).as_bytes());
        let nonce = [7; PAYLOAD_NONCE_BYTES];
        header.extend_from_slice(&nonce);
        for length in
            [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 5]
        {
            for piece in [1_000, CHUNK_BYTES, 5 * CHUNK_BYTES] {
                let media: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
                let file_key = FileKey::new(Box::new(FILE_KEY));
                let mut writer = PayloadWriter::new(&file_key, &nonce, header.clone()).unwrap();
                media.chunks(piece).for_each(|piece| writer.write_all(piece).unwrap());
                let payload = writer.finish().unwrap();
                let after_nonce = header.len() - PAYLOAD_NONCE_BYTES;
                assert_eq!(payload.bytes, (payload.out.len() - after_nonce) as u64);
                assert_eq!(payload.digest, super::super::encode::sha256(&payload.out[after_nonce..]));
                let decryptor = age::Decryptor::new(&payload.out[..]).unwrap();
                let mut reader = decryptor.decrypt(std::iter::once(&Fixed as &dyn age::Identity)).unwrap();
                let mut read = Vec::new();
                reader.read_to_end(&mut read).unwrap();
                assert!(read == media, "{length} bytes in pieces of {piece}");
            }
        }
    }
}
