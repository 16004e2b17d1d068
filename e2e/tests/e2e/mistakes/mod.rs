//! Mistakes people make. Each gives a condition with a reason and a next step within a minute and one Event, no
//! credential shows anywhere, nothing crashes, and putting it right heals it with no other action.

mod camera;
mod platform;
mod quota;
mod store;

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use camerafleet_crds::{Camera, RetentionPolicy, Tenant};
use camerafleet_e2e::demo::{Installed, TENANT, wait};
use k8s_openapi::{
    api::{
        core::v1::{Namespace, Pod, Secret},
        events::v1::Event,
    },
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, LogParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::support::delete_tenant;

/// A mistake is told, and what was put right has healed, within this.
pub const MINUTE: Duration = Duration::from_secs(60);

/// A tenant of a test's own, so that its mistakes are nobody else's.
pub struct Scratch<'a> {
    pub installed: &'a Installed,
    pub client: Client,
    pub name: &'static str,
}

impl<'a> Scratch<'a> {
    /// Made from the examples' tenant, with a change.
    pub async fn new(
        installed: &'a Installed,
        name: &'static str,
        change: impl FnOnce(&mut Tenant),
    ) -> Result<Self> {
        let client = installed.ground.client.clone();
        let tenants = Api::<Tenant>::all(client.clone());
        let mut tenant = Tenant::new(name, tenants.get(TENANT).await?.spec);
        tenant.spec.namespace = name.to_owned();
        // The store's users are confined to this folder.
        tenant.spec.storage.s3.prefix = Some(TENANT.to_owned());
        tenant.spec.defaults = serde_json::from_value(json!({}))?;
        change(&mut tenant);
        tenants.create(&PostParams::default(), &tenant).await.context("create the Tenant")?;
        let scratch = Self { installed, client, name };
        let namespaces = Api::<Namespace>::all(scratch.client.clone());
        wait::until("the tenant's namespace is there", MINUTE, async || {
            Ok(namespaces.get_opt(name).await?.map(drop))
        })
        .await?;
        let policy = json!({"apiVersion": "camerafleet.io/v1alpha1", "kind": "RetentionPolicy",
            "metadata": {"name": "standard", "namespace": name}, "spec": {"keepFor": "30d"}});
        scratch.apply(&policy).await?;
        Ok(scratch)
    }

    pub fn cameras(&self) -> Api<Camera> {
        Api::namespaced(self.client.clone(), self.name)
    }

    /// Applies an object of any kind.
    pub async fn apply(&self, object: &Value) -> Result<()> {
        camerafleet_e2e::demo::apply_one(&self.client, &serde_json::from_value(object.clone())?).await
    }

    /// A camera of this name with this spec, beside segments of ten seconds and the policy `standard`.
    pub async fn camera(&self, name: &str, spec: Value) -> Result<()> {
        let mut whole = json!({"segmentDuration": "10s", "retentionPolicyRef": {"name": "standard"}});
        if let (Some(whole), Some(spec)) = (whole.as_object_mut(), spec.as_object()) {
            whole.extend(spec.clone());
        }
        self.apply(&json!({"apiVersion": "camerafleet.io/v1alpha1", "kind": "Camera",
            "metadata": {"name": name, "namespace": self.name}, "spec": whole}))
            .await
    }

    /// The front door's password, in a Secret of this type.
    pub async fn password(&self, name: &str, type_: &str, password: &str) -> Result<()> {
        let username = &self.fixture("front-door")?.username;
        self.apply(&json!({"apiVersion": "v1", "kind": "Secret", "type": type_,
            "metadata": {"name": name, "namespace": self.name},
            "stringData": {"username": username, "password": password}}))
            .await
    }

    pub fn fixture(&self, name: &str) -> Result<&'a camerafleet_e2e::fixtures::CameraFixture> {
        self.installed.fixtures.cameras.iter().find(|c| c.name == name).context("a camera of the fixtures")
    }

    pub async fn patch(&self, camera: &str, spec: Value) -> Result<()> {
        let patch = Patch::Merge(json!({"spec": spec}));
        self.cameras().patch(camera, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// Waits until the camera's Ready says this, and gives the message.
    pub async fn camera_says(&self, camera: &str, reason: &str) -> Result<String> {
        let api = self.cameras();
        let what = format!("the camera {camera} says {reason}");
        says(&what, reason, async || Ok(api.get(camera).await?.status.unwrap_or_default().conditions)).await
    }

    /// Waits until the Tenant's Ready says this, and gives the message.
    pub async fn tenant_says(&self, reason: &str) -> Result<String> {
        let api = Api::<Tenant>::all(self.client.clone());
        let what = format!("the Tenant says {reason}");
        says(&what, reason, async || Ok(api.get(self.name).await?.status.unwrap_or_default().conditions))
            .await
    }

    /// There was one Event of this reason on the object, and no more.
    pub async fn one_event(&self, object: &str, reason: &str) -> Result<()> {
        let events = Api::<Event>::all(self.client.clone());
        let what = format!("there is an Event {reason} on {object}");
        let count = wait::until(&what, Duration::from_secs(15), async || {
            let list = events.list(&ListParams::default().fields(&format!("reason={reason}"))).await?;
            let about = |e: &&Event| {
                e.regarding.as_ref().is_some_and(|r| {
                    r.name.as_deref() == Some(object) && r.namespace.as_deref().is_none_or(|n| n == self.name)
                })
            };
            let times: i32 =
                list.iter().filter(about).map(|e| e.series.as_ref().map_or(1, |s| s.count)).sum();
            Ok((times > 0).then_some(times))
        })
        .await?;
        ensure!(count == 1, "{count} Events {reason} on {object}");
        Ok(())
    }

    /// No program restarted, none of these shows anywhere, and the tenant goes.
    pub async fn end(self, credentials: &[&str]) -> Result<()> {
        let traces = self.traces().await?;
        for credential in credentials {
            for form in forms(credential) {
                if let Some((place, _)) = traces.iter().find(|(_, text)| text.contains(&form)) {
                    bail!("a credential shows in {place}");
                }
            }
        }
        // Footage lives to its date, and its policy with it: a test does not wait for that.
        let policies = Api::<RetentionPolicy>::namespaced(self.client.clone(), self.name);
        for policy in policies.list(&ListParams::default()).await? {
            policies.delete(&policy.name_any(), &DeleteParams::default()).await?;
            let unfinished = Patch::Merge(json!({"metadata": {"finalizers": null}}));
            let _ = policies.patch(&policy.name_any(), &PatchParams::default(), &unfinished).await;
        }
        delete_tenant(self.name).await
    }

    /// What people and machines can read: logs, metrics, events, objects but Secrets.
    async fn traces(&self) -> Result<Vec<(String, String)>> {
        let mut traces = Vec::new();
        for (namespace, labels) in
            [(self.name, "camerafleet.io/component=ingest"), (OPERATOR, "app.kubernetes.io/name=camerafleet")]
        {
            let api = Api::<Pod>::namespaced(self.client.clone(), namespace);
            for pod in api.list(&ListParams::default().labels(labels)).await? {
                let statuses = pod.status.clone().unwrap_or_default().container_statuses.unwrap_or_default();
                ensure!(statuses.iter().all(|s| s.restart_count == 0), "{} restarted", pod.name_any());
                let log = api.logs(&pod.name_any(), &LogParams::default()).await.unwrap_or_default();
                traces.push((format!("the log of {}", pod.name_any()), log));
                let address = pod.status.as_ref().and_then(|s| s.pod_ip.clone()).unwrap_or_default();
                for path in ["metrics", "status"] {
                    let answer = reqwest::get(format!("http://{address}:8080/{path}")).await;
                    if let Ok(answer) = answer {
                        traces.push((
                            format!("/{path} of {}", pod.name_any()),
                            answer.text().await.unwrap_or_default(),
                        ));
                    }
                }
            }
        }
        let events = Api::<Event>::all(self.client.clone()).list(&ListParams::default()).await?;
        traces.push(("an Event".to_owned(), serde_json::to_string(&events.items)?));
        let cameras = self.cameras().list(&ListParams::default()).await?;
        traces.push(("a Camera".to_owned(), serde_json::to_string(&cameras.items)?));
        let tenants = Api::<Tenant>::all(self.client.clone()).list(&ListParams::default()).await?;
        traces.push(("a Tenant".to_owned(), serde_json::to_string(&tenants.items)?));
        let maps = Api::<k8s_openapi::api::core::v1::ConfigMap>::namespaced(self.client.clone(), self.name);
        traces.push((
            "a ConfigMap".to_owned(),
            serde_json::to_string(&maps.list(&ListParams::default()).await?.items)?,
        ));
        Ok(traces)
    }

    /// The shard's Secret, as far as there is one.
    pub async fn shard_secret(&self) -> Result<Option<Secret>> {
        Ok(Api::<Secret>::namespaced(self.client.clone(), self.name).get_opt("ingest-0").await?)
    }
}

const OPERATOR: &str = camerafleet_e2e::demo::OPERATOR_NAMESPACE;

async fn says(what: &str, reason: &str, ask: impl AsyncFn() -> Result<Vec<Condition>>) -> Result<String> {
    wait::until(what, MINUTE, async || {
        let conditions = ask().await?;
        let Some(ready) = conditions.into_iter().find(|c| c.type_ == "Ready") else { return Ok(None) };
        if ready.reason == reason {
            return Ok(Some(ready.message));
        }
        bail!("it says {}: {}", ready.reason, ready.message)
    })
    .await
}

/// A credential as it is, percent-encoded, and in base64.
fn forms(credential: &str) -> [String; 3] {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let percent = credential.bytes().map(|b| match b {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
        _ => format!("%{b:02X}"),
    });
    [credential.to_owned(), percent.collect(), STANDARD.encode(credential)]
}
