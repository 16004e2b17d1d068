//! A build's context made of single files.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// A folder with `bin/<name>` for each program. It goes when it is dropped.
pub fn of_programs(cache: &Path, programs: &[(&str, &std::path::PathBuf)]) -> Result<TempDir> {
    let folder = tempfile::Builder::new()
        .prefix("context-")
        .tempdir_in(cache)
        .with_context(|| format!("creating a folder in {}", cache.display()))?;
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).context("creating the context's bin")?;
    for (name, program) in programs {
        let copy = bin.join(name);
        // A link where it can be: ffmpeg and bao are 170 MB each.
        let made = fs::hard_link(program, &copy).or_else(|_| fs::copy(program, &copy).map(drop));
        made.with_context(|| format!("copying {}", program.display()))?;
    }
    Ok(folder)
}
