//! What tests of several crates start. It ends with the test, and listens on loopback unless it is told where.

#![allow(clippy::unwrap_used, reason = "only tests use this")]

mod hooks;
mod metrics;
mod s3;

use std::{
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

pub use hooks::{HOOKS_KEY, Hooks};
pub use metrics::assert_documented;
pub use s3::S3;

/// A program on a busy machine may need so long to listen.
const PATIENCE: Duration = Duration::from_secs(60);

/// One of the project's tools: `CAMERAFLEET_<NAME>`, or where `make tools` puts it.
///
/// # Panics
/// Where there is none, with what to do.
pub fn tool(name: &str) -> PathBuf {
    let variable = format!("CAMERAFLEET_{}", name.to_uppercase().replace('-', "_"));
    let path = std::env::var_os(&variable).map(PathBuf::from).unwrap_or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
        cache.unwrap_or_else(home).join("camerafleet/tools/bin").join(name)
    });
    assert!(
        path.is_file(),
        "this test needs {name} and there is none at {}: run `make tools`, or set {variable}",
        path.display()
    );
    path
}

/// A port of loopback that nobody had a moment ago.
pub fn free_port() -> u16 {
    let [port] = free_ports();
    port
}

/// Several at once, so that they differ.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.each_ref().map(|listener| listener.local_addr().unwrap().port())
}

/// A program that ends with the test.
pub struct Process(Child);

impl Process {
    /// Starts it, silent.
    pub fn spawn(command: &mut Command) -> Self {
        let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(silent.spawn().unwrap())
    }

    /// Waits until it listens on a port of loopback.
    ///
    /// # Panics
    /// If it ends, or does not listen within a minute.
    pub fn listening(mut self, port: u16) -> Self {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = self.0.try_wait().unwrap() {
                panic!("it ended before it listened: {status}");
            }
            assert!(Instant::now() < deadline, "it does not listen after {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        self
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
