//! What waits for an answer, of what one may see.

use camerafleet_crds::{DecisionVerdict, DisclosureRequest};
use k8s_openapi::api::authorization::v1::{ResourceRule, SelfSubjectRulesReview, SelfSubjectRulesReviewSpec};
use kube::{
    Api, ResourceExt,
    api::{ListParams, PostParams},
};

use crate::{
    cluster::Cluster,
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
    const DOING: &str = "ask what you may see";
    let review = SelfSubjectRulesReview {
        spec: SelfSubjectRulesReviewSpec { namespace: Some(cluster.namespace.clone()) },
        ..SelfSubjectRulesReview::default()
    };
    let reviews = Api::<SelfSubjectRulesReview>::all(cluster.client.clone());
    let review = reviews.create(&PostParams::default(), &review).await.map_err(|e| Failure::of(DOING, e))?;
    let rules = review.status.map(|status| status.resource_rules).unwrap_or_default();
    let api = cluster.api::<DisclosureRequest>();
    let mut requests = Vec::new();
    match names(&rules) {
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

/// Which requests one may read.
#[derive(Debug, PartialEq)]
enum Names {
    All,
    These(Vec<String>),
}

fn names(rules: &[ResourceRule]) -> Names {
    let is = |list: &Option<Vec<String>>, what: &str| {
        list.iter().flatten().any(|entry| entry == what || entry == "*")
    };
    let about = rules
        .iter()
        .filter(|rule| is(&rule.api_groups, "camerafleet.io") && is(&rule.resources, "disclosurerequests"));
    let mut these = Vec::new();
    for rule in about {
        let names = rule.resource_names.iter().flatten();
        let verbs = Some(rule.verbs.clone());
        if is(&verbs, "list") && names.clone().next().is_none() {
            return Names::All;
        }
        if is(&verbs, "get") {
            these.extend(names.cloned());
        }
    }
    these.sort();
    these.dedup();
    Names::These(these)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(verbs: &[&str], names: &[&str]) -> ResourceRule {
        let all = |list: &[&str]| list.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>();
        ResourceRule {
            api_groups: Some(all(&["camerafleet.io"])),
            resources: Some(all(&["disclosurerequests"])),
            resource_names: (!names.is_empty()).then(|| all(names)),
            verbs: all(verbs),
        }
    }

    #[test]
    fn an_owner_sees_those_that_were_given_by_name_and_a_reviewer_all() {
        let owner = [rule(&["create"], &[]), rule(&["get"], &["r-2", "r-1"]), rule(&["get"], &["r-1"])];
        assert_eq!(names(&owner), Names::These(vec!["r-1".into(), "r-2".into()]));
        assert_eq!(names(&[rule(&["get", "list"], &[])]), Names::All);
        assert_eq!(names(&[rule(&["*"], &[])]), Names::All);
        assert_eq!(names(&[]), Names::These(Vec::new()));
    }
}
