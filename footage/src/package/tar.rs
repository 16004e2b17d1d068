//! A tar, written as a stream: entries whose length is known before their content.

use std::io::{self, Write};

use aws_lc_rs::digest::{Context, SHA256};

use super::{PackageError, Rest, SUMS};
use crate::digest::hex;

const BLOCK: u64 = 512;

/// Writes entries and remembers their digests.
pub(super) struct Tar<W> {
    out: W,
    sums: Vec<(String, [u8; 32])>,
}

impl<W: Write> Tar<W> {
    pub fn new(out: W) -> Self {
        Self { out, sums: Vec::new() }
    }

    /// The digests of files that lie in another tar of the same package.
    pub fn with_sums(out: W, sums: Vec<(String, [u8; 32])>) -> Self {
        Self { out, sums }
    }

    pub fn sums(&self) -> &[(String, [u8; 32])] {
        &self.sums
    }

    /// An entry of exactly `bytes` bytes, which `write` writes; its SHA-256.
    pub fn entry<T>(
        &mut self,
        path: &str,
        bytes: u64,
        write: impl FnOnce(&mut dyn Write) -> Result<T, PackageError>,
    ) -> Result<(T, [u8; 32]), PackageError> {
        let mut header = tar::Header::new_ustar();
        header.set_path(path).map_err(|_| PackageError::Layout("a file's name is too long for a tar"))?;
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(bytes);
        header.set_mode(0o644);
        // Of no use, and the same package would differ by it.
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_cksum();
        self.out.write_all(header.as_bytes())?;
        let mut content = Hashed::new(&mut self.out);
        let value = write(&mut content)?;
        let (_, digest, written) = content.finish();
        if written != bytes {
            return Err(PackageError::Layout("a file has another length than was computed"));
        }
        let padding = usize::try_from(written.next_multiple_of(BLOCK) - written).unwrap_or_default();
        self.out.write_all(&[0; BLOCK as usize][..padding])?;
        self.sums.push((path.to_owned(), digest));
        Ok((value, digest))
    }

    fn file(&mut self, path: &str, content: &[u8]) -> Result<[u8; 32], PackageError> {
        let (_, digest) = self.entry(path, content.len() as u64, |out| Ok(out.write_all(content)?))?;
        Ok(digest)
    }

    /// The files that every package has, the sums at last. The manifest's digest.
    pub fn rest(&mut self, rest: &Rest) -> Result<[u8; 32], PackageError> {
        self.file(super::VERIFY, rest.verify.as_bytes())?;
        self.file(super::SIGNERS, rest.signers.as_bytes())?;
        let manifest = self.file(super::MANIFEST, &rest.manifest)?;
        self.file(super::SIGNATURE, rest.signature.as_bytes())?;
        let sums: String = self.sums.iter().map(|(path, sum)| format!("{}  {path}\n", hex(sum))).collect();
        self.file(SUMS, sums.as_bytes())?;
        Ok(manifest)
    }

    /// The end of the archive.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&[0; 2 * BLOCK as usize])?;
        Ok(self.out)
    }
}

/// Hashes and counts what passes.
pub(super) struct Hashed<W> {
    out: W,
    hash: Context,
    bytes: u64,
}

impl<W: Write> Hashed<W> {
    pub fn new(out: W) -> Self {
        Self { out, hash: Context::new(&SHA256), bytes: 0 }
    }

    pub fn finish(self) -> (W, [u8; 32], u64) {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.hash.finish().as_ref());
        (self.out, digest, self.bytes)
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
