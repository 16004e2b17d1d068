//! Container images without a registry and without Docker: the repository's Dockerfiles, built by buildah on bases of
//! Debian's packages, as OCI archives that a container runtime imports. What has not changed is not built again.

mod base;
mod buildah;
mod context;
mod lock;
mod sources;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};

use self::{buildah::Buildah, lock::Lock, sources::Digest};
use crate::progress::step;

/// A cold build of the operator's dependencies on two busy cores takes some ten minutes.
const BUILD: Duration = Duration::from_secs(45 * 60);

/// An image as a pod names it, and the file to import it from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// For a pod's `image`, with `imagePullPolicy: IfNotPresent`. The tag is a digest of what the image is made of.
    pub reference: String,
    /// An OCI archive, for `ctr --namespace k8s.io images import`.
    pub archive: PathBuf,
}

impl Image {
    fn new(cache: &Path, name: &str, digest: &Digest) -> Self {
        Self {
            reference: format!("camerafleet.local/{name}:{digest}"),
            archive: cache.join(format!("{name}-{digest}.tar")),
        }
    }
}

/// The programs of the fixtures' image.
#[derive(Clone, Debug)]
pub struct FixtureBinaries {
    /// OpenBao's `bao`, of any libc.
    pub bao: PathBuf,
    /// The S3 server.
    pub versitygw: PathBuf,
    /// `e2e/tools/rtsp`.
    pub rtsp_camera: PathBuf,
    /// ffmpeg with libx264, libx265 and AAC, linked to nothing but glibc.
    pub ffmpeg: PathBuf,
}

/// The image of the server-side programs, of the checkout in `repository`. `cache` is a folder of this module's own.
///
/// # Errors
/// When a tool is missing or the build fails; the error ends with the compiler's last words.
pub async fn camerafleet(cache: &Path, repository: &Path) -> Result<Image> {
    let _lock = Lock::take(cache).await?;
    let toolchain = base::Toolchain::find(repository).await?;
    let [build, runtime] = base::digests();
    let tools = [toolchain.version.clone(), build, runtime];
    let digest = sources::of_repository(repository, &tools).await?;
    let image = Image::new(cache, "camerafleet", &digest);
    if image.archive.exists() {
        return Ok(image);
    }
    let buildah = Buildah::new(cache)?;
    let build = base::build(&buildah, cache).await?;
    let runtime = base::runtime(&buildah, cache).await?;
    step("fetching the crates", toolchain.fetch(repository)).await?;
    let arguments = [("BUILD_BASE", build.as_str()), ("RUNTIME_BASE", &runtime)];
    step("building the image camerafleet", async {
        let bud = buildah
            .bud(repository, &repository.join("Dockerfile"), &image.reference)
            .args(arguments)
            .mount(&toolchain.sysroot, "/opt/rust")
            .mount(&toolchain.registry, "/opt/cargo/registry");
        bud.run(BUILD).await?;
        export(&buildah, cache, "camerafleet", &image).await
    })
    .await?;
    Ok(image)
}

/// The image of the fixtures: Vault, S3 server and cameras.
///
/// # Errors
/// When a program is missing or the build fails.
pub async fn fixtures(cache: &Path, repository: &Path, binaries: &FixtureBinaries) -> Result<Image> {
    let _lock = Lock::take(cache).await?;
    let dockerfile = repository.join("e2e/images/fixtures/Dockerfile");
    let programs = [
        ("bao", &binaries.bao),
        ("versitygw", &binaries.versitygw),
        ("rtsp-camera", &binaries.rtsp_camera),
        ("ffmpeg", &binaries.ffmpeg),
    ];
    let digest = sources::of_programs(&dockerfile, &base::digests()[1..], &programs)?;
    let image = Image::new(cache, "fixtures", &digest);
    if image.archive.exists() {
        return Ok(image);
    }
    let buildah = Buildah::new(cache)?;
    let runtime = base::runtime(&buildah, cache).await?;
    step("building the image fixtures", async {
        let context = context::of_programs(cache, &programs)?;
        let bud = buildah
            .bud(context.path(), &dockerfile, &image.reference)
            .args([("RUNTIME_BASE", runtime.as_str())])
            .target("prebuilt");
        bud.run(Duration::from_secs(300)).await?;
        export(&buildah, cache, "fixtures", &image).await
    })
    .await?;
    Ok(image)
}

/// Writes the archive and removes what is then of no use: the image in buildah's storage, and older archives.
async fn export(buildah: &Buildah, cache: &Path, name: &str, image: &Image) -> Result<()> {
    // Written under another name first: an archive that exists is complete.
    let partial = cache.join(format!("{name}.partial"));
    buildah.push(&image.reference, &partial).await?;
    for entry in fs::read_dir(cache).with_context(|| format!("listing {}", cache.display()))? {
        let path = entry?.path();
        let old = path
            .file_name()
            .and_then(|file| file.to_str())
            .is_some_and(|file| file.starts_with(&format!("{name}-")) && file.ends_with(".tar"));
        if old {
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
    }
    fs::rename(&partial, &image.archive).with_context(|| format!("naming {}", image.archive.display()))?;
    buildah.remove(&image.reference).await
}
