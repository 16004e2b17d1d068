//! Checking a tenant's disclosure log from outside: its signature, each of its entries against its tree, and its history
//! against checkpoints that were kept elsewhere.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use camerafleet_footage::{
    digest::hex,
    ids::TenantId,
    log::{Leaf, LogError, LogKey, Reader, SignedCheckpoint, Snapshot, entry::kind_name},
};
use futures::TryStreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use k8s_openapi::api::core::v1::ConfigMap;
use serde::Serialize;

use crate::{
    check::{Check, is_good, lines},
    cluster::Cluster,
    failure::{Failure, Kind},
    log::{Held, Kept, Proxy},
    output::{Output, print},
    package::{Keys, Trust},
};

/// Where the operator remembers the newest checkpoint, in the tenant's namespace.
const MEMORY: &str = "camerafleet-log";

/// `kubectl footage verify-log`.
#[derive(clap::Args)]
pub struct Args {
    /// The tenant's id, where more than one log's key is given.
    #[arg(long)]
    pub tenant: Option<String>,
    /// A file with the log's verifier key, as <origin>+<id>+<base64>. Without one the operator is asked for it, in the
    /// tenant's namespace (-n).
    #[arg(long = "trusted-key", value_name = "FILE")]
    pub trusted_keys: Vec<PathBuf>,
    /// A file with a checkpoint that was kept: a note, a proof, a manifest, or a package. Again for a further one.
    #[arg(long = "checkpoint", value_name = "FILE")]
    pub checkpoints: Vec<PathBuf>,
    /// A folder with such files.
    #[arg(long = "checkpoints", value_name = "DIR")]
    pub folders: Vec<PathBuf>,
    /// Your key, to look into packages.
    #[arg(long, short)]
    pub identity: Option<PathBuf>,
    /// Keep the newest checkpoint in this file, if nothing is wrong. One that is there is compared first, and replaced.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// The namespace that the operator runs in.
    #[arg(long, default_value = "camerafleet-system")]
    pub operator_namespace: String,
    #[arg(long, short, value_enum, default_value = "table")]
    pub output: Output,
}

/// For programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'r> {
    log: &'r str,
    verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<String>,
    /// By kind.
    entries: &'r BTreeMap<String, u64>,
    checks: &'r [Check],
}

/// What the operator says of the log.
#[derive(Default)]
struct Told {
    key: Option<LogKey>,
    checkpoint: Option<String>,
}

/// Reads the whole log and says what it found, check by check.
pub async fn run(args: &Args, cluster: &Cluster) -> Result<(), Failure> {
    let trust = Trust::read(&args.trusted_keys, &[])?;
    let keys = args.identity.as_deref().map(Keys::read).transpose()?;
    let mut files = args.checkpoints.clone();
    files.extend(args.save.clone().filter(|path| path.exists()));
    let kept = Kept::read(&files, &args.folders, keys.as_ref())?;
    // Before the published one, so that it cannot be the newer of the two.
    let told = told(cluster).await;
    let given = given(args, &trust)?;
    let (key, check) = key(given, &told, cluster)?;
    let tenant = key.origin().rsplit('/').next().unwrap_or_default();
    let tenant = TenantId::parse(tenant).map_err(|error| {
        let what = format!("The key is not one of a tenant's log: {error}.");
        Failure::new(Kind::Input, what, "Give the key that an auditor or the operator has.")
    })?;
    let proxy = Proxy::new(cluster.client.clone(), args.operator_namespace.clone());
    let reader = Reader::new(Arc::new(proxy.clone()), "", &tenant, key.clone());
    let mut held = kept.held;
    held.extend(
        told.unwrap_or_default()
            .checkpoint
            .map(|note| Held { from: format!("What the operator remembers (ConfigMap {MEMORY})"), note }),
    );
    let mut audit = Audit { proxy, key, checks: vec![check], entries: BTreeMap::new(), newest: None };
    audit.run(&reader, &held).await?;
    if !kept.without.is_empty() {
        audit
            .checks
            .push(Check::note("kept", format!("No checkpoint was found in {}.", kept.without.join("; "))));
    }
    audit.tell(args)
}

/// What the ConfigMap in the tenant's namespace says. One who may not read it can give a key by hand.
async fn told(cluster: &Cluster) -> Result<Told, Failure> {
    let map = cluster.get::<ConfigMap>(MEMORY).await?;
    let field = |name: &str| map.data.as_ref().and_then(|data| data.get(name)).cloned();
    Ok(Told {
        key: field("key").and_then(|key| LogKey::from_vkey(&key).ok()),
        checkpoint: field("checkpoint"),
    })
}

fn given<'t>(args: &Args, trust: &'t Trust) -> Result<Option<&'t LogKey>, Failure> {
    let is_wanted = |key: &&LogKey| {
        args.tenant.as_deref().is_none_or(|tenant| key.origin().rsplit('/').next() == Some(tenant))
    };
    let mut keys = trust.logs.iter().filter(is_wanted);
    match (keys.next(), keys.next()) {
        (None, _) if args.trusted_keys.is_empty() => Ok(None),
        (Some(key), None) => Ok(Some(key)),
        (None, _) => Err(Failure::new(
            Kind::Input,
            "No key of this tenant's log is in the files of --trusted-key.",
            "Give its verifier key, and with --tenant the id that is the last part of the log's name.",
        )),
        (Some(_), Some(_)) => Err(Failure::new(
            Kind::Input,
            "Keys of more than one log are given.",
            "Say with --tenant which one: the id that is the last part of the log's name.",
        )),
    }
}

/// The key to believe, and what is to be said of it. One that was given by hand counts more than anybody's word.
fn key(
    given: Option<&LogKey>,
    told: &Result<Told, Failure>,
    cluster: &Cluster,
) -> Result<(LogKey, Check), Failure> {
    let operators = told.as_ref().ok().and_then(|told| told.key.as_ref());
    match (given, operators) {
        (Some(given), Some(operators)) if given.origin() == operators.origin() && given != operators => {
            let what =
                format!("The operator has another key for this log than you gave: {}.", operators.vkey());
            Ok((given.clone(), Check::failed("key", what)))
        }
        (Some(given), _) => {
            Ok((given.clone(), Check::ok("key", format!("The one that you gave: {}.", given.vkey()))))
        }
        (None, Some(operators)) => {
            let what = format!(
                "It is the operator's word that this is the log's key: {}. Keep it, and compare it with what others keep.",
                operators.vkey()
            );
            Ok((operators.clone(), Check::note("key", what)))
        }
        (None, None) => {
            let why = match told {
                Err(failure) => failure.what().to_owned(),
                Ok(_) => format!("The ConfigMap {MEMORY} in the namespace {} has no key.", cluster.namespace),
            };
            let next = "Name the tenant's namespace with -n, or give the log's key with --trusted-key.";
            Err(Failure::new(told.as_ref().err().map_or(Kind::NotFound, Failure::kind), why, next))
        }
    }
}

/// An audit under way.
struct Audit {
    proxy: Proxy,
    key: LogKey,
    checks: Vec<Check>,
    entries: BTreeMap<String, u64>,
    newest: Option<SignedCheckpoint>,
}

impl Audit {
    async fn run(&mut self, reader: &Reader, held: &[Held]) -> Result<(), Failure> {
        let newest = match reader.checkpoint().await {
            Ok(newest) => newest,
            Err(error) => return self.wrong("checkpoint", "The published checkpoint", error),
        };
        let what = format!("The log has {} entries, and its key signed that.", newest.size());
        self.checks.push(Check::ok("checkpoint", what));
        self.newest = Some(newest.clone());
        let snapshot = reader.at(&newest);
        match self.read(&snapshot).await {
            Ok(()) => {
                let what =
                    "Each entry was read, and together they give the tree that is signed: none was changed.";
                self.checks.push(Check::ok("tree", what));
            }
            Err(error) => self.wrong("tree", "The log", error)?,
        }
        for held in held {
            self.compare(held, &snapshot).await?;
        }
        if held.is_empty() {
            let what = "No checkpoint that was kept elsewhere was given: that nothing was cut off since one was made is not shown.";
            self.checks.push(Check::note("kept", what));
        }
        Ok(())
    }

    /// Every leaf, each bundle checked against the tree.
    async fn read(&mut self, snapshot: &Snapshot) -> Result<(), LogError> {
        let bar = ProgressBar::new(snapshot.checkpoint().size());
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} entries, {eta} left") {
            bar.set_style(style);
        }
        let mut leaves = std::pin::pin!(snapshot.leaves(0));
        let done = loop {
            match leaves.try_next().await {
                Ok(Some((_, leaf))) => {
                    let kind = Leaf::decode(&leaf)
                        .and_then(|leaf| kind_name(leaf.kind))
                        .unwrap_or("of a newer release");
                    *self.entries.entry(kind.to_owned()).or_default() += 1;
                    bar.inc(1);
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        bar.finish_and_clear();
        done
    }

    async fn compare(&mut self, held: &Held, snapshot: &Snapshot) -> Result<(), Failure> {
        if held.origin() != self.key.origin() {
            let what = format!("{} is of another log, {:?}, and is not compared.", held.from, held.origin());
            self.checks.push(Check::note("kept", what));
            return Ok(());
        }
        let older = match self.key.open(held.note.as_bytes()) {
            Ok(older) => older,
            Err(error) => {
                let what = format!("{} is not signed by the log's key: {error}.", held.from);
                self.checks.push(Check::failed("kept", what).finding("notSigned"));
                return Ok(());
            }
        };
        match snapshot.consistency(&older).await {
            Ok(_) => {
                let what =
                    format!("{}: its {} entries are all still there, unchanged.", held.from, older.size());
                self.checks.push(Check::ok("kept", what));
                Ok(())
            }
            Err(error) => self.wrong("kept", &held.from, error),
        }
    }

    /// Tells what is wrong with the log; of what is only away, that it cannot be told.
    fn wrong(&mut self, check: &str, whose: &str, error: LogError) -> Result<(), Failure> {
        let (finding, what) = match error {
            LogError::Store { .. } | LogError::Timeout { .. } => {
                return Err(self.proxy.failure().unwrap_or_else(|| {
                    Failure::new(
                        Kind::Unreachable,
                        format!("The log could not be read: {error}."),
                        "Try again.",
                    )
                }));
            }
            LogError::Stale { remembered, found } => (
                "truncated",
                format!(
                    "TRUNCATED. {whose} is signed and has {remembered} entries; now the log has {found}. Somebody took entries away, or put an old state back."
                ),
            ),
            LogError::Forked { older, newer } => (
                "forked",
                format!(
                    "FORKED. {whose} is signed and has {older} entries, and the log's {newer} do not begin with them: there are two histories. Keep both checkpoints, they prove it."
                ),
            ),
            LogError::Absent(_) | LogError::Lost(_) => (
                "missing",
                format!("MISSING. {whose} is not there: the log was never begun, or somebody took it away."),
            ),
            LogError::NotSigned(why) => (
                "notSigned",
                format!(
                    "NOT SIGNED. {whose} is not this log's: {why}. Somebody wrote to the bucket, or the key is another one."
                ),
            ),
            LogError::TileMissing(object) => (
                "missing",
                format!(
                    "MISSING. The object {object}, without which entries cannot be proven: somebody took it away."
                ),
            ),
            LogError::TileAltered(object) | LogError::LeafAltered(object) | LogError::Oversized(object) => (
                "altered",
                format!(
                    "ALTERED. {object} is not what the signed tree says: somebody changed, added or exchanged entries."
                ),
            ),
            error => ("failed", format!("{whose}: {error}.")),
        };
        // One damaged tile shows wherever it is needed, and is one finding.
        let check = Check::failed(check, what).finding(finding);
        if !self.checks.iter().any(|known| known.message == check.message) {
            self.checks.push(check);
        }
        Ok(())
    }

    fn tell(self, args: &Args) -> Result<(), Failure> {
        let good = is_good(&self.checks);
        let report = Report {
            log: self.key.origin(),
            verified: good,
            size: self.newest.as_ref().map(SignedCheckpoint::size),
            root: self.newest.as_ref().map(|newest| hex(&newest.root())),
            entries: &self.entries,
            checks: &self.checks,
        };
        print(args.output, &report, || {
            let counts: Vec<String> =
                self.entries.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
            format!(
                "Log      {}\nEntries  {}\n\n{}",
                self.key.origin(),
                counts.join(", "),
                lines(&self.checks)
            )
        })?;
        if !good {
            return Err(Failure::new(
                Kind::Unverified,
                "The log is not what it should be: the lines marked FAILED say what was done to it.",
                "Keep every checkpoint that you have, and tell the owners: no disclosure since then is accounted for.",
            ));
        }
        if let (Some(path), Some(newest)) = (&args.save, &self.newest) {
            save(path, newest)?;
        }
        Ok(())
    }
}

fn save(path: &Path, newest: &SignedCheckpoint) -> Result<(), Failure> {
    let mut part = path.to_owned().into_os_string();
    part.push(".part");
    let written = fs::write(&part, newest.note()).and_then(|()| fs::rename(&part, path));
    written.map_err(|error| {
        Failure::new(
            Kind::Input,
            format!("{} cannot be written: {error}.", path.display()),
            "Name another file with --save.",
        )
    })?;
    eprintln!(
        "The checkpoint is kept in {}: with it, nobody can shorten or change the log unnoticed.",
        path.display()
    );
    Ok(())
}
