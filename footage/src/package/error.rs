//! Why there is no package.

use std::io;

use super::mp4::Mp4Error;
use crate::seal::OpenError;

/// Why a package could not be written. What was written of it is of no use.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A segment is not what its header says: another attempt does better without it.
    #[error("the segment {key} cannot be released: {why}")]
    Damaged {
        /// Its object.
        key: String,
        /// Why.
        why: String,
    },
    /// The Sealed form gives segments whole.
    #[error("the form Sealed gives segments whole, and the segment {key} {what}: ask for the form Clip")]
    NotWhole {
        /// Its object.
        key: String,
        /// Why not.
        what: &'static str,
    },
    /// Not an age X25519 recipient.
    #[error("nothing can be sealed to the recipient: {0}")]
    Recipient(&'static str),
    /// The store below, or what is written to.
    #[error("the package could not be read or written: {0}")]
    Io(#[from] io::Error),
    /// The manifest could not be made or signed.
    #[error("the package's manifest could not be made: {0}")]
    Manifest(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A fault of ours.
    #[error("the package's layout cannot be written: {0}")]
    Layout(&'static str),
}

impl PackageError {
    /// What went wrong with a segment's bytes: its own fault, or that of who carries them.
    pub(super) fn of(key: &str, error: Mp4Error) -> Self {
        let damaged = |why: String| Self::Damaged { key: key.to_owned(), why };
        match error {
            Mp4Error::Io(error) => Self::of_io(key, error),
            error => damaged(error.to_string()),
        }
    }

    fn of_io(key: &str, error: io::Error) -> Self {
        let open = error.get_ref().and_then(|inner| inner.downcast_ref::<OpenError>());
        match open {
            Some(OpenError::Io(_)) => Self::Io(error),
            Some(open) => Self::Damaged { key: key.to_owned(), why: open.to_string() },
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                Self::Damaged { key: key.to_owned(), why: "its media ends too early".to_owned() }
            }
            None => Self::Io(error),
        }
    }

    pub(super) fn of_open(key: &str, error: OpenError) -> Self {
        match error {
            OpenError::Io(error) => Self::of_io(key, error),
            error => Self::Damaged { key: key.to_owned(), why: error.to_string() },
        }
    }
}
