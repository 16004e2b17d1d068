//! Reading a package: once, from its first to its last byte, in memory that does not grow with the footage.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
};

use age::DecryptError;
use camerafleet_crds::PackageForm;
use camerafleet_footage::package::REST;
use sha2::{Digest as _, Sha256};

use super::{Found, FoundFile, Keys, Problem, REST_FILES, segment::Split, tar};
use crate::failure::{Failure, Kind};

/// What is copied at a time, in bytes.
const PIECE: usize = 256 << 10;
/// A week of two-second segments of one camera is 302,400; a manifest has room for about 95,000.
const MAX_FILES: usize = 200_000;
/// What the first bytes of an age file say.
const AGE: &[u8] = b"age-encryption.org/v1\n";

/// Where footage goes, file by file.
pub trait Sink {
    /// Begins a file. `path` is `clips/<camera>/<name>.mp4` or `segments/<camera>/<name>.mp4`.
    fn file(&mut self, path: &str) -> Result<Box<dyn Write + '_>, Failure>;
    /// What could not be written.
    fn failed(&self, path: &str, error: &std::io::Error) -> Failure;
}

/// Reads it whole. What was given to the sink is of no worth until this has returned and all was judged.
pub fn read(package: impl Read, keys: &Keys, sink: &mut dyn Sink) -> Result<Found, Problem> {
    let mut package = BufReader::with_capacity(PIECE, package);
    let start = package.fill_buf().map_err(Problem::reading)?;
    let form = if start.starts_with(AGE) { PackageForm::Clip } else { PackageForm::Sealed };
    let mut reading =
        Reading { found: Found { form, files: BTreeMap::new(), rest: BTreeMap::new() }, keys, sink };
    match form {
        PackageForm::Clip => {
            let opened = decrypt(package, keys)?;
            tar::read(BufReader::with_capacity(PIECE, opened), |path, bytes, content| {
                reading.clip_or_rest(path, bytes, content)
            })?;
        }
        PackageForm::Sealed => {
            let mut has_rest = false;
            tar::read(package, |path, bytes, content| {
                if path != REST {
                    return reading.segment(path, bytes, content);
                }
                if std::mem::replace(&mut has_rest, true) {
                    return Err(twice(path));
                }
                let opened = decrypt(BufReader::new(content), keys)?;
                tar::read(opened, |path, bytes, content| reading.rest(path, bytes, content))
            })?;
        }
    }
    let found = reading.found;
    match REST_FILES.iter().find(|(name, _)| !found.rest.contains_key(name)) {
        None => Ok(found),
        Some((name, _)) => {
            Err(Problem::archive(format!("The file {name} is missing, which every package has.")))
        }
    }
}

/// Footage that is only looked through.
pub struct Nowhere;

impl Sink for Nowhere {
    fn file(&mut self, _: &str) -> Result<Box<dyn Write + '_>, Failure> {
        Ok(Box::new(std::io::sink()))
    }

    fn failed(&self, path: &str, error: &std::io::Error) -> Failure {
        Failure::new(Kind::Input, format!("{path} cannot be read: {error}."), "Try again.")
    }
}

struct Reading<'r> {
    found: Found,
    keys: &'r Keys,
    sink: &'r mut dyn Sink,
}

impl Reading<'_> {
    fn clip_or_rest(&mut self, path: &str, bytes: u64, content: &mut dyn Read) -> Result<(), Problem> {
        if !is_below("clips", ".mp4", path) {
            return self.rest(path, bytes, content);
        }
        self.new_file(path)?;
        let mut hash = Sha256::new();
        self.copy(path, content, |piece| hash.update(piece))?;
        let sha256 = hash.finalize().into();
        self.found.files.insert(path.to_owned(), FoundFile { bytes, sha256, parts: None });
        Ok(())
    }

    /// A sealed segment is opened to see that it can be.
    fn segment(&mut self, path: &str, bytes: u64, content: &mut dyn Read) -> Result<(), Problem> {
        if !is_below("segments", ".mp4.age", path) {
            return Err(stranger(path));
        }
        self.new_file(path)?;
        let mut split = Split::new(content);
        let opened = decrypt(BufReader::with_capacity(PIECE, &mut split), self.keys)?;
        self.copy(path.trim_end_matches(".age"), opened, |_| {})?;
        let (sha256, parts) = split.finish();
        self.found.files.insert(path.to_owned(), FoundFile { bytes, sha256, parts: Some(parts) });
        Ok(())
    }

    fn rest(&mut self, path: &str, bytes: u64, content: &mut dyn Read) -> Result<(), Problem> {
        let Some((name, limit)) = REST_FILES.iter().find(|(name, _)| *name == path) else {
            return Err(stranger(path));
        };
        if bytes > *limit {
            return Err(Problem::archive(format!("The file {name} is longer than any package has it.")));
        }
        let mut text = Vec::new();
        content.read_to_end(&mut text).map_err(Problem::reading)?;
        match self.found.rest.insert(name, text) {
            None => Ok(()),
            Some(_) => Err(twice(path)),
        }
    }

    fn new_file(&self, path: &str) -> Result<(), Problem> {
        if self.found.files.contains_key(path) {
            return Err(twice(path));
        }
        if self.found.files.len() == MAX_FILES {
            return Err(Problem::archive(format!("It holds more than {MAX_FILES} files.")));
        }
        Ok(())
    }

    fn copy(&mut self, path: &str, mut from: impl Read, mut see: impl FnMut(&[u8])) -> Result<(), Problem> {
        let mut piece = vec![0; PIECE];
        let mut failure = None;
        {
            let mut out = self.sink.file(path)?;
            loop {
                let read = from.read(&mut piece).map_err(Problem::reading)?;
                if read == 0 {
                    failure = failure.or(out.flush().err());
                    break;
                }
                see(&piece[..read]);
                if let Err(error) = out.write_all(&piece[..read]) {
                    failure = Some(error);
                    break;
                }
            }
        }
        match failure {
            None => Ok(()),
            Some(error) => Err(self.sink.failed(path, &error).into()),
        }
    }
}

fn decrypt<R: BufRead>(sealed: R, keys: &Keys) -> Result<impl Read + use<R>, Problem> {
    let opened = age::Decryptor::new_buffered(sealed).and_then(|sealed| sealed.decrypt(keys.iter()));
    opened.map_err(|error| match error {
        DecryptError::NoMatchingKeys => Problem::Own(Failure::new(
            Kind::Input,
            "The package is sealed to another key than yours.",
            "Give the key of the recipient whom the request named, with --identity.",
        )),
        DecryptError::Io(error) => Problem::reading(error),
        error => Problem::sealing(format!(
            "It is no file that age opens: {}.",
            error.to_string().trim_end_matches('.')
        )),
    })
}

/// `<folder>/<camera>/<name><end>`, of characters that mean nothing to any program, and no part a hidden one or `..`.
fn is_below(folder: &str, end: &str, path: &str) -> bool {
    let is_plain = |part: &str| {
        !part.starts_with(['.', '-'])
            && !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let mut parts = path.split('/');
    parts.next() == Some(folder)
        && parts.next().is_some_and(is_plain)
        && parts.next().is_some_and(|name| is_plain(name) && name.len() > end.len() && name.ends_with(end))
        && parts.next().is_none()
}

fn stranger(path: &str) -> Problem {
    Problem::archive(format!(
        "It holds {path:?}, which no package has: unpacked, it could land outside of its folder."
    ))
}

fn twice(path: &str) -> Problem {
    Problem::archive(format!("It holds {path:?} twice: which of the two counts would be anybody's guess."))
}

#[cfg(test)]
mod tests {
    use super::is_below;

    #[test]
    fn a_file_with_footage_has_a_plain_name_in_a_cameras_folder() {
        for good in ["clips/door-1-3f/20261125T120000Z-00112233-7.mp4", "clips/c/a.b.mp4"] {
            assert!(is_below("clips", ".mp4", good), "{good}");
        }
        for bad in [
            "",
            "clips",
            "clips/a.mp4",
            "clips/a/b/c.mp4",
            "clips/../b.mp4",
            "clips/a/../b.mp4",
            "/clips/a/b.mp4",
            "clips//b.mp4",
            "clips/a/.mp4",
            "clips/a/.b.mp4",
            "clips/.a/b.mp4",
            "clips/a/b.sh",
            "segments/a/b.mp4",
            "clips/a/b c.mp4",
            "clips/a/b\n.mp4",
            "clips\\a/b.mp4",
            "../clips/a/b.mp4",
            "clips/-a/b.mp4",
            "clips/a/ü.mp4",
        ] {
            assert!(!is_below("clips", ".mp4", bad), "{bad}");
        }
    }
}
