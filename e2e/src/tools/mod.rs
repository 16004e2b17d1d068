//! The programs a cluster is made of: built or fetched once, at pinned versions, into a cache outside the checkout.

mod apt;
pub mod command;
mod crates;
mod go;
pub(crate) mod lock;
mod wheels;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

/// How long to wait for another run that is building the tools: a cold build takes about 15 minutes on two cores.
const OTHER_BUILD: Duration = Duration::from_secs(40 * 60);

/// Where the tools are.
#[derive(Clone, Debug)]
pub struct Tools {
    bin: PathBuf,
}

impl Tools {
    /// The path of a tool, such as `kubectl`, `helm`, `ctr`, `age`, `bao`, `ffmpeg`, `versitygw` or `rtsp-camera`.
    pub fn bin(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// The folder that holds them all.
    pub fn bin_dir(&self) -> &Path {
        &self.bin
    }

    /// The tools as an earlier [`ensure`] left them, without checking that they are current.
    ///
    /// # Errors
    /// When neither XDG_CACHE_HOME nor HOME is set.
    pub fn cached() -> Result<Self> {
        Ok(Self { bin: cache()?.join("bin") })
    }
}

/// [`ensure`], and the tools that no cluster needs and only tests use.
///
/// # Errors
/// As [`ensure`].
pub async fn ensure_for_tests() -> Result<Tools> {
    let tools = ensure().await?;
    let cache = cache()?;
    let _lock = lock::take(&cache.join("lock"), "building the tools", OTHER_BUILD).await?;
    for tool in go::FOR_TESTS {
        go::ensure(tool, &cache).await?;
    }
    for tool in crates::CRATES {
        crates::ensure(tool, &cache).await?;
    }
    Ok(tools)
}

/// Installs what is missing of Debian's packages and builds what is missing or outdated of the tools.
///
/// # Errors
/// When a package cannot be installed or a tool cannot be built or fetched; the error ends with the tool's own words.
pub async fn ensure() -> Result<Tools> {
    apt::ensure().await?;
    let cache = cache()?;
    let tools = Tools { bin: cache.join("bin") };
    for folder in [tools.bin_dir().to_owned(), cache.join("stamps")] {
        fs::create_dir_all(&folder)
            .with_context(|| format!("creating {} for the tools", folder.display()))?;
    }
    let _lock = lock::take(&cache.join("lock"), "building the tools", OTHER_BUILD).await?;
    for tool in go::TOOLS {
        go::ensure(tool, &cache).await?;
    }
    for wheel in wheels::WHEELS {
        wheels::ensure(wheel, &cache).await?;
    }
    Ok(tools)
}

/// Where the tools are kept.
fn cache() -> Result<PathBuf> {
    Ok(cache_root()?.join("tools"))
}

/// What is made once and kept outside the checkout. Follows the XDG rules for what can be made again.
///
/// # Errors
/// When neither XDG_CACHE_HOME nor HOME is set.
pub fn cache_root() -> Result<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let base = match (variable("XDG_CACHE_HOME"), variable("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => PathBuf::from(home).join(".cache"),
        (None, None) => {
            bail!("finding a folder for what is built: set HOME or XDG_CACHE_HOME and try again")
        }
    };
    Ok(base.join("camerafleet"))
}

/// The pinned sources of the tools, in the checkout this program was built from.
fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tools")
}

/// What a tool was made of, so that one that is current is kept and any change makes it anew.
struct Stamp {
    file: PathBuf,
    value: String,
}

impl Stamp {
    /// Over the bytes of `inputs` (in this order) and the `settings` they are built with.
    fn new(cache: &Path, tool: &str, inputs: &[PathBuf], settings: &[String]) -> Result<Self> {
        let mut hash = Sha256::new();
        for input in inputs {
            let bytes = fs::read(input).with_context(|| format!("reading {}", input.display()))?;
            hash.update(bytes.len().to_be_bytes());
            hash.update(bytes);
        }
        for setting in settings {
            hash.update(setting.len().to_be_bytes());
            hash.update(setting);
        }
        let value = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        Ok(Self { file: cache.join("stamps").join(tool), value })
    }

    /// Whether `made` exists and was made of exactly this.
    fn matches(&self, made: &Path) -> bool {
        made.is_file() && fs::read_to_string(&self.file).is_ok_and(|stamp| stamp == self.value)
    }

    /// Moves a new file into its place in one step (a running program keeps the old one) and remembers what it is of.
    fn put(&self, new: &Path, made: &Path) -> Result<()> {
        // Without the stamp first gone, a crash between the two could leave an old stamp beside a new file.
        let _ = fs::remove_file(&self.file);
        fs::rename(new, made).with_context(|| format!("moving {} to {}", new.display(), made.display()))?;
        fs::write(&self.file, &self.value).with_context(|| format!("writing {}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_changes_with_every_input_and_setting() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&a, "one")?;
        fs::write(&b, "two")?;
        let value = |inputs: &[PathBuf], settings: &[&str]| -> Result<String> {
            let settings: Vec<String> = settings.iter().map(|&s| s.to_owned()).collect();
            Ok(Stamp::new(folder.path(), "t", inputs, &settings)?.value)
        };
        let first = value(&[a.clone(), b.clone()], &["-s"])?;
        assert_eq!(first, value(&[a.clone(), b.clone()], &["-s"])?);
        assert_ne!(first, value(&[b.clone(), a.clone()], &["-s"])?);
        assert_ne!(first, value(&[a.clone(), b.clone()], &["-w"])?);
        fs::write(&b, "three")?;
        assert_ne!(first, value(&[a, b], &["-s"])?);
        Ok(())
    }

    #[test]
    fn a_tool_is_kept_only_with_its_own_stamp() -> Result<()> {
        let folder = tempfile::tempdir()?;
        fs::create_dir(folder.path().join("stamps"))?;
        let (new, made) = (folder.path().join("new"), folder.path().join("made"));
        let stamp = Stamp::new(folder.path(), "t", &[], &["-s".to_owned()])?;
        assert!(!stamp.matches(&made));
        fs::write(&new, "binary")?;
        stamp.put(&new, &made)?;
        assert!(stamp.matches(&made));
        assert!(!Stamp::new(folder.path(), "t", &[], &["-w".to_owned()])?.matches(&made));
        Ok(())
    }
}
