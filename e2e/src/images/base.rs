//! The bases that images are built and run on, of Debian's packages, and Rust's toolchain, which is the host's.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::process::Command;

use super::{buildah::Buildah, sources::Digest};
use crate::{progress::step, tools::command::output};

/// Downloads included.
const DEBOOTSTRAP: Duration = Duration::from_secs(600);

/// What an image's base is made of.
struct Recipe {
    name: &'static str,
    packages: &'static [&'static str],
    /// Run by mmdebstrap on the unpacked tree, `$1`.
    hook: &'static str,
    dockerfile: &'static str,
}

/// aws-lc is C and its build asks for perl; find, cp and the shell are for the Dockerfile.
const BUILD: Recipe = Recipe {
    name: "build-base",
    packages: &["libc6-dev", "gcc", "make", "perl", "dash", "coreutils", "findutils", "sed", "grep", "mawk"],
    hook: r#"rm -rf "$1"/usr/share/doc "$1"/usr/share/man "$1"/usr/share/locale"#,
    dockerfile: include_str!("../../images/build-base/Dockerfile"),
};

/// ca-certificates' script is not run (packages are only unpacked), so its bundle is made here; of what it depends on
/// nothing is needed. The user is the one that distroless images have.
const RUNTIME: Recipe = Recipe {
    name: "runtime-base",
    packages: &["libc6", "libgcc-s1", "ca-certificates"],
    hook: r#"set -e
cat "$1"/usr/share/ca-certificates/mozilla/*.crt > "$1"/etc/ssl/certs/ca-certificates.crt
rm -r "$1"/usr/bin "$1"/usr/sbin "$1"/usr/share "$1"/usr/lib
mkdir -p "$1"/home/nonroot
chown 65532:65532 "$1"/home/nonroot
printf 'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' > "$1"/etc/passwd
printf 'root:x:0:\nnonroot:x:65532:\n' > "$1"/etc/group
"#,
    dockerfile: include_str!("../../images/runtime-base/Dockerfile"),
};

/// The base with a C compiler; returns its name.
pub async fn build(buildah: &Buildah, cache: &Path) -> Result<String> {
    make(buildah, cache, &BUILD).await
}

/// The base with glibc and CA certificates; returns its name.
pub async fn runtime(buildah: &Buildah, cache: &Path) -> Result<String> {
    make(buildah, cache, &RUNTIME).await
}

/// What images depend on through their bases.
pub fn digests() -> [String; 2] {
    [BUILD.digest().to_string(), RUNTIME.digest().to_string()]
}

impl Recipe {
    fn digest(&self) -> Digest {
        let packages = self.packages.iter().copied();
        Digest::of_texts(packages.chain([self.hook, self.dockerfile]))
    }
}

async fn make(buildah: &Buildah, cache: &Path, recipe: &Recipe) -> Result<String> {
    let digest = recipe.digest();
    let prefix = format!("camerafleet.local/{}:", recipe.name);
    let reference = format!("{prefix}{digest}");
    if buildah.has(&reference).await? {
        return Ok(reference);
    }
    step(&format!("making the {}", recipe.name), async {
        let folder = tempfile::Builder::new()
            .prefix("base-")
            .tempdir_in(cache)
            .with_context(|| format!("creating a folder in {}", cache.display()))?;
        let dockerfile = folder.path().join("Dockerfile");
        fs::write(&dockerfile, recipe.dockerfile).context("writing a base's Dockerfile")?;
        let mut command = Command::new("mmdebstrap");
        command
            // Unpacked only: nothing here needs the packages' scripts, and it takes a fifth of the time.
            .args(["--quiet", "--variant=extract"])
            .arg(format!("--include={}", recipe.packages.join(",")))
            .arg(format!("--extract-hook={}", recipe.hook))
            .arg("bookworm")
            .arg(folder.path().join("base.tar"))
            .env("TMPDIR", folder.path());
        let what = format!("unpacking Debian packages for the {}", recipe.name);
        output(&what, &mut command, DEBOOTSTRAP).await?;
        let bud = buildah.bud(folder.path(), &dockerfile, &reference);
        bud.run(DEBOOTSTRAP).await?;
        buildah.remove_others(&prefix, &reference).await
    })
    .await?;
    Ok(reference)
}

/// The host's Rust.
pub struct Toolchain {
    /// Holds bin/cargo, bin/rustc and the standard library.
    pub sysroot: PathBuf,
    /// Cargo's downloads.
    pub registry: PathBuf,
    /// As rustc says it in full.
    pub version: String,
}

impl Toolchain {
    /// The one that builds the checkout in `repository` (which may name it in a file).
    pub async fn find(repository: &Path) -> Result<Self> {
        let rustc = |argument: [&'static str; 2]| async move {
            let mut command = Command::new("rustc");
            command.args(argument).current_dir(repository);
            output("asking rustc", &mut command, Duration::from_secs(60)).await
        };
        let sysroot = PathBuf::from(rustc(["--print", "sysroot"]).await?.trim());
        let version = rustc(["--version", "--verbose"]).await?;
        let home = match env::var_os("CARGO_HOME") {
            Some(home) => PathBuf::from(home),
            None => {
                let home = env::var_os("HOME")
                    .context("looking for Cargo's registry: neither CARGO_HOME nor HOME is set; set one")?;
                PathBuf::from(home).join(".cargo")
            }
        };
        let registry = home.join("registry");
        Ok(Self { sysroot, registry, version })
    }

    /// Downloads whatever Cargo.lock names, so that the build itself needs no network.
    pub async fn fetch(&self, repository: &Path) -> Result<()> {
        let mut command = Command::new("cargo");
        command.args(["fetch", "--locked", "--quiet"]).current_dir(repository);
        output("cargo fetch", &mut command, Duration::from_secs(900)).await.map(drop)
    }
}
