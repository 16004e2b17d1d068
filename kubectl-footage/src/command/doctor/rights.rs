//! What one's roles permit, command by command.

use futures::{StreamExt as _, stream};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::{Api, api::PostParams};

use crate::{
    check::Check,
    cluster::{Cluster, Names},
};

const GROUP: &str = "camerafleet.io";
/// Questions at a time.
const CONCURRENCY: usize = 8;

/// A right: verb, group, resource with its subresource, name.
type Right = (&'static str, &'static str, &'static str, &'static str);

/// A command, the rights that it takes, and who has them.
struct Needs {
    command: &'static str,
    rights: &'static [Right],
    /// Whether they are in the operator's namespace.
    is_platforms: bool,
    who: &'static str,
}

const COMMANDS: [Needs; 5] = [
    Needs {
        command: "request",
        rights: &[("create", GROUP, "disclosurerequests", ""), ("get", GROUP, "cameras", "")],
        is_platforms: false,
        who: "the roles Requester and Owner may",
    },
    Needs {
        command: "approve, deny",
        rights: &[("create", GROUP, "approvals", "")],
        is_platforms: false,
        who: "the roles Owner and Reviewer may",
    },
    Needs {
        command: "order",
        rights: &[("create", GROUP, "legalorders", "")],
        is_platforms: false,
        who: "the roles Requester and Reviewer may",
    },
    Needs {
        command: "hold",
        rights: &[("create", GROUP, "legalholds", ""), ("get", GROUP, "cameras", "")],
        is_platforms: false,
        who: "the roles Manager and Reviewer may",
    },
    Needs {
        command: "verify-log",
        rights: &[("get", "", "services/proxy", "camerafleet-log")],
        is_platforms: true,
        who: "those whom the chart's value log.auditors names may",
    },
];

/// A line a command. To lack a right is no fault.
pub async fn of_commands(cluster: &Cluster, operator_namespace: &str) -> Vec<Check> {
    let ask = |needs: Needs| async move {
        let namespace = if needs.is_platforms { operator_namespace } else { &cluster.namespace };
        let mut lacking = Vec::new();
        for right in needs.rights {
            match may(cluster, namespace, right).await {
                Ok(true) => {}
                Ok(false) => lacking.push(format!("{} {}", right.0, right.2)),
                Err(error) => {
                    return Check::failed(
                        needs.command,
                        format!("Your rights could not be asked for: {error}."),
                    );
                }
            }
        }
        match lacking.is_empty() {
            true => Check::ok(needs.command, format!("You may, in {namespace}.")),
            false => {
                let what = format!("You may not {} in {namespace}; {}.", lacking.join(" and "), needs.who);
                Check::note(needs.command, what)
            }
        }
    };
    let mut checks: Vec<Check> = stream::iter(COMMANDS).map(ask).buffered(CONCURRENCY).collect().await;
    checks.insert(1, seen(cluster).await);
    checks
}

/// Which requests one may see: `show` and `pending` need no more, and `fetch` is for one's own.
async fn seen(cluster: &Cluster) -> Check {
    let command = "show, pending";
    match cluster.readable(GROUP, "disclosurerequests").await {
        Ok(Names::All) => Check::ok(command, format!("You may see every request in {}.", cluster.namespace)),
        Ok(Names::These(names)) if names.is_empty() => {
            let what = format!(
                "There is no request in {} that you may see; you will see those that you make, or must decide on.",
                cluster.namespace
            );
            Check::note(command, what)
        }
        Ok(Names::These(names)) => Check::ok(command, format!("You may see {}.", names.join(", "))),
        Err(failure) => Check::failed(command, failure.what().to_owned()),
    }
}

async fn may(
    cluster: &Cluster,
    namespace: &str,
    (verb, group, resource, name): &Right,
) -> Result<bool, kube::Error> {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                namespace: Some(namespace.to_owned()),
                verb: given(verb),
                group: Some((*group).to_owned()),
                resource: given(resource),
                subresource: given(subresource),
                name: given(name),
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let api = Api::<SelfSubjectAccessReview>::all(cluster.client.clone());
    let review = api.create(&PostParams::default(), &review).await?;
    Ok(review.status.is_some_and(|status| status.allowed))
}
