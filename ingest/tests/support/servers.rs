//! The servers that a recorder talks to: cameras and an object store.

#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

pub use camerafleet_testkit::free_port;
use camerafleet_testkit::tool;

use super::BUCKET;

pub struct Process(Child);

impl Process {
    pub fn spawn(command: &mut Command) -> Self {
        let program = command.get_program().to_owned();
        Self(command.stdin(Stdio::null()).spawn().unwrap_or_else(|e| panic!("cannot start {program:?}: {e}")))
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// SIGTERM, then the exit code.
    pub fn terminate(mut self, patience: Duration) -> Option<i32> {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("process {pid} did not stop in {patience:?}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn wait_for_port(port: u16) {
    until("a server to listen", Duration::from_secs(20), || {
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    });
}

/// Asks again and again until there is an answer.
pub fn until<T>(what: &str, patience: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {patience:?} for {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Seconds of a film, after which it begins again.
const FILM: &str = "90";

/// A film of the given encoding. It is made once and kept: what is encoded while it is recorded stutters on a busy
/// machine, and then the recording rightly does, too.
pub fn film<S: AsRef<str>>(encode: &[S]) -> PathBuf {
    static MAKING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let encode: Vec<&str> = encode.iter().map(AsRef::as_ref).collect();
    let name: String = encode.concat().chars().filter(char::is_ascii_alphanumeric).collect();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let film = directory.join(format!("film-{FILM}-{name}.mkv"));
    if !film.exists() {
        // Under a name of its own until it is whole: other test programs may be making it, too.
        let new = directory.join(format!("new-{}-{name}.mkv", std::process::id()));
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25"]);
        ffmpeg.args(["-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", FILM]);
        assert!(ffmpeg.args(encode).arg(&new).status().expect("ffmpeg is installed").success());
        fs::rename(new, &film).unwrap();
    }
    film
}

/// An RTSP server with a password, and ffmpeg, which plays a film into it, as its lens.
pub struct Camera {
    pub port: u16,
    server: Option<Process>,
    lens: Option<Process>,
    film: PathBuf,
}

pub const USER: &str = "admin";
pub const PASSWORD: &str = "p@#/:?%w";

impl Camera {
    pub fn start(encode: &[&str]) -> Self {
        Self::of(film(encode))
    }

    pub fn of(film: PathBuf) -> Self {
        let mut camera = Self { port: free_port(), server: None, lens: None, film };
        camera.on();
        camera
    }

    pub fn on(&mut self) {
        let address = format!("127.0.0.1:{}", self.port);
        let mut server = Command::new(tool("rtsp-camera"));
        server
            .args(["-address", &address])
            .env("CAMERA_USER", USER)
            .env("CAMERA_PASSWORD", PASSWORD)
            .stderr(Stdio::null());
        self.server = Some(Process::spawn(&mut server));
        wait_for_port(self.port);
        let mut lens = Command::new("ffmpeg");
        lens.args(["-v", "error", "-re", "-stream_loop", "-1", "-i"]).arg(&self.film);
        lens.args(["-c", "copy", "-f", "rtsp", "-rtsp_transport", "tcp", &self.url()]);
        self.lens = Some(Process::spawn(lens.stderr(Stdio::null())));
    }

    pub fn off(&mut self) {
        self.lens = None;
        self.server = None;
    }

    pub fn url(&self) -> String {
        format!("rtsp://127.0.0.1:{}/stream", self.port)
    }
}

pub const H264: &[&str] = &[
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-g",
    "50",
    "-bf",
    "0",
    "-pix_fmt",
    "yuv420p",
    "-c:a",
    "aac",
];
pub const H264_B_FRAMES: &[&str] = &[
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-g",
    "50",
    "-bf",
    "3",
    "-b_strategy",
    "0",
    "-pix_fmt",
    "yuv420p",
    "-c:a",
    "pcm_alaw",
    "-ar",
    "8000",
];
pub const H265: &[&str] = &[
    "-c:v",
    "libx265",
    "-preset",
    "ultrafast",
    "-g",
    "50",
    "-pix_fmt",
    "yuv420p",
    "-x265-params",
    "log-level=error",
    "-c:a",
    "aac",
];

/// As RFC 2435 can carry it.
pub const MJPEG: &[&str] = &[
    "-c:v",
    "mjpeg",
    "-huffman",
    "default",
    "-pix_fmt",
    "yuvj420p",
    "-q:v",
    "8",
    "-c:a",
    "pcm_mulaw",
    "-ar",
    "8000",
];

/// An S3 server over a directory.
pub struct S3 {
    pub port: u16,
    pub root: PathBuf,
    /// Certificate and key, for https.
    pub tls: Option<(PathBuf, PathBuf)>,
    process: Option<Process>,
}

impl S3 {
    pub fn new(root: &Path) -> Self {
        fs::create_dir_all(root).unwrap();
        Self::at(root.to_owned(), free_port())
    }

    /// One that another owns.
    pub fn at(root: PathBuf, port: u16) -> Self {
        Self { port, root, tls: None, process: None }
    }

    pub fn on(&mut self) {
        let mut command = Command::new(tool("versitygw"));
        command.args(["--access", "root", "--secret", "rootsecret", "--region", "eu-1", "--port"]);
        command.arg(format!("127.0.0.1:{}", self.port));
        if let Some((certificate, key)) = &self.tls {
            command.arg("--cert").arg(certificate).arg("--key").arg(key);
        }
        command.arg("posix").arg(&self.root);
        self.process = Some(Process::spawn(command.stdout(Stdio::null()).stderr(Stdio::null())));
        wait_for_port(self.port);
    }

    /// Makes a certificate for itself with OpenSSL's program; gives it as PEM.
    pub fn https(&mut self, directory: &Path) -> String {
        let (certificate, key) = (directory.join("cert.pem"), directory.join("key.pem"));
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=store"]);
        openssl.args(["-addext", "subjectAltName=IP:127.0.0.1"]);
        // A CA's own certificate is taken for no server's.
        openssl
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate);
        assert!(openssl.stderr(Stdio::null()).status().expect("openssl is installed").success());
        let pem = fs::read_to_string(&certificate).unwrap();
        self.tls = Some((certificate, key));
        pem
    }

    pub fn make_bucket(&self) {
        fs::create_dir_all(self.root.join(BUCKET)).unwrap();
    }

    /// All objects' keys.
    pub fn keys(&self) -> Vec<String> {
        fn walk(directory: &Path, base: &Path, keys: &mut Vec<String>) {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    if !entry.file_name().to_string_lossy().starts_with(".sgwtmp") {
                        walk(&path, base, keys);
                    }
                } else {
                    keys.push(path.strip_prefix(base).unwrap().to_string_lossy().into_owned());
                }
            }
        }
        let base = self.root.join(BUCKET);
        let mut keys = Vec::new();
        walk(&base, &base, &mut keys);
        keys.sort();
        keys
    }

    pub fn read(&self, key: &str) -> Vec<u8> {
        fs::read(self.root.join(BUCKET).join(key)).unwrap()
    }
}
