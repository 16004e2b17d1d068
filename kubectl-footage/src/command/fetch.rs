//! Fetching a package, by the URL that only the requester may read.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use camerafleet_crds::{DisclosureRequest, Span};
use indicatif::{ProgressBar, ProgressStyle};
use k8s_openapi::api::core::v1::ConfigMap;
use reqwest::{Certificate, StatusCode, header};
use sha2::{Digest as _, Sha256};

use super::unreadable;
use crate::{
    cluster::Cluster,
    failure::{Failure, Kind},
};

/// Between two looks for a package that is still to come.
const AGAIN: Duration = Duration::from_secs(2);
/// The store may be silent for so long.
const SILENCE: Duration = Duration::from_secs(60);

/// `kubectl footage fetch`.
#[derive(clap::Args)]
pub struct Args {
    /// The DisclosureRequest.
    pub request: String,
    /// The file to write; the package's own name, where none is given.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// The certificate authority of the store, PEM, where it is not a public one.
    #[arg(long)]
    pub ca_bundle: Option<PathBuf>,
    /// Wait for the package, for so long, where it is not made yet: 2m.
    #[arg(long, value_parser = super::span)]
    pub wait: Option<Span>,
}

/// What the ConfigMap says of a package.
struct Package {
    url: String,
    name: String,
    sha256: String,
    bytes: u64,
}

/// Fetches it; what was fetched before an interruption is not fetched again.
pub async fn run(args: &Args, cluster: &Cluster) -> Result<(), Failure> {
    let map = offered(args, cluster).await?;
    let package = Package::read(&map)?;
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(&package.name));
    if out.exists() {
        return Err(Failure::new(
            Kind::Input,
            format!("{} is there already.", out.display()),
            "Name another file with --out.",
        ));
    }
    let mut part = out.clone().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let http = client(args.ca_bundle.as_deref())?;
    download(&http, &package, &part).await?;
    check(&package, &part)?;
    std::fs::rename(&part, &out).map_err(|error| unwritable(&out, &error))?;
    println!("{} is fetched, and its SHA-256 is the one that the log has.", out.display());
    println!("next:  kubectl footage open {} --identity KEY", out.display());
    Ok(())
}

/// What says where the package is. With `--wait` it may be still to come.
async fn offered(args: &Args, cluster: &Cluster) -> Result<ConfigMap, Failure> {
    let limit = Instant::now() + args.wait.map_or(Duration::ZERO, |wait| Duration::from_secs(wait.as_secs()));
    let mut told = String::new();
    loop {
        match cluster.get::<ConfigMap>(&format!("package-{}", args.request)).await {
            Err(failure) if failure.is_missing() && Instant::now() < limit => {}
            done => return done,
        }
        // One's right to it comes with the operator's first look.
        let request = match cluster.get::<DisclosureRequest>(&args.request).await {
            Ok(request) => Some(request),
            Err(failure) if failure.is_missing() => None,
            Err(failure) => return Err(failure),
        };
        let conditions = request.and_then(|request| request.status).map(|status| status.conditions);
        match conditions.unwrap_or_default().into_iter().find(|condition| condition.type_ == "Ready") {
            // Nobody waits in vain.
            Some(ready) if ready.status == "False" => {
                return Err(Failure::new(
                    Kind::Refused,
                    format!("There is no package: {}", ready.message),
                    format!("kubectl footage show {} says more.", args.request),
                ));
            }
            Some(ready) if ready.message != told => {
                eprintln!("{}: {}", ready.reason, ready.message);
                told = ready.message;
            }
            _ => {}
        }
        tokio::time::sleep(AGAIN).await;
    }
}

impl Package {
    fn read(map: &ConfigMap) -> Result<Self, Failure> {
        let field = |name: &str| map.data.as_ref().and_then(|data| data.get(name)).cloned();
        let read = || {
            let key = field("key")?;
            Some(Self {
                url: field("url")?,
                name: key.rsplit('/').next().filter(|name| !name.is_empty() && *name != "..")?.to_owned(),
                sha256: field("sha256")?,
                bytes: field("bytes")?.parse().ok()?,
            })
        };
        read().ok_or_else(|| {
            Failure::new(
                Kind::Unverified,
                "What the cluster says of the package cannot be read.",
                "Use the release of kubectl footage that fits the cluster's.",
            )
        })
    }
}

fn client(ca_bundle: Option<&Path>) -> Result<reqwest::Client, Failure> {
    let mut builder = reqwest::Client::builder().connect_timeout(SILENCE).read_timeout(SILENCE);
    if let Some(path) = ca_bundle {
        let pem = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
        let bundle = Certificate::from_pem_bundle(&pem).map_err(|error| unreadable(path, &error))?;
        builder = builder.tls_certs_merge(bundle);
    }
    builder.build().map_err(|error| {
        Failure::new(Kind::Input, format!("No connection can be made: {error}."), "Check --ca-bundle.")
    })
}

/// Fetches what is not in the file yet. The URL is a credential: no error shows it.
async fn download(http: &reqwest::Client, package: &Package, part: &Path) -> Result<(), Failure> {
    let unreachable = |error: reqwest::Error| {
        Failure::new(
            Kind::Unreachable,
            format!("The store does not send the package: {}.", error.without_url()),
            "Try again: what was fetched is kept, and only the rest is fetched.",
        )
    };
    let mut file =
        OpenOptions::new().create(true).append(true).open(part).map_err(|e| unwritable(part, &e))?;
    let mut have = file.metadata().map_err(|e| unwritable(part, &e))?.len();
    if have >= package.bytes {
        return Ok(());
    }
    let mut request = http.get(&package.url);
    if have > 0 {
        request = request.header(header::RANGE, format!("bytes={have}-"));
    }
    let mut answer = request.send().await.map_err(unreachable)?;
    match answer.status() {
        StatusCode::PARTIAL_CONTENT if have > 0 => {}
        StatusCode::OK => {
            file.set_len(0).map_err(|e| unwritable(part, &e))?;
            have = 0;
        }
        status => {
            return Err(Failure::new(
                Kind::Refused,
                format!("The store refuses the package: {status}."),
                "The URL may be past its time: try again in a minute; after the package's date, ask for the footage again.",
            ));
        }
    }
    let bar = ProgressBar::new(package.bytes).with_position(have);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {eta} left") {
        bar.set_style(style);
    }
    while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
        have += chunk.len() as u64;
        if have > package.bytes {
            break;
        }
        file.write_all(&chunk).map_err(|e| unwritable(part, &e))?;
        bar.set_position(have);
    }
    bar.finish_and_clear();
    file.sync_all().map_err(|e| unwritable(part, &e))
}

fn check(package: &Package, part: &Path) -> Result<(), Failure> {
    let mut file = File::open(part).map_err(|error| unreadable(part, &error))?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut buffer).map_err(|error| unreadable(part, &error))?;
        if read == 0 {
            break;
        }
        digest.update(&buffer[..read]);
    }
    let found = camerafleet_footage::digest::hex(&digest.finalize());
    if package.sha256.trim_start_matches("sha256:") == found {
        return Ok(());
    }
    // Kept, it would be taken for the beginning of the right one.
    std::fs::remove_file(part).map_err(|error| unwritable(part, &error))?;
    Err(Failure::new(
        Kind::Unverified,
        "What was fetched is not the package: its SHA-256 is another one.",
        "Try again. If it stays so, tell whoever runs the platform.",
    ))
}

fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        Kind::Input,
        format!("{} cannot be written: {error}.", path.display()),
        "Check the folder and the room that is left.",
    )
}
