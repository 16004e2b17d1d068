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
    log::{LogKey, Reader, SignedCheckpoint},
};
use k8s_openapi::api::core::v1::ConfigMap;
use serde::Serialize;

use crate::{
    check::{Check, is_good, lines},
    cluster::Cluster,
    failure::{Failure, Kind},
    log::{Audit, Held, Kept, Proxy},
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
    let saved = args.save.as_deref().map(|path| path.display().to_string());
    if let Some(other) =
        kept.held.iter().find(|held| Some(&held.from) == saved.as_ref() && held.origin() != key.origin())
    {
        return Err(Failure::new(
            Kind::Input,
            format!("{} keeps a checkpoint of another log, {:?}.", other.from, other.origin()),
            "Name another file with --save: one for each log.",
        ));
    }
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
    let mut audit = Audit::new(proxy, key, check);
    audit.run(&reader, &held).await?;
    if !kept.without.is_empty() {
        audit
            .checks
            .push(Check::note("kept", format!("No checkpoint was found in {}.", kept.without.join("; "))));
    }
    tell(&audit, args)
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

/// Tells what was found, and keeps the checkpoint if nothing is wrong.
fn tell(audit: &Audit, args: &Args) -> Result<(), Failure> {
    let good = is_good(&audit.checks);
    let report = Report {
        log: audit.key.origin(),
        verified: good,
        size: audit.newest.as_ref().map(SignedCheckpoint::size),
        root: audit.newest.as_ref().map(|newest| hex(&newest.root())),
        entries: &audit.entries,
        checks: &audit.checks,
    };
    print(args.output, &report, || {
        let counts: Vec<String> =
            audit.entries.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        format!("Log      {}\nEntries  {}\n\n{}", audit.key.origin(), counts.join(", "), lines(&audit.checks))
    })?;
    if !good {
        return Err(Failure::new(
            Kind::Unverified,
            "The log is not what it should be: the lines marked FAILED say what was done to it.",
            "Keep every checkpoint that you have, and tell the owners: no disclosure since then is accounted for.",
        ));
    }
    if let (Some(path), Some(newest)) = (&args.save, &audit.newest) {
        save(path, newest)?;
    }
    Ok(())
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
