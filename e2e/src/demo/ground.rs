//! The cluster that the demo runs on: this machine's own, or the one that the current kubeconfig names.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use crate::{
    cluster::Cluster,
    images::{self, FixtureBinaries, Image},
    instance::Instance,
    progress::step,
    tools::{self, Tools},
};

/// A cluster, and what it takes to install onto it.
pub struct Ground {
    /// The API server.
    pub client: Client,
    /// What `kubectl` and `helm` are given; none: what they find by themselves.
    pub kubeconfig: Option<PathBuf>,
    /// The pinned tools.
    pub tools: Tools,
    /// The images, as pods name them.
    pub images: Images,
    /// This machine's own instance, if it is one.
    pub instance: Option<Instance>,
}

/// The images, as pods name them.
pub struct Images {
    /// The project's own.
    pub camerafleet: String,
    /// Vault, S3 server and cameras.
    pub fixtures: String,
}

impl Ground {
    /// Starts an instance afresh, and loads the images of this checkout into it.
    pub async fn embedded(instance: Instance) -> Result<Self> {
        let tools = tools::ensure().await?;
        let cluster = Cluster::start(instance, &tools).await?;
        let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let cache = tools::cache_root()?.join("images");
        let camerafleet = images::camerafleet(&cache, &repository).await?;
        let binaries = FixtureBinaries {
            bao: tools.bin("bao"),
            versitygw: tools.bin("versitygw"),
            rtsp_camera: tools.bin("rtsp-camera"),
            ffmpeg: tools.bin("ffmpeg"),
        };
        let fixtures = images::fixtures(&cache, &repository, &binaries).await?;
        step("load both images into the node", async {
            for Image { archive, .. } in [&camerafleet, &fixtures] {
                cluster.load_image(archive).await?;
            }
            Ok(())
        })
        .await?;
        let kubeconfig = cluster.kubeconfig();
        let client = connect(&kubeconfig).await?;
        let images = Images { camerafleet: camerafleet.reference, fixtures: fixtures.reference };
        Ok(Self { client, kubeconfig: Some(kubeconfig), tools, images, instance: Some(instance) })
    }

    /// The current kubeconfig's cluster, with images that it can pull.
    pub async fn existing(camerafleet: Option<String>, fixtures: Option<String>) -> Result<Self> {
        let (Some(camerafleet), Some(fixtures)) = (camerafleet, fixtures) else {
            bail!(
                "an existing cluster needs images that it can pull: build Dockerfile and e2e/images/fixtures/Dockerfile, push \
                 both, and call make demo CLUSTER=existing IMAGE=registry.example.com/camerafleet:tag FIXTURES_IMAGE=registry.example.com/fixtures:tag"
            );
        };
        let client =
            Client::try_default().await.context("find a cluster: set KUBECONFIG or ~/.kube/config")?;
        let tools = tools::ensure().await?;
        Ok(Self { client, kubeconfig: None, tools, images: Images { camerafleet, fixtures }, instance: None })
    }
}

/// A client of the cluster that a kubeconfig names.
pub async fn connect(kubeconfig: &std::path::Path) -> Result<Client> {
    let file = Kubeconfig::read_from(kubeconfig).with_context(|| format!("read {}", kubeconfig.display()))?;
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}
