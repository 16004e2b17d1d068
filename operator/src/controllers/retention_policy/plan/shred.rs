//! Which keys go, step by step.

use std::collections::BTreeMap;

use camerafleet_crds::DestroyIntent;
use camerafleet_footage::{
    ids::PolicyId,
    layout::Epoch,
    retention::{EpochUse, InUse, Shred, Terms, due_at, shred},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::super::intents::MAX_INTENTS;

/// What is to be done with a policy's keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shredding {
    /// Found due: to be recorded, and nothing else before that.
    pub new: Vec<DestroyIntent>,
    /// Recorded and not yet allowed: Vault is to be told.
    pub allow: Vec<String>,
    /// Recorded and no longer due, as after the policy was made longer: Vault is to be told, then forgotten.
    pub withdraw: Vec<DestroyIntent>,
    /// Recorded, and Vault has them no more.
    pub gone: Vec<DestroyIntent>,
    /// Recorded and still to be done, those to be allowed included.
    pub standing: Vec<DestroyIntent>,
    /// The start of the oldest epoch that has a key.
    pub oldest_key: Option<Timestamp>,
    /// When something comes due that is not yet.
    pub next: Option<Timestamp>,
    /// A key is due and kept only because a hold's copies are to be made first.
    pub waits_for_copies: bool,
    /// A key is due and kept only because a recorder may still use it.
    pub waits_for_recorders: bool,
}

impl Shredding {
    /// Vault did not say which keys there are: everything stays as it is.
    pub fn unknown(standing: &[DestroyIntent]) -> Self {
        Self { standing: standing.to_vec(), ..Self::default() }
    }

    /// What is gone is not told yet, and stands until it is.
    pub fn keep_gone(&mut self) {
        self.standing.append(&mut self.gone);
    }
}

/// Decides on epochs' keys; `recorded` is about these only. `newest` has the oldest epochs that may be due; none if the
/// store did not say.
pub fn shredding(
    policy: &PolicyId,
    terms: Terms,
    recorded: &[DestroyIntent],
    keys: &BTreeMap<Epoch, String>,
    newest: Option<&BTreeMap<Epoch, Option<Timestamp>>>,
    used: &EpochUse,
    now: Timestamp,
) -> Shredding {
    let mut plan = Shredding { oldest_key: keys.keys().map(Epoch::start).min(), ..Shredding::default() };
    let by_name: BTreeMap<&str, &Epoch> = keys.iter().map(|(epoch, name)| (name.as_str(), epoch)).collect();
    let decide = |epoch: &Epoch| {
        let past = due_at(epoch.end(), terms.keep_for);
        if now < past && !terms.retired {
            return Some(Shred::Wait(past));
        }
        // Not looked at, or the store did not say: nothing is known of it.
        let newest = newest?.get(epoch)?;
        Some(shred(policy, epoch, used, *newest, terms, now))
    };
    for intent in recorded {
        match by_name.get(intent.key.as_str()).map(|epoch| decide(epoch)) {
            None => plan.gone.push(intent.clone()),
            Some(Some(Shred::Wait(_) | Shred::InUse(_))) => plan.withdraw.push(intent.clone()),
            Some(decided) => {
                if decided == Some(Shred::Destroy) && !intent.allowed {
                    plan.allow.push(intent.key.clone());
                }
                plan.standing.push(intent.clone());
            }
        }
    }
    for (epoch, name) in keys {
        if recorded.iter().any(|intent| intent.key == *name) {
            continue;
        }
        match decide(epoch) {
            Some(Shred::Destroy) if recorded.len() + plan.new.len() < MAX_INTENTS => {
                plan.new.push(DestroyIntent {
                    key: name.clone(),
                    epoch_end: Some(Time(epoch.end())),
                    intended_at: Time(now),
                    log_index: None,
                    allowed: false,
                    shred: terms.keep_for.as_secs() == 0,
                });
            }
            Some(Shred::Wait(at)) => plan.next = plan.next.into_iter().chain([at]).min(),
            Some(Shred::InUse(InUse::Uncopied)) => plan.waits_for_copies = true,
            Some(Shred::InUse(_)) => plan.waits_for_recorders = true,
            _ => {}
        }
    }
    plan
}
