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
    /// All of it was looked at; else there may be more, and the last key may be due sooner.
    pub all: bool,
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

/// What keeps a deleted policy; none for one that is in force, and where Vault and the store did not both say.
pub(super) fn left(
    terms: Terms,
    keys: Option<&BTreeMap<Epoch, String>>,
    found: &Listed<BTreeMap<Epoch, Found>>,
) -> Option<Left> {
    let (keys, found) = (keys.filter(|_| terms.retired)?, found.as_ref().ok()?);
    let stored = found.iter().filter(|(_, found)| found.newest.is_some());
    let dues = stored.map(|(epoch, found)| key_due_at(epoch, found.newest, terms));
    // As if the newest of those that were not looked at had a segment.
    let beyond = keys.keys().next_back().filter(|newest| !found.contains_key(newest));
    let last = beyond.map(|epoch| key_due_at(epoch, Some(epoch.end()), terms));
    Some(Left {
        objects: found.values().map(|f| f.segments).sum(),
        bytes: found.values().map(|f| f.bytes).sum(),
        until: dues.chain(last).max(),
        all: beyond.is_none(),
    })
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

#[cfg(test)]
mod tests {
    use camerafleet_crds::Span;

    use super::*;

    fn epoch(minute: i64) -> Epoch {
        Epoch::new(1_795_611_600 + minute * 60, 60).unwrap()
    }

    fn keys(minutes: i64) -> BTreeMap<Epoch, String> {
        (0..minutes).map(|n| (epoch(n), String::new())).collect()
    }

    /// One segment in each of the oldest epochs.
    fn found(minutes: i64) -> Listed<BTreeMap<Epoch, Found>> {
        let one = |n| Found { newest: Some(epoch(n).end()), segments: 1, bytes: 10, copied: true };
        Ok((0..minutes).map(|n| (epoch(n), one(n))).collect())
    }

    #[test]
    fn what_is_left_is_told_as_far_as_it_is_known() {
        let terms = Terms { keep_for: Span::minutes(3), retired: true };
        let due = |minute| Some(due_at(epoch(minute).end(), terms.keep_for));
        let three = keys(3);
        let told = |objects, until, all| Some(Left { objects, bytes: objects * 10, until, all });
        assert_eq!(left(terms, Some(&three), &found(3)), told(3, due(2), true));
        assert_eq!(
            left(terms, Some(&three), &found(2)),
            told(2, due(2), false),
            "more than one look reaches"
        );
        assert_eq!(left(terms, Some(&keys(0)), &found(0)), told(0, None, true));
        assert_eq!(left(terms, None, &found(0)), None, "Vault or the store is away");
        assert_eq!(left(terms, Some(&three), &Err("it is away".to_owned())), None);
        assert_eq!(left(Terms { retired: false, ..terms }, Some(&three), &found(3)), None);
    }
}
