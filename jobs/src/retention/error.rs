//! What can go wrong in a run.

use camerafleet_footage::{log::LogError, retention::Outcome, vault::VaultError};

/// A sentence with a next step, without credentials. What it says of numbers and times is in the log, not in
/// the condition that is made of it.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The RetentionPolicy is not what the job was made for.
    #[error(
        "The RetentionPolicy is gone or another one than this job was made for, so nothing was deleted: the operator makes the job anew for the present one."
    )]
    NotOurPolicy,
    /// The RetentionPolicy could not be read.
    #[error(
        "The RetentionPolicy could not be read, so nothing more was deleted ({why}): look whether the ServiceAccount retention may get it and whether the API server can be reached."
    )]
    Policy {
        /// What the API server said.
        why: String,
    },
    /// The holds could not be read.
    #[error(
        "The LegalHolds could not be read, so nothing more was deleted ({why}): look whether the ServiceAccount retention may list them and whether the API server can be reached."
    )]
    Holds {
        /// What the API server said.
        why: String,
    },
    /// What the log says of holds could not be read.
    #[error(
        "What the log says of holds could not be read, so nothing was deleted: see the Tenant's LogReady and VaultReady ({0})"
    )]
    HoldsUnknown(Box<JobError>),
    /// The log has an open hold that the cluster has not.
    #[error(
        "The log has the hold {id} open and there is no such LegalHold, so nothing was deleted: the cluster was restored to a state of before it. Create it again from its backup with the annotation camerafleet.io/id: {id}; deletion goes on by itself when the hold would have ended."
    )]
    HoldLost {
        /// The hold's lasting identity.
        id: String,
    },
    /// A hold's copies could not be made.
    #[error("What the hold {hold} needs could not be copied, so its segments' keys stay: {why}.")]
    Copy {
        /// The hold's lasting identity.
        hold: String,
        /// Why not.
        why: String,
    },
    /// The clocks disagree.
    #[error(
        "The job's clock and {whose} disagree by over five minutes, so nothing was deleted: set the clocks of the cluster's nodes and of the store by NTP."
    )]
    Clock {
        /// Whose clock it is compared with.
        whose: &'static str,
    },
    /// A clock could not be read.
    #[error(
        "The time of {whose} could not be read ({why}), so nothing was deleted: look whether it can be reached from the tenant's namespace and sends a Date header."
    )]
    NoClock {
        /// Whose clock.
        whose: &'static str,
        /// Why not.
        why: String,
    },
    /// The store refused or did not answer.
    #[error(
        "The store failed to {doing}: look whether it can be reached and what the retention credential may do ({source})."
    )]
    Store {
        /// What was being done.
        doing: String,
        /// Why it failed.
        source: object_store::Error,
    },
    /// Some objects could not be deleted.
    #[error(
        "Some objects that are due could not be deleted: look what the retention credential may do, and whether the bucket locks objects ({example})."
    )]
    NotDeleted {
        /// What the store said of the first.
        example: String,
    },
    /// Vault refused or did not answer.
    #[error("A key that is due could not be destroyed: {0}.")]
    Vault(#[from] VaultError),
    /// The operator gave no log to look into.
    #[error(
        "The operator gave this job no log, so no key was destroyed: see the Tenant's LogReady, and the Secret of log.s3.readerCredentialsSecret."
    )]
    NoLog,
    /// The log could not be read, or was altered.
    #[error("That a key is to be destroyed could not be found in the log, so it was not: {0}.")]
    Log(Box<LogError>),
    /// The log says something else.
    #[error(
        "A key is named for destruction whose intent is not in the log, so it was not destroyed: see who wrote to the RetentionPolicy's status."
    )]
    NotIntended,
    /// The pod's files.
    #[error("{what} cannot be used: {why}; the operator mounts it.")]
    Setup {
        /// Which file.
        what: String,
        /// Why not.
        why: String,
    },
}

impl JobError {
    /// One word for a condition.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotOurPolicy => "NotOurPolicy",
            Self::Policy { .. } => "PolicyUnreadable",
            Self::Holds { .. } | Self::HoldsUnknown(_) => "HoldsUnreadable",
            Self::HoldLost { .. } => "HoldLost",
            Self::Copy { .. } => "HoldNotCopied",
            Self::Clock { .. } | Self::NoClock { .. } => "ClocksDisagree",
            Self::Store { .. } => "StoreFailed",
            Self::NotDeleted { .. } => "ObjectsRemain",
            Self::Vault(_) => "KeysRemain",
            Self::NoLog | Self::Log(_) | Self::NotIntended => "LogUnproven",
            Self::Setup { .. } => "Misconfigured",
        }
    }

    /// Whether it is not known what is held.
    pub(super) fn is_about_holds(&self) -> bool {
        matches!(self, Self::Holds { .. } | Self::HoldsUnknown(_) | Self::HoldLost { .. })
    }

    /// How a run ends that met it.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::NotOurPolicy
            | Self::Clock { .. }
            | Self::NoClock { .. }
            | Self::HoldLost { .. }
            | Self::Setup { .. } => Outcome::Refused,
            Self::Policy { .. }
            | Self::Holds { .. }
            | Self::HoldsUnknown(_)
            | Self::Copy { .. }
            | Self::Store { .. }
            | Self::NotDeleted { .. }
            | Self::Vault(_)
            | Self::NoLog
            | Self::Log(_)
            | Self::NotIntended => Outcome::Incomplete,
        }
    }
}
