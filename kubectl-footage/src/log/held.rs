//! Checkpoints that were kept elsewhere: in files of their own, in proofs and notices, in manifests and packages.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use camerafleet_footage::{log::InclusionProof, package::MANIFEST};
use serde_json::Value;

use crate::{
    failure::{Failure, Kind},
    package::{self, Keys, Nowhere, Problem},
};

/// A text with checkpoints is not longer: a manifest at most.
const MAX_TEXT: u64 = 64 << 20;
/// What every C2SP tlog-proof begins with.
const PROOF: &str = "c2sp.org/tlog-proof@v1\n";
/// What stands before a signature in a signed note.
const SIGNED: &str = "\n\n\u{2014} ";

/// A checkpoint as a note, not verified yet.
#[derive(Debug, PartialEq)]
pub struct Held {
    /// Where it is from, for people.
    pub from: String,
    /// The signed note.
    pub note: String,
}

impl Held {
    /// Which log it says that it is of.
    pub fn origin(&self) -> &str {
        self.note.lines().next().unwrap_or_default()
    }
}

/// What files hold.
#[derive(Default)]
pub struct Kept {
    /// Checkpoints.
    pub held: Vec<Held>,
    /// Files of a folder that hold none, with why.
    pub without: Vec<String>,
}

impl Kept {
    /// From files, each of which must hold one, and from the files of folders, which may.
    pub fn read(files: &[PathBuf], folders: &[PathBuf], keys: Option<&Keys>) -> Result<Self, Failure> {
        let mut kept = Self::default();
        for file in files {
            let found = checkpoints(file, keys).map_err(|why| {
                let next = "Give a checkpoint, a proof, a manifest, or a package with --identity.";
                Failure::new(Kind::Input, format!("{} gives no checkpoint: {why}.", file.display()), next)
            })?;
            kept.held.extend(found);
        }
        for folder in folders {
            let unreadable = |error: std::io::Error| {
                Failure::new(
                    Kind::Input,
                    format!("{} cannot be read: {error}.", folder.display()),
                    "Check the path.",
                )
            };
            let mut paths = Vec::new();
            for entry in fs::read_dir(folder).map_err(unreadable)? {
                paths.push(entry.map_err(unreadable)?.path());
            }
            paths.sort();
            for path in paths.iter().filter(|path| path.is_file()) {
                match checkpoints(path, keys) {
                    Ok(found) => kept.held.extend(found),
                    Err(why) => kept.without.push(format!("{}: {why}", path.display())),
                }
            }
        }
        Ok(kept)
    }
}

/// All checkpoints of a file: at least one.
fn checkpoints(path: &Path, keys: Option<&Keys>) -> Result<Vec<Held>, String> {
    let unreadable = |error: std::io::Error| format!("it cannot be read: {error}");
    let mut file = File::open(path).map_err(unreadable)?;
    let mut start = [0; 512];
    let read = file.read(&mut start).map_err(unreadable)?;
    let from = path.display().to_string();
    let found: Vec<String> = if is_package(&start[..read]) {
        let keys =
            keys.ok_or("it is a package, and to look into it takes its recipient's key (--identity)")?;
        of_package(path, keys)?
    } else {
        if fs::metadata(path).map_err(unreadable)?.len() > MAX_TEXT {
            return Err("it is too long".to_owned());
        }
        of_text(&fs::read_to_string(path).map_err(unreadable)?)
    };
    if found.is_empty() {
        return Err("there is none in it".to_owned());
    }
    Ok(found.into_iter().map(|note| Held { from: from.clone(), note }).collect())
}

fn is_package(start: &[u8]) -> bool {
    start.starts_with(b"age-encryption.org/v1\n") || start.get(257..262) == Some(b"ustar")
}

/// That the package is whole is not asked here: a checkpoint has a signature of its own.
fn of_package(path: &Path, keys: &Keys) -> Result<Vec<String>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    match package::read(file, keys, &mut Nowhere) {
        Ok(found) => {
            let manifest = found.rest.get(MANIFEST).map(Vec::as_slice).unwrap_or_default();
            Ok(of_text(&String::from_utf8_lossy(manifest)))
        }
        Err(Problem::Wrong(check)) => {
            Err(format!("it is a damaged package: {}", check.message.trim_end_matches('.')))
        }
        Err(Problem::Own(failure)) => Err(failure.what().trim_end_matches('.').to_owned()),
    }
}

/// A note, a proof, or JSON with such texts anywhere in it.
fn of_text(text: &str) -> Vec<String> {
    if let Some(note) = of_string(text) {
        return vec![note];
    }
    let mut found = Vec::new();
    if let Ok(value) = serde_json::from_str(text) {
        gather(&value, &mut found);
    }
    found.dedup();
    found
}

fn gather(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.extend(of_string(text)),
        Value::Array(values) => values.iter().for_each(|value| gather(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| gather(value, found)),
        _ => {}
    }
}

fn of_string(text: &str) -> Option<String> {
    if text.starts_with(PROOF) {
        return Some(InclusionProof::try_from(text.to_owned()).ok()?.checkpoint().to_owned());
    }
    (text.contains(SIGNED) && !text.starts_with(['{', '['])).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str = "camerafleet.io/c/t-1\n3\nAAAA\n\n\u{2014} camerafleet.io/c/t-1 AAAA\n";

    #[test]
    fn checkpoints_are_found_wherever_they_lie() {
        assert_eq!(of_text(NOTE), [NOTE]);
        let proof = format!("{PROOF}extra AA==\nindex 0\n\n{NOTE}");
        assert_eq!(of_text(&proof), [NOTE]);
        let json =
            serde_json::json!({"log": {"intent": proof}, "other": ["x", {"checkpoint": NOTE}]}).to_string();
        assert_eq!(of_text(&json), [NOTE]);
        for none in ["", "text", "{}", "[\"x\"]", PROOF] {
            assert_eq!(of_text(none), [""; 0], "{none}");
        }
        assert_eq!(Held { from: String::new(), note: NOTE.into() }.origin(), "camerafleet.io/c/t-1");
    }
}
