//! A pending file and its description. The object's key is longer than a file name may be, so it is kept in a
//! JSON file beside the bytes, written first; the bytes' rename completes the pair.

use std::{collections::BTreeMap, fs, io, path::Path, time::Instant};

use camerafleet_footage::{ids::CameraId, seal::FinishedSegment};
use serde::{Deserialize, Serialize};

use super::file::{JOURNAL, journal_path};

/// An epoch key, ordered by its time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EpochKey {
    /// Unix seconds.
    pub start: i64,
    /// Its name in Transit.
    pub name: String,
}

/// What a pending file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A sealed segment.
    Segment,
    /// A stream's last word.
    CloseRecord,
    /// What a stream says of a segment that was given up.
    LossRecord,
}

/// A pending file's description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// What it is.
    pub kind: Kind,
    /// The object's key.
    pub key: String,
    /// Whose it is.
    pub camera: CameraId,
    /// The epoch key that it needs; none for a record.
    pub epoch: Option<EpochKey>,
    /// The segment, for as long as its stream can still speak of it; none for a record.
    #[serde(skip)]
    pub segment: Option<Box<FinishedSegment>>,
    /// Unix milliseconds.
    pub finished_ms: i64,
    /// Its length.
    pub bytes: u64,
}

/// A pending file.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place in the queue.
    pub number: u64,
    /// Its description.
    pub meta: Meta,
    /// Failed uploads.
    pub attempts: u32,
    /// When to try again.
    pub not_before: Option<Instant>,
    /// Whether it is being uploaded.
    pub taken: bool,
    /// Whether it comes from an earlier container, which may have uploaded it.
    pub found: bool,
}

impl Entry {
    pub(super) fn new(number: u64, meta: Meta) -> Self {
        Self { number, meta, attempts: 0, not_before: None, taken: false, found: false }
    }
}

pub(super) fn data_name(number: u64) -> String {
    format!("{number:020}.age")
}

pub(super) fn meta_name(number: u64) -> String {
    format!("{number:020}.json")
}

pub(super) fn write_meta(directory: &Path, number: u64, meta: &Meta) -> io::Result<()> {
    let json = serde_json::to_vec(meta).map_err(io::Error::other)?;
    fs::write(directory.join(meta_name(number)), json)
}

/// Moves what an earlier container was writing when it was killed to the files that wait: as much of each as its journal
/// says is whole. Gives the number of those of which nothing was.
pub(super) fn salvage(open: &Path, pending: &Path) -> io::Result<u64> {
    let paths = fs::read_dir(open)?.map(|file| Ok(file?.path())).collect::<io::Result<Vec<_>>>()?;
    let (journals, files): (Vec<_>, Vec<_>) =
        paths.into_iter().partition(|path| path.extension().is_some_and(|extension| extension == JOURNAL));
    let mut lost = 0;
    for path in files {
        let journal = journal_path(&path);
        let number = path.file_name().and_then(|name| name.to_str()?.split('-').next()?.parse::<u64>().ok());
        let meta = fs::read(&journal).ok().and_then(|json| serde_json::from_slice::<Meta>(&json).ok());
        let whole = |meta: &Meta| fs::metadata(&path).is_ok_and(|file| file.len() >= meta.bytes);
        match number.zip(meta.filter(whole)) {
            Some((number, meta)) => {
                fs::File::options().write(true).open(&path)?.set_len(meta.bytes)?;
                write_meta(pending, number, &meta)?;
                fs::rename(&path, pending.join(data_name(number)))?;
                let (camera, bytes) = (&meta.camera, meta.bytes);
                tracing::warn!(%camera, key = meta.key, bytes, "a segment was cut off when the recorder was killed");
            }
            None => {
                lost += 1;
                fs::remove_file(&path)?;
            }
        }
    }
    journals.iter().try_for_each(fs::remove_file)?;
    Ok(lost)
}

/// What lies in a directory of pending files. Halves of pairs are removed.
pub(super) fn scan(directory: &Path) -> io::Result<BTreeMap<u64, Entry>> {
    let mut found = BTreeMap::new();
    let mut names: Vec<_> =
        fs::read_dir(directory)?.map(|file| Ok(file?.path())).collect::<io::Result<_>>()?;
    names.sort();
    for path in &names {
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
        let is_data = path.extension().is_some_and(|extension| extension == "age");
        let read = number.filter(|_| is_data).and_then(|number| {
            let json = fs::read(directory.join(meta_name(number))).ok()?;
            let mut meta: Meta = serde_json::from_slice(&json).ok()?;
            meta.bytes = fs::metadata(path).ok()?.len();
            Some((number, Entry { found: true, ..Entry::new(number, meta) }))
        });
        match read {
            Some((number, entry)) => _ = found.insert(number, entry),
            None if is_data || !names.contains(&path.with_extension("age")) => fs::remove_file(path)?,
            None => {}
        }
    }
    Ok(found)
}
