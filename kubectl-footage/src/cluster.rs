//! The cluster, as kubectl would reach it.

use std::{fmt::Debug, path::PathBuf, time::Duration};

use camerafleet_crds::{Camera, CameraRef, ID_ANNOTATION};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        authentication::v1::SelfSubjectReview,
        authorization::v1::{ResourceRule, SelfSubjectRulesReview, SelfSubjectRulesReviewSpec},
    },
};
use kube::{
    Api, Client, Config, Resource, ResourceExt,
    api::PostParams,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::failure::{Failure, Kind};

/// How long the API server may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where the cluster is: the flags that kubectl has, too.
#[derive(clap::Args)]
pub struct Flags {
    /// The kubeconfig's context.
    #[arg(long, global = true)]
    pub context: Option<String>,
    /// The namespace: the context's, where none is given.
    #[arg(long, short, global = true)]
    pub namespace: Option<String>,
    /// The kubeconfig: $KUBECONFIG or ~/.kube/config, where none is given.
    #[arg(long, global = true)]
    pub kubeconfig: Option<PathBuf>,
}

/// A namespace of a cluster.
pub struct Cluster {
    pub client: Client,
    pub namespace: String,
}

impl Cluster {
    /// Reads the kubeconfig. Nothing is asked of the cluster yet.
    pub async fn connect(flags: &Flags) -> Result<Self, Failure> {
        let unusable = |error: &dyn std::fmt::Display| {
            Failure::new(
                Kind::Input,
                format!("The kubeconfig cannot be used: {error}."),
                "Check that `kubectl config view --minify` works with the same --kubeconfig and --context.",
            )
        };
        let options = KubeConfigOptions { context: flags.context.clone(), ..KubeConfigOptions::default() };
        let config = match &flags.kubeconfig {
            Some(path) => {
                let file = Kubeconfig::read_from(path).map_err(|e| unusable(&e))?;
                Config::from_custom_kubeconfig(file, &options).await
            }
            None => Config::from_kubeconfig(&options).await,
        };
        let mut config = config.map_err(|e| unusable(&e))?;
        (config.connect_timeout, config.read_timeout) = (Some(TIMEOUT), Some(TIMEOUT));
        // Of what does not answer a person wants to hear now, and why: fifteen attempts would hide it.
        config.default_retry = false;
        let namespace = flags.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|e| unusable(&e))?;
        Ok(Self { client, namespace })
    }

    /// Objects of a kind in the namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Who one is to the API server.
    pub async fn whoami(&self) -> Result<String, Failure> {
        let api = Api::<SelfSubjectReview>::all(self.client.clone());
        let review = api.create(&PostParams::default(), &SelfSubjectReview::default()).await;
        let review = review.map_err(|e| Failure::of("ask the API server who you are", e))?;
        let user = review.status.and_then(|status| status.user_info).and_then(|user| user.username);
        user.ok_or_else(|| {
            Failure::new(
                Kind::Refused,
                "The API server does not know who you are.",
                "Log in, as for kubectl.",
            )
        })
    }

    /// Which objects of a kind one may read: all, or those that one was given by name, as owners are.
    pub async fn readable(&self, group: &str, plural: &str) -> Result<Names, Failure> {
        let review = SelfSubjectRulesReview {
            spec: SelfSubjectRulesReviewSpec { namespace: Some(self.namespace.clone()) },
            ..SelfSubjectRulesReview::default()
        };
        let reviews = Api::<SelfSubjectRulesReview>::all(self.client.clone());
        let review = reviews.create(&PostParams::default(), &review).await;
        let review = review.map_err(|e| Failure::of("ask what you may see", e))?;
        let rules = review.status.map(|status| status.resource_rules).unwrap_or_default();
        Ok(names(&rules, group, plural))
    }

    /// An object by name.
    pub async fn get<K>(&self, name: &str) -> Result<K, Failure>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let doing = format!("read the {} {name} in the namespace {}", K::kind(&()), self.namespace);
        self.api::<K>().get(name).await.map_err(|e| Failure::of(&doing, e))
    }

    /// Creates an object; with `dry_run`, only as far as the API server says what it would be.
    pub async fn create<K>(&self, object: &K, dry_run: bool) -> Result<K, Failure>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Serialize,
    {
        let doing =
            format!("create the {} {} in the namespace {}", K::kind(&()), object.name_any(), self.namespace);
        let parameters = PostParams { dry_run, field_manager: Some("kubectl-footage".to_owned()) };
        self.api::<K>().create(&parameters, object).await.map_err(|e| Failure::of(&doing, e))
    }

    /// Cameras by name, as requests, orders and holds name them.
    pub async fn cameras(&self, names: &[String]) -> Result<Vec<CameraRef>, Failure> {
        let mut cameras = Vec::with_capacity(names.len());
        for name in names {
            let camera = self.get::<Camera>(name).await?;
            let id = camera.annotations().get(ID_ANNOTATION).cloned().ok_or_else(|| {
                Failure::new(
                    Kind::NotFound,
                    format!("The camera {name} has no id yet."),
                    "Wait some seconds: the operator gives it one.",
                )
            })?;
            cameras.push(CameraRef { name: name.clone(), id });
        }
        Ok(cameras)
    }
}

/// Which objects of a kind one may read.
#[derive(Debug, PartialEq)]
pub enum Names {
    All,
    These(Vec<String>),
}

fn names(rules: &[ResourceRule], group: &str, plural: &str) -> Names {
    let is = |list: &Option<Vec<String>>, what: &str| {
        list.iter().flatten().any(|entry| entry == what || entry == "*")
    };
    let about = rules.iter().filter(|rule| is(&rule.api_groups, group) && is(&rule.resources, plural));
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

    const GROUP: &str = "camerafleet.io";
    const PLURAL: &str = "disclosurerequests";

    fn rule(verbs: &[&str], names: &[&str]) -> ResourceRule {
        let all = |list: &[&str]| list.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>();
        ResourceRule {
            api_groups: Some(all(&[GROUP])),
            resources: Some(all(&[PLURAL])),
            resource_names: (!names.is_empty()).then(|| all(names)),
            verbs: all(verbs),
        }
    }

    #[test]
    fn an_owner_sees_those_that_were_given_by_name_and_a_reviewer_all() {
        let owner = [rule(&["create"], &[]), rule(&["get"], &["r-2", "r-1"]), rule(&["get"], &["r-1"])];
        assert_eq!(names(&owner, GROUP, PLURAL), Names::These(vec!["r-1".into(), "r-2".into()]));
        assert_eq!(names(&[rule(&["get", "list"], &[])], GROUP, PLURAL), Names::All);
        assert_eq!(names(&[rule(&["*"], &[])], GROUP, PLURAL), Names::All);
        assert_eq!(names(&[], GROUP, PLURAL), Names::These(Vec::new()));
    }
}
