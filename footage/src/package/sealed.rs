//! The form Sealed.

use std::io::{self, BufRead, Write};

use age::x25519::Recipient;

use super::outline::folder;
use super::tar::{Hashed, Tar};
use super::{CameraFootage, Contents, PackageError, REST, Rest, Seen, SeenSegment, Segment, Source, Written};
use crate::layout::SegmentName;
use crate::seal::{SealedHeader, segment_digest};

/// What is hashed and written at a time, in bytes.
const PIECE: usize = 64 * 1024;

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
    let planned = plan(contents)?;
    source.announce(planned.iter().map(|one| (one.segment.key.clone(), one.segment.bytes())).collect());
    let mut tar = Tar::new(Hashed::new(out));
    let mut seen = Seen::default();
    for one in planned {
        let (payload, digest) = copy(&mut tar, &one, source, &contents.recipient)?;
        let (key, file) = (one.segment.key.clone(), one.path);
        seen.segments.push(SeenSegment { key, payload, file, reheaded: Some(digest) });
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

/// A segment under a new header: its payload's digest, and its own. It is read once, and is no other object than the one
/// that was found genuine: its header is the same, and its payload the one that its successor vouches for.
fn copy<W: Write>(
    tar: &mut Tar<W>,
    &Planned { segment, vouched, ref path }: &Planned<'_>,
    source: &dyn Source,
    recipient: &Recipient,
) -> Result<([u8; 32], [u8; 32]), PackageError> {
    let of = |error| PackageError::of_open(&segment.key, error);
    let mut file = source.open(&segment.key)?;
    let header = SealedHeader::read(&mut file).map_err(of)?.authenticated_as(&segment.header_digest);
    let header = header.ok_or_else(|| segment.damaged("it was replaced after its header was read"))?;
    let (w, e) = segment.secrets();
    let new = header.rehead(w, e, recipient).map_err(of)?;
    let payload = segment.bytes().saturating_sub(segment.header_bytes());
    let length = payload + new.as_bytes().len() as u64;
    let (digest, _) = tar.entry(path, length, |out| {
        out.write_all(new.as_bytes())?;
        let mut hashed = Hashed::new(out);
        if !is_passed(&mut *file, payload, &mut hashed)? {
            return Err(segment.damaged("it has another length than when its header was read"));
        }
        Ok(hashed.finish().1)
    })?;
    if segment_digest(&segment.header_digest, &digest) != vouched {
        return Err(segment.damaged("its payload is not the one that was recorded"));
    }
    Ok((digest, new.digest(&digest)))
}

/// Copies the rest of a file, which must have so many bytes; whether it has.
fn is_passed(file: &mut dyn BufRead, bytes: u64, out: &mut impl Write) -> io::Result<bool> {
    let mut left = bytes;
    loop {
        let shown = match file.fill_buf() {
            Ok(shown) => shown,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        // What three digests are made of should not leave the processor's cache in between.
        let now = &shown[..shown.len().min(PIECE)];
        if now.is_empty() || now.len() as u64 > left {
            return Ok(now.is_empty() && left == 0);
        }
        out.write_all(now)?;
        left -= now.len() as u64;
        let passed = now.len();
        file.consume(passed);
    }
}

/// A segment that is given whole.
struct Planned<'c> {
    segment: &'c Segment,
    /// Its digest, as what follows it in its stream has it.
    vouched: [u8; 32],
    path: String,
}

/// All segments, camera by camera in the order of time. Nothing that was not granted goes out: neither time nor sound.
fn plan(contents: &Contents) -> Result<Vec<Planned<'_>>, PackageError> {
    let mut planned = Vec::new();
    for camera in &contents.cameras {
        let mut segments: Vec<_> = camera.segments.iter().collect();
        segments.sort_by_key(|segment| (segment.name.start_ms, &segment.name.stream, segment.name.sequence));
        for segment in segments {
            let name = &segment.name;
            let not_whole = |what| Err(PackageError::NotWhole { key: segment.key.clone(), what });
            let Some(vouched) = segment.vouched else {
                return not_whole("has nothing after it that vouches for its time");
            };
            if name.start_ms < camera.window.from_ms || name.end_ms() > camera.window.to_ms {
                return not_whole("reaches beyond the window that was granted");
            }
            // Both the name and the media are asked: only the media cannot be made up by who writes to the store.
            if name.tracks.has_audio() && !contents.audio || !segment.init().is_kept_whole(contents.audio) {
                return not_whole("has sound or another track that was not granted");
            }
            planned.push(Planned { segment, vouched, path: path(camera, name) });
        }
    }
    Ok(planned)
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
