//! `ftyp` and `moov`: what a player must know before the first fragment.

use mp4_atom::{
    Dinf, Dref, Edts, Elst, ElstEntry, Encode, FourCC, Ftyp, Hdlr, Mdhd, Mvex, Mvhd, Smhd, Stco, Stsc, Stsz,
    Stts, Tkhd, Trex, Url, Vmhd,
};

use super::{MuxError, VIDEO_TIMESCALE};

pub(super) const VIDEO_TRACK: u32 = 1;
pub(super) const AUDIO_TRACK: u32 = 2;
/// Seconds from 1904, where MP4's time begins, to 1970.
const SINCE_1904: i64 = 2_082_844_800;

/// The picture's description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoTrack {
    /// A whole `avc1`, `hvc1` or `mp4v` box.
    pub sample_entry: Vec<u8>,
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
}

/// The sound's description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioTrack {
    /// A whole `mp4a`, `ulaw` or `alaw` box.
    pub sample_entry: Vec<u8>,
    /// Units per second.
    pub clock_rate: u32,
}

/// The `AudioSampleEntry` (ISO/IEC 14496-12, 12.2.3) of G.711: `ulaw` or `alaw`.
pub fn g711(kind: &[u8; 4], channels: u16, clock_rate: u32) -> Vec<u8> {
    let mut entry = vec![0, 0, 0, 0, 0, 0, 0, 1];
    entry.extend([0; 8]);
    entry.extend(channels.to_be_bytes());
    // Bits of a sample once it is decoded, then nothing, then the rate as 16.16.
    entry.extend([0, 16, 0, 0, 0, 0]);
    entry.extend((u64::from(clock_rate) << 16).min(u64::from(u32::MAX)).to_be_bytes().split_at(4).1);
    container(kind, &[entry])
}

/// The bytes before the first fragment. `created` is in Unix seconds; `delay` is what the picture's presentation
/// times are late by.
pub fn initialization(
    video: &VideoTrack,
    audio: Option<&AudioTrack>,
    created: i64,
    delay: i64,
) -> Result<Vec<u8>, MuxError> {
    let created = u64::try_from(created + SINCE_1904).unwrap_or(0);
    let brand = |name: &[u8; 4]| FourCC::new(name);
    let ftyp = Ftyp {
        major_brand: brand(b"iso6"),
        minor_version: 0,
        compatible_brands: vec![brand(b"iso6"), brand(b"iso5"), brand(b"mp41")],
    };
    let mvhd = Mvhd {
        creation_time: created,
        modification_time: created,
        timescale: VIDEO_TIMESCALE,
        rate: 1.into(),
        volume: 1.into(),
        next_track_id: AUDIO_TRACK + 1,
        ..Mvhd::default()
    };
    let mut tracks = vec![video_trak(video, created, delay)?];
    let mut ids = vec![VIDEO_TRACK];
    if let Some(audio) = audio {
        tracks.push(audio_trak(audio, created)?);
        ids.push(AUDIO_TRACK);
    }
    let trex = |track_id| Trex { track_id, default_sample_description_index: 1, ..Trex::default() };
    let mvex = Mvex { mehd: None, trex: ids.into_iter().map(trex).collect() };
    let moov = container(b"moov", &[encode("mvhd", &mvhd)?, tracks.concat(), encode("mvex", &mvex)?]);
    Ok([encode("ftyp", &ftyp)?, moov].concat())
}

fn video_trak(track: &VideoTrack, created: u64, delay: i64) -> Result<Vec<u8>, MuxError> {
    let tkhd = Tkhd { width: track.width.into(), height: track.height.into(), ..head(VIDEO_TRACK, created) };
    let media_time = u64::try_from(delay).ok().filter(|delay| *delay > 0);
    // Of no length of its own: the fragments' (ISO/IEC 14496-12, 8.6.6.1).
    let edit =
        media_time.map(|at| ElstEntry { segment_duration: 0, media_time: Some(at), media_rate: 1.into() });
    let edits = match edit {
        Some(entry) => encode("edts", &Edts { elst: Some(Elst { entries: vec![entry] }) })?,
        None => Vec::new(),
    };
    trak(&tkhd, edits, VIDEO_TIMESCALE, *b"vide", encode("vmhd", &Vmhd::default())?, &track.sample_entry)
}

fn audio_trak(track: &AudioTrack, created: u64) -> Result<Vec<u8>, MuxError> {
    let tkhd = Tkhd { alternate_group: 1, volume: 1.into(), ..head(AUDIO_TRACK, created) };
    trak(
        &tkhd,
        Vec::new(),
        track.clock_rate,
        *b"soun",
        encode("smhd", &Smhd::default())?,
        &track.sample_entry,
    )
}

fn head(track_id: u32, created: u64) -> Tkhd {
    Tkhd {
        creation_time: created,
        modification_time: created,
        track_id,
        enabled: true,
        in_movie: true,
        ..Tkhd::default()
    }
}

/// The containers are put together here and not by the library: the sample entry goes in as retina made it,
/// and the library would have to parse it, losing what it does not know.
fn trak(
    tkhd: &Tkhd,
    edits: Vec<u8>,
    timescale: u32,
    handler: [u8; 4],
    media_header: Vec<u8>,
    sample_entry: &[u8],
) -> Result<Vec<u8>, MuxError> {
    let mdhd = Mdhd {
        creation_time: tkhd.creation_time,
        modification_time: tkhd.modification_time,
        timescale,
        duration: 0,
        language: "und".into(),
    };
    let hdlr = Hdlr { handler: FourCC::new(&handler), name: "Camerafleet".into() };
    let dinf = Dinf { dref: Dref { entries: vec![Url::default().into()] } };
    // Version and flags, then the number of entries.
    let stsd = container(b"stsd", &[vec![0, 0, 0, 0, 0, 0, 0, 1], sample_entry.to_vec()]);
    let stbl = container(
        b"stbl",
        &[
            stsd,
            encode("stts", &Stts::default())?,
            encode("stsc", &Stsc::default())?,
            encode("stsz", &Stsz::default())?,
            encode("stco", &Stco::default())?,
        ],
    );
    let minf = container(b"minf", &[media_header, encode("dinf", &dinf)?, stbl]);
    let mdia = container(b"mdia", &[encode("mdhd", &mdhd)?, encode("hdlr", &hdlr)?, minf]);
    Ok(container(b"trak", &[encode("tkhd", tkhd)?, edits, mdia]))
}

fn encode(what: &'static str, value: &impl Encode) -> Result<Vec<u8>, MuxError> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes).map_err(|source| MuxError { what, source })?;
    Ok(bytes)
}

fn container(kind: &[u8; 4], content: &[Vec<u8>]) -> Vec<u8> {
    let length = 8 + content.iter().map(Vec::len).sum::<usize>();
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend_from_slice(kind);
    content.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use mp4_atom::{Any, Decode};

    #[test]
    fn a_second_parser_reads_both_tracks() {
        // An `avc1` of a parser's least liking: a box of a kind that nobody knows, with content.
        let entry = container(b"xyz1", &[vec![0, 0, 0, 0, 0, 0, 0, 1, 9, 9]]);
        let video = VideoTrack { sample_entry: entry.clone(), width: 640, height: 360 };
        let audio = AudioTrack { sample_entry: entry.clone(), clock_rate: 48_000 };
        let bytes = initialization(&video, Some(&audio), 0, 7_200).unwrap();
        let mut rest = &bytes[..];
        assert!(matches!(Any::decode(&mut rest).unwrap(), Any::Ftyp(_)));
        let Any::Moov(moov) = Any::decode(&mut rest).unwrap() else { panic!("a moov follows") };
        assert!(rest.is_empty());
        let scales: Vec<_> =
            moov.trak.iter().map(|trak| (trak.tkhd.track_id, trak.mdia.mdhd.timescale)).collect();
        assert_eq!(scales, [(1, 90_000), (2, 48_000)]);
        let edit =
            |i: usize| moov.trak[i].edts.as_ref().map(|e| e.elst.as_ref().unwrap().entries[0].media_time);
        assert_eq!((edit(0), edit(1)), (Some(Some(7_200)), None));
        assert_eq!(moov.mvex.unwrap().trex.len(), 2);
        assert!(bytes.windows(entry.len()).any(|window| window == entry), "the sample entry is untouched");
    }
}
