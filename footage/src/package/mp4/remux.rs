//! Segments into one clip, fragment by fragment.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use super::boxes;
use super::fragment::{self, Run, Sample};
use super::init::{Handler, Init};
use super::{MAX_MDAT_BYTES, MAX_MOOF_BYTES, Mp4Error};

/// What of a segment goes into a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The start of the segment's media, milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// Nothing that is shown before this; none: from the start.
    pub from_ms: Option<i64>,
    /// Nothing that is still shown after this; none: to the end.
    pub to_ms: Option<i64>,
    /// Whether sound is kept.
    pub audio: bool,
}

impl Cut {
    /// Whether the segment goes through as it is, but for numbers and times.
    pub fn is_whole(&self, init: &Init) -> bool {
        self.from_ms.is_none() && self.to_ms.is_none() && init.is_kept_whole(self.audio)
    }
}

/// A clip under way.
#[derive(Clone, Debug, Default)]
pub struct Clip {
    begun: bool,
    sequence: u32,
    /// The start of the first segment with a frame in the clip, milliseconds, and that frame's time in it, in the
    /// picture's units: the clip's zero.
    zero: Option<(i64, i64)>,
    /// By track: where it ends so far, in the clip's time.
    ends: BTreeMap<u32, i64>,
    frames: u64,
    shown_ms: Option<(i64, i64)>,
}

impl Clip {
    /// One whose first segment was written elsewhere: to measure another.
    pub(in crate::package) fn begun() -> Self {
        Self { begun: true, ..Self::default() }
    }

    /// Frames in it.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// When its first frame is shown and its last one no longer, milliseconds since the Unix epoch.
    pub fn shown_ms(&self) -> Option<(i64, i64)> {
        self.shown_ms
    }
}

/// Adds a segment to a clip: `input` is its media from the start.
///
/// # Errors
/// [`Mp4Error`]; the clip cannot be continued then.
pub fn remux(
    input: &mut impl Read,
    cut: &Cut,
    clip: &mut Clip,
    out: &mut impl Write,
) -> Result<(), Mp4Error> {
    let init = Init::read(input)?;
    if !clip.begun {
        out.write_all(&init.write(cut.audio)?)?;
        clip.begun = true;
    }
    let mut segment = Segment::new(&init, cut, clip)?;
    let whole = cut.is_whole(&init);
    let (mut moof, mut mdat) = (Vec::new(), Vec::new());
    while let Some(head) = boxes::head(input)? {
        if head.kind != *b"moof" {
            if whole {
                // Its length stays, and what it was is of no use in another file.
                let mut bytes = head.bytes;
                bytes[4..8].copy_from_slice(b"free");
                out.write_all(&bytes)?;
                pass(input, head.body, out)?;
            } else {
                pass(input, head.body, &mut io::sink())?;
            }
            continue;
        }
        if head.body > MAX_MOOF_BYTES {
            return Err(Mp4Error::Layout("a fragment has too many samples"));
        }
        moof.clear();
        moof.extend_from_slice(&head.bytes);
        boxes::read_into(input, head.body, &mut moof)?;
        let media = boxes::head(input)?.filter(|head| head.kind == *b"mdat");
        let media = media.ok_or(Mp4Error::Layout("a fragment has no media"))?;
        let runs = fragment::parse(&moof, &init, (media.bytes.len(), media.body))?;
        if whole {
            segment.pass(&runs, clip)?;
            let shift = |track| segment.shifts.get(&track).copied().unwrap_or(0);
            fragment::renumber(&mut moof, clip.sequence, shift)?;
            out.write_all(&moof)?;
            out.write_all(&media.bytes)?;
            pass(input, media.body, out)?;
        } else {
            if media.body > MAX_MDAT_BYTES {
                return Err(Mp4Error::Layout("a fragment is too long to leave something out of it"));
            }
            mdat.clear();
            boxes::read_into(input, media.body, &mut mdat)?;
            let kept = segment.keep(runs, clip)?;
            if !kept.is_empty() {
                out.write_all(&fragment::build(clip.sequence, &kept, &mdat)?)?;
            }
        }
    }
    Ok(())
}

fn pass(input: &mut impl Read, length: u64, out: &mut impl Write) -> Result<(), Mp4Error> {
    if io::copy(&mut input.by_ref().take(length), out)? == length {
        Ok(())
    } else {
        Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
    }
}

/// A segment on its way into a clip.
struct Segment<'c> {
    cut: &'c Cut,
    /// The picture's units per second.
    rate: i64,
    /// By track: what its times are moved by, once that is known.
    shifts: BTreeMap<u32, i64>,
    /// The first frame that is kept: when it is decoded and shown.
    began: Option<(i64, i64)>,
    ended: bool,
}

impl<'c> Segment<'c> {
    fn new(init: &Init, cut: &'c Cut, clip: &Clip) -> Result<Self, Mp4Error> {
        let picture = init.tracks.iter().find(|track| track.handler == Handler::Picture);
        let rate = picture.ok_or(Mp4Error::Layout("it has no pictures"))?.timescale;
        let mut segment = Self { cut, rate, shifts: BTreeMap::new(), began: None, ended: false };
        if let Some((start_ms, first)) = clip.zero {
            for track in &init.tracks {
                let later = (cut.start_ms - start_ms) * track.timescale / 1000;
                segment.shifts.insert(track.id, later - first * track.timescale / rate);
            }
        }
        Ok(segment)
    }

    /// The clip's zero is its first frame.
    fn begin(&mut self, first: &Sample, runs: &[Run<'_>], clip: &mut Clip) {
        self.began = Some((first.decoded, first.shown));
        if clip.zero.is_none() {
            clip.zero = Some((self.cut.start_ms, first.decoded));
            for run in runs {
                self.shifts.insert(run.track.id, -(first.decoded * run.track.timescale / self.rate));
            }
        }
    }

    /// Takes note of a fragment that goes through whole.
    fn pass(&mut self, runs: &[Run<'_>], clip: &mut Clip) -> Result<(), Mp4Error> {
        clip.sequence += 1;
        let pictures = runs.iter().find(|run| run.track.handler == Handler::Picture);
        if self.began.is_none()
            && let Some(first) = pictures.and_then(|run| run.samples.first())
        {
            self.begin(first, runs, clip);
        }
        for run in runs {
            self.place(run, clip)?;
        }
        Ok(())
    }

    /// Where a run goes in the clip's time: never before its track's end.
    fn place(&mut self, run: &Run<'_>, clip: &mut Clip) -> Result<i64, Mp4Error> {
        let Some(first) = run.samples.first() else { return Ok(0) };
        let end = clip.ends.entry(run.track.id).or_insert(0);
        // A track that the first fragments did not have.
        let (start_ms, zero) = clip.zero.unwrap_or((self.cut.start_ms, 0));
        let usual = (self.cut.start_ms - start_ms) * run.track.timescale / 1000
            - zero * run.track.timescale / self.rate;
        let shift = self.shifts.entry(run.track.id).or_insert(usual);
        *shift += (*end - (first.decoded + *shift)).max(0);
        let start = first.decoded + *shift;
        *end = start + run.samples.iter().map(|sample| i64::from(sample.duration)).sum::<i64>();
        if run.track.handler == Handler::Picture {
            if run.samples.iter().any(|sample| sample.shown < 0) {
                return Err(Mp4Error::Layout("an edit list hides frames"));
            }
            clip.frames += run.samples.len() as u64;
            let ms = |time: i64| self.cut.start_ms + time * 1000 / self.rate;
            let first = run.samples.iter().map(|sample| ms(sample.shown)).min().unwrap_or_default();
            let last = run.samples.iter().map(|sample| ms(sample.end())).max().unwrap_or_default();
            let (from, to) = clip.shown_ms.unwrap_or((first, last));
            clip.shown_ms = Some((from.min(first), to.max(last)));
        }
        Ok(start)
    }

    /// What is kept of a fragment: pictures from a key frame inside the window on, up to the first that does not end in
    /// it, and the sound of that time.
    fn keep<'i>(&mut self, runs: Vec<Run<'i>>, clip: &mut Clip) -> Result<Vec<(Run<'i>, i64)>, Mp4Error> {
        let units = |ms: i64, rate: i64| (ms - self.cut.start_ms) * rate;
        let inside = |sample: &Sample, rate: i64| {
            self.cut.from_ms.is_none_or(|from| sample.shown * 1000 >= units(from, rate))
                && self.cut.to_ms.is_none_or(|to| sample.end() * 1000 <= units(to, rate))
        };
        let mut kept: Vec<Run<'i>> = Vec::new();
        let mut ended = self.ended;
        let mut first: Option<Sample> = None;
        for run in runs.into_iter().filter(|run| run.track.is_kept(self.cut.audio)) {
            if run.track.handler != Handler::Picture {
                kept.push(run);
                continue;
            }
            let mut samples: Vec<Sample> = Vec::with_capacity(run.samples.len());
            for sample in run.samples {
                let began = self.began.or_else(|| first.map(|first| (first.decoded, first.shown)));
                match began {
                    _ if ended => {}
                    None if sample.is_sync() && inside(&sample, run.track.timescale) => {
                        first = Some(sample);
                        samples.push(sample);
                    }
                    None => {}
                    // Shown before the key frame that it comes after: it needs one that is left out.
                    Some((_, shown)) if sample.shown < shown => {
                        if let Some(last) = samples.last_mut() {
                            last.duration = last.duration.saturating_add(sample.duration);
                        }
                    }
                    Some(_) if inside(&sample, run.track.timescale) => samples.push(sample),
                    Some(_) => ended = true,
                }
            }
            kept.push(Run { samples, ..run });
        }
        if let Some(first) = first {
            self.begin(&first, &kept, clip);
        }
        self.ended = ended;
        let began = self.began;
        let rate = self.rate;
        for run in kept.iter_mut().filter(|run| run.track.handler != Handler::Picture) {
            let own = run.track.timescale;
            run.samples.retain(|sample| {
                began.is_some_and(|(_, shown)| sample.shown * rate >= shown * own) && inside(sample, own)
            });
        }
        kept.retain(|run| !run.samples.is_empty());
        if !kept.is_empty() {
            clip.sequence += 1;
        }
        kept.into_iter()
            .map(|run| {
                let start = self.place(&run, clip)?;
                Ok((run, start))
            })
            .collect()
    }
}
