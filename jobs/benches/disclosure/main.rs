//! A day of one camera, released in both forms by the real job against a real S3 server and a real OpenBao server, beside
//! two rivals in the same run, each a process of its own, whose peak memory and processor time are its own.
//!
//! The rivals are what a good programmer would write in the job's place. They share its means, so that only the idea is
//! compared: the source that fetches ahead, the upload of parts while the next ones are made, requests to Vault in batches,
//! several at a time.
//!
//! - `reencrypt` opens each segment with age and seals it with age to the recipient, instead of giving it a new header. It
//!   owes the recipient the same digests as the job: each payload's (made in opening it), each file's and the package's. It
//!   is spared the log, the chain, the tar and the manifest.
//! - `copy` reads each object and writes all of them into one, and looks at nothing. The package must become one object,
//!   and all of it must be read, since its digests are part of what is released: so a copy within the server is nothing that
//!   it could be. (What one takes is shown, for comparison: `server copy`, object by object.)
//!
//! Store, Vault and job share this machine's cores: the time is that of all their work together, and the processor's time
//! is what another's load does not change. What is the same for the job and for a rival bounds how far apart they can be,
//! whatever the job does; the last table shows what a core does in memory, without any store.
//!
//! A segment has BENCH_KIB KiB (1,024), BENCH_SEGMENTS (1,440) of them a day: bitrates differ, and the disks of those who
//! try this, too. A segment costs Vault an RSA operation of some milliseconds, however large it is.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    dead_code,
    reason = "a benchmark, and not all of the tests' stage is used"
)]

#[path = "../../../footage/tests/bao/mod.rs"]
mod bao;
#[path = "../../tests/disclosure/stage/mod.rs"]
#[allow(unused_imports, reason = "as much")]
mod stage;

mod job;
mod measure;
mod memory;
mod proxy;
mod rivals;

use std::{collections::HashMap, fs, process::Command};

use camerafleet_footage::disclosure::job::JobConfig;
use jiff::Timestamp;
use measure::{child, measure};
use memory::in_memory;
use proxy::Proxy;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stage::{PREFIX, Script, Stage, after, policy};

const DAY: i64 = 86_400;
const ROUNDS: usize = 3;

/// What a run is told.
#[derive(Serialize, Deserialize)]
struct Task {
    config: JobConfig,
    live: Value,
    vault: String,
    token: String,
    /// The segments' objects, and how long each is.
    objects: Vec<(String, u64)>,
    recipient: String,
}

/// What it answers.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Answer {
    seconds: f64,
    /// Of the processor, of this process alone.
    cpu_seconds: f64,
    /// Of the processor, of store and Vault meanwhile.
    #[serde(default)]
    servers_cpu_seconds: f64,
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

/// Pictures of about so many bytes, and so many seconds long.
fn film(bytes: usize, seconds: i64) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    let mut ffmpeg = Command::new("ffmpeg");
    let rate = (bytes * 8 / usize::try_from(seconds).unwrap()).to_string();
    let source = format!("testsrc2=size=640x360:rate=15:duration={seconds},noise=alls=40:allf=t");
    ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", &source]);
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

fn number(variable: &str, default: i64) -> i64 {
    std::env::var(variable).map_or(default, |number| number.parse().unwrap())
}

async fn compare() {
    let (kib, count) = (number("BENCH_KIB", 1_024), number("BENCH_SEGMENTS", 1_440));
    let seconds = DAY / count;
    let film = film(usize::try_from(kib << 10).unwrap(), seconds);
    let size = film.len();
    eprintln!("{count} segments of {seconds} s and {size} bytes: sealing them into the store …");
    let mut day = policy();
    day["bases"]["consent"]["maxWindow"] = "24h".into();
    let script = |form| Script {
        policy: day.clone(),
        form,
        window: (0, count * seconds),
        segments: (count, seconds),
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
        for what in ["sealed", "reencrypt", "copy", "server copy"] {
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
    let total = count as f64 * size as f64 / f64::from(1 << 20);
    println!("| | s | MiB/s | CPU s: own | and the servers' | peak MiB | Vault requests |");
    println!("|---|---|---|---|---|---|---|");
    for what in ["sealed", "reencrypt", "copy", "server copy", "clip"] {
        let Answer { seconds, cpu_seconds, servers_cpu_seconds: servers, .. } = median(&results[what]);
        let peak = results[what].iter().map(|answer| answer.peak_mib).fold(0.0, f64::max);
        let (rate, requests) = (total / seconds, requests[what]);
        println!(
            "| {what} | {seconds:.1} | {rate:.0} | {cpu_seconds:.1} | {servers:.1} | {peak:.0} | {requests} |"
        );
    }
    in_memory(&film);
    let [sealed, rival, copy] = ["sealed", "reencrypt", "copy"].map(|what| median(&results[what]).seconds);
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
        objects: stage.segments.iter().map(|name| object(stage, name.key(PREFIX))).collect(),
        recipient: stage.identity.to_public().to_string(),
    }
}

fn object(stage: &Stage, key: String) -> (String, u64) {
    let bytes = fs::metadata(stage.s3.folder("footage").join(&key)).unwrap().len();
    (key, bytes)
}
