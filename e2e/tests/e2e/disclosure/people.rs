//! People at terminals.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use age::{secrecy::ExposeSecret as _, x25519::Identity};
use anyhow::{Context, Result, ensure};
use camerafleet_e2e::{
    demo::{TENANT, wait},
    suite::Fleet,
};
use serde_json::{Value, json};

use super::SOON;

/// Somebody at a terminal.
pub struct Person<'a> {
    fleet: &'a Fleet,
    folder: tempfile::TempDir,
    name: &'static str,
}

impl<'a> Person<'a> {
    pub fn new(fleet: &'a Fleet, name: &'static str) -> Result<Self> {
        // Built before anything waits for what it does.
        plugin()?;
        let folder = tempfile::tempdir()?;
        let path = fleet.ground.kubeconfig.as_ref().context("the suite's cluster has a kubeconfig")?;
        let mut config: Value = serde_yaml_ng::from_str(&fs::read_to_string(path)?)?;
        for user in config["users"].as_array_mut().context("the kubeconfig has users")? {
            user["user"]["as"] = json!(name);
            user["user"]["as-groups"] = json!(["system:authenticated"]);
        }
        fs::write(folder.path().join("kubeconfig"), config.to_string())?;
        Ok(Self { fleet, folder, name })
    }

    pub async fn footage(&self, arguments: &[&str]) -> Result<Output> {
        let mut program = Command::new(plugin()?);
        program
            .args(arguments)
            .args(["-n", TENANT, "--kubeconfig"])
            .arg(self.folder.path().join("kubeconfig"))
            .current_dir(self.folder.path());
        Ok(tokio::task::spawn_blocking(move || program.output()).await??)
    }

    /// What it said, of a command that works.
    pub async fn does(&self, arguments: &[&str]) -> Result<String> {
        let output = self.footage(arguments).await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: kubectl footage {arguments:?}: {said}", self.name);
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Shows a request until it says something.
    pub async fn sees(&self, request: &str, words: &str) -> Result<String> {
        let what = format!("{} reads {words:?} of {request}", self.name);
        wait::until(&what, SOON, async || {
            let said = self.does(&["show", request]).await?;
            ensure!(said.contains(words), "{said}");
            Ok(Some(said))
        })
        .await
    }

    pub fn run(&self, program: &Path, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(program);
        let output = command.args(arguments).current_dir(self.folder.path()).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} {arguments:?}: {said}", program.display());
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Their folder, in which their programs run.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// An SSH key of theirs in the file `key`: its public half.
    pub fn ssh_key(&self) -> Result<String> {
        self.run(Path::new("ssh-keygen"), &["-q", "-N", "", "-C", "", "-t", "ed25519", "-f", "key"])?;
        Ok(fs::read_to_string(self.folder().join("key.pub"))?.trim().to_owned())
    }

    /// An age key of theirs in the file `age.key`: its recipient.
    pub fn age_key(&self) -> Result<String> {
        let identity = Identity::generate();
        fs::write(self.folder().join("age.key"), identity.to_string().expose_secret())?;
        Ok(identity.to_public().to_string())
    }

    /// Fetches a request's package into a folder of its name, opens it with `age`, checks it with `sha256sum` and
    /// `ssh-keygen`, and says what codecs `ffprobe` finds in its clips.
    pub async fn opens(&self, request: &str, store_ca: &str) -> Result<Vec<String>> {
        fs::write(self.folder().join("store.pem"), store_ca)?;
        let sealed = format!("{request}.package");
        self.does(&["fetch", request, "--out", &sealed, "--ca-bundle", "store.pem"]).await?;
        let folder = self.folder().join(request);
        fs::create_dir(&folder)?;
        let tar = format!("{request}/package.tar");
        self.run(&self.fleet.ground.tools.bin("age"), &["-d", "-i", "age.key", "-o", &tar, &sealed])?;
        self.run(Path::new("tar"), &["-C", request, "-xf", &tar])?;
        self.run(
            Path::new("sh"),
            &["-c", "cd \"$1\" && sha256sum --check --strict --quiet SHA256SUMS", "sh", request],
        )?;
        verify(&folder)?;
        let mut codecs = Vec::new();
        for camera in fs::read_dir(folder.join("clips"))? {
            for clip in fs::read_dir(camera?.path())? {
                let clip = clip?.path().display().to_string();
                let what = ["-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", &clip];
                codecs.push(self.run(Path::new("ffprobe"), &what)?.trim().to_owned());
            }
        }
        Ok(codecs)
    }
}

/// The plugin of this checkout.
pub fn plugin() -> Result<PathBuf> {
    static BUILT: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--locked", "--package", "kubectl-footage"]);
        cargo.status().is_ok_and(|status| status.success())
    });
    ensure!(*built, "kubectl-footage does not build");
    let own = std::env::current_exe()?;
    let folder = own.ancestors().find(|folder| folder.join("kubectl-footage").is_file());
    Ok(folder.context("the plugin was built beside the tests")?.join("kubectl-footage"))
}

/// `ssh-keygen -Y verify` of the manifest.
fn verify(folder: &Path) -> Result<()> {
    let signers = fs::read_to_string(folder.join("allowed_signers"))?;
    let who = signers.split_whitespace().next().context("no signer")?;
    let output = Command::new("ssh-keygen")
        .args(["-Y", "verify", "-f", "allowed_signers", "-I", who, "-n", "package.camerafleet.io"])
        .args(["-s", "manifest.json.sig"])
        .stdin(fs::File::open(folder.join("manifest.json"))?)
        .current_dir(folder)
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
