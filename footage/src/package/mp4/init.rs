//! `ftyp` and `moov`: which tracks there are.

use std::io::Read;

use mp4_atom::{Elst, Hdlr, Mdhd, Tkhd, Trex};

use super::boxes::{self, Child, children, container, only};
use super::{MAX_INIT_BYTES, Mp4Error};
use crate::digest::sha256;

/// What a segment begins with.
#[derive(Clone, Debug)]
pub struct Init {
    ftyp: Vec<u8>,
    moov: Vec<u8>,
    pub(super) tracks: Vec<Track>,
}

/// What a track is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handler {
    Picture,
    Sound,
    /// Never released: nobody knows what it holds.
    Other,
}

/// A track.
#[derive(Clone, Debug)]
pub(super) struct Track {
    pub id: u32,
    pub handler: Handler,
    /// Units per second.
    pub timescale: i64,
    /// Composition time that is shown first.
    pub edit: i64,
    /// Its fragments' defaults.
    pub defaults: Trex,
    /// What it must have in common with the same track of another segment to go on in one clip.
    shape: Vec<u8>,
}

impl Track {
    pub fn is_kept(&self, audio: bool) -> bool {
        match self.handler {
            Handler::Picture => true,
            Handler::Sound => audio,
            Handler::Other => false,
        }
    }
}

impl Init {
    /// Reads it from a segment's start; what follows is the first fragment.
    ///
    /// # Errors
    /// [`Mp4Error`], also for an edit list that hides media.
    pub fn read(input: &mut impl Read) -> Result<Self, Mp4Error> {
        let mut ftyp = Vec::new();
        loop {
            let head = boxes::head(input)?.ok_or(Mp4Error::Layout("it has no moov"))?;
            let body = usize::try_from(head.body).unwrap_or(usize::MAX);
            if body > MAX_INIT_BYTES {
                return Err(Mp4Error::Layout("its moov is too long"));
            }
            let mut whole = head.bytes;
            boxes::read_into(input, head.body, &mut whole)?;
            match &head.kind {
                b"ftyp" if ftyp.is_empty() => ftyp = whole,
                b"moov" => return Self::parse(ftyp, whole),
                b"moof" | b"mdat" => return Err(Mp4Error::Layout("its media comes before its moov")),
                _ => (),
            }
        }
    }

    fn parse(ftyp: Vec<u8>, moov: Vec<u8>) -> Result<Self, Mp4Error> {
        let inside = inside(&moov)?;
        let mvex = only(&inside, b"mvex", "it is not fragmented")?;
        let trex = children(mvex.body)?;
        let defaults: Vec<Trex> =
            trex.iter().filter(|c| c.kind == *b"trex").map(|c| decode(c)).collect::<Result<_, _>>()?;
        let mut tracks = Vec::new();
        for trak in inside.iter().filter(|child| child.kind == *b"trak") {
            tracks.push(Track::parse(trak, &defaults)?);
        }
        if tracks.iter().filter(|track| track.handler == Handler::Picture).count() != 1 {
            return Err(Mp4Error::Layout("it has not one track of pictures"));
        }
        Ok(Self { ftyp, moov, tracks })
    }

    /// Whether there is sound.
    pub fn has_audio(&self) -> bool {
        self.tracks.iter().any(|track| track.handler == Handler::Sound)
    }

    /// Whether all of its tracks are kept.
    pub fn is_kept_whole(&self, audio: bool) -> bool {
        self.tracks.iter().all(|track| track.is_kept(audio))
    }

    /// Its length in the segment, in bytes.
    pub fn length(&self) -> u64 {
        (self.ftyp.len() + self.moov.len()) as u64
    }

    /// Two segments with the same shape go on in one clip.
    pub fn shape(&self, audio: bool) -> [u8; 32] {
        let kept = self.tracks.iter().filter(|track| track.is_kept(audio));
        sha256(&kept.flat_map(|track| track.shape.iter().copied()).collect::<Vec<u8>>())
    }

    /// The bytes for a clip: without the tracks that are not kept.
    pub(super) fn write(&self, audio: bool) -> Result<Vec<u8>, Mp4Error> {
        if self.is_kept_whole(audio) {
            return Ok([self.ftyp.as_slice(), &self.moov].concat());
        }
        let kept: Vec<u32> = self.tracks.iter().filter(|t| t.is_kept(audio)).map(|t| t.id).collect();
        let mut parts: Vec<Vec<u8>> = Vec::new();
        let mut tracks = self.tracks.iter();
        for child in inside(&self.moov)? {
            // User data and the like may speak of what is left out.
            let is_kept = match &child.kind {
                b"mvhd" => true,
                b"trak" => tracks.next().is_some_and(|track| kept.contains(&track.id)),
                _ => false,
            };
            if is_kept {
                parts.push(child.whole.to_vec());
            } else if child.kind == *b"mvex" {
                let mut trex = Vec::new();
                for child in children(child.body)?.iter().filter(|child| child.kind == *b"trex") {
                    if kept.contains(&decode::<Trex>(child)?.track_id) {
                        trex.push(child.whole);
                    }
                }
                parts.push(container(b"mvex", &trex)?);
            }
        }
        let moov = container(b"moov", &parts.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        Ok([self.ftyp.as_slice(), &moov].concat())
    }
}

fn inside(moov: &[u8]) -> Result<Vec<Child<'_>>, Mp4Error> {
    let whole = children(moov)?;
    match whole.as_slice() {
        [moov] => children(moov.body),
        _ => Err(Mp4Error::Layout("its moov is malformed")),
    }
}

fn decode<T: mp4_atom::Decode>(child: &Child<'_>) -> Result<T, Mp4Error> {
    Ok(T::decode(&mut &child.whole[..])?)
}

impl Track {
    fn parse(trak: &Child<'_>, defaults: &[Trex]) -> Result<Self, Mp4Error> {
        let inside = children(trak.body)?;
        let id = decode::<Tkhd>(&only(&inside, b"tkhd", "a track has no head")?)?.track_id;
        let mdia = children(only(&inside, b"mdia", "a track has no media")?.body)?;
        let timescale = decode::<Mdhd>(&only(&mdia, b"mdhd", "a track has no time")?)?.timescale;
        let handler = match decode::<Hdlr>(&only(&mdia, b"hdlr", "a track has no handler")?)?.handler.as_ref()
        {
            b"vide" => Handler::Picture,
            b"soun" => Handler::Sound,
            _ => Handler::Other,
        };
        let minf = children(only(&mdia, b"minf", "a track has no description")?.body)?;
        let stbl = children(only(&minf, b"stbl", "a track has no samples' description")?.body)?;
        let stsd = only(&stbl, b"stsd", "a track has no samples' description")?;
        let edit = match inside.iter().find(|child| child.kind == *b"edts") {
            None => 0,
            Some(edts) => {
                let elst = only(&children(edts.body)?, b"elst", "a track's edits are malformed")?;
                edit(&decode(&elst)?)?
            }
        };
        let defaults = defaults.iter().find(|trex| trex.track_id == id).cloned();
        let defaults = defaults.ok_or(Mp4Error::Layout("a track is not fragmented"))?;
        if timescale == 0 {
            return Err(Mp4Error::Layout("a track has no time"));
        }
        let mut shape = Vec::with_capacity(stsd.whole.len() + 48);
        shape.extend([id, timescale].into_iter().flat_map(u32::to_be_bytes));
        shape.extend(edit.to_be_bytes());
        shape.extend(format!("{handler:?}{defaults:?}").bytes());
        shape.extend_from_slice(stsd.whole);
        Ok(Self { id, handler, timescale: timescale.into(), edit, defaults, shape })
    }
}

/// The one edit that hides nothing: from some composition time to the end, at the usual rate.
fn edit(list: &Elst) -> Result<i64, Mp4Error> {
    let hides = Mp4Error::Layout("an edit list hides a part of it");
    match list.entries.as_slice() {
        [] => Ok(0),
        [one] if one.segment_duration == 0 && one.media_rate == 1.into() => {
            let at = one.media_time.ok_or(Mp4Error::Layout("an edit list hides a part of it"))?;
            i64::try_from(at).map_err(|_| hides)
        }
        _ => Err(hides),
    }
}
