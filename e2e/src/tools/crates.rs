//! Programs built from crates.io, at an exact version and with the lock file that was published with it.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result};
use tokio::process::Command;

use super::{Stamp, command};
use crate::progress;

/// A cold build of rage takes three minutes on two busy cores.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// One program.
pub(super) struct CrateTool {
    /// What it is called, as a crate and in the cache.
    name: &'static str,
    version: &'static str,
}

/// What only tests need.
pub(super) const CRATES: &[CrateTool] = &[CrateTool { name: "rage", version: "=0.12.1" }];

/// Builds the program unless the one in the cache is of the same version.
pub(super) async fn ensure(tool: &CrateTool, cache: &Path) -> Result<()> {
    let arguments =
        ["install", tool.name, "--version", tool.version, "--locked", "--no-default-features", "--no-track"];
    let stamp = Stamp::new(cache, tool.name, &[], &arguments.map(str::to_owned))?;
    let made = cache.join("bin").join(tool.name);
    if stamp.matches(&made) {
        return Ok(());
    }
    progress::step(&format!("building {}", tool.name), async {
        // In the cache and not under /tmp: the last step must be a rename within one file system.
        let folder = tempfile::tempdir_in(cache).context("making a folder for a crate")?;
        let mut build = Command::new("cargo");
        build.args(arguments).arg("--root").arg(folder.path());
        // Outside the checkout's own folder, which other builds lock.
        build.env("CARGO_TARGET_DIR", folder.path().join("target"));
        command::output(&format!("building {}", tool.name), &mut build, LIMIT)
            .await
            .context("access to crates.io is needed for the first build")?;
        let new = cache.join("bin").join(format!(".{}.new", tool.name));
        fs::rename(folder.path().join("bin").join(tool.name), &new)
            .with_context(|| format!("taking {} out of its folder", tool.name))?;
        stamp.put(&new, &made)
    })
    .await
}
