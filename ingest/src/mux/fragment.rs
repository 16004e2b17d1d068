//! `moof` and `mdat`.

use bytes::Bytes;
use mp4_atom::{Encode, Mfhd, Moof, Tfdt, Tfhd, Traf, Trun, TrunEntry};

use super::{AudioSample, MuxError, init::AUDIO_TRACK, init::VIDEO_TRACK, video::Run};

/// `sample_depends_on` = 2: nothing else is needed.
const SYNC: u32 = 0x0200_0000;
/// `sample_depends_on` = 1 and `sample_is_non_sync_sample`.
const NOT_SYNC: u32 = 0x0101_0000;

/// A fragment: the boxes, then the media as it came, uncopied.
#[derive(Debug)]
pub struct Fragment {
    /// `moof` and the head of `mdat`; in a segment's first one `ftyp` and `moov` before them.
    pub head: Vec<u8>,
    /// The content of `mdat`.
    pub payload: Vec<Bytes>,
}

impl Fragment {
    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.head.len() + self.payload.iter().map(Bytes::len).sum::<usize>()
    }

    /// Whether there is nothing in it; never so for one that was built.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// `delay` is added to each frame's time from decoding to being shown.
pub fn build(
    sequence: u32,
    run: Run,
    delay: i64,
    audio: Vec<AudioSample>,
    audio_next: &mut i64,
) -> Result<Fragment, MuxError> {
    let mut payload = Vec::with_capacity(run.frames.len() + audio.len());
    let start = run.start;
    let reordered = delay != 0 || run.frames.iter().any(|f| f.offset != 0);
    let mut entries = Vec::with_capacity(run.frames.len());
    let mut video_bytes = 0;
    for frame in run.frames {
        entries.push(TrunEntry {
            duration: Some(frame.duration),
            size: Some(length(&frame.sample.data)),
            flags: Some(if frame.sample.sync { SYNC } else { NOT_SYNC }),
            cts: reordered.then_some(frame.offset + delay),
        });
        video_bytes += frame.sample.data.len();
        payload.push(frame.sample.data);
    }
    let mut traf = vec![track(VIDEO_TRACK, start, entries)];
    if !audio.is_empty() {
        let (audio_start, entries) = audio_entries(&audio, audio_next);
        payload.extend(audio.into_iter().map(|sample| sample.data));
        traf.push(track(AUDIO_TRACK, audio_start, entries));
    }
    let mut moof = Moof { mfhd: Mfhd { sequence_number: sequence }, traf };

    // Offsets count from the moof's first byte, so its length comes first; they are of fixed size.
    let mut head = Vec::new();
    encode(&moof, &mut head)?;
    let media = head.len() + 8;
    for (traf, offset) in moof.traf.iter_mut().zip([media, media + video_bytes]) {
        traf.trun[0].data_offset = Some(i32::try_from(offset).unwrap_or(i32::MAX));
    }
    head.clear();
    encode(&moof, &mut head)?;
    let size: usize = payload.iter().map(Bytes::len).sum::<usize>() + 8;
    head.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes());
    head.extend_from_slice(b"mdat");
    Ok(Fragment { head, payload })
}

/// Times from RTP; a hole lengthens the frame before it, and time never runs back.
fn audio_entries(audio: &[AudioSample], next: &mut i64) -> (i64, Vec<TrunEntry>) {
    let start = audio[0].pts.max(*next);
    let mut at = start;
    let entries = audio
        .iter()
        .enumerate()
        .map(|(i, sample)| {
            let own = i64::from(sample.length);
            let until = audio.get(i + 1).map_or(at + own, |following| following.pts.max(at + 1));
            // Jitter of the sender's clock is no hole.
            let duration = if (until - at - own).abs() <= own / 2 { own } else { until - at };
            at += duration;
            TrunEntry {
                duration: Some(u32::try_from(duration).unwrap_or(sample.length)),
                size: Some(length(&sample.data)),
                flags: None,
                cts: None,
            }
        })
        .collect();
    *next = at;
    (start, entries)
}

fn track(track_id: u32, start: i64, entries: Vec<TrunEntry>) -> Traf {
    Traf {
        tfhd: Tfhd { track_id, default_base_is_moof: true, ..Tfhd::default() },
        tfdt: Some(Tfdt { base_media_decode_time: u64::try_from(start).unwrap_or(0) }),
        trun: vec![Trun { data_offset: Some(0), samples: entries.into() }],
        ..Traf::default()
    }
}

fn encode(moof: &Moof, into: &mut Vec<u8>) -> Result<(), MuxError> {
    moof.encode(into).map_err(|source| MuxError { what: "moof", source })
}

fn length(data: &Bytes) -> u32 {
    u32::try_from(data.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mux::{VideoSample, video::Queue};
    use mp4_atom::{Any, Decode};

    fn frame(pts: i64, data: &'static [u8]) -> VideoSample {
        VideoSample { pts, sync: pts == 0, data: Bytes::from_static(data) }
    }

    fn sound(pts: i64) -> AudioSample {
        AudioSample { pts, length: 1_024, data: Bytes::from_static(b"aac") }
    }

    #[test]
    fn offsets_point_at_the_media_of_each_track() {
        let mut queue = Queue::new(None);
        queue.push(frame(0, b"video-one"));
        queue.push(frame(3_600, b"video-two"));
        let mut next = 0;
        let fragment =
            build(7, queue.finish(None, |end, _| end).unwrap(), 0, vec![sound(10), sound(1_034)], &mut next)
                .unwrap();
        let mut bytes = fragment.head.clone();
        fragment.payload.iter().for_each(|p| bytes.extend_from_slice(p));
        assert_eq!(bytes.len(), fragment.len());

        let mut rest = &bytes[..];
        let Any::Moof(moof) = Any::decode(&mut rest).unwrap() else { panic!("a moof comes first") };
        assert_eq!(moof.mfhd.sequence_number, 7);
        let at = |i: usize| usize::try_from(moof.traf[i].trun[0].data_offset.unwrap()).unwrap();
        assert!(bytes[at(0)..].starts_with(b"video-one"));
        assert!(bytes[at(1)..].starts_with(b"aac"));
        assert_eq!(next, 10 + 2_048);
    }

    #[test]
    fn sound_keeps_rising_through_jitter_holes_and_steps_back() {
        for (given, want) in [
            (vec![0, 1_024, 2_048], vec![1_024, 1_024, 1_024]),
            (vec![0, 1_030, 2_040], vec![1_024, 1_024, 1_024]),
            (vec![0, 10_240, 11_264], vec![10_240, 1_024, 1_024]),
            (vec![0, 1_024, 0], vec![1_024, 1, 1_024]),
        ] {
            let mut next = 0;
            let samples: Vec<_> = given.iter().map(|t| sound(*t)).collect();
            let (_, entries) = audio_entries(&samples, &mut next);
            let durations: Vec<_> = entries.iter().map(|e| i64::from(e.duration.unwrap())).collect();
            assert_eq!(durations, want, "{given:?}");
        }
    }
}
