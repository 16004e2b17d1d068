//! `make bench-ingest`: what recording costs against `ffmpeg -c copy`, and how many cameras one core records without loss.
//! The recorder has one core to itself as far as the machine allows, all else (cameras, store, this program) another one.
//!
//! 1. The same cameras of one real RTSP server (gortsplib's, a write for each packet) are recorded by us, sealed and
//!    uploaded, and by one ffmpeg each into local files, at once and on the same core. Both are measured while they run, so
//!    without the tenth of a second that ffmpeg takes to look at a stream when it starts.
//! 2. More and more cameras are recorded by us alone until something is lost, late, or a core has no time left. The server
//!    of the first part would give out first, so these come from a replayer that writes a frame's packets together.
//!
//! `BENCH_COMPARED`, `BENCH_CAMERAS` (a list), `BENCH_SECONDS` (of each measurement), `BENCH_SEGMENT_SECONDS`,
//! `BENCH_RECORDER_CORE`, `BENCH_LOAD_CORE` say otherwise what stands in [`Options::from_env`].

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a tool for developers: it says by panicking what went wrong"
)]

mod proc;
mod replay;
mod store;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    str::FromStr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use camerafleet_footage::{ids::CameraId, layout::camera_key_name, shard::CameraState};
use serde_json::json;
use store::Ledger;
use support::{Camera, PASSWORD, Process, S3, Shard, USER, until};

/// Frames a second, and bits.
const RATE: u32 = 30;
const BITRATE: &str = "4M";
/// Seconds of the film, after which it begins again.
const FILM: &str = "30";
/// What new cameras may take until all record, and then until the first segments are over.
const PATIENCE: Duration = Duration::from_secs(60);
const SETTLE: Duration = Duration::from_secs(5);
/// A core that is busier than this has no time left.
const BUSY: f64 = 0.95;
/// Frames of a camera that may be under way at either end of a measurement.
const UNDER_WAY: f64 = 30.0;

struct Options {
    compared: usize,
    cameras: Vec<usize>,
    seconds: u64,
    segment_seconds: u64,
    recorder_core: usize,
    load_core: usize,
}

impl Options {
    fn from_env() -> Self {
        fn get<T: FromStr>(name: &str, default: T) -> T {
            std::env::var(name)
                .ok()
                .map_or(default, |text| text.parse().ok().unwrap_or_else(|| panic!("{name}={text}?")))
        }
        let cameras: String = get("BENCH_CAMERAS", "50 100 200 300 400".to_owned());
        Self {
            compared: get("BENCH_COMPARED", 10),
            cameras: cameras.split_whitespace().map(|n| n.parse().unwrap()).collect(),
            seconds: get("BENCH_SECONDS", 25),
            segment_seconds: get("BENCH_SEGMENT_SECONDS", 15),
            recorder_core: get("BENCH_RECORDER_CORE", 0),
            load_core: get("BENCH_LOAD_CORE", 1),
        }
    }
}

fn main() {
    let options = Options::from_env();
    proc::pin(options.load_core);
    let film = film();
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let ratio = compare(&options, &film, directory.path());
    let most = capacity(&options, &film, directory.path());
    let Measured { lag, lost, rss, cameras, .. } = most.best;
    println!(
        "{}",
        json!({
            "bench": "ingest",
            "cpu_ratio": round(ratio),
            "cameras_per_core": cameras,
            "rss_mib_per_camera": round((rss - most.base) / cameras as f64),
            "lost_frames": lost as u64,
            "p99_upload_lag_s": round(lag),
        })
    );
}

fn round(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// 1080p30 of 4 Mbit/s: a moving picture with a little noise, so that the encoder needs all of them.
fn film() -> PathBuf {
    let film = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-1080p30-4M.mkv");
    if !film.exists() {
        let new = film.with_extension("new.mkv");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args([
            "-v",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=1920x1080:rate=30,noise=alls=8:allf=t",
        ]);
        ffmpeg.args(["-t", FILM, "-c:v", "libx264", "-preset", "ultrafast", "-g", "60", "-keyint_min", "60"]);
        ffmpeg.args([
            "-bf",
            "0",
            "-sc_threshold",
            "0",
            "-pix_fmt",
            "yuv420p",
            "-b:v",
            BITRATE,
            "-maxrate",
            BITRATE,
        ]);
        ffmpeg.args(["-bufsize", BITRATE, "-x264-params", "slices=1:sliced-threads=0"]);
        assert!(ffmpeg.arg(&new).status().expect("ffmpeg is installed").success());
        fs::rename(new, &film).unwrap();
    }
    film
}

/// A recorder on its core, and its store on the other one.
struct Setting {
    shard: Shard,
    ledger: Ledger,
    _store: S3,
}

impl Setting {
    fn new(options: &Options, directory: &Path) -> Self {
        let mut store = S3::new(&directory.join("s3"));
        store.make_bucket();
        store.on();
        let ledger = Ledger::watch(&store);
        let mut shard = Shard::new(&directory.join("shard"), store.port);
        shard.config["spool"]["size"] = json!(8_000_000_000_u64);
        shard.core = Some(options.recorder_core);
        shard.filter = Some("warn");
        shard.start();
        Self { shard, ledger, _store: store }
    }

    /// Adds cameras until there are so many, under one key: making keys takes long and tells nothing here.
    fn grow(&mut self, options: &Options, url: &str, count: usize) {
        if self.shard.camera_keys.is_empty() {
            self.shard.camera("c0", url, false);
        }
        self.shard.config["cameras"]["c0"]["segmentDurationMs"] = json!(options.segment_seconds * 1_000);
        let first = self.shard.config["cameras"]["c0"].clone();
        for n in 1..count {
            let id = format!("c{n}");
            let mut camera = first.clone();
            camera["name"] = json!(id);
            camera["window"]["key"]["name"] = json!(camera_key_name(&CameraId::parse(id.as_str()).unwrap()));
            self.shard.config["cameras"][&id] = camera;
            self.shard.secret(&format!("camera.{id}.username"), USER);
            self.shard.secret(&format!("camera.{id}.password"), PASSWORD);
        }
        self.shard.write();
        until("all cameras to record", PATIENCE, || {
            let status = self.shard.status();
            let recording =
                status.cameras.values().filter(|camera| camera.state == CameraState::Recording).count();
            (recording == count).then_some(())
        });
        std::thread::sleep(SETTLE.max(Duration::from_secs(options.segment_seconds)));
    }

    /// What the recorder counted so far.
    fn counted(&self) -> Counted {
        let text = self.shard.get("/metrics").1;
        let sum = |begin: &str, but: &str| {
            let lines = text.lines().filter(|line| line.starts_with(&format!("camerafleet_ingest_{begin}")));
            let values = lines.filter(|line| but.is_empty() || !line.contains(but));
            values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
        };
        Counted {
            frames: sum("frames_total", ""),
            lost: sum("lost_rtp_packets_total", "")
                + sum("bad_rtp_packets_total", "")
                + sum("dropped_frames_total", "NoKeyFrameYet"),
            broken: sum("segments_lost_total", "") + sum("session_ends_total", ""),
        }
    }
}

struct Counted {
    frames: f64,
    /// Frames, or packets that had a frame's part each.
    lost: f64,
    /// Segments and sessions.
    broken: f64,
}

/// What processes took while something was done.
struct Took {
    seconds: f64,
    user: f64,
    system: f64,
    /// How busy the recorder's core and the other one were, and how much of each was by none of this program's.
    busy: [f64; 2],
    others: [f64; 2],
}

fn watch(options: &Options, pids: &[u32]) -> Took {
    let cpu = |of: &dyn Fn(u32) -> f64| -> f64 { pids.iter().map(|pid| of(*pid)).sum() };
    let cores = [options.recorder_core, options.load_core];
    let load: Vec<u32> = proc::descendants().into_iter().filter(|pid| !pids.contains(pid)).collect();
    let of_load = || -> f64 {
        load.iter()
            .filter(|pid| Path::new(&format!("/proc/{pid}")).exists())
            .map(|pid| proc::cpu_seconds(*pid))
            .sum()
    };
    let before = (cpu(&proc::cpu_seconds), cpu(&proc::system_seconds), of_load(), cores.map(proc::core));
    let began = Instant::now();
    std::thread::sleep(Duration::from_secs(options.seconds));
    let seconds = began.elapsed().as_secs_f64();
    let all = cpu(&proc::cpu_seconds) - before.0;
    let system = cpu(&proc::system_seconds) - before.1;
    let ours = [all, of_load() - before.2].map(|cpu| cpu / seconds);
    let mut busy = [0.0; 2];
    for (n, core) in cores.into_iter().enumerate() {
        let (now, then) = (proc::core(core), before.3[n]);
        busy[n] = (now.0 - then.0) / (now.1 - then.1);
    }
    let others = [0, 1].map(|n| (busy[n] - ours[n]).max(0.0));
    Took { seconds, user: all - system, system, busy, others }
}

/// Part 1: our CPU time over ffmpeg's.
fn compare(options: &Options, film: &Path, directory: &Path) -> f64 {
    let directory = directory.join("compare");
    let camera = Camera::of(film.to_owned());
    let mut setting = Setting::new(options, &directory);
    let password: String = url::form_urlencoded::byte_serialize(PASSWORD.as_bytes()).collect();
    let url = camera.url().replace("rtsp://", &format!("rtsp://{USER}:{password}@"));
    let rivals: Vec<Process> = (0..options.compared)
        .map(|n| {
            let files = directory.join(format!("ffmpeg-{n}"));
            fs::create_dir_all(&files).unwrap();
            let mut ffmpeg = Command::new("taskset");
            ffmpeg.args(["-c", &options.recorder_core.to_string(), "ffmpeg", "-v", "error"]);
            ffmpeg.args(["-rtsp_transport", "tcp", "-i", &url, "-an", "-c", "copy", "-f", "segment"]);
            ffmpeg.args(["-segment_time", &options.segment_seconds.to_string(), "-segment_wrap", "2"]);
            ffmpeg.args([
                "-segment_format",
                "mp4",
                "-segment_format_options",
                "movflags=frag_keyframe+empty_moov",
            ]);
            Process::spawn(ffmpeg.arg(files.join("%d.mp4")).stderr(Stdio::null()))
        })
        .collect();
    setting.grow(options, &camera.url(), options.compared);
    let recorder = setting.shard.pid();
    let ffmpegs: Vec<u32> = rivals.iter().map(Process::id).collect();
    let before = setting.counted();
    let since = jiff::Timestamp::now().as_millisecond();
    let (ours, theirs) = std::thread::scope(|scope| {
        let ours = scope.spawn(|| watch(options, &[recorder]));
        let theirs = watch(options, &ffmpegs);
        (ours.join().unwrap(), theirs)
    });
    let after = setting.counted();
    let minutes = options.compared as f64 * ours.seconds / 60.0;
    let row = |name: &str, took: &Took, rss: f64| {
        let [user, system] = [took.user, took.system].map(|seconds| seconds / minutes);
        let per_camera = rss / options.compared as f64;
        println!("{name:28} {user:8.3} {system:8.3} {:8.3} {per_camera:12.1}", user + system);
        user + system
    };
    println!(
        "{} cameras of gortsplib's server for {:.0} s, segments of {} s; CPU seconds per camera-minute, MiB\n{:28} {:>8} {:>8} {:>8} {:>12}",
        options.compared, ours.seconds, options.segment_seconds, "", "user", "system", "all", "RSS/camera"
    );
    let our_cpu = row("camerafleet, sealed, uploaded", &ours, proc::rss_mib(recorder));
    let their_cpu = row("ffmpeg -c copy", &theirs, ffmpegs.iter().map(|pid| proc::rss_mib(*pid)).sum());
    let expected = options.compared as f64 * ours.seconds * f64::from(RATE);
    let (lag, segments) = setting.ledger.p99(since);
    println!(
        "ratio {:.3} (goal: at most 0.17); {:.0} of {expected:.0} frames, {} lost; {segments} segments stored, p99 lag {lag:.2} s\n",
        our_cpu / their_cpu,
        after.frames - before.frames,
        after.lost - before.lost
    );
    drop(rivals);
    setting.shard.stop();
    our_cpu / their_cpu
}

#[derive(Clone, Copy)]
struct Measured {
    cameras: usize,
    lost: f64,
    lag: f64,
    rss: f64,
}

struct Capacity {
    best: Measured,
    /// RSS without a camera.
    base: f64,
}

/// Part 2: the most cameras of which nothing is lost.
fn capacity(options: &Options, film: &Path, directory: &Path) -> Capacity {
    let sent = Arc::new(replay::Sent::default());
    let port = replay::start(Arc::new(replay::Film::read(film, RATE)), sent.clone());
    let mut setting = Setting::new(options, &directory.join("capacity"));
    let recorder = setting.shard.pid();
    let base = proc::rss_mib(recorder);
    println!(
        "cameras of the replayer, each for {} s; cores in percent (in brackets, what of that other programs on this machine took)\n{:>8} {:>10} {:>8} {:>14} {:>14} {:>8} {:>9} {:>9}",
        options.seconds,
        "cameras",
        "CPU s/min",
        "RSS MiB",
        "recorder core",
        "load core",
        "lost",
        "p99 lag s",
        "late ms"
    );
    let mut best = Measured { cameras: 0, lost: 0.0, lag: f64::NAN, rss: base };
    let mut why = "the list of BENCH_CAMERAS: nothing gave out".to_owned();
    for &cameras in &options.cameras {
        setting.grow(options, &format!("rtsp://127.0.0.1:{port}/stream"), cameras);
        let (before, skipped) = (setting.counted(), sent.skipped.load(Ordering::Relaxed));
        sent.late_ms.store(0, Ordering::Relaxed);
        let since = jiff::Timestamp::now().as_millisecond();
        let took = watch(options, &[recorder]);
        let after = setting.counted();
        let skipped = (sent.skipped.load(Ordering::Relaxed) - skipped) as f64;
        let expected = cameras as f64 * (took.seconds * f64::from(RATE) - UNDER_WAY);
        let missing = (expected - (after.frames - before.frames)).max(0.0).round();
        let lost = (skipped + after.lost - before.lost).max(missing);
        let late = sent.late_ms.load(Ordering::Relaxed);
        let (lag, _) = setting.ledger.p99(since);
        let rss = proc::rss_mib(recorder);
        let core = |n: usize| format!("{:.0} ({:.0})", took.busy[n] * 100.0, took.others[n] * 100.0);
        println!(
            "{cameras:>8} {:>10.3} {rss:>8.0} {:>14} {:>14} {lost:>8} {lag:>9.2} {late:>9}",
            (took.user + took.system) / took.seconds * 60.0 / cameras as f64,
            core(0),
            core(1)
        );
        let broken = after.broken - before.broken;
        // What is stored later than the next segment is over comes later and later.
        let keeps_up = lag <= options.segment_seconds as f64;
        if lost > 0.0 || broken > 0.0 || !keeps_up {
            let of = |busy: bool, name: &str| busy.then(|| name.to_owned());
            let cores = [of(took.busy[0] > BUSY, "the recorder"), of(took.busy[1] > BUSY, "the load")];
            let named: Vec<String> = cores.into_iter().flatten().collect();
            let who = if named.is_empty() { "neither core was full".to_owned() } else { named.join(" and ") };
            why = format!(
                "{who} gave out at {cameras} ({lost} frames, {broken} sessions or segments lost, p99 lag {lag:.1} s)"
            );
            break;
        }
        best = Measured { cameras, lost, lag, rss };
    }
    println!("the most that lost nothing: {}; the end was set by {why}", best.cameras);
    setting.shard.stop();
    Capacity { best, base }
}
