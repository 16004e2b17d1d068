//! buildah, with its storage inside the cache: nothing is left in the system's.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::tools::command::output;

/// For what does not compile anything.
const SHORT: Duration = Duration::from_secs(180);

/// buildah on this cache.
pub struct Buildah {
    storage: PathBuf,
    run: PathBuf,
    /// Also holds the build's cache mounts (`RUN --mount=type=cache`), buildah's `buildah-cache`.
    scratch: PathBuf,
}

impl Buildah {
    /// With its folders under `cache`.
    pub fn new(cache: &Path) -> Result<Self> {
        let buildah =
            Self { storage: cache.join("storage"), run: cache.join("run"), scratch: cache.join("scratch") };
        for folder in [&buildah.storage, &buildah.run, &buildah.scratch] {
            fs::create_dir_all(folder)
                .with_context(|| format!("creating {} for buildah", folder.display()))?;
        }
        Ok(buildah)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("buildah");
        command
            // vfs and chroot need neither overlay mounts nor a user namespace: they work inside containers, too.
            .args(["--storage-driver", "vfs", "--root"])
            .arg(&self.storage)
            .arg("--runroot")
            .arg(&self.run)
            .env("TMPDIR", &self.scratch);
        command
    }

    /// Whether an image of this name is there.
    pub async fn has(&self, reference: &str) -> Result<bool> {
        let mut command = self.command();
        command.args(["images", "--format", "{{.Name}}:{{.Tag}}"]);
        let images = output("listing images", &mut command, SHORT).await?;
        Ok(images.lines().any(|image| image == reference))
    }

    /// Removes the image of this name, with the layers that no other uses.
    pub async fn remove(&self, reference: &str) -> Result<()> {
        let mut command = self.command();
        command.args(["rmi", "--force", reference]);
        output(&format!("removing {reference}"), &mut command, SHORT).await.map(drop)
    }

    /// Removes the images whose name begins with `prefix`, but `keep`.
    pub async fn remove_others(&self, prefix: &str, keep: &str) -> Result<()> {
        let mut command = self.command();
        command.args(["images", "--format", "{{.Name}}:{{.Tag}}"]);
        let images = output("listing images", &mut command, SHORT).await?;
        for image in images.lines().filter(|image| image.starts_with(prefix) && *image != keep) {
            self.remove(image).await?;
        }
        Ok(())
    }

    /// Writes the image into an OCI archive that carries its full name.
    pub async fn push(&self, reference: &str, archive: &Path) -> Result<()> {
        // buildah would add to an archive that is there.
        if archive.exists() {
            fs::remove_file(archive).with_context(|| format!("removing {}", archive.display()))?;
        }
        let mut command = self.command();
        command
            .args(["push", "--quiet", reference])
            .arg(format!("oci-archive:{}:{reference}", archive.display()));
        output(&format!("exporting {reference}"), &mut command, SHORT).await.map(drop)
    }

    /// A build of `dockerfile` over the folder `context`, to be named `reference`.
    pub fn bud(&self, context: &Path, dockerfile: &Path, reference: &str) -> Bud<'_> {
        let mut command = self.command();
        command.args(["bud", "--isolation", "chroot", "--tag", reference, "--file"]).arg(dockerfile);
        Bud { buildah: self, command, context: context.to_owned(), reference: reference.to_owned() }
    }
}

/// A build that has not begun.
pub struct Bud<'a> {
    buildah: &'a Buildah,
    command: Command,
    context: PathBuf,
    reference: String,
}

impl Bud<'_> {
    /// Values for the Dockerfile's `ARG`s.
    pub fn args<'a>(mut self, arguments: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        for (name, value) in arguments {
            self.command.arg("--build-arg").arg(format!("{name}={value}"));
        }
        self
    }

    /// Ends with this stage.
    pub fn target(mut self, stage: &str) -> Self {
        self.command.args(["--target", stage]);
        self
    }

    /// Shows a folder of this machine, read-only, to the build's commands. It does not become part of the image.
    pub fn mount(mut self, folder: &Path, at: &str) -> Self {
        self.command.arg("--volume").arg(format!("{}:{at}:ro", folder.display()));
        self
    }

    /// Builds.
    pub async fn run(mut self, limit: Duration) -> Result<()> {
        // What a build that was killed has left: it would stay for ever.
        let mut leftovers = self.buildah.command();
        leftovers.args(["rm", "--all"]);
        output("removing an earlier build's leftovers", &mut leftovers, SHORT).await?;
        self.command.arg(&self.context);
        output(&format!("building {}", self.reference), &mut self.command, limit).await.map(drop)
    }
}
