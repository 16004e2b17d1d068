//! The form Sealed.

use std::io::{self, BufReader, Read as _, Write};

use age::x25519::Recipient;

use super::outline::folder;
use super::tar::{Hashed, Tar};
use super::{CameraFootage, Contents, PackageError, REST, Rest, Seen, SeenSegment, Segment, Source, Written};
use crate::layout::SegmentName;
use crate::seal::SealedHeader;

/// What is copied at a time, in bytes.
const PIECE: usize = 256 * 1024;

/// age's overhead on a file to one X25519 recipient cannot be computed, as its grease is random: the rest is held, and
/// has this bound. A segment takes about 700 bytes of the manifest.
const MAX_REST_BYTES: usize = 64 << 20;

/// Writes a package of the form Sealed. `rest` makes the manifest once all segments are written.
///
/// # Errors
/// [`PackageError::NotWhole`], before anything is written, where a segment reaches beyond the window or has sound that
/// was not granted.
pub fn write_sealed<W: Write>(
    out: W,
    contents: &Contents,
    source: &dyn Source,
    rest: &mut dyn FnMut(&Seen) -> Result<Rest, PackageError>,
) -> Result<Written<W>, PackageError> {
    contents.cameras.iter().try_for_each(|camera| check(camera, contents.audio))?;
    let mut tar = Tar::new(Hashed::new(out));
    let mut seen = Seen::default();
    for camera in &contents.cameras {
        let mut segments: Vec<_> = camera.segments.iter().collect();
        segments.sort_by_key(|segment| (segment.name.start_ms, &segment.name.stream, segment.name.sequence));
        for segment in segments {
            let path = path(camera, &segment.name);
            let (payload, digest) = copy(&mut tar, &path, segment, source, &contents.recipient)?;
            seen.segments.push(SeenSegment {
                key: segment.key.clone(),
                payload,
                file: path,
                reheaded: Some(digest),
            });
        }
    }
    let rest = rest(&seen)?;
    let mut inner = Tar::with_sums(encrypt(&contents.recipient, Vec::new())?, tar.sums().to_vec());
    let manifest = inner.rest(&rest)?;
    let sealed = inner.finish()?.finish()?;
    if sealed.len() > MAX_REST_BYTES {
        return Err(PackageError::Layout("the manifest is too long"));
    }
    tar.entry(REST, sealed.len() as u64, |out| Ok(out.write_all(&sealed)?))?;
    let (out, sha256, bytes) = tar.finish()?.finish();
    Ok(Written { out, sha256, bytes, manifest, segments: seen.segments.len() as u64 })
}

/// A segment under a new header: its payload's digest, and its own.
fn copy<W: Write>(
    tar: &mut Tar<W>,
    path: &str,
    segment: &Segment,
    source: &dyn Source,
    recipient: &Recipient,
) -> Result<([u8; 32], [u8; 32]), PackageError> {
    let of = |error| PackageError::of_open(&segment.key, error);
    let mut file = BufReader::with_capacity(PIECE, source.open(&segment.key)?);
    let header = SealedHeader::read(&mut file).and_then(|h| h.authenticate(&segment.expectation()));
    let (w, e) = segment.secrets();
    let new = header.and_then(|header| header.rehead(w, e, recipient)).map_err(of)?;
    let payload = segment.bytes().saturating_sub(segment.header_bytes());
    let length = payload + new.as_bytes().len() as u64;
    let (digest, _) = tar.entry(path, length, |out| {
        out.write_all(new.as_bytes())?;
        let mut hashed = Hashed::new(out);
        // Not more than was there when the header was read: the entry's length is written.
        io::copy(&mut file.take(payload), &mut hashed)?;
        Ok(hashed.finish().1)
    })?;
    Ok((digest, new.digest(&digest)))
}

/// Nothing that was not granted goes out: neither time nor sound.
fn check(camera: &CameraFootage, audio: bool) -> Result<(), PackageError> {
    for segment in &camera.segments {
        let name = &segment.name;
        let not_whole = |what| Err(PackageError::NotWhole { key: segment.key.clone(), what });
        if !segment.proven {
            return not_whole("has nothing after it that vouches for its time");
        }
        if name.start_ms < camera.window.from_ms || name.end_ms() > camera.window.to_ms {
            return not_whole("reaches beyond the window that was granted");
        }
        // Both the name and the media are asked: only the media cannot be made up by who writes to the store.
        if name.tracks.has_audio() && !audio || !segment.init().is_kept_whole(audio) {
            return not_whole("has sound or another track that was not granted");
        }
    }
    Ok(())
}

/// `segments/<camera>/<the object's last part>`
fn path(camera: &CameraFootage, name: &SegmentName) -> String {
    let key = name.key("");
    let file = key.rsplit('/').next().unwrap_or_default();
    format!("segments/{}/{file}", folder(&camera.name, &camera.camera))
}

/// An age file to the recipient, under way.
pub(super) fn encrypt<W: Write>(
    recipient: &Recipient,
    out: W,
) -> Result<age::stream::StreamWriter<W>, PackageError> {
    let encryptor = age::Encryptor::with_recipients(std::iter::once(recipient as &dyn age::Recipient))
        .map_err(|_| PackageError::Recipient("age takes no such recipient"))?;
    Ok(encryptor.wrap_output(out).map_err(io::Error::other)?)
}
