//! The short account at the end of the demo.

use std::time::Duration;

use anyhow::Result;
use tokio::process::Command;

use super::{Installed, TENANT};
use crate::{progress::say, tools::command};

/// Prints what happened and what to type next.
pub async fn print(installed: &Installed, took: Duration) -> Result<()> {
    let ground = &installed.ground;
    let mut kubectl = Command::new(ground.tools.bin("kubectl"));
    kubectl.args(["-n", TENANT, "get", "cameras", "-o", "wide"]);
    if let Some(kubeconfig) = &ground.kubeconfig {
        kubectl.env("KUBECONFIG", kubeconfig);
    }
    let table = command::output("list the cameras", &mut kubectl, Duration::from_secs(20)).await?;
    say("");
    say("$ kubectl get cameras -o wide");
    say(table.trim_end());
    say(&format!(
        "
What happened, in {} s
  Two cameras (RTSP, with passwords) are recorded by one pod. Each segment was sealed in that pod to two public
  keys, the camera's and the day's, before it was written; the private halves never leave Vault. The clips above
  were opened with this demo's root token of Vault: until disclosure requests exist, that is the only way.
  A third camera's footage was past its date within minutes: the retention job deleted it, operator and job
  destroyed its key together, and the copy that was saved before opens no more.

What to type next",
        took.as_secs()
    ));
    if let Some(kubeconfig) = &ground.kubeconfig {
        say(&format!(
            "  export KUBECONFIG={} PATH={}:$PATH",
            kubeconfig.display(),
            ground.tools.bin_dir().display()
        ));
    }
    say(&format!("  kubectl get tenants,cameras,retentionpolicies,sharingpolicies -n {TENANT}"));
    say(&format!("  kubectl describe camera front-door -n {TENANT}"));
    say(&format!(
        "  kubectl patch camera yard -n {TENANT} --type merge -p '{{\"spec\":{{\"recording\":{{\"mode\":\"Disabled\"}}}}}}'"
    ));
    if ground.instance.is_some() {
        say("  make down                   # ends it and removes all it left on this machine");
    }
    Ok(())
}
