//! What an image is made of, as one digest.

use std::{
    fmt, fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use crate::tools::command::output;

/// What the Dockerfile's context consists of: the same as in .dockerignore.
const INPUTS: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "Dockerfile",
    "LICENSE",
    ".dockerignore",
    "crds",
    "footage",
    "ingest",
    "operator",
    "jobs",
    "e2e/Cargo.toml",
    "kubectl-footage/Cargo.toml",
    "testkit/Cargo.toml",
    "charts/camerafleet-crds/templates/admission",
];

/// Twelve hexadecimal digits: a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest(String);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Digest {
    /// Of texts in their order.
    pub fn of_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hash = Sha256::new();
        for text in texts {
            add(&mut hash, text.as_bytes());
        }
        Self::end(hash)
    }

    fn end(hash: Sha256) -> Self {
        let digits: String = hash.finalize()[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        Self(digits)
    }
}

/// With its length, so that no two lists of texts look alike.
fn add(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

fn add_all(hash: &mut Sha256, texts: &[String]) {
    add(hash, &(texts.len() as u64).to_be_bytes());
    for text in texts {
        add(hash, text.as_bytes());
    }
}

/// Of all that git does not ignore among the build's inputs, committed or not, and of the tools it is built with.
pub async fn of_repository(repository: &Path, tools: &[String]) -> Result<Digest> {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(repository)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"])
        .args(INPUTS);
    let listed = output("listing the sources", &mut command, Duration::from_secs(60)).await?;
    let mut files: Vec<&str> = listed.split('\0').filter(|file| !file.is_empty()).collect();
    files.sort_unstable();
    files.dedup();
    ensure!(
        !files.is_empty(),
        "listing the sources: git knows none in {}; run this in a checkout of the repository",
        repository.display()
    );
    let mut hash = Sha256::new();
    add_all(&mut hash, tools);
    for file in files {
        // Deleted, but not yet in the index.
        let Ok(metadata) = fs::metadata(repository.join(file)) else {
            continue;
        };
        add(&mut hash, file.as_bytes());
        add(&mut hash, &[u8::from(metadata.permissions().mode() & 0o100 != 0)]);
        let content = fs::read(repository.join(file)).with_context(|| format!("reading {file}"))?;
        add(&mut hash, &content);
    }
    Ok(Digest::end(hash))
}

/// Of a Dockerfile, of what it is built on, and of programs. They are large and change only by being replaced, so that their size and time of
/// change stand for their content.
pub fn of_programs(dockerfile: &Path, bases: &[String], programs: &[(&str, &PathBuf)]) -> Result<Digest> {
    let mut hash = Sha256::new();
    add_all(&mut hash, bases);
    let content = fs::read(dockerfile).with_context(|| format!("reading {}", dockerfile.display()))?;
    add(&mut hash, &content);
    for (name, program) in programs {
        let metadata = fs::metadata(program)
            .with_context(|| format!("looking for {}: build the tools first", program.display()))?;
        let modified = metadata
            .modified()
            .with_context(|| format!("when {} was changed", program.display()))?
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        add(&mut hash, name.as_bytes());
        add(&mut hash, program.as_os_str().as_bytes());
        add(&mut hash, &metadata.len().to_be_bytes());
        add(&mut hash, &modified.as_nanos().to_be_bytes());
    }
    Ok(Digest::end(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_docker_context_is_what_is_hashed() {
        let ignore = include_str!("../../../.dockerignore");
        let taken: Vec<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
        assert_eq!(taken, INPUTS);
    }

    #[test]
    fn where_one_text_ends_matters() {
        assert_ne!(Digest::of_texts(["ab", "c"]), Digest::of_texts(["a", "bc"]));
        assert_eq!(Digest::of_texts(["a"]).to_string().len(), 12);
    }

    #[tokio::test]
    async fn a_file_that_is_not_committed_counts_and_an_ignored_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let git = std::process::Command::new("git").arg("init").arg("-q").arg(folder.path()).status();
        assert!(git.unwrap().success());
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        fs::create_dir(folder.path().join("crds")).unwrap();
        write(".gitignore", "*.tmp\n");
        write("Cargo.toml", "a");
        let digest = async |tool: &str| of_repository(folder.path(), &[tool.to_owned()]).await.unwrap();
        let first = digest("rustc 1").await;
        write("crds/x.tmp", "ignored");
        write("README.md", "no input");
        assert_eq!(first, digest("rustc 1").await);
        write("crds/x.rs", "b");
        assert_ne!(first, digest("rustc 1").await);
        assert_ne!(digest("rustc 1").await, digest("rustc 2").await);
    }
}
