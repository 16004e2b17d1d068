//! When an epoch is closed, and when its key goes.

use std::collections::BTreeSet;

use camerafleet_crds::Span;
use jiff::Timestamp;

use super::{Terms, due_at};
use crate::{
    ids::PolicyId,
    layout::{Epoch, epoch_key_name, parse_epoch_key_name},
    shard::ShardStatus,
};

/// What one recorder says of the epochs that it still writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorder {
    /// It does not answer, or not in a way that tells: it counts as pending until its spool gives up.
    Silent,
    /// It has something open or waiting for the store.
    Pending {
        /// All epochs of it, of the cameras that name them all.
        exactly: BTreeSet<(PolicyId, Epoch)>,
        /// For each of the other cameras: the oldest epoch of it.
        oldest: Vec<(PolicyId, Epoch)>,
    },
}

impl Recorder {
    /// From its answer, if there was one.
    pub fn of(answer: Option<&ShardStatus>) -> Self {
        answer.and_then(Self::told).unwrap_or(Self::Silent)
    }

    fn told(answer: &ShardStatus) -> Option<Self> {
        let (mut exactly, mut oldest) = (BTreeSet::new(), Vec::new());
        for camera in answer.cameras.values() {
            match &camera.pending_epochs {
                Some(names) => {
                    for name in names {
                        exactly.insert(parse_epoch_key_name(name).ok()?);
                    }
                }
                None => {
                    if let Some(name) = &camera.oldest_pending_epoch {
                        oldest.push(parse_epoch_key_name(name).ok()?);
                    }
                }
            }
        }
        for name in &answer.other_pending_epochs {
            exactly.insert(parse_epoch_key_name(name).ok()?);
        }
        // Something waits on its disk that none of its cameras accounts for.
        let unaccounted = exactly.is_empty() && oldest.is_empty() && answer.spool_bytes > 0;
        (!unaccounted).then_some(Self::Pending { exactly, oldest })
    }

    /// Whether it may still write under the epoch's key; `given_up` says that its spool no longer holds
    /// anything that was sealed in time.
    fn may_write(&self, policy: &PolicyId, epoch: &Epoch, given_up: bool) -> bool {
        match self {
            Self::Silent => !given_up,
            Self::Pending { exactly, oldest } => {
                exactly.iter().any(|(of, pending)| of == policy && pending == epoch)
                    || oldest.iter().any(|(of, oldest)| {
                        // A camera that names its oldest epoch only: any later one may wait behind it. Under
                        // another policy, as after a change of policies, that ends with the spool's patience.
                        oldest.start() <= epoch.start() && (of == policy || !given_up)
                    })
            }
        }
    }
}

/// Who may still use an epoch's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochUse {
    /// The names of the keys that some recorder's configuration lists.
    pub listed: BTreeSet<String>,
    /// Every recorder of the tenant that runs.
    pub recorders: Vec<Recorder>,
    /// After this a recorder gives up what it could not store.
    pub max_age: Span,
    /// Epochs of the policy of which a hold's copies are still to be made.
    pub uncopied: BTreeSet<Epoch>,
}

/// Why an epoch is not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InUse {
    /// It is not over, or has not begun.
    NotOver,
    /// A recorder's configuration lists its key.
    Listed,
    /// A recorder has, or may have, a segment of it that is open or waits for the store.
    Pending,
    /// A hold's copies of its shares are still to be made.
    Uncopied,
}

/// What is to be done with an epoch's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shred {
    /// Destroy it.
    Destroy,
    /// Not before this moment.
    Wait(Timestamp),
    /// Not while this is so.
    InUse(InUse),
}

/// Why the epoch is not closed; none if it is. Under a retired policy an epoch that no recorder uses is closed before
/// its end.
pub fn still_open(
    policy: &PolicyId,
    epoch: &Epoch,
    used: &EpochUse,
    terms: Terms,
    now: Timestamp,
) -> Option<InUse> {
    if now < epoch.end() && !terms.retired {
        return Some(InUse::NotOver);
    }
    if used.listed.contains(&epoch_key_name(policy, epoch)) {
        return Some(InUse::Listed);
    }
    let given_up = due_at(epoch.end(), used.max_age) <= now;
    let pending = used.recorders.iter().any(|recorder| recorder.may_write(policy, epoch, given_up));
    pending.then_some(InUse::Pending)
}

/// When the key of a closed epoch is due: the time of its newest segment counts, and never from before the
/// epoch's end. So it makes no difference whether what is due was deleted before or after someone looked. A retired
/// policy's key that opens nothing is due at once: those that were made ahead would otherwise keep their policy.
pub fn key_due_at(epoch: &Epoch, newest: Option<Timestamp>, terms: Terms) -> Timestamp {
    match newest {
        None if terms.retired => Timestamp::MIN,
        newest => due_at(newest.unwrap_or(epoch.end()).max(epoch.end()), terms.keep_for),
    }
}

/// Decides on an epoch's key. `newest` is the newest segment's [`super::counts_from`] among those that are
/// stored, due ones included; that some of them could not be deleted keeps no key alive.
pub fn shred(
    policy: &PolicyId,
    epoch: &Epoch,
    used: &EpochUse,
    newest: Option<Timestamp>,
    terms: Terms,
    now: Timestamp,
) -> Shred {
    let due = key_due_at(epoch, newest, terms);
    if now < due {
        return Shred::Wait(due);
    }
    match still_open(policy, epoch, used, terms, now) {
        Some(why) => Shred::InUse(why),
        None if used.uncopied.contains(epoch) => Shred::InUse(InUse::Uncopied),
        None => Shred::Destroy,
    }
}
