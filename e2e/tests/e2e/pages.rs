//! The pages of docs/, as their readers follow them: every command in them is run, by whom the page names, in order.

use std::{collections::BTreeMap, fs, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use camerafleet_crds::{Camera, DisclosureRequest, LegalHold};
use camerafleet_e2e::{
    demo::{self, TENANT},
    suite::{Fleet, alone},
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams},
};

use crate::disclosure::people::{Person, plugin};

/// Commands of a page: after the language, the fence says whose they are. `yours` are the reader's own addresses and
/// passwords, which a test has from its fixtures.
struct Block {
    who: String,
    line: usize,
    commands: String,
}

fn blocks(page: &str) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                let who = info.strip_prefix("sh ").map(str::trim).unwrap_or_default();
                ensure!(!who.is_empty() || info != "sh", "line {}: whose commands are these?", number + 1);
                open = Some(Block { who: who.to_owned(), line: number + 1, commands: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.commands.push_str(line);
                block.commands.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks.retain(|block| !block.who.is_empty() && block.who != "yours");
    Ok(blocks)
}

fn user(who: &str) -> Result<&'static str> {
    Ok(match who {
        "manager" => "manager@example.com",
        "owner" => "owner-a@example.com",
        "officer" => "officer@example.com",
        "reviewer" => "reviewer@example.com",
        _ => bail!("a page names {who}, whom the example's tenant does not have"),
    })
}

/// Follows a page.
async fn follow(fleet: &Fleet, page: &str, variables: &BTreeMap<&str, String>) -> Result<()> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let text = fs::read_to_string(checkout.join("docs").join(page))?;
    let blocks = blocks(&text)?;
    ensure!(!blocks.is_empty(), "{page} has no commands");
    let plugin = plugin()?;
    let folder = plugin.parent().context("the plugin lies in a folder")?;
    let path = format!(
        "{}:{}:{}",
        folder.display(),
        fleet.ground.tools.bin_dir().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut people = BTreeMap::new();
    let own = tempfile::tempdir()?;
    std::os::unix::fs::symlink(checkout.join("charts"), own.path().join("charts"))?;
    for block in blocks {
        let (home, kubeconfig) = if block.who == "administrator" {
            let kubeconfig =
                fleet.ground.kubeconfig.clone().context("the suite's cluster has a kubeconfig")?;
            (own.path().to_owned(), kubeconfig)
        } else {
            if !people.contains_key(&block.who) {
                people.insert(block.who.clone(), Person::new(fleet, user(&block.who)?)?);
            }
            let home = people[&block.who].folder().to_owned();
            let kubeconfig = home.join("kubeconfig");
            (home, kubeconfig)
        };
        // The next reader does not type in the same second: the operator has looked by then.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let mut shell = Command::new("sh");
        shell.args(["-euc", &block.commands]).current_dir(home);
        shell.env("PATH", &path).env("KUBECONFIG", kubeconfig).envs(variables);
        let output = tokio::task::spawn_blocking(move || shell.output()).await??;
        ensure!(
            output.status.success(),
            "docs/{page}, line {}, as {}:\n{}{}{}",
            block.line,
            block.who,
            block.commands,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
    }
    Ok(())
}

/// Takes away what the readers made.
async fn tidy(fleet: &Fleet) -> Result<()> {
    let client = &fleet.ground.client;
    let requests = Api::<DisclosureRequest>::namespaced(client.clone(), TENANT);
    for request in requests.list(&ListParams::default()).await? {
        requests.delete(&request.name_any(), &DeleteParams::default()).await?;
    }
    let holds = Api::<LegalHold>::namespaced(client.clone(), TENANT);
    for hold in holds.list(&ListParams::default()).await? {
        holds.delete(&hold.name_any(), &DeleteParams::default()).await?;
    }
    let cameras = Api::<Camera>::namespaced(client.clone(), TENANT);
    if cameras.get_opt("gate").await?.is_some() {
        cameras.delete("gate", &DeleteParams::default()).await?;
    }
    let secrets = Api::<k8s_openapi::api::core::v1::Secret>::namespaced(client.clone(), TENANT);
    if secrets.get_opt("gate").await?.is_some() {
        secrets.delete("gate", &DeleteParams::default()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn every_command_of_the_pages_is_run_by_whom_it_is_for() -> Result<()> {
    // The platform's team installs anew; nobody else is at work meanwhile.
    let fleet = alone().await?;
    let (fixtures, images) = (&fleet.fixtures, &fleet.ground.images);
    let camera = fixtures.cameras.iter().find(|camera| camera.name == "yard").context("a camera")?;
    let (image, tag) = images.camerafleet.rsplit_once(':').context("the image has a tag")?;
    let ca = tempfile::NamedTempFile::new()?;
    // Both authorities: the store's and Vault's.
    fs::write(ca.path(), format!("{}\n{}", fixtures.s3.ca_pem, fixtures.vault.ca_pem))?;
    let s3 = &fixtures.s3;
    let variables = BTreeMap::from([
        ("CAMERA_URL", camera.url.clone()),
        ("CAMERA_USER", camera.username.clone()),
        ("CAMERA_PASSWORD", camera.password.clone()),
        ("IMAGE", image.to_owned()),
        ("TAG", tag.to_owned()),
        ("VAULT_ADDRESS", fixtures.vault.address.clone()),
        ("VAULT_CIDRS", fixtures.vault.networks.join(",")),
        ("LOG_ENDPOINT", s3.endpoint.clone()),
        ("LOG_BUCKET", s3.log_bucket.clone()),
        ("LOG_CIDRS", s3.networks.join(",")),
        ("LOG_KEY", s3.log.access.clone()),
        ("LOG_SECRET", s3.log.secret.clone()),
        ("LOG_READER_KEY", s3.log_reader.access.clone()),
        ("LOG_READER_SECRET", s3.log_reader.secret.clone()),
        ("CA", ca.path().display().to_string()),
        ("SSL_CERT_FILE", ca.path().display().to_string()),
    ]);
    for page in ["platform-team.md", "property-manager.md", "recipient.md", "transparency-report.md"] {
        follow(&fleet, page, &variables).await?;
    }
    tidy(&fleet).await?;
    demo::charts::install(&fleet.ground, fixtures).await
}
