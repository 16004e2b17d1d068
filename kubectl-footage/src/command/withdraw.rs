//! Taking a request, or one's answer to it, back.

use std::time::{Duration, Instant};

use camerafleet_crds::{Approval, DisclosureRequest};
use kube::{
    Resource,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::approval_names;
use crate::{
    cluster::Cluster,
    failure::{Failure, Kind},
};

/// The operator has looked at an answer after this.
const FIRST_LOOK: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_secs(1);

/// `kubectl footage withdraw`.
#[derive(clap::Args)]
pub struct Args {
    /// The DisclosureRequest: one's own, or one that one has answered.
    pub request: String,
}

/// Withdraws one's own request, or else one's answers.
pub async fn run(args: &Args, cluster: &Cluster) -> Result<(), Failure> {
    let user = cluster.whoami().await?;
    let request = cluster.get::<DisclosureRequest>(&args.request).await?;
    if request.spec.requester.user == user {
        withdraw::<DisclosureRequest>(&args.request, cluster).await?;
        println!("Your request {} is withdrawn. What was released before stays released.", args.request);
        return Ok(());
    }
    // One's right to change an answer comes with the operator's first look at it.
    let limit = Instant::now() + FIRST_LOOK;
    let (mut taken_back, mut refused) = answers(&request, &user, cluster).await;
    while taken_back == 0 && refused.as_ref().is_none_or(Failure::is_missing) && Instant::now() < limit {
        tokio::time::sleep(AGAIN).await;
        (taken_back, refused) = answers(&request, &user, cluster).await;
    }
    match (taken_back, refused) {
        (0, Some(failure)) if !failure.is_missing() => Err(failure),
        (0, _) => Err(Failure::new(
            Kind::NotFound,
            format!("There is no answer of yours to {} that could be taken back.", args.request),
            format!(
                "If you answered just now, try again; if you created an Approval by hand: kubectl patch approval NAME -n {} --type=merge -p '{{\"spec\":{{\"withdrawn\":true}}}}'",
                cluster.namespace
            ),
        )),
        _ => {
            println!(
                "Your answer to {} is withdrawn. What was released before stays released.",
                args.request
            );
            Ok(())
        }
    }
}

/// Takes back what is there of one's answers: how many, and what ended it.
async fn answers(request: &DisclosureRequest, user: &str, cluster: &Cluster) -> (usize, Option<Failure>) {
    let mut taken_back = 0;
    for name in approval_names(request, user) {
        match withdraw::<Approval>(&name, cluster).await {
            Ok(()) => taken_back += 1,
            // One's right is to an answer by its name, so that one that is not there looks like one of somebody else's.
            Err(failure) => return (taken_back, Some(failure)),
        }
    }
    (taken_back, None)
}

async fn withdraw<K>(name: &str, cluster: &Cluster) -> Result<(), Failure>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let patch = Patch::Merge(json!({"spec": {"withdrawn": true}}));
    let parameters =
        PatchParams { field_manager: Some("kubectl-footage".to_owned()), ..PatchParams::default() };
    let done = cluster.api::<K>().patch(name, &parameters, &patch).await;
    done.map(drop).map_err(|e| Failure::of(&format!("withdraw the {} {name}", K::kind(&())), e))
}
