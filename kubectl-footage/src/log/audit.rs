//! Checking a log: its signature, each of its entries against its tree, and its history against checkpoints that were kept.

use std::collections::BTreeMap;

use camerafleet_footage::log::{
    Leaf, LogError, LogKey, Reader, SignedCheckpoint, Snapshot, entry::kind_name,
};
use futures::TryStreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Held, Proxy};
use crate::{
    check::Check,
    failure::{Failure, Kind},
};

/// An audit under way.
pub struct Audit {
    proxy: Proxy,
    /// The log's.
    pub key: LogKey,
    /// What was found so far.
    pub checks: Vec<Check>,
    /// How many entries there are of each kind.
    pub entries: BTreeMap<String, u64>,
    /// The published checkpoint.
    pub newest: Option<SignedCheckpoint>,
}

impl Audit {
    /// Under this key, of which `check` says how it is known.
    pub fn new(proxy: Proxy, key: LogKey, check: Check) -> Self {
        Self { proxy, key, checks: vec![check], entries: BTreeMap::new(), newest: None }
    }

    /// Reads the whole log, and compares it with what is held.
    pub async fn run(&mut self, reader: &Reader, held: &[Held]) -> Result<(), Failure> {
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
}
