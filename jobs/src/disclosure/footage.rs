//! Which stored segments are released, and what opens them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use camerafleet_footage::{
    chain::{Bodies, Evidence, Kind, Place, Record, Report, StreamAnchor, Window, read, verify},
    disclosure::{Digest32, PolicyDigest, Release},
    ids::{CameraId, StreamId},
    layout::SegmentName,
    package::{CameraFootage, PackageError, RefusedSegment, Segment},
    seal::{
        AuthenticatedHeader, MAX_HEADER_BYTES, OpenError, Previous, SealedHeader, Secret32,
        SegmentExpectation,
    },
    vault::MAX_BATCH,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::SignedDuration;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, path::Path};

use super::{Decided, Job, JobError, Objects, keys::KeyRing, log::Told};

/// Requests at a time.
const CONCURRENCY: usize = 8;
/// What of a segment is read at first: a header of custody `Vault`, and the first chunk of its payload.
const START_GUESS: u64 = 80 << 10;
/// An unproven segment's media begins about when it was opened, or it is not believed.
const NEAR_MS: i64 = 10_000;

/// The operator logs a stream within seconds of its beginning. Until then nobody knows whether a segment is forged.
const STREAMS_ARE_LOGGED: SignedDuration = SignedDuration::from_mins(2);

/// A camera's part of the release.
pub(super) struct Gathered {
    pub camera: CameraId,
    pub name: String,
    pub release: Release,
    pub evidence: Evidence,
    pub refused: Vec<RefusedSegment>,
}

/// All cameras: what is known of each, and its footage.
pub(super) struct Found {
    pub known: Vec<Gathered>,
    pub footage: Vec<CameraFootage>,
}

/// Finds it, and opens the keys of what was granted.
pub(super) async fn find<O: Objects>(
    job: &Job<O>,
    decided: &Decided,
    told: &Told,
    keys: &mut KeyRing,
) -> Result<Found, JobError> {
    let mut found = Found { known: Vec::new(), footage: Vec::new() };
    let mut chosen = Vec::new();
    // Before any key is used, all headers are looked at.
    for (camera, release) in &decided.authorized.cameras {
        let anchors = told.history.anchors(camera);
        let (gathered, segments) = look(job, decided, camera, release, anchors.clone()).await?;
        chosen.push((segments, anchors));
        found.known.push(gathered);
    }
    for (known, (segments, anchors)) in found.known.iter_mut().zip(chosen) {
        let anchors: BTreeMap<_, _> = anchors.into_iter().map(|a| (a.stream, a.public_key)).collect();
        let mut footage = CameraFootage {
            camera: known.camera.clone(),
            name: known.name.clone(),
            window: known.evidence.window,
            segments: Vec::new(),
        };
        let mut batches = segments.chunks(MAX_BATCH);
        let mut started = starts(&*job.store, &anchors, batches.next()).await?;
        while !started.is_empty() {
            // A session lives for minutes, and a day of four cameras has sixty batches.
            if keys.vault.expires_soon() {
                keys.vault = job.keys.session(&job.config.vault).await?;
            }
            let mut refused = Vec::new();
            // While Vault works on one batch, the next is read.
            let opened = open_batch(job, started, keys, &mut footage, &mut refused);
            ((), started) = futures::try_join!(opened, starts(&*job.store, &anchors, batches.next()))?;
            known.refused.append(&mut refused);
        }
        found.footage.push(footage);
    }
    if found.footage.iter().all(|footage| footage.segments.is_empty()) {
        return Err(JobError::NothingStored);
    }
    Ok(found)
}

/// A segment that may be released.
#[derive(Clone)]
struct Chosen {
    key: String,
    name: SegmentName,
    /// Its digest, where something that its stream signed vouches for it and for its time.
    vouched: Option<[u8; 32]>,
}

/// The camera's segments in its window, and what the chain says of them.
async fn look<O: Objects>(
    job: &Job<O>,
    decided: &Decided,
    camera: &CameraId,
    release: &Release,
    anchors: Vec<StreamAnchor>,
) -> Result<(Gathered, Vec<Chosen>), JobError> {
    let config = &job.config;
    let place =
        Place { prefix: config.store.prefix.clone(), tenant: config.tenant.clone(), camera: camera.clone() };
    let ms = |at: jiff::Timestamp| at.as_millisecond();
    // Not a moment more than was granted, whatever is lost of a millisecond.
    let from_ms =
        ms(release.window.from()) + i64::from(release.window.from().as_nanosecond() % 1_000_000 > 0);
    let window = Window { from_ms, to_ms: ms(release.window.to()) };
    let evidence = read(&*job.store, &place, window, anchors, Bodies::Skip).await?;
    let report = verify(&evidence);
    let vouched = vouched(&evidence);
    let (mut chosen, mut refused) = (Vec::new(), Vec::new());
    for segment in &evidence.segments {
        let name = &segment.name;
        if name.start_ms >= window.to_ms || name.end_ms() <= window.from_ms {
            continue;
        }
        let mut refuse = |why: String| refused.push(RefusedSegment { object: segment.key.clone(), why });
        let header = match &segment.header {
            Ok(header) => header,
            Err(why) => {
                refuse(why.clone());
                continue;
            }
        };
        let Some(identity) = header.identity() else {
            if (job.now)() < release.window.to() + STREAMS_ARE_LOGGED {
                return Err(JobError::StreamNotLogged);
            }
            refuse("it is forged: no stream that the log knows has signed it".to_owned());
            continue;
        };
        match believed(&report, &segment.key, name, identity.opened_at.as_millisecond()) {
            Err(why) => refuse(why),
            Ok(proven) => {
                if !release.policies.contains(&PolicyDigest(Digest32(identity.sharing_policy))) {
                    return Err(JobError::PolicyNotDecided);
                }
                let digest = vouched.get(&(&name.stream, name.sequence)).copied();
                let vouched = digest.filter(|_| proven);
                chosen.push(Chosen { key: segment.key.clone(), name: name.clone(), vouched });
            }
        }
    }
    chosen.sort_by(|a, b| (a.name.start_ms, &a.key).cmp(&(b.name.start_ms, &b.key)));
    let name = decided.request.cameras().get(camera).cloned().unwrap_or_default();
    let gathered = Gathered { camera: camera.clone(), name, release: release.clone(), evidence, refused };
    Ok((gathered, chosen))
}

/// The digests of segments, by stream and number, as what follows them in their streams has them.
fn vouched(evidence: &Evidence) -> HashMap<(&StreamId, u64), [u8; 32]> {
    let keys: HashMap<_, _> = evidence.anchors.iter().map(|a| (&a.stream, &a.public_key)).collect();
    let headers = evidence.segments.iter().filter_map(|segment| {
        let identity = segment.header.as_ref().ok()?.identity()?;
        Some((&identity.stream, identity.previous?))
    });
    let records = evidence.records.iter().filter_map(|found| match found.record.as_ref().ok()? {
        Record::Close(close) => {
            close.verify(keys.get(&close.stream)?).ok()?;
            Some((&close.stream, [close.last, None]))
        }
        Record::Loss(loss) => {
            loss.verify(keys.get(&loss.stream)?).ok()?;
            Some((&loss.stream, [Some(loss.segment), loss.previous]))
        }
    });
    let records = records.flat_map(|(stream, said)| said.into_iter().flatten().map(move |one| (stream, one)));
    let entry = |(stream, one): (_, Previous)| ((stream, one.sequence), one.digest);
    headers.chain(records).map(entry).collect()
}

/// Whether the segment is what its name says, and whether anything signed vouches for its time.
fn believed(report: &Report, key: &str, name: &SegmentName, opened_ms: i64) -> Result<bool, String> {
    let own = || report.findings.iter().filter(|finding| finding.object.as_deref() == Some(key));
    if let Some(fault) = own().find(|finding| finding.kind.is_fault() && finding.kind != Kind::Unproven) {
        return Err(fault.sentence.clone());
    }
    let unproven = own().any(|finding| finding.kind == Kind::Unproven);
    if unproven && (name.start_ms - opened_ms).abs() > NEAR_MS {
        return Err("its name claims another time than that at which it was opened".to_owned());
    }
    Ok(!unproven)
}

/// A segment's first bytes.
struct Started {
    chosen: Chosen,
    stream_key: [u8; 32],
    bytes: u64,
    start: Vec<u8>,
    header: Result<AuthenticatedHeader, OpenError>,
}

/// Those of a batch, in its order; none at the end.
async fn starts(
    store: &dyn ObjectStore,
    anchors: &BTreeMap<StreamId, [u8; 32]>,
    batch: Option<&[Chosen]>,
) -> Result<Vec<Started>, JobError> {
    let starts: Vec<_> =
        batch.unwrap_or_default().iter().map(|one| start(store, anchors, one.clone())).collect();
    stream::iter(starts).buffered(CONCURRENCY).try_collect().await
}

async fn start(
    store: &dyn ObjectStore,
    anchors: &BTreeMap<StreamId, [u8; 32]>,
    chosen: Chosen,
) -> Result<Started, JobError> {
    // It was signed by one of these.
    let stream_key = anchors.get(&chosen.name.stream).copied().ok_or(JobError::NothingStored)?;
    let (mut start, bytes) = range(store, &chosen.key, START_GUESS).await?;
    let mut parsed = SealedHeader::parse(&start);
    let is_short = match &parsed {
        Ok(header) => header.byte_length() > 8 << 10,
        Err(error) => matches!(error, OpenError::Truncated { .. }),
    };
    if is_short && (start.len() as u64) < bytes {
        (start, _) = range(store, &chosen.key, START_GUESS + MAX_HEADER_BYTES as u64).await?;
        parsed = SealedHeader::parse(&start);
    }
    let expected = SegmentExpectation {
        tenant: chosen.name.tenant.clone(),
        camera: chosen.name.camera.clone(),
        stream_key: Some(stream_key),
    };
    let header = parsed.and_then(|header| header.authenticate(&expected));
    Ok(Started { chosen, stream_key, bytes, start, header })
}

/// The first bytes of an object, and how many there are.
async fn range(store: &dyn ObjectStore, key: &str, length: u64) -> Result<(Vec<u8>, u64), JobError> {
    let failed = JobError::store("read a segment's start");
    let path = Path::parse(key).map_err(|source| failed(object_store::Error::InvalidPath { source }))?;
    let options = GetOptions { range: Some(GetRange::Bounded(0..length)), ..GetOptions::default() };
    let got = match store.get_opts(&path, options).await {
        Ok(got) => got,
        // Some stores refuse a range of an object without bytes.
        Err(_) if store.head(&path).await.map_err(&failed)?.size == 0 => return Ok((Vec::new(), 0)),
        Err(error) => return Err(failed(error)),
    };
    let size = got.meta.size;
    Ok((got.bytes().await.map_err(&failed)?.to_vec(), size))
}

async fn open_batch<O: Objects>(
    job: &Job<O>,
    started: Vec<Started>,
    keys: &mut KeyRing,
    footage: &mut CameraFootage,
    refused: &mut Vec<RefusedSegment>,
) -> Result<(), JobError> {
    let mut usable = Vec::with_capacity(started.len());
    for one in started {
        match &one.header {
            Ok(_) => usable.push(one),
            Err(error) => refused.push(RefusedSegment { object: one.chosen.key, why: error.to_string() }),
        }
    }
    let headers: Vec<&AuthenticatedHeader> =
        usable.iter().filter_map(|one| one.header.as_ref().ok()).collect();
    let secrets = keys.secrets(&headers).await?;
    for (one, secrets) in usable.into_iter().zip(secrets) {
        let object = one.chosen.key.clone();
        let secrets = match secrets {
            Ok(secrets) => secrets,
            Err(why) => {
                refused.push(RefusedSegment { object, why });
                continue;
            }
        };
        match segment(job, one, secrets).await? {
            Ok(segment) => footage.segments.push(segment),
            Err(PackageError::Damaged { why, .. }) => refused.push(RefusedSegment { object, why }),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// A segment that can be opened. Where its tracks are described at more length than usual, more of it is read.
async fn segment<O: Objects>(
    job: &Job<O>,
    one: Started,
    secrets: (Secret32, Secret32),
) -> Result<Result<Segment, PackageError>, JobError> {
    let Started { chosen, stream_key, bytes, start, .. } = one;
    let Chosen { key, name, vouched } = chosen;
    let place = || (key.clone(), name.clone(), vouched);
    match Segment::new(place(), (&start, bytes), stream_key, secrets.clone()) {
        Err(PackageError::Damaged { .. }) if (start.len() as u64) < bytes => {
            let (start, _) = range(&*job.store, &key, Segment::START_BYTES + MAX_HEADER_BYTES as u64).await?;
            Ok(Segment::new(place(), (&start, bytes), stream_key, secrets))
        }
        result => Ok(result),
    }
}

/// Objects that a package left out because their bytes are damaged.
pub(super) fn leave_out(found: &mut Found, key: &str, why: &str) -> bool {
    let mut left = false;
    for (known, footage) in found.known.iter_mut().zip(&mut found.footage) {
        let before = footage.segments.len();
        footage.segments.retain(|segment| segment.key != key);
        if footage.segments.len() < before {
            known.refused.push(RefusedSegment { object: key.to_owned(), why: why.to_owned() });
            left = true;
        }
    }
    left
}

/// The digests of policies, as people write them.
pub(super) fn policies(release: &Release) -> Vec<String> {
    let written: BTreeSet<String> = release.policies.iter().map(ToString::to_string).collect();
    written.into_iter().collect()
}
