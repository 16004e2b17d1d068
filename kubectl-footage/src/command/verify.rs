//! Checking a package, without writing anything.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::unreadable;
use crate::{
    check::{Check, lines},
    failure::{Failure, Kind},
    output::{Output, print},
    package::{CameraCoverage, Judgement, Keys, Nowhere, Problem, Sink, Trust, judge, read},
};

/// What opens a package, and what is trusted whatever it says.
#[derive(clap::Args)]
pub struct PackageArgs {
    /// The package, as it was fetched.
    pub package: PathBuf,
    /// Your key: the file that age-keygen or kubectl footage keygen wrote.
    #[arg(long, short)]
    pub identity: Option<PathBuf>,
    /// A file with keys that you trust, one a line: the SSH key that signs the tenant's packages, or its fingerprint
    /// (SHA256:…), and the log's verifier key. Again for a further file.
    #[arg(long = "trusted-key", value_name = "FILE")]
    pub trusted_keys: Vec<PathBuf>,
    /// A checkpoint of the log that you, or somebody whom you trust, kept. Again for a further one.
    #[arg(long = "log-checkpoint", value_name = "FILE")]
    pub checkpoints: Vec<PathBuf>,
}

/// `kubectl footage verify`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub package: PackageArgs,
    #[arg(long, short, value_enum, default_value = "table")]
    pub output: Output,
}

/// For programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'j> {
    package: String,
    verified: bool,
    checks: &'j [Check],
    cameras: &'j [CameraCoverage],
}

/// Reads it whole and says what it found, check by check.
pub async fn run(args: &Args) -> Result<(), Failure> {
    let (judgement, _) = examine(&args.package, Nowhere).await?;
    let package = args.package.package.display().to_string();
    let report = Report {
        package,
        verified: judgement.is_good(),
        checks: &judgement.checks,
        cameras: &judgement.cameras,
    };
    print(args.output, &report, || lines(&judgement.checks))?;
    if judgement.is_good() { Ok(()) } else { Err(refused(&args.package.package)) }
}

/// The package is not what it should be.
pub fn refused(package: &Path) -> Failure {
    Failure::new(
        Kind::Unverified,
        format!("{} is not what it should be: the lines marked FAILED say why.", package.display()),
        "Do not rely on it. Fetch it again; if it stays so, keep it as it is and tell whoever sent it.",
    )
}

/// Reads a package, what is in it to the sink, and judges it. On a thread of its own, so that Ctrl-C ends it in order.
pub async fn examine<S>(args: &PackageArgs, mut sink: S) -> Result<(Judgement, S), Failure>
where
    S: Sink + Send + 'static,
{
    let Some(identity) = &args.identity else {
        return Err(Failure::new(
            Kind::Input,
            "A package is sealed to its recipient: nothing of it can be checked without the key.",
            "Give your key with --identity.",
        ));
    };
    let keys = Keys::read(identity)?;
    let trust = Trust::read(&args.trusted_keys, &args.checkpoints)?;
    let package = args.package.clone();
    let file = File::open(&package).map_err(|error| unreadable(&package, &error))?;
    let bytes = file.metadata().map_err(|error| unreadable(&package, &error))?.len();
    let stop = Arc::new(AtomicBool::new(false));
    let watched = Watched { file, bar: bar(bytes), stop: Arc::clone(&stop) };
    let work = tokio::task::spawn_blocking(move || {
        let judgement = match read(watched, &keys, &mut sink) {
            Ok(found) => judge(&found, &keys, &trust),
            Err(Problem::Wrong(check)) => Judgement { checks: vec![check], cameras: Vec::new() },
            Err(Problem::Own(failure)) => return Err(failure),
        };
        Ok((judgement, sink))
    });
    let asked = async {
        let _ = tokio::signal::ctrl_c().await;
        stop.store(true, Ordering::Relaxed);
        std::future::pending::<()>().await;
    };
    let stopped = Arc::clone(&stop);
    let done = tokio::select! {
        done = work => done.unwrap_or_else(|error| {
            Err(Failure::new(Kind::Unverified, format!("The package cannot be read: {error}."), "Report this as a fault."))
        }),
        () = asked => unreachable!("it waits for ever"),
    };
    match done {
        Err(_) if stopped.load(Ordering::Relaxed) => {
            Err(Failure::new(Kind::Input, "You stopped it, and nothing is left of it.", "Run it again."))
        }
        done => done,
    }
}

/// Hidden where nobody looks.
fn bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// The file, with a progress bar, until somebody stops it.
struct Watched {
    file: File,
    bar: ProgressBar,
    stop: Arc<AtomicBool>,
}

impl Read for Watched {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("you stopped it"));
        }
        let read = self.file.read(out)?;
        self.bar.inc(read as u64);
        Ok(read)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
