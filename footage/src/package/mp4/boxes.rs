//! Boxes by their bytes: what stands in a box that nobody here knows must come out as it went in.

use std::io::{self, Read};

use mp4_atom::{Header, ReadFrom as _};

use super::Mp4Error;

/// One box in a buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Child<'a> {
    pub kind: [u8; 4],
    /// With its head.
    pub whole: &'a [u8],
    /// Without.
    pub body: &'a [u8],
    /// Where `whole` starts in the buffer.
    pub at: usize,
}

/// The boxes that a buffer consists of. None of them may be longer than 32 bits say: `moov` and `moof` are small.
pub(super) fn children(bytes: &[u8]) -> Result<Vec<Child<'_>>, Mp4Error> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (head, _) = rest.split_first_chunk::<8>().ok_or(Mp4Error::Layout("a box ends too early"))?;
        let [a, b, c, d, kind @ ..] = *head;
        let size = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if size < 8 || size > rest.len() {
            return Err(Mp4Error::Layout("a box has a length that cannot be"));
        }
        found.push(Child { kind, whole: &rest[..size], body: &rest[8..size], at });
        at += size;
    }
    Ok(found)
}

/// The only box of a kind.
pub(super) fn only<'a>(
    children: &[Child<'a>],
    kind: &[u8; 4],
    missing: &'static str,
) -> Result<Child<'a>, Mp4Error> {
    let mut of_kind = children.iter().filter(|child| child.kind == *kind);
    match (of_kind.next(), of_kind.next()) {
        (Some(child), None) => Ok(*child),
        _ => Err(Mp4Error::Layout(missing)),
    }
}

/// A box around others.
pub(super) fn container(kind: &[u8; 4], parts: &[&[u8]]) -> Result<Vec<u8>, Mp4Error> {
    let length = 8 + parts.iter().map(|part| part.len()).sum::<usize>();
    let size = u32::try_from(length).map_err(|_| Mp4Error::Layout("a box is too long"))?;
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(&size.to_be_bytes());
    bytes.extend_from_slice(kind);
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    Ok(bytes)
}

/// A box's head in a stream.
pub(super) struct Head {
    pub kind: [u8; 4],
    /// Bytes that follow it.
    pub body: u64,
    /// The head as it was, to go through.
    pub bytes: Vec<u8>,
}

/// The next head; none at the end.
pub(super) fn head(input: &mut impl Read) -> Result<Option<Head>, Mp4Error> {
    let mut kept = Kept { input, bytes: Vec::with_capacity(16) };
    let Some(head) = Option::<Header>::read_from(&mut kept)? else { return Ok(None) };
    let body = head.size.ok_or(Mp4Error::Layout("a box has no length"))?;
    let body = u64::try_from(body).map_err(|_| Mp4Error::Layout("a box is too long"))?;
    Ok(Some(Head { kind: head.kind.into(), body, bytes: kept.bytes }))
}

struct Kept<'a, R> {
    input: &'a mut R,
    bytes: Vec<u8>,
}

impl<R: Read> Read for Kept<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(out)?;
        self.bytes.extend_from_slice(&out[..n]);
        Ok(n)
    }
}

/// Exactly so many bytes, appended.
pub(super) fn read_into(input: &mut impl Read, length: u64, out: &mut Vec<u8>) -> Result<(), Mp4Error> {
    let read = input.by_ref().take(length).read_to_end(out)?;
    if u64::try_from(read).ok() == Some(length) {
        Ok(())
    } else {
        Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
    }
}
