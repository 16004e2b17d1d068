//! The cluster, as kubectl would reach it.

use std::{fmt::Debug, path::PathBuf, time::Duration};

use camerafleet_crds::{Camera, CameraRef, ID_ANNOTATION};
use k8s_openapi::{NamespaceResourceScope, api::authentication::v1::SelfSubjectReview};
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
