//! A day of one camera, released in both forms by the real job against a real S3 server and a real OpenBao server. Each
//! run is a process of its own, whose peak memory is its own. The rivals read and write the same store: one decrypts each
//! segment and seals it anew to the recipient, the other only copies.
//!
//! A segment has BENCH_KIB KiB (1,024), 1,440 of them a day: bitrates differ, and the disks of those who try this, too.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    dead_code,
    reason = "a benchmark, and not all of the tests' stage is used"
)]

#[path = "../../footage/tests/bao/mod.rs"]
mod bao;
#[path = "../tests/disclosure/stage.rs"]
mod stage;

use std::{
    collections::HashMap,
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use camerafleet_footage::{
    disclosure::job::{Ending, JobConfig},
    package::{Upload, part_bytes},
    seal::{SealedHeader, Secret32, SegmentExpectation, open},
    store::{self, StoreCredential},
    vault::{Vault, VaultConfig},
};
use futures::TryStreamExt as _;
use jiff::Timestamp;
use jobs::disclosure::{Job, Keys, Live, run};
use object_store::{ObjectStore, ObjectStoreExt as _, path::Path};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stage::{Fake, MOUNT, PREFIX, Script, Stage, after, camera, policy, tenant};

const SEGMENTS: i64 = 1_440;
const SECONDS: i64 = 60;
const ROUNDS: usize = 3;

/// What a run is told.
#[derive(Serialize, Deserialize)]
struct Task {
    config: JobConfig,
    live: Value,
    vault: String,
    token: String,
    keys: Vec<String>,
    recipient: String,
}

/// What it answers.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Answer {
    seconds: f64,
    peak_mib: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match arguments.iter().position(|argument| argument == "--child") {
        Some(at) => runtime.block_on(child(&arguments[at + 1], &arguments[at + 2])),
        None => runtime.block_on(compare()),
    }
}

fn now() -> Timestamp {
    after(100_000)
}

/// Pictures of about so many bytes, a minute long.
fn film(bytes: usize) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    let mut ffmpeg = Command::new("ffmpeg");
    let rate = (bytes * 8 / usize::try_from(SECONDS).unwrap()).to_string();
    ffmpeg.args([
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=640x360:rate=15:duration=60,noise=alls=40:allf=t",
    ]);
    ffmpeg.args([
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-g",
        "15",
        "-bf",
        "0",
        "-b:v",
        &rate,
        "-maxrate",
        &rate,
    ]);
    ffmpeg.args(["-bufsize", &rate, "-movflags", "frag_keyframe+empty_moov+default_base_moof+skip_trailer"]);
    assert!(ffmpeg.args(["-f", "mp4"]).arg(&path).status().unwrap().success());
    fs::read(path).unwrap()
}

async fn compare() {
    let kib: usize = std::env::var("BENCH_KIB").map_or(1_024, |kib| kib.parse().unwrap());
    let film = film(kib << 10);
    let size = film.len();
    eprintln!("{SEGMENTS} segments of {SECONDS} s and {size} bytes: sealing them into the store …");
    let mut day = policy();
    day["bases"]["consent"]["maxWindow"] = "24h".into();
    let script = |form| Script {
        policy: day.clone(),
        form,
        window: (0, SEGMENTS * SECONDS),
        segments: (SEGMENTS, SECONDS),
        film: film.clone(),
        asked: 90_000,
        ..Script::default()
    };
    let mut stage = Stage::new(&script("Sealed")).await;
    let proxy = Proxy::start(stage.bao.config.address.socket_addrs(|| None).unwrap()[0]);
    let mut results: HashMap<&str, Vec<Answer>> = HashMap::new();
    let mut requests = HashMap::new();
    // In turn, so that what else the machine does is everyone's.
    let task = task(&stage, &proxy).await;
    for _ in 0..ROUNDS {
        for what in ["sealed", "rival", "copy"] {
            let before = proxy.count();
            let answer = measure(&stage, what, &task);
            requests.insert(what, proxy.count() - before);
            results.entry(what).or_default().push(answer);
        }
    }
    stage.begin(&script("Clip")).await;
    let task = self::task(&stage, &proxy).await;
    let before = proxy.count();
    results.entry("clip").or_default().push(measure(&stage, "clip", &task));
    requests.insert("clip", proxy.count() - before);
    // The first and the last segment cut, as mostly.
    let total = SEGMENTS as f64 * size as f64 / f64::from(1 << 20);
    println!("| | s | MiB/s | peak MiB | Vault requests |\n|---|---|---|---|---|");
    for what in ["sealed", "rival", "copy", "clip"] {
        let Answer { seconds, .. } = median(&results[what]);
        let peak = results[what].iter().map(|answer| answer.peak_mib).fold(0.0, f64::max);
        println!("| {what} | {seconds:.1} | {:.0} | {peak:.0} | {} |", total / seconds, requests[what]);
    }
    let [sealed, rival, copy] = ["sealed", "rival", "copy"].map(|what| median(&results[what]).seconds);
    let line = json!({
        "bench": "disclosure",
        "sealed_speedup": round(rival / sealed),
        "copy_ratio": round(sealed / copy),
        "clip_peak_mib": median(&results["clip"]).peak_mib.ceil(),
    });
    println!("{line}");
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn median(answers: &[Answer]) -> Answer {
    let mut sorted = answers.to_vec();
    sorted.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    sorted[sorted.len() / 2]
}

async fn task(stage: &Stage, proxy: &Proxy) -> Task {
    let live = stage.live();
    let job = stage.job(stage.bucket("footage")).await;
    Task {
        config: job.config,
        live: json!({
            "request": live.request, "approvals": live.approvals, "policies": live.policies, "members": live.members,
        }),
        vault: proxy.address.clone(),
        token: bao::ROOT.to_owned(),
        keys: stage.segments.iter().map(|name| name.key(PREFIX)).collect(),
        recipient: stage.identity.to_public().to_string(),
    }
}

/// A process of its own. What it wrote is taken away.
fn measure(stage: &Stage, what: &str, task: &Task) -> Answer {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), serde_json::to_vec(task).unwrap()).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--child", what]).arg(file.path()).output().unwrap();
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    fs::remove_dir_all(stage.s3.folder("footage").join("elm/t-1/packages")).unwrap();
    let answer: Answer = serde_json::from_slice(&output.stdout).unwrap();
    eprintln!("{what}: {:.1} s, {:.0} MiB", answer.seconds, answer.peak_mib);
    answer
}

async fn child(what: &str, file: &str) {
    let task: Task = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let started = Instant::now();
    match what {
        "sealed" | "clip" => disclose(task).await,
        "rival" => rival(task).await,
        _ => copy(task).await,
    }
    let seconds = started.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: f64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    println!("{}", serde_json::to_string(&Answer { seconds, peak_mib: peak / 1024.0 }).unwrap());
}

fn bucket(config: &camerafleet_footage::shard::StoreConfig) -> Arc<dyn ObjectStore> {
    let credential = StoreCredential {
        access_key_id: "root".to_owned().into(),
        secret_access_key: "rootsecret".to_owned().into(),
    };
    Arc::new(store::s3(config, &credential, Duration::from_secs(900)).unwrap())
}

fn vault(task: &Task) -> Vault {
    let config = VaultConfig {
        address: task.vault.parse().unwrap(),
        namespace: None,
        ca_pem: None,
        timeout: Duration::from_secs(60),
    };
    Vault::with_token(&config, task.token.clone()).unwrap()
}

async fn disclose(task: Task) {
    let list = |name: &str| task.live[name].as_array().unwrap().clone();
    let live = Live {
        request: Some(task.live["request"].clone()),
        approvals: list("approvals"),
        policies: list("policies"),
        members: serde_json::from_value(task.live["members"].clone()).unwrap(),
        ..Live::default()
    };
    let keys = Keys::Session(vault(&task));
    let job = Job {
        store: bucket(&task.config.store),
        log_store: bucket(&task.config.log.store),
        config: task.config,
        objects: Fake(Arc::new(Mutex::new(live))),
        keys,
        now,
    };
    let summary = tokio::spawn(async move { run(&job).await }).await.unwrap();
    assert_eq!(summary.outcome, Ending::Delivered, "{summary:?}");
}

/// Where a rival's package goes.
async fn upload(task: &Task, store: &dyn ObjectStore) -> Upload {
    let path = Path::parse(format!("{PREFIX}/t-1/packages/rival")).unwrap();
    Upload::begin(store, &path, part_bytes(u64::try_from(task.keys.len()).unwrap() << 20)).await.unwrap()
}

/// Opens each segment and seals it anew with age, one after the other as the job does, with the same keys and store.
async fn rival(task: Task) {
    let (store, vault) = (bucket(&task.config.store), vault(&task));
    let mut upload = upload(&task, &*store).await;
    let recipient: age::x25519::Recipient = task.recipient.parse().unwrap();
    let expected = SegmentExpectation { tenant: tenant(), camera: camera(), stream_key: None };
    let mut windows: HashMap<Vec<u8>, Secret32> = HashMap::new();
    for batch in task.keys.chunks(100) {
        let mut headers = Vec::new();
        for key in batch {
            let start = store.get_range(&Path::parse(key).unwrap(), 0..4_096).await.unwrap();
            headers.push(SealedHeader::parse(&start).unwrap());
        }
        let shares: Vec<Vec<u8>> = headers.iter().map(|h| h.wrapped_epoch_share().1.to_vec()).collect();
        let shares = vault.decrypt(MOUNT, headers[0].wrapped_epoch_share().0, &shares).await.unwrap();
        for ((key, header), share) in batch.iter().zip(&headers).zip(shares) {
            let (name, wrapped) = header.wrapped_window_key().unwrap();
            if !windows.contains_key(wrapped) {
                let secret =
                    vault.decrypt(MOUNT, name, &[wrapped.to_vec()]).await.unwrap().pop().unwrap().unwrap();
                windows.insert(wrapped.to_vec(), Secret32::try_from(secret.expose()).unwrap());
            }
            let (w, e) = (windows[wrapped].clone(), Secret32::try_from(share.unwrap().expose()).unwrap());
            let body = store.get(&Path::parse(key).unwrap()).await.unwrap().bytes().await.unwrap();
            tokio::task::block_in_place(|| {
                let mut opened = open(&body[..], &expected, w, e).unwrap();
                let recipients = std::iter::once(&recipient as &dyn age::Recipient);
                let mut out =
                    age::Encryptor::with_recipients(recipients).unwrap().wrap_output(&mut upload).unwrap();
                std::io::copy(&mut opened, &mut out).unwrap();
                out.finish().unwrap();
            });
        }
    }
    upload.finish().await.unwrap();
}

/// Every byte from the store and to the store.
async fn copy(task: Task) {
    let store = bucket(&task.config.store);
    let mut upload = upload(&task, &*store).await;
    for key in &task.keys {
        let mut stream = store.get(&Path::parse(key).unwrap()).await.unwrap().into_stream();
        while let Some(piece) = stream.try_next().await.unwrap() {
            tokio::task::block_in_place(|| upload.write_all(&piece)).unwrap();
        }
    }
    upload.finish().await.unwrap();
}

/// In front of Vault: counts requests.
struct Proxy {
    address: String,
    requests: Arc<AtomicUsize>,
}

impl Proxy {
    fn start(target: std::net::SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(target).unwrap();
                let (back, forth) =
                    ((server.try_clone().unwrap(), client.try_clone().unwrap()), (client, server));
                let counted = Arc::clone(&counted);
                std::thread::spawn(move || pass(back.0, back.1, &AtomicUsize::new(0)));
                std::thread::spawn(move || pass(forth.0, forth.1, &counted));
            }
        });
        Self { address, requests }
    }

    fn count(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Each request of ours has this header once; nothing splits it, as a head is written at once.
fn pass(mut from: TcpStream, mut to: TcpStream, counted: &AtomicUsize) {
    const MARK: &[u8] = b"x-vault-request";
    let mut buffer = vec![0; 1 << 16];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        let marks =
            buffer[..n].windows(MARK.len()).filter(|window| window.eq_ignore_ascii_case(MARK)).count();
        counted.fetch_add(marks, Ordering::SeqCst);
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}
