//! The form Clip.

use std::io::{self, Write};

use super::manifest::ClipManifest;
use super::mp4::{Clip, remux};
use super::outline::Planned;
use super::tar::{Hashed, Tar};
use super::{Contents, PackageError, Rest, Seen, SeenSegment, Segment, Source, Written};
use crate::digest::hex;

/// Writes a package of the form Clip. `rest` makes the manifest once all clips are written.
///
/// # Errors
/// [`PackageError::Damaged`] where a segment's bytes are not what they should be; another attempt may leave it out.
pub fn write_clips<W: Write>(
    out: W,
    contents: &Contents,
    source: &dyn Source,
    rest: &mut dyn FnMut(&Seen) -> Result<Rest, PackageError>,
) -> Result<Written<W>, PackageError> {
    let sealed = super::sealed::encrypt(&contents.recipient, Hashed::new(out))?;
    let mut tar = Tar::new(sealed);
    let mut seen = Seen::default();
    for camera in &contents.cameras {
        for planned in camera.clips(contents.audio) {
            write(&mut tar, &planned, source, &mut seen)?;
        }
    }
    let manifest = tar.rest(&rest(&seen)?)?;
    let (out, sha256, bytes) = tar.finish()?.finish()?.finish();
    Ok(Written { out, sha256, bytes, manifest, segments: seen.segments.len() as u64 })
}

fn write<W: Write>(
    tar: &mut Tar<W>,
    planned: &Planned<'_>,
    source: &dyn Source,
    seen: &mut Seen,
) -> Result<(), PackageError> {
    let object = |segment: &Segment| (segment.key.clone(), segment.bytes());
    let cut = planned.parts.iter().filter(|(segment, cut)| !cut.is_whole(segment.init()));
    source.announce(cut.chain(&planned.parts).map(|(segment, _)| object(segment)).collect());
    let Measured { bytes, is_empty } = measure(planned, source)?;
    if is_empty {
        // The window lies between two key frames.
        return Ok(());
    }
    let (clip, sha256) = tar.entry(&planned.path, bytes, |mut out| {
        let mut clip = Clip::default();
        for (segment, cut) in &planned.parts {
            let ((), payload) =
                segment.media(source, |mut media| remux(&mut media, cut, &mut clip, &mut out))?;
            let (key, file) = (segment.key.clone(), planned.path.clone());
            seen.segments.push(SeenSegment { key, payload, file, reheaded: None });
        }
        Ok(clip)
    })?;
    let (from_ms, to_ms) = clip.shown_ms().unwrap_or_default();
    seen.clips.push(ClipManifest {
        file: planned.path.clone(),
        camera: planned.camera.clone(),
        sha256: hex(&sha256),
        bytes,
        from_ms,
        to_ms,
        frames: clip.frames(),
    });
    Ok(())
}

struct Measured {
    bytes: u64,
    is_empty: bool,
}

/// A clip's length. What goes through whole keeps its length; what is cut is read for it, as no tar has room for a
/// length that comes later, and nothing unsealed is put down anywhere.
fn measure(planned: &Planned<'_>, source: &dyn Source) -> Result<Measured, PackageError> {
    let mut measured = Measured { bytes: 0, is_empty: true };
    for (i, (segment, cut)) in planned.parts.iter().enumerate() {
        let init = segment.init();
        if cut.is_whole(init) {
            let repeated = if i == 0 { 0 } else { init.length() };
            measured.bytes += segment.media_bytes().saturating_sub(repeated);
            measured.is_empty = false;
        } else {
            let mut clip = if i == 0 { Clip::default() } else { Clip::begun() };
            let mut counted = Counted(0);
            segment.media(source, |mut media| remux(&mut media, cut, &mut clip, &mut counted))?;
            measured.bytes += counted.0;
            measured.is_empty &= clip.frames() == 0;
        }
    }
    Ok(measured)
}

struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
