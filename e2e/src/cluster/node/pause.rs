//! The image of the process that holds each pod's namespaces, made of one static program.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::process::Command;

use crate::{
    instance::Instance,
    tools::{Tools, command},
};

/// Its name; nothing pulls it.
pub(super) const IMAGE: &str = "localhost/camerafleet/pause:1";

/// Writes the image as an OCI archive, below the instance's state.
pub(super) async fn archive(instance: Instance, tools: &Tools) -> Result<PathBuf> {
    let folder = instance.state().join("pause");
    let (layout, layer) = (folder.join("layout"), folder.join("layer.tar"));
    let blobs = layout.join("blobs").join("sha256");
    fs::create_dir_all(&blobs).with_context(|| format!("creating {}", blobs.display()))?;
    tar(&layer, tools.bin_dir(), &["pause"]).await?;

    let layer = fs::read(&layer).with_context(|| format!("reading {}", layer.display()))?;
    let layer = blob(&blobs, &layer, "application/vnd.oci.image.layer.v1.tar")?;
    let config = json!({
        "architecture": architecture(),
        "os": "linux",
        "config": {"Entrypoint": ["/pause"], "User": "65535:65535"},
        // The layer is not compressed, so its digest is its content's too.
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    });
    let config = blob(&blobs, &bytes(&config)?, "application/vnd.oci.image.config.v1+json")?;
    let manifest_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest =
        json!({"schemaVersion": 2, "mediaType": manifest_type, "config": config, "layers": [layer]});
    let mut manifest = blob(&blobs, &bytes(&manifest)?, manifest_type)?;
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": IMAGE});
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [manifest],
    });
    for (name, content) in [("index.json", index), ("oci-layout", json!({"imageLayoutVersion": "1.0.0"}))] {
        let file = layout.join(name);
        fs::write(&file, bytes(&content)?).with_context(|| format!("writing {}", file.display()))?;
    }
    let archive = folder.join("pause.oci.tar");
    tar(&archive, &layout, &["oci-layout", "index.json", "blobs"]).await?;
    Ok(archive)
}

/// Adds a blob under its digest and returns its descriptor.
fn blob(blobs: &Path, content: &[u8], media_type: &str) -> Result<Value> {
    let digest: String = Sha256::digest(content).iter().map(|b| format!("{b:02x}")).collect();
    let file = blobs.join(&digest);
    fs::write(&file, content).with_context(|| format!("writing {}", file.display()))?;
    Ok(json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": content.len()}))
}

fn bytes(value: &Value) -> Result<Vec<u8>> {
    serde_json::to_vec(value).context("writing the pause image")
}

async fn tar(archive: &Path, from: &Path, names: &[&str]) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.args([
        "--sort=name",
        "--mtime=@0",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--mode=a+rX",
        "-cf",
    ])
    .arg(archive)
    .arg("-C")
    .arg(from)
    .args(names);
    command::output("making the pause image", &mut tar, Duration::from_secs(30)).await.map(drop)
}

/// As Go and OCI call it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
