//! `moof`: which samples are where in the `mdat` behind it.

use mp4_atom::{Decode as _, Encode as _, Mfhd, Moof, Tfdt, Tfhd, Traf, Trun, TrunEntry};

use super::Mp4Error;
use super::boxes::{children, only};
use super::init::{Init, Track};

/// A sample without its bytes. Times are the track's, from the segment's start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub decoded: i64,
    /// When it is shown.
    pub shown: i64,
    pub duration: u32,
    pub size: u32,
    pub flags: u32,
    /// As in the `trun`.
    pub offset: i64,
    /// Where it lies in the `mdat`'s content.
    pub at: usize,
}

/// `sample_is_non_sync_sample` (ISO/IEC 14496-12, 8.8.3.1).
const NOT_SYNC: u32 = 0x0001_0000;

impl Sample {
    pub fn is_sync(&self) -> bool {
        self.flags & NOT_SYNC == 0
    }

    pub fn end(&self) -> i64 {
        self.shown + i64::from(self.duration)
    }
}

/// A track's samples in a fragment.
pub(super) struct Run<'i> {
    pub track: &'i Track,
    pub description: Option<u32>,
    pub samples: Vec<Sample>,
}

/// Reads a `moof`. `mdat_head` is the length of the head of the `mdat` that follows it, `mdat` that of its content.
pub(super) fn parse<'i>(
    moof: &[u8],
    init: &'i Init,
    (mdat_head, mdat): (usize, u64),
) -> Result<Vec<Run<'i>>, Mp4Error> {
    let parsed = Moof::decode(&mut &moof[..])?;
    let several = parsed.traf.len() > 1;
    let mut runs = Vec::with_capacity(parsed.traf.len());
    for traf in &parsed.traf {
        let Tfhd { track_id, base_data_offset, default_base_is_moof, .. } = traf.tfhd;
        let track = init.tracks.iter().find(|track| track.id == track_id);
        let track = track.ok_or(Mp4Error::Layout("a fragment is of no track"))?;
        if base_data_offset.is_some() || (several && !default_base_is_moof) {
            return Err(Mp4Error::Layout("a fragment's places are not its own"));
        }
        let start = traf.tfdt.as_ref().ok_or(Mp4Error::Layout("a fragment has no time"))?;
        let mut decoded = i64::try_from(start.base_media_decode_time)
            .map_err(|_| Mp4Error::Layout("a fragment's time cannot be"))?;
        let mut samples = Vec::new();
        let mut at: Option<i64> = None;
        for run in &traf.trun {
            let placed = run.data_offset.map(|offset| i64::from(offset) - (moof.len() + mdat_head) as i64);
            let mut place = placed.or(at).ok_or(Mp4Error::Layout("a fragment has no place"))?;
            for entry in run.samples.iter() {
                let sample = sample(&entry, track, &traf.tfhd, decoded, place)?;
                decoded += i64::from(sample.duration);
                place += i64::from(sample.size);
                if u64::try_from(place).map_or(true, |end| end > mdat) {
                    return Err(Mp4Error::Layout("a sample lies outside its fragment"));
                }
                samples.push(sample);
            }
            at = Some(place);
        }
        runs.push(Run { track, description: traf.tfhd.sample_description_index, samples });
    }
    Ok(runs)
}

fn sample(
    entry: &TrunEntry,
    track: &Track,
    tfhd: &Tfhd,
    decoded: i64,
    place: i64,
) -> Result<Sample, Mp4Error> {
    let defaults = &track.defaults;
    let offset = entry.cts.unwrap_or(0);
    Ok(Sample {
        decoded,
        shown: decoded + offset - track.edit,
        duration: entry.duration.or(tfhd.default_sample_duration).unwrap_or(defaults.default_sample_duration),
        size: entry.size.or(tfhd.default_sample_size).unwrap_or(defaults.default_sample_size),
        flags: entry.flags.or(tfhd.default_sample_flags).unwrap_or(defaults.default_sample_flags),
        offset,
        at: usize::try_from(place).map_err(|_| Mp4Error::Layout("a sample lies outside its fragment"))?,
    })
}

/// Gives a `moof` that goes through whole another number and other times; `shift` says by how much, by track.
pub(super) fn renumber(moof: &mut [u8], sequence: u32, shift: impl Fn(u32) -> i64) -> Result<(), Mp4Error> {
    let mut places = Vec::new();
    let mut number = None;
    for child in children(&moof[8..])? {
        match &child.kind {
            b"mfhd" => number = Some(8 + child.at + 12),
            b"traf" => {
                let inside = children(child.body)?;
                let tfhd = only(&inside, b"tfhd", "a fragment is of no track")?;
                let track = Tfhd::decode(&mut &tfhd.whole[..])?.track_id;
                let tfdt = only(&inside, b"tfdt", "a fragment has no time")?;
                places.push((16 + child.at + tfdt.at, track));
            }
            _ => (),
        }
    }
    let number = number.ok_or(Mp4Error::Layout("a fragment has no number"))?;
    put(moof, number, &sequence.to_be_bytes())?;
    for (at, track) in places {
        let wide = moof.get(at + 8) == Some(&1);
        let time = Tfdt::decode(&mut &moof[at..])?.base_media_decode_time;
        let time = i64::try_from(time).ok().and_then(|time| u64::try_from(time + shift(track)).ok());
        let time = time.ok_or(Mp4Error::Layout("a fragment's time cannot be"))?;
        if wide {
            put(moof, at + 12, &time.to_be_bytes())?;
        } else {
            let time = u32::try_from(time).map_err(|_| Mp4Error::Layout("a fragment's time cannot be"))?;
            put(moof, at + 12, &time.to_be_bytes())?;
        }
    }
    Ok(())
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) -> Result<(), Mp4Error> {
    let place = bytes.get_mut(at..at + value.len()).ok_or(Mp4Error::Layout("a box ends too early"))?;
    place.copy_from_slice(value);
    Ok(())
}

/// A new fragment of these samples, whose bytes lie in `mdat`; `start` is each run's time in the clip.
pub(super) fn build(sequence: u32, runs: &[(Run<'_>, i64)], mdat: &[u8]) -> Result<Vec<u8>, Mp4Error> {
    let mut moof = Moof { mfhd: Mfhd { sequence_number: sequence }, traf: Vec::new() };
    let mut media = 0;
    for (run, start) in runs {
        let entry = |sample: &Sample| TrunEntry {
            duration: Some(sample.duration),
            size: Some(sample.size),
            flags: Some(sample.flags),
            cts: Some(sample.offset),
        };
        let samples: Vec<TrunEntry> = run.samples.iter().map(entry).collect();
        moof.traf.push(Traf {
            tfhd: Tfhd {
                track_id: run.track.id,
                sample_description_index: run.description,
                default_base_is_moof: true,
                ..Tfhd::default()
            },
            tfdt: Some(Tfdt { base_media_decode_time: u64::try_from(*start).unwrap_or(0) }),
            trun: vec![Trun { data_offset: Some(0), samples: samples.into() }],
            ..Traf::default()
        });
        media += run.samples.iter().map(|sample| sample.size as usize).sum::<usize>();
    }
    // Offsets count from the moof's first byte, so its length comes first; they are of fixed size.
    let mut bytes = Vec::with_capacity(media + 4096);
    moof.encode(&mut bytes)?;
    let mut place = bytes.len() + 8;
    for (traf, (run, _)) in moof.traf.iter_mut().zip(runs) {
        traf.trun[0].data_offset =
            Some(i32::try_from(place).map_err(|_| Mp4Error::Layout("a fragment is too long"))?);
        place += run.samples.iter().map(|sample| sample.size as usize).sum::<usize>();
    }
    bytes.clear();
    moof.encode(&mut bytes)?;
    let size = u32::try_from(media + 8).map_err(|_| Mp4Error::Layout("a fragment is too long"))?;
    bytes.extend_from_slice(&size.to_be_bytes());
    bytes.extend_from_slice(b"mdat");
    for sample in runs.iter().flat_map(|(run, _)| &run.samples) {
        let end = sample.at + sample.size as usize;
        let media = mdat.get(sample.at..end).ok_or(Mp4Error::Layout("a sample lies outside its fragment"))?;
        bytes.extend_from_slice(media);
    }
    Ok(bytes)
}
