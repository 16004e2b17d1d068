//! A disclosure as people live through it: asked for and answered with `kubectl footage`, made by real Jobs, opened and checked
//! with stock programs.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use age::{secrecy::ExposeSecret as _, x25519::Identity};
use anyhow::{Context, Result, ensure};
use camerafleet_crds::DisclosureRequest;
use camerafleet_e2e::{
    demo::{TENANT, Vaulted, wait},
    suite::{Fleet, installed},
};
use jiff::Timestamp;
use kube::Api;
use object_store::{ObjectStoreExt as _, path::Path as Key};
use serde_json::{Value, json};

/// The operator sees, decides, runs a Job and tells.
const SOON: Duration = Duration::from_secs(120);
const OFFICER: &str = "officer@example.com";
const OWNER: &str = "owner-a@example.com";

/// Somebody at a terminal.
struct Person<'a> {
    fleet: &'a Fleet,
    folder: tempfile::TempDir,
    name: &'static str,
}

impl<'a> Person<'a> {
    fn new(fleet: &'a Fleet, name: &'static str) -> Result<Self> {
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

    async fn footage(&self, arguments: &[&str]) -> Result<Output> {
        let mut program = Command::new(plugin()?);
        program
            .args(arguments)
            .args(["-n", TENANT, "--kubeconfig"])
            .arg(self.folder.path().join("kubeconfig"))
            .current_dir(self.folder.path());
        Ok(tokio::task::spawn_blocking(move || program.output()).await??)
    }

    /// What it said, of a command that works.
    async fn does(&self, arguments: &[&str]) -> Result<String> {
        let output = self.footage(arguments).await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: kubectl footage {arguments:?}: {said}", self.name);
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Shows a request until it says something.
    async fn sees(&self, request: &str, words: &str) -> Result<String> {
        let what = format!("{} reads {words:?} of {request}", self.name);
        wait::until(&what, SOON, async || {
            let said = self.does(&["show", request]).await?;
            ensure!(said.contains(words), "{said}");
            Ok(Some(said))
        })
        .await
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(program);
        let output = command.args(arguments).current_dir(self.folder.path()).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} {arguments:?}: {said}", program.display());
        Ok(String::from_utf8(output.stdout)?)
    }

    fn tool(&self, name: &str) -> std::path::PathBuf {
        self.fleet.ground.tools.bin(name)
    }
}

/// The plugin of this checkout.
fn plugin() -> Result<std::path::PathBuf> {
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

#[tokio::test]
async fn police_without_an_order_are_refused_and_an_owner_who_consents_releases_a_package_that_checks()
-> Result<()> {
    let fleet = installed().await?;
    let vaulted = Vaulted::open(&fleet).await?;
    let (officer, owner) = (Person::new(&fleet, OFFICER)?, Person::new(&fleet, OWNER)?);
    let identity = Identity::generate();
    fs::write(officer.folder.path().join("officer.key"), identity.to_string().expose_secret())?;
    let recipient = identity.to_public().to_string();
    fs::write(officer.folder.path().join("report.txt"), "what happened")?;
    let segment = vaulted.wait_for_segment(&fleet, "yard").await?;
    let at = |ms: i64| -> Result<String> { Ok(Timestamp::from_second(ms.div_euclid(1_000))?.to_string()) };
    let (from, to) = (at(segment.name.start_ms)?, at(segment.name.end_ms() + 1_000)?);
    let ask = async |name: &str, basis: &str| {
        wait::until("the officer may ask", SOON, async || {
            let about = ["--camera", "yard", "--from", &from, "--to", &to, "--recipient", &recipient];
            let why = [
                "--case",
                "7",
                "--organisation",
                "Police",
                "--callback",
                "+1 555 0100",
                "--purpose",
                "report.txt",
            ];
            officer.does(&[&["request", name, "--basis", basis], &about[..], &why].concat()).await.map(Some)
        })
        .await
    };

    // Danger to life is a word; the policy wants an order.
    ask("hurry-7", "emergency").await?;
    let denied = officer.sees("hurry-7", "Denied").await?;
    ensure!(denied.contains("Way forward"), "{denied}");

    // The owner sees what would be released, agrees, and cannot be agreed for.
    ask("burglary-7", "consent").await?;
    officer.sees("burglary-7", "Pending").await?;
    let refused = officer.footage(&["approve", "burglary-7", "--yes"]).await?;
    ensure!(refused.status.code() == Some(3), "the officer approving their own request: {refused:?}");
    let pending = wait::until("the owner sees what waits", SOON, async || {
        let said = owner.does(&["pending"]).await?;
        Ok(said.contains("burglary-7").then_some(said))
    })
    .await?;
    ensure!(pending.contains(OFFICER), "{pending}");
    owner.does(&["approve", "burglary-7", "--yes"]).await?;
    officer.sees("burglary-7", "Package ").await?;

    // Fetched past the cluster's network, as the officer would by the URL.
    let requests = Api::<DisclosureRequest>::namespaced(fleet.ground.client.clone(), TENANT);
    let package = requests.get("burglary-7").await?.status.and_then(|s| s.package).context("no package")?;
    let body = vaulted.store().get(&Key::from(package.key.as_str())).await?.bytes().await?;
    let folder = officer.folder.path();
    fs::write(folder.join("package"), &body)?;
    let found = officer.run(Path::new("sha256sum"), &["package"])?;
    ensure!(found.starts_with(package.sha256.trim_start_matches("sha256:")), "{found}");
    officer.run(&officer.tool("age"), &["-d", "-i", "officer.key", "-o", "package.tar", "package"])?;
    officer.run(Path::new("tar"), &["-xf", "package.tar"])?;
    officer.run(Path::new("sha256sum"), &["--check", "--strict", "SHA256SUMS"])?;
    verify(&officer)?;
    let first = |folder: &Path| -> Result<std::path::PathBuf> {
        Ok(fs::read_dir(folder)?.next().context("an empty folder")??.path())
    };
    let clip = first(&first(&folder.join("clips"))?)?;
    let seen = officer.run(
        Path::new("ffprobe"),
        &["-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", &clip.display().to_string()],
    )?;
    ensure!(seen.trim() == "hevc", "{seen}");

    // Nobody else finds the URL.
    let theirs = owner.footage(&["fetch", "burglary-7"]).await?;
    ensure!(theirs.status.code() == Some(3), "{theirs:?}");
    Ok(())
}

/// `ssh-keygen -Y verify` of the manifest.
fn verify(officer: &Person<'_>) -> Result<()> {
    let folder = officer.folder.path();
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
