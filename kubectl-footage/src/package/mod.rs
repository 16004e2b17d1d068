//! A package as its recipient has it: read as a stream, opened with the recipient's key, and judged.
//!
//! What is found here is what the stock tools of a package's `VERIFY.md` find, and more: that no file is missing or extra, that
//! the manifest tells of these files, and that the release was logged.

mod coverage;
mod identity;
mod judge;
mod logged;
mod manifest;
mod read;
mod segment;
mod tar;
mod trust;

use std::{collections::BTreeMap, io};

use camerafleet_crds::PackageForm;
use camerafleet_footage::package::{MANIFEST, SIGNATURE, SIGNERS, SUMS, VERIFY};

pub use coverage::{CameraCoverage, told};
pub use identity::Keys;
pub use judge::{Judgement, judge};
pub use read::{Nowhere, Sink, read};
pub use subject::FOOTAGE;
pub use trust::Trust;

use crate::{
    check::Check,
    failure::{Failure, Kind},
};

/// What is looked at, in this order.
mod subject {
    /// That it opens with the recipient's key, each byte as it was sealed.
    pub const SEALING: &str = "sealing";
    /// That it is a tar of plain files with a package's names.
    pub const ARCHIVE: &str = "archive";
    /// SHA256SUMS.
    pub const SUMS: &str = "sums";
    /// The SSH signature over the manifest.
    pub const SIGNATURE: &str = "signature";
    /// That the manifest is of this request, this form and these files.
    pub const MANIFEST: &str = "manifest";
    /// That every moment of what was granted is accounted for.
    pub const FOOTAGE: &str = "footage";
    /// That the release was logged before footage was opened.
    pub const LOG: &str = "log";
    /// A checkpoint that was kept elsewhere.
    pub const CHECKPOINT: &str = "checkpoint";
}

/// Why a package could not be read to its end.
#[derive(Debug)]
pub enum Problem {
    /// It is not what it should be.
    Wrong(Check),
    /// Something of this machine, or of what was given on the command line.
    Own(Failure),
}

impl Problem {
    fn archive(message: String) -> Self {
        Self::Wrong(Check::failed(subject::ARCHIVE, message))
    }

    fn sealing(message: impl Into<String>) -> Self {
        Self::Wrong(Check::failed(subject::SEALING, message))
    }

    /// What age and files say when bytes cannot be had.
    fn reading(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::sealing("It is cut off: it ends before its end."),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Self::sealing(
                "It was changed or cut off after it was sealed: a piece of it does not authenticate.",
            ),
            _ => Self::Own(Failure::new(
                Kind::Input,
                format!("The package cannot be read: {error}."),
                "Check the file and the disk that it is on.",
            )),
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Own(failure)
    }
}

/// What lies in a package, read to its end.
pub struct Found {
    /// Which form it has.
    pub form: PackageForm,
    /// The files with footage, by name.
    pub files: BTreeMap<String, FoundFile>,
    /// The others, by name.
    pub rest: BTreeMap<&'static str, Vec<u8>>,
}

/// A file with footage.
pub struct FoundFile {
    /// Its length.
    pub bytes: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
    /// Of a sealed segment: SHA-256 of its header and of its payload.
    pub parts: Option<([u8; 32], [u8; 32])>,
}

/// The files that every package has beside footage, and how long each may be.
const REST_FILES: [(&str, u64); 5] =
    [(VERIFY, 1 << 20), (SIGNERS, 1 << 16), (MANIFEST, 64 << 20), (SIGNATURE, 1 << 16), (SUMS, 64 << 20)];

/// Text of a package, for a terminal: whoever made the package may be a stranger.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
