//! What waits for an answer, of what one may see.

use camerafleet_crds::{DecisionVerdict, DisclosureRequest};
use kube::{ResourceExt, api::ListParams};

use crate::{
    cluster::{Cluster, Names},
    failure::Failure,
    moment,
    output::{Output, print, table},
};

/// So many requests are asked for at once.
const PAGE: u32 = 500;

/// `kubectl footage pending`.
#[derive(clap::Args)]
pub struct Args {
    #[arg(long, short, value_enum, default_value = "table")]
    pub output: Output,
}

/// Lists the requests that are not decided.
pub async fn run(args: &Args, cluster: &Cluster) -> Result<(), Failure> {
    let mut requests = seen(cluster).await?;
    requests.retain(|request| !request.spec.withdrawn && verdict(request) == Some(DecisionVerdict::Pending));
    requests.sort_by_key(|request| request.creation_timestamp().map(|made| made.0));
    print(args.output, &requests, || {
        if requests.is_empty() {
            return "Nothing waits for an answer, of what you may see.".to_owned();
        }
        let rows: Vec<Vec<String>> = requests.iter().map(row).collect();
        format!(
            "{}\nnext:  kubectl footage show NAME, then approve or deny",
            table(&["NAME", "ASKED BY", "GROUND", "CAMERAS", "FROM", "TO", "WAITS FOR"], &rows)
        )
    })
}

fn verdict(request: &DisclosureRequest) -> Option<DecisionVerdict> {
    Some(request.status.as_ref()?.decision.as_ref()?.verdict)
}

fn row(request: &DisclosureRequest) -> Vec<String> {
    let spec = &request.spec;
    let cameras: Vec<&str> = spec.cameras.iter().map(|camera| camera.name.as_str()).collect();
    let needs = request.status.iter().filter_map(|status| status.decision.as_ref()).flat_map(|d| &d.needs);
    let waits: Vec<String> =
        needs.filter(|need| !need.satisfied).map(|need| format!("{}: {}", need.who, need.what)).collect();
    vec![
        request.name_any(),
        spec.requester.user.clone(),
        format!("{:?}", spec.basis),
        cameras.join(","),
        moment::tell(spec.window.from.0),
        moment::tell(spec.window.to.0),
        waits.join("; "),
    ]
}

/// All requests that one may see: the whole list, or those that one was given by name, as owners are.
async fn seen(cluster: &Cluster) -> Result<Vec<DisclosureRequest>, Failure> {
    let api = cluster.api::<DisclosureRequest>();
    let mut requests = Vec::new();
    match cluster.readable(camerafleet_crds::GROUP, "disclosurerequests").await? {
        Names::All => {
            let mut page = ListParams::default().limit(PAGE);
            loop {
                let list =
                    api.list(&page).await.map_err(|e| Failure::of("list the DisclosureRequests", e))?;
                requests.extend(list.items);
                match list.metadata.continue_.filter(|next| !next.is_empty()) {
                    Some(next) => page = page.continue_token(&next),
                    None => return Ok(requests),
                }
            }
        }
        Names::These(names) => {
            for name in names {
                let found = api.get_opt(&name).await;
                requests.extend(found.map_err(|e| Failure::of("read a DisclosureRequest", e))?);
            }
        }
    }
    Ok(requests)
}
