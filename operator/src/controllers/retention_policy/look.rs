//! What a policy's plan needs to know of the store.

use std::collections::{BTreeMap, BTreeSet};

use camerafleet_crds::RetentionPolicy;
use camerafleet_footage::{
    hold::{HeldEpoch, HoldReport},
    ids::{HoldId, PolicyId, TenantId},
    layout::{Epoch, footage_prefix, parse_epoch_key_name},
    retention::{
        Terms, due_at, key_due_at,
        listing::{self, Place},
    },
};
use futures::TryStreamExt as _;
use jiff::Timestamp;
use object_store::{ObjectStore as _, path::Path};

use super::{
    gather::{Listed, Observed},
    intents::MAX_INTENTS,
    store::TenantStore,
};
use crate::controllers::legal_hold;

/// What keeps a deleted policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Segments.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the last key is due.
    pub until: Option<Timestamp>,
}

/// The oldest epochs that may be due, and whether segments are left where that decides something.
pub(super) type Looked = (Listed<BTreeMap<Epoch, Found>>, Option<Listed<bool>>);

/// What was found of an epoch.
pub(super) struct Found {
    /// From when on its newest segment's time counts.
    pub newest: Option<Timestamp>,
    segments: u64,
    bytes: u64,
    copied: bool,
}

pub(super) fn left(found: &BTreeMap<Epoch, Found>, terms: Terms) -> Left {
    let dues =
        found.iter().filter(|(_, f)| f.newest.is_some()).map(|(epoch, f)| key_due_at(epoch, f.newest, terms));
    Left {
        objects: found.values().map(|f| f.segments).sum(),
        bytes: found.values().map(|f| f.bytes).sum(),
        until: dues.max(),
    }
}

pub(super) fn uncopied(found: &BTreeMap<Epoch, Found>) -> BTreeSet<Epoch> {
    found.iter().filter(|(_, found)| !found.copied).map(|(epoch, _)| *epoch).collect()
}

/// Looks.
pub(super) async fn look(policy: &RetentionPolicy, observed: &Observed, now: Timestamp) -> Looked {
    let (Ok(store), Ok(keys)) = (&observed.store, &observed.keys) else { return (Ok(BTreeMap::new()), None) };
    let place = Place {
        prefix: store.config.prefix.clone(),
        tenant: observed.tenant_id.clone(),
        policy: observed.policy_id.clone(),
    };
    // Said in few words: the whole error names hosts and numbers that change.
    let told = |error: object_store::Error| {
        tracing::warn!(policy = %observed.policy_id, %error, "cannot look into the tenant's store");
        "it refused or did not answer; the operator's log has the details".to_owned()
    };
    let terms = Terms::of(policy);
    let may_be_due = |epoch: &&Epoch| terms.retired || due_at(epoch.end(), terms.keep_for) <= now;
    let (mut newest, mut reports) = (BTreeMap::new(), BTreeMap::new());
    for epoch in keys.keys().filter(may_be_due).take(MAX_INTENTS) {
        let found = match place.survey(&*store.client, epoch, &observed.holds).await {
            Ok(survey) => match is_copied(epoch, &survey.held, observed, store, &mut reports).await {
                Ok(copied) => {
                    Found { newest: survey.newest, segments: survey.segments, bytes: survey.bytes, copied }
                }
                Err(error) => return (Err(told(error)), None),
            },
            Err(error) => return (Err(told(error)), None),
        };
        newest.insert(*epoch, found);
    }
    if !terms.retired || !keys.is_empty() {
        return (Ok(newest), None);
    }
    (Ok(newest), Some(segments_left(&place, store).await.map_err(told)))
}

/// Whether the job has reported copies of all that the holds have of an epoch. It looks again itself before the key goes.
async fn is_copied(
    epoch: &Epoch,
    held: &[HeldEpoch],
    observed: &Observed,
    store: &TenantStore,
    reports: &mut BTreeMap<HoldId, HoldReport>,
) -> object_store::Result<bool> {
    for (hold, held) in observed.holds.iter().zip(held).filter(|(_, held)| held.segments > 0) {
        let Some(id) = &hold.id else { return Ok(false) };
        if !reports.contains_key(id) {
            let report = legal_hold::report(store, &observed.tenant_id, id, &observed.policy_id).await?;
            reports.insert(id.clone(), report.unwrap_or_default());
        }
        if !reports[id].epochs.get(epoch).is_some_and(|copied| copied.is_same(held)) {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn segments_left(place: &Place, store: &TenantStore) -> object_store::Result<bool> {
    for epoch in place.epochs(&*store.client).await?.0 {
        let mut objects = place.objects(&*store.client, &epoch);
        while let Some(found) = objects.try_next().await? {
            if matches!(found, listing::Found::Segment(_)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The policies that have keys or footage and are there no more.
pub(super) async fn orphaned(
    store: &TenantStore,
    tenant: &TenantId,
    keys: &[String],
    there: &BTreeSet<&str>,
) -> object_store::Result<BTreeSet<String>> {
    let folder = footage_prefix(&store.config.prefix, tenant);
    let folder = Path::parse(folder).map_err(|source| object_store::Error::InvalidPath { source })?;
    let folders = store.client.list_with_delimiter(Some(&folder)).await?.common_prefixes;
    let with_footage = folders.iter().filter_map(|folder| PolicyId::parse(folder.filename()?).ok());
    let with_keys = keys.iter().filter_map(|name| parse_epoch_key_name(name).ok()).map(|(policy, _)| policy);
    let all = with_footage.chain(with_keys).map(|policy| policy.to_string());
    Ok(all.filter(|policy| !there.contains(policy.as_str())).collect())
}
