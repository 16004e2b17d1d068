//! What can go wrong in a run.

use camerafleet_footage::{
    chain::ReadError, disclosure::Malformed, disclosure::job::Ending, log::LogError, package::PackageError,
    vault::VaultError,
};

/// A sentence with a next step, without credentials, numbers and times.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The request is gone or another one.
    #[error(
        "The DisclosureRequest is gone or another one than this job was made for, so nothing was opened: create another DisclosureRequest."
    )]
    NotOurRequest,
    /// The API server did not answer as expected.
    #[error(
        "The objects that a decision needs could not be read ({why}): look whether the ServiceAccount disclosure may read them and whether the API server can be reached."
    )]
    Api {
        /// What it said.
        why: String,
    },
    /// The log could not be read, or was altered.
    #[error("The log could not be read, so nothing was opened: {0}.")]
    Log(Box<LogError>),
    /// The Intent that the operator named is not in the log, or is another request's.
    #[error(
        "The log does not prove that this release is intended, so nothing was opened: see who made this Job."
    )]
    NotIntended,
    /// There is an Outcome already.
    #[error(
        "The log has an outcome of this request already, so nothing was opened: a request is answered once. Create another DisclosureRequest."
    )]
    OutcomeExists,
    /// What the log froze of the request cannot be read.
    #[error("The log's copy of the request cannot be decided on, so nothing was opened: {0}.")]
    Malformed(#[from] Malformed),
    /// The decision is another one now.
    #[error("The job decides otherwise than its Intent, so nothing was opened: {0}")]
    NotAuthorized(String),
    /// The Intent names something else than was decided.
    #[error(
        "The Intent in the log names another {0} than the decision, so nothing was opened: withdraw the request and create another one."
    )]
    OtherThanIntended(&'static str),
    /// A header names a policy that was not decided on.
    #[error(
        "Footage in the window was recorded under a SharingPolicy that was not decided on, so nothing was released: see whether the log lacks a revision, and ask for another window."
    )]
    PolicyNotDecided,
    /// The window has only just ended.
    #[error(
        "Footage in the window is of a recorder that has only just begun and is not in the log yet; the job tries again."
    )]
    StreamNotLogged,
    /// There is nothing.
    #[error(
        "Nothing that can be opened is stored of what was asked for: ask for a window in which the cameras recorded and whose keys are kept."
    )]
    NothingStored,
    /// The Sealed form is not possible.
    #[error("{0}.")]
    NotWhole(PackageError),
    /// The owners' shares do not give the keys.
    #[error(
        "The owners' releases do not open the footage ({0}): let the owners approve again with kubectl footage approve."
    )]
    Shares(String),
    /// The store failed.
    #[error(
        "The store failed to {doing}: look whether it can be reached and what the disclosure credential may do ({why})."
    )]
    Store {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        why: String,
    },
    /// Vault failed.
    #[error("Vault did not do what a release needs: {0}.")]
    Vault(#[from] VaultError),
    /// The package could not be written.
    #[error("The package could not be written: {0}.")]
    Package(PackageError),
    /// The pod's files.
    #[error("{what} cannot be used: {why}; the operator mounts it.")]
    Setup {
        /// Which file.
        what: String,
        /// Why not.
        why: String,
    },
    /// More window keys than one request may have.
    #[error(
        "There are more window keys in the window than one request may have: ask for a shorter window or fewer cameras."
    )]
    TooManyWindows,
}

impl JobError {
    /// One word for a condition.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotOurRequest => "NotOurRequest",
            Self::Api { .. } => "ObjectsUnreadable",
            Self::Log(_) => "LogUnproven",
            Self::NotIntended => "NotIntended",
            Self::OutcomeExists => "OutcomeExists",
            Self::Malformed(_) => "RequestMalformed",
            Self::NotAuthorized(_) => "NotAuthorized",
            Self::OtherThanIntended(_) => "OtherThanIntended",
            Self::PolicyNotDecided => "PolicyNotDecided",
            Self::StreamNotLogged => "StreamNotLogged",
            Self::NothingStored => "NothingStored",
            Self::NotWhole(_) => "NotWhole",
            Self::Shares(_) => "SharesIncomplete",
            Self::Store { .. } => "StoreFailed",
            Self::Vault(_) => "VaultFailed",
            Self::Package(_) => "PackageFailed",
            Self::Setup { .. } => "Misconfigured",
            Self::TooManyWindows => "TooManyWindows",
        }
    }

    /// How a run ends that met it.
    pub fn ending(&self) -> Ending {
        match self {
            Self::Api { .. } | Self::Store { .. } | Self::Vault(_) | Self::StreamNotLogged => Ending::Failed,
            Self::Package(PackageError::Io(_) | PackageError::Manifest(_)) => Ending::Failed,
            Self::Log(error) if matches!(**error, LogError::Store { .. } | LogError::Timeout { .. }) => {
                Ending::Failed
            }
            _ => Ending::Refused,
        }
    }

    pub(super) fn store(doing: &'static str) -> impl Fn(object_store::Error) -> Self {
        move |error| Self::Store { doing, why: error.to_string() }
    }
}

impl From<LogError> for JobError {
    fn from(error: LogError) -> Self {
        Self::Log(Box::new(error))
    }
}

impl From<ReadError> for JobError {
    fn from(error: ReadError) -> Self {
        Self::Store { doing: "read the cameras' footage", why: error.to_string() }
    }
}

impl From<PackageError> for JobError {
    fn from(error: PackageError) -> Self {
        match error {
            PackageError::NotWhole { .. } => Self::NotWhole(error),
            error => Self::Package(error),
        }
    }
}
