//! Whether everything is there that the other commands need: a line a check, and what to do where it is not.

mod platform;
mod rights;
mod tenants;

use serde::Serialize;

use crate::{
    check::{Check, is_good, lines},
    cluster::{Cluster, Flags},
    failure::{Failure, Kind},
    output::{Output, print},
};

/// `kubectl footage doctor`.
#[derive(clap::Args)]
pub struct Args {
    /// The namespace that the operator runs in.
    #[arg(long, default_value = "camerafleet-system")]
    pub operator_namespace: String,
    #[arg(long, short, value_enum, default_value = "table")]
    pub output: Output,
}

/// For programs.
#[derive(Serialize)]
struct Report<'c> {
    healthy: bool,
    checks: &'c [Check],
}

/// Looks at all of it. What one may not see is a note: others may.
pub async fn run(args: &Args, flags: &Flags) -> Result<(), Failure> {
    let mut checks = Vec::new();
    let failure = match Cluster::connect(flags).await {
        Ok(cluster) => look(args, &cluster, &mut checks).await.err(),
        Err(failure) => Some(failure),
    };
    if let Some(failure) = &failure {
        checks.push(Check::failed("cluster", failure.what().to_owned()));
    }
    let healthy = is_good(&checks);
    print(args.output, &Report { healthy, checks: &checks }, || lines(&checks))?;
    match failure {
        Some(failure) => Err(failure),
        None if healthy => Ok(()),
        None => Err(Failure::new(
            Kind::Unverified,
            "Something is not as it should be.",
            "Do what the lines marked FAILED say, from the top: later ones often follow from earlier ones.",
        )),
    }
}

/// Fails only where there is no cluster to look at.
async fn look(args: &Args, cluster: &Cluster, checks: &mut Vec<Check>) -> Result<(), Failure> {
    checks.extend(platform::reached(cluster).await?);
    let user = cluster.whoami().await?;
    checks.push(Check::ok("you", format!("{user}, in the namespace {}.", cluster.namespace)));
    let api = platform::api(cluster).await;
    let is_there = is_good(&api);
    checks.extend(api);
    checks.push(platform::operator(cluster, &args.operator_namespace).await);
    if is_there {
        checks.extend(tenants::conditions(cluster).await);
        checks.extend(rights::of_commands(cluster, &args.operator_namespace).await);
    }
    Ok(())
}

/// What one may not see, or what is wrong with asking.
fn unseen(check: &str, failure: &Failure, who: &str) -> Check {
    match failure.kind() {
        Kind::Refused => Check::note(check, format!("You may not see this; {who} may.")),
        _ => Check::failed(check, failure.what().to_owned()),
    }
}
