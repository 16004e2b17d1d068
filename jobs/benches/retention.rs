//! What a run of the retention job costs: 10,000 objects that are due among 100,000 and among 1,000,000, on a real S3
//! server, held against the server's own rate of bulk deletion in the same run. Names are real, bodies empty.
//!
//! The first run of a day, which also counts what is stored, is told apart. The last line is JSON, of medians: `growth` is the
//! larger run's time over the smaller one's, `rate_ratio` the job's objects per second over the server's, `rss_mib` the
//! most memory of this process, in which the job runs.
//!
//! The server's own rate is that of as many objects in as many folders, in requests of as many names, more of them at once
//! than the job makes, by a client that is told all names before its time begins. The job has to list them first, as
//! nothing else says which there are. Where server and client share their cores, the ratio cannot be above what the
//! server's processors need for deleting, over what they need for deleting and listing: the line before the last says
//! how much that is here.

#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use camerafleet_crds::{ID_ANNOTATION, LegalHold, RetentionPolicy};
use camerafleet_footage::{
    ids::{CameraId, PolicyId, StreamId, TenantId},
    layout::{Epoch, Hour, SegmentName, Tracks},
    retention::{JobConfig, Outcome, VaultAccess, listing::Place},
    shard::StoreConfig,
    store::{self, StoreCredential},
};
use camerafleet_testkit::{Process, free_port, tool};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use jobs::retention::{Answer, Declared, Job, JobError, Keys, PolicySource, StoreClock, run};
use object_store::{ObjectStore, aws::AmazonS3};
use serde_json::json;

const BUCKET: &str = "footage";
const TENANT: &str = "t-1";
const PREFIX: &str = "elm";
const DUE: u64 = 10_000;
const CAMERAS: u64 = 50;
const DAY: u64 = 86_400;

struct Server {
    folder: tempfile::TempDir,
    log: PathBuf,
    port: u16,
    _process: Process,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (root, log, port) = (folder.path().join("data"), folder.path().join("access.log"), free_port());
        fs::create_dir_all(root.join(BUCKET)).unwrap();
        let mut command = Command::new(tool("versitygw"));
        command
            .args(["--access", "root", "--secret", "rootsecret", "--region", "us-east-1", "--port"])
            .arg(format!("127.0.0.1:{port}"))
            .arg("--access-log")
            .arg(&log)
            .arg("posix")
            .arg(&root);
        Self { _process: Process::spawn(&mut command).listening(port), folder, log, port }
    }

    fn config(&self) -> StoreConfig {
        StoreConfig {
            endpoint: format!("http://127.0.0.1:{}", self.port),
            region: "us-east-1".into(),
            bucket: BUCKET.into(),
            prefix: PREFIX.into(),
            path_style: true,
            ca_bundle: None,
        }
    }

    fn store(&self) -> Arc<AmazonS3> {
        let credential = StoreCredential {
            access_key_id: "root".to_owned().into(),
            secret_access_key: "rootsecret".to_owned().into(),
        };
        Arc::new(store::s3(&self.config(), &credential, Duration::from_secs(60)).unwrap())
    }

    fn requests(&self) -> usize {
        fs::read_to_string(&self.log).unwrap_or_default().lines().count()
    }

    /// So many segments of a policy in one day's epoch, spread over the cameras.
    fn fill(&self, policy: &str, day: i64, segments: u64, stored: Timestamp) {
        let epoch = Epoch::containing(Timestamp::now() - SignedDuration::from_hours(24 * day), DAY);
        let bucket = self.folder.path().join("data").join(BUCKET);
        let each = segments / CAMERAS;
        for camera in 0..CAMERAS {
            for n in 0..each {
                let start = epoch.start() + SignedDuration::from_secs(i64::try_from(n * 10).unwrap());
                let name = SegmentName {
                    tenant: TenantId::parse(TENANT).unwrap(),
                    policy: PolicyId::parse(policy).unwrap(),
                    epoch,
                    camera: CameraId::parse(format!("c-{camera}")).unwrap(),
                    hour: Hour::containing(start),
                    start_ms: start.as_millisecond(),
                    duration_ms: 10_000,
                    stream: StreamId::from_bytes([7; 16]),
                    sequence: n,
                    tracks: Tracks::Video,
                };
                put(&bucket.join(name.key(PREFIX)), stored);
            }
        }
    }
}

fn put(path: &Path, stored: Timestamp) {
    let file = match fs::File::create(path) {
        Ok(file) => file,
        Err(_) => {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::File::create(path).unwrap()
        }
    };
    file.set_modified(stored.into()).unwrap();
}

struct Policy(RetentionPolicy);

impl PolicySource for Policy {
    async fn read(&self) -> Result<Answer, JobError> {
        Ok(Answer { policy: Some(self.0.clone()), date: Some(Timestamp::now()) })
    }

    async fn holds(&self) -> Result<Vec<LegalHold>, JobError> {
        Ok(Vec::new())
    }

    async fn declares(&self, _: &CameraId) -> Result<Declared, JobError> {
        Ok(Declared::Yes)
    }
}

fn job(server: &Server, policy: &str) -> Job<Policy> {
    let mut object = RetentionPolicy::new("long", serde_json::from_value(json!({"keepFor": "30d"})).unwrap());
    object.metadata.uid = Some("uid-1".into());
    object.metadata.annotations = Some([(ID_ANNOTATION.to_owned(), policy.to_owned())].into());
    Job {
        config: JobConfig {
            tenant: TenantId::parse(TENANT).unwrap(),
            policy: PolicyId::parse(policy).unwrap(),
            policy_uid: "uid-1".into(),
            store: server.config(),
            vault: VaultAccess {
                address: "http://127.0.0.1:1".into(),
                namespace: None,
                ca_pem: None,
                auth_mount: "kubernetes".into(),
                role: "camerafleet-retention".into(),
                mount: "camerafleet/elm-street".into(),
            },
            log: None,
            log_required: false,
        },
        store: server.store(),
        pages: server.store(),
        log_store: None,
        versions: None,
        store_clock: StoreClock::new(&server.config()).unwrap(),
        policy: Policy(object),
        keys: Keys::Login { token_file: "/nonexistent".into() },
        now: Timestamp::now,
        run: "bench".into(),
        time_limit: Duration::from_secs(3_600),
    }
}

/// So many objects that are kept, in 30 days; and the run that counts them, as one in a day does.
async fn stock(server: &Server, policy: &str, stored: u64) {
    for day in 0..30 {
        server.fill(policy, day, (stored - DUE) / 30, Timestamp::now());
    }
    let job = job(server, policy);
    let (requests, started) = (server.requests(), Instant::now());
    let report = run(&job).await;
    assert_eq!((report.summary.outcome, report.summary.deleted_objects), (Outcome::Done, 0));
    println!(
        "{stored} stored: the day's run that counts them takes {:.2?}, {} requests",
        started.elapsed(),
        server.requests() - requests
    );
}

/// What something cost.
struct Cost {
    seconds: f64,
    requests: usize,
    /// Of the server's processors, and of this process's.
    cpu: [f64; 2],
}

/// Measures what is done.
async fn cost<T>(server: &Server, what: impl Future<Output = T>) -> (T, Cost) {
    let (requests, before, started) = (server.requests(), cpu(), Instant::now());
    let done = what.await;
    let (seconds, after) = (started.elapsed().as_secs_f64(), cpu());
    let cpu = [after[0] - before[0], after[1] - before[1]];
    (done, Cost { seconds, requests: server.requests() - requests, cpu })
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seconds, requests, cpu: [server, own] } = self;
        write!(f, "{seconds:.3} s ({requests} requests, CPU {server:.2} + {own:.2} s)")
    }
}

/// A run that finds 10,000 due among what is kept.
async fn measure(server: &Server, policy: &str) -> Cost {
    // Just before, so that the server's disk cache has them in every run.
    server.fill(policy, 40, DUE, Timestamp::now() - SignedDuration::from_hours(24 * 40));
    let job = job(server, policy);
    if std::env::var_os("STEPS").is_some() {
        steps(server, &job).await;
    }
    let (report, cost) = cost(server, run(&job)).await;
    assert_eq!(
        (report.summary.outcome, report.summary.deleted_objects),
        (Outcome::Done, DUE),
        "{:?}",
        report.summary
    );
    cost
}

/// What each kind of listing takes on this server.
async fn steps(server: &Server, job: &Job<Policy>) {
    let place =
        Place { prefix: PREFIX.into(), tenant: job.config.tenant.clone(), policy: job.config.policy.clone() };
    let store = &*job.store;
    let (epochs, cost_of) = cost(server, place.epochs(store)).await;
    let epochs = epochs.unwrap().0;
    println!("  epochs: {cost_of}");
    let (first, second) = (epochs.first().unwrap(), epochs.iter().nth(1).unwrap());
    let (_, cost_of) = cost(server, place.oldest(store, &*job.pages, second)).await;
    println!("  the oldest segment of an epoch: {cost_of}");
    let flat = place.objects(store, first).try_fold(0, |n, _| async move { Ok(n + 1) });
    let (found, cost_of) = cost(server, flat).await;
    println!("  {} objects of an epoch: {cost_of}", found.unwrap());
    let by_camera = async {
        let folders = place.cameras(store, first).await.unwrap().0;
        let each = |folder: object_store::path::Path| place.objects_in(store, first, &folder);
        stream::iter(folders)
            .map(each)
            .flatten_unordered(8)
            .try_fold(0, |n, _| async move { Ok(n + 1) })
            .await
    };
    let (found, cost_of) = cost(server, by_camera).await;
    println!("  {} of them camera by camera: {cost_of}", found.unwrap());
}

/// The server's own rates: what listing names costs, and deleting in bulk what is listed.
async fn bulk(server: &Server) -> (Cost, Cost) {
    server.fill("p-bulk", 40, DUE, Timestamp::now());
    let store = server.store();
    let prefix = object_store::path::Path::parse(format!("{PREFIX}/{TENANT}/footage/p-bulk")).unwrap();
    let names = store.list(Some(&prefix)).map_ok(|object| object.location).try_collect::<Vec<_>>();
    let (names, listing) = cost(server, names).await;
    let names = stream::iter(names.unwrap().into_iter().map(Ok)).boxed();
    let (deleted, deleting) = cost(server, store.delete_stream(names).try_collect::<Vec<_>>()).await;
    assert_eq!(deleted.unwrap().len() as u64, DUE);
    (listing, deleting)
}

/// Seconds of CPU that the server, the only child of this process, and this process itself have used so far.
fn cpu() -> [f64; 2] {
    let own = std::process::id();
    let server = fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        (stat(pid)?.get(1)?.parse::<u32>().ok()? == own).then_some(pid)
    });
    [server, Some(own)].map(|pid| {
        let fields = pid.and_then(stat).unwrap_or_default();
        let ticks = |n: usize| fields.get(n).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
        (ticks(11) + ticks(12)) / 100.0
    })
}

/// What `/proc/<pid>/stat` says behind the program's name.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(") ")?.1.split(' ').map(str::to_owned).collect())
}

fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() / 1_024
}

#[tokio::main]
async fn main() {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        println!("another TLS provider was installed first");
    }
    // What `cargo test --benches` runs is a small one.
    let full = std::env::args().any(|argument| argument == "--bench");
    let (small, large, rounds) = if full { (100_000, 1_000_000, 7) } else { (20_000, 40_000, 1) };
    let server = Server::start();
    stock(&server, "p-small", small).await;
    stock(&server, "p-large", large).await;
    println!(
        "10,000 due among {small} and among {large}, and the server's own deletion of 10,000 in bulk and listing of them:"
    );
    let (mut seconds, mut cpu) = ([const { Vec::new() }; 3], [const { Vec::new() }; 2]);
    for _ in 0..rounds {
        let (listing, own) = bulk(&server).await;
        let first = measure(&server, "p-small").await;
        let second = measure(&server, "p-large").await;
        println!("  {first}, {second}, {own}, {listing}; load {}", load());
        for (all, one) in cpu.iter_mut().zip([&own, &listing]) {
            all.push(one.cpu[0]);
        }
        for (all, one) in seconds.iter_mut().zip([first, second, own]) {
            all.push(one.seconds);
        }
    }
    let ([first, second, own], [deleting, listing]) = (seconds.map(median), cpu.map(median));
    println!("medians: {first:.3} s, {second:.3} s, {own:.3} s");
    println!(
        "the server's CPU for 10,000: {deleting:.2} s to delete, {listing:.2} s to list; a ratio of at most {:.2}",
        deleting / (deleting + listing)
    );
    let line = json!({
        "bench": "retention",
        "growth": round(second / first),
        "rate_ratio": round(own / ((first + second) / 2.0)),
        "rss_mib": peak_mib(),
    });
    println!("{line}");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The machine's load of the last minute: the figures are of a machine that does little else.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
