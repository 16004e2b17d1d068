//! Copies the epoch shares of held segments to their holds' keys, each read back, so that the epochs' keys can be
//! destroyed on time for everything else. It writes sidecars and its report of them, and reads headers only.

use std::collections::{BTreeMap, BTreeSet};

use camerafleet_footage::{
    hold::{
        HeldEpoch, HeldNames, Hold, HoldError, HoldReport, HoldTerms, Holds, Sidecar, check_sidecars,
        hold_report_key, make_sidecars,
    },
    ids::HoldId,
    layout::{Epoch, hold_key_name, sidecar_key},
    retention::listing::{Place, Stored},
    seal::{AuthenticatedHeader, MAX_HEADER_BYTES, OpenError, PublicKey, SealedHeader, SegmentExpectation},
    vault::{MAX_BATCH, Vault, VaultError},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::{GetOptions, GetRange, ObjectStoreExt as _, path::Path};
use tokio::time::Instant;

use super::{Job, JobError, PolicySource, Report, session::Session};

/// Requests at once.
const CONCURRENCY: usize = 8;
/// Most headers are shorter.
const HEADER_GUESS: u64 = 8 << 10;

/// Copies for every hold what is not copied yet. What fails for one hold is reported and keeps no other.
pub(super) async fn copy<P: PolicySource>(
    job: &Job<P>,
    place: &Place,
    epochs: &BTreeSet<Epoch>,
    holds: &Holds,
    session: &mut Session,
    started: Instant,
    report: &mut Report,
) {
    for hold in holds.iter() {
        // The operator is about to give it one.
        let Some(id) = &hold.id else { continue };
        if let Err(error) = copy_for(job, place, epochs, (id, &hold.terms), session, started, report).await {
            report.failed(&error);
        }
    }
}

async fn copy_for<P: PolicySource>(
    job: &Job<P>,
    place: &Place,
    epochs: &BTreeSet<Epoch>,
    (id, terms): (&HoldId, &HoldTerms),
    session: &mut Session,
    started: Instant,
    report: &mut Report,
) -> Result<(), JobError> {
    let key = hold_report_key(&place.prefix, &place.tenant, id, &place.policy);
    let before = read_report(job, &key).await?;
    let mut known = BTreeMap::new();
    let mut keys = None;
    for epoch in epochs.iter().filter(|epoch| terms.may_touch(epoch)) {
        let held = sum(job, place, epoch, terms).await?;
        if held.segments == 0 {
            continue;
        }
        if let Some(same) = before.epochs.get(epoch).filter(|copied| copied.is_same(&held)) {
            known.insert(*epoch, same.clone());
            continue;
        }
        if started.elapsed() > job.time_limit {
            report.left_over();
            return Ok(());
        }
        let vault = session.vault(job).await?;
        let keys = match &mut keys {
            Some(keys) => keys,
            keys => match hold_key(job, &vault, id).await? {
                Some(hold) => keys.insert(hold),
                // The operator is about to make it.
                None => return Ok(()),
            },
        };
        known.insert(*epoch, copy_epoch(job, place, epoch, (keys, terms), &vault).await?);
        // A run that is killed now goes on from here.
        let so_far = before.epochs.iter().chain(&known).map(|(e, held)| (*e, held.clone())).collect();
        write_report(job, &key, &HoldReport { looked_at: before.looked_at, epochs: so_far }).await?;
    }
    let new = HoldReport { looked_at: before.looked_at.or(Some((job.now)())), epochs: known };
    if new != before {
        write_report(job, &key, &new).await?;
    }
    Ok(())
}

/// The hold with its key; none while the operator has not made it.
pub(super) async fn hold_key<P: PolicySource>(
    job: &Job<P>,
    vault: &Vault,
    id: &HoldId,
) -> Result<Option<Hold>, JobError> {
    let name = hold_key_name(id);
    let pem = match vault.public_key(&job.config.vault.mount, &name).await {
        Ok(pem) => pem,
        Err(VaultError::NoSuchKey { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let unusable = |why: String| JobError::Copy { hold: id.to_string(), why };
    let key = PublicKey::from_pem(&name, &pem).map_err(|e| unusable(e.to_string()))?;
    Hold::new(id.clone(), key).map(Some).map_err(|e| unusable(e.to_string()))
}

async fn sum<P: PolicySource>(
    job: &Job<P>,
    place: &Place,
    epoch: &Epoch,
    terms: &HoldTerms,
) -> Result<HeldEpoch, JobError> {
    let mut names = HeldNames::default();
    let mut held = place.held(&*job.store, epoch, terms);
    while let Some(segment) = held.try_next().await.map_err(|source| store(LISTING, source))? {
        names.add(&segment.name, segment.size);
    }
    Ok(names.sum(0))
}

/// Sees to it that every segment of an epoch that a hold covers has its sidecar, and reads each of them back.
pub(super) async fn copy_epoch<P: PolicySource>(
    job: &Job<P>,
    place: &Place,
    epoch: &Epoch,
    (hold, terms): (&Hold, &HoldTerms),
    vault: &Vault,
) -> Result<HeldEpoch, JobError> {
    let (mut names, mut copied) = (HeldNames::default(), 0);
    let held = place.held(&*job.store, epoch, terms).map_err(|source| store(LISTING, source));
    let mut chunks = std::pin::pin!(held.try_chunks(MAX_BATCH).map_err(|error| error.1));
    while let Some(chunk) = chunks.try_next().await? {
        chunk.iter().for_each(|segment| names.add(&segment.name, segment.size));
        let headers: Vec<_> = stream::iter(chunk)
            .map(|segment| async move { header(job, &segment).await })
            .buffered(CONCURRENCY)
            .try_collect()
            .await?;
        copied += copy_chunk(job, hold, headers.into_iter().flatten().collect(), vault).await?;
    }
    Ok(names.sum(copied))
}

/// One of a segment that nobody can open has no share to be copied.
async fn header<P: PolicySource>(
    job: &Job<P>,
    segment: &Stored,
) -> Result<Option<AuthenticatedHeader>, JobError> {
    let path = &segment.path;
    let mut parsed = Err(OpenError::Truncated { part: "header" });
    for length in [HEADER_GUESS, MAX_HEADER_BYTES as u64 + 1] {
        if segment.size == 0 {
            break;
        }
        let options = GetOptions { range: Some(GetRange::Bounded(0..length)), ..GetOptions::default() };
        let bytes = async { job.store.get_opts(path, options).await?.bytes().await };
        let bytes = match bytes.await {
            Ok(bytes) => bytes,
            // Another run, or somebody, was faster.
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(source) => return Err(store("read a held segment's header", source)),
        };
        parsed = SealedHeader::parse(&bytes);
        if !matches!(parsed, Err(OpenError::Truncated { .. })) || (bytes.len() as u64) < length {
            break;
        }
    }
    let (tenant, camera) = (job.config.tenant.clone(), segment.name.camera.clone());
    let header = parsed.and_then(|header| {
        header.identity.check_name(&segment.name)?;
        header.authenticate(&SegmentExpectation { tenant, camera, stream_key: None })
    });
    match header {
        Ok(header) => Ok(Some(header)),
        Err(error) => {
            tracing::warn!(object = %path, %error, "a held segment is kept, but cannot be opened by anyone");
            Ok(None)
        }
    }
}

async fn copy_chunk<P: PolicySource>(
    job: &Job<P>,
    hold: &Hold,
    headers: Vec<AuthenticatedHeader>,
    vault: &Vault,
) -> Result<u64, JobError> {
    let mount = &job.config.vault.mount;
    let stored = read_sidecars(job, hold, &headers).await?;
    let (mut copied, mut missing) = (0, Vec::new());
    let mut there = Vec::new();
    for (header, sidecar) in headers.iter().zip(&stored) {
        match sidecar {
            Some(bytes) => there.push((header, bytes.as_slice())),
            None => missing.push(header),
        }
    }
    for ((header, _), result) in there.iter().zip(check_sidecars(vault, mount, hold, &there).await?) {
        match outcome(hold, result)? {
            Checked::Right => copied += 1,
            Checked::Wrong => missing.push(header),
            Checked::Unopenable => {}
        }
    }
    let made = make_sidecars(vault, mount, hold, &missing).await?;
    let mut written = Vec::new();
    for (header, sidecar) in missing.into_iter().zip(made) {
        match sidecar {
            Ok(sidecar) => written.push((header.clone(), sidecar)),
            Err(error) => _ = outcome(hold, Err(error))?,
        }
    }
    stream::iter(written.iter().map(Ok))
        .try_for_each_concurrent(CONCURRENCY, |(_, sidecar)| write_sidecar(job, sidecar))
        .await?;
    // Read back from the store, and checked while the epoch's key is there.
    let headers: Vec<_> = written.into_iter().map(|(header, _)| header).collect();
    let back = read_sidecars(job, hold, &headers).await?;
    let back: Vec<_> = headers
        .iter()
        .zip(&back)
        .map(|(header, bytes)| (header, bytes.as_deref().unwrap_or_default()))
        .collect();
    for result in check_sidecars(vault, mount, hold, &back).await? {
        match outcome(hold, result)? {
            Checked::Right => copied += 1,
            Checked::Wrong => {
                let why = "a sidecar was not read back as it was written".to_owned();
                return Err(JobError::Copy { hold: hold.id().to_string(), why });
            }
            Checked::Unopenable => {}
        }
    }
    Ok(copied)
}

/// What a segment's copy is.
enum Checked {
    /// As it should be.
    Right,
    /// To be made anew.
    Wrong,
    /// There is nothing to copy: the epoch's key is gone, or never opened it.
    Unopenable,
}

fn outcome(hold: &Hold, result: Result<(), HoldError>) -> Result<Checked, JobError> {
    match result {
        Ok(()) => Ok(Checked::Right),
        Err(
            HoldError::Vault(VaultError::NoSuchKey { .. } | VaultError::Undecryptable { .. })
            | HoldError::NotASecret { .. },
        ) => Ok(Checked::Unopenable),
        Err(HoldError::Vault(error)) => Err(error.into()),
        Err(HoldError::Malformed { .. } | HoldError::Misplaced { .. } | HoldError::WrongCopy) => {
            Ok(Checked::Wrong)
        }
        Err(error) => Err(JobError::Copy { hold: hold.id().to_string(), why: error.to_string() }),
    }
}

async fn read_sidecars<P: PolicySource>(
    job: &Job<P>,
    hold: &Hold,
    headers: &[AuthenticatedHeader],
) -> Result<Vec<Option<Vec<u8>>>, JobError> {
    let (prefix, tenant) = (&job.config.store.prefix, &job.config.tenant);
    let keys: Vec<_> = headers
        .iter()
        .map(|header| sidecar_key(prefix, tenant, hold.id(), &header.header().digest()))
        .collect();
    stream::iter(keys)
        .map(|key| async move { get(job, &key, "read a hold's sidecar").await })
        .buffered(CONCURRENCY)
        .try_collect()
        .await
}

async fn write_sidecar<P: PolicySource>(job: &Job<P>, sidecar: &Sidecar) -> Result<(), JobError> {
    put(job, &sidecar.key(&job.config.store.prefix), sidecar.to_json(), "take a hold's sidecar").await
}

async fn read_report<P: PolicySource>(job: &Job<P>, key: &str) -> Result<HoldReport, JobError> {
    let bytes = get(job, key, "read the report of a hold").await?;
    // One that cannot be read is made anew.
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
}

async fn write_report<P: PolicySource>(job: &Job<P>, key: &str, report: &HoldReport) -> Result<(), JobError> {
    let body = serde_json::to_vec(report)
        .map_err(|e| JobError::Setup { what: "The report of a hold".to_owned(), why: e.to_string() })?;
    put(job, key, body, "take the report of a hold").await
}

pub(super) async fn get<P>(job: &Job<P>, key: &str, doing: &str) -> Result<Option<Vec<u8>>, JobError> {
    let path = path(key, doing)?;
    let read = async { job.store.get(&path).await?.bytes().await };
    match read.await {
        Ok(bytes) => Ok(Some(bytes.to_vec())),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(source) => Err(store(doing, source)),
    }
}

pub(super) async fn put<P>(job: &Job<P>, key: &str, body: Vec<u8>, doing: &str) -> Result<(), JobError> {
    let path = path(key, doing)?;
    job.store.put(&path, body.into()).await.map(drop).map_err(|source| store(doing, source))
}

fn path(key: &str, doing: &str) -> Result<Path, JobError> {
    Path::parse(key).map_err(|source| store(doing, object_store::Error::InvalidPath { source }))
}

const LISTING: &str = "list what is held of an epoch";

fn store(doing: &str, source: object_store::Error) -> JobError {
    JobError::Store { doing: doing.to_owned(), source }
}
