//! A camera with a SharingPolicy of its own, so that what people do with its footage is nobody else's.

use std::{fs, net::Ipv4Addr};

use anyhow::{Context, Result, ensure};
use camerafleet_crds::{Camera, DisclosureRequest, SharingPolicy};
use camerafleet_e2e::{
    demo::{StoredSegment, TENANT, Vaulted, apply_one, identities, wait},
    suite::Fleet,
};
use camerafleet_footage::log::{Entry, entry::Record};
use camerafleet_testkit::{HOOKS_KEY, Hooks};
use futures::TryStreamExt as _;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
};
use serde_json::{Value, json};

use super::{OFFICER, SOON, people::Person};

pub struct Scene<'a> {
    pub fleet: &'a Fleet,
    pub vaulted: Vaulted,
    /// The owner's server.
    pub hooks: Hooks,
    pub officer: Person<'a>,
    /// Whom packages are sealed to.
    recipient: String,
    /// The camera's name, and its policy's.
    name: &'static str,
    segment: StoredSegment,
}

impl<'a> Scene<'a> {
    /// A camera that has recorded, with this policy; its owner `flat-4a` hears by webhook.
    pub async fn new(fleet: &'a Fleet, name: &'static str, mut policy: Value) -> Result<Self> {
        let client = fleet.ground.client.clone();
        let address = fleet.ground.instance.map_or(Ipv4Addr::LOCALHOST, |instance| instance.host_address());
        let hooks = Hooks::start(address).await;
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "camerafleet.io/webhook",
            "metadata": {"name": name, "namespace": TENANT},
            "stringData": {"url": hooks.url, "hmacKey": HOOKS_KEY, "ca.crt": hooks.ca_pem}});
        apply_one(&client, &serde_json::from_value(secret)?).await?;
        policy["notify"] = json!([{"owner": "flat-4a", "webhookSecretRef": {"name": name}}]);
        let policy = SharingPolicy::new(name, serde_json::from_value(policy)?);
        Api::namespaced(client.clone(), TENANT).create(&PostParams::default(), &policy).await?;
        let cameras = Api::<Camera>::namespaced(client.clone(), TENANT);
        let mut camera = Camera::new(name, cameras.get("yard").await?.spec);
        camera.spec.sharing_policy_ref = Some(name.into());
        cameras.create(&PostParams::default(), &camera).await?;
        wait::state(&client, name, "Recording", SOON).await?;
        let vaulted = Vaulted::open(fleet).await?;
        let segment = vaulted.wait_for_segment(fleet, name).await?;
        let officer = Person::new(fleet, OFFICER)?;
        let recipient = officer.age_key()?;
        fs::write(officer.folder().join("report.txt"), "what happened")?;
        Ok(Self { fleet, vaulted, hooks, officer, recipient, name, segment })
    }

    fn client(&self) -> Client {
        self.fleet.ground.client.clone()
    }

    /// What was recorded first, to the second, and one more.
    fn window(&self) -> Result<(Timestamp, Timestamp)> {
        let second = |ms: i64| Timestamp::from_second(ms.div_euclid(1_000));
        Ok((second(self.segment.name.start_ms)?, second(self.segment.name.end_ms() + 1_000)?))
    }

    /// The officer asks for what was recorded first.
    pub async fn ask(&self, request: &str, basis: &str, more: &[&str]) -> Result<String> {
        let (from, end) = self.window()?;
        let (from, to) = (from.to_string(), end.to_string());
        let about =
            ["request", request, "--basis", basis, "--camera", self.name, "--from", &from, "--to", &to];
        let why = [
            "--case",
            "7",
            "--organisation",
            "Police",
            "--callback",
            "+1 555 0100",
            "--purpose",
            "report.txt",
        ];
        let whole = [&about[..], &why, &["--recipient", &self.recipient], more].concat();
        // Only what is over is released.
        let left = end.duration_since(Timestamp::now()) + SignedDuration::from_secs(1);
        tokio::time::sleep(left.try_into().unwrap_or_default()).await;
        wait::until("the officer may ask", SOON, async || self.officer.does(&whole).await.map(Some)).await?;
        self.uid(request).await
    }

    /// A LegalOrder over what was recorded first, as a manifest that nobody has signed.
    pub async fn order(&self, name: &str, kind: &str, more: Value) -> Result<Value> {
        let (tenant, camera) = identities(self.fleet, self.name).await?;
        let (from, to) = self.window()?;
        let now = Timestamp::from_second(Timestamp::now().as_second())?;
        let mut order = json!({
            "apiVersion": "camerafleet.io/v1alpha1", "kind": "LegalOrder",
            "metadata": {"name": name, "namespace": TENANT},
            "spec": {
                "kind": kind, "authority": "district-court", "court": "District Court", "docket": "88",
                "issuedAt": now - SignedDuration::from_mins(1), "expiresAt": now + SignedDuration::from_hours(5),
                "scope": {"tenant": tenant, "cameras": [{"name": self.name, "id": camera}], "audio": false,
                    "window": {"from": from, "to": to}},
                "documentDigest": format!("sha256:{}", "0".repeat(64)),
            },
        });
        if let (Some(spec), Value::Object(more)) = (order["spec"].as_object_mut(), more) {
            spec.extend(more);
        }
        Ok(order)
    }

    pub async fn request(&self, request: &str) -> Result<DisclosureRequest> {
        Ok(Api::namespaced(self.client(), TENANT).get(request).await?)
    }

    async fn uid(&self, request: &str) -> Result<String> {
        self.request(request).await?.metadata.uid.context("a request has a uid")
    }

    /// Waits until the request's condition has this reason.
    pub async fn says(&self, request: &str, condition: &str, reason: &str) -> Result<DisclosureRequest> {
        wait::until(&format!("{request}'s {condition} says {reason}"), SOON, async || {
            let request = self.request(request).await?;
            let conditions = request.status.iter().flat_map(|status| &status.conditions);
            let found = conditions.into_iter().find(|found| found.type_ == condition).cloned();
            let found = found.context("it says nothing yet")?;
            ensure!(found.reason == reason, "it says {}: {}", found.reason, found.message);
            Ok(Some(request))
        })
        .await
    }

    /// Waits until the owner's server has heard this of a request, in this order.
    pub async fn heard(&self, uid: &str, what: &[&str]) -> Result<()> {
        wait::until(&format!("the owner hears {what:?}"), SOON, async || {
            let heard = self.hooks.of(uid);
            ensure!(heard == what, "heard: {heard:?}");
            Ok(Some(()))
        })
        .await
    }

    /// Opens the package as its recipient.
    pub async fn opens(&self, request: &str) -> Result<()> {
        let codecs = self.officer.opens(request, &self.fleet.fixtures.s3.ca_pem).await?;
        ensure!(!codecs.is_empty() && codecs.iter().all(|codec| codec == "hevc"), "{codecs:?}");
        Ok(())
    }

    /// All that the tenant's log says of a request.
    pub async fn logged(&self, uid: &str) -> Result<Vec<Record>> {
        let (tenant, _) = identities(self.fleet, self.name).await?;
        let reader = self.vaulted.log(self.fleet, &tenant).await?;
        let checkpoint = reader.checkpoint().await?;
        let snapshot = reader.at(&checkpoint);
        let entries = snapshot.entries(0).map_err(anyhow::Error::from);
        let all: Vec<Record> =
            entries.and_then(async |entry| Ok(entry.record()?.clone())).try_collect().await?;
        let about =
            |record: &Record| serde_json::to_string(&record.entry).is_ok_and(|json| json.contains(uid));
        Ok(all.into_iter().filter(about).collect())
    }

    /// How many Intents the log has of a request.
    pub async fn intents(&self, uid: &str) -> Result<usize> {
        let logged = self.logged(uid).await?;
        Ok(logged.iter().filter(|record| matches!(record.entry, Entry::Intent(_))).count())
    }

    /// The camera is taken away; what was asked of it stays to be read.
    pub async fn end(self) -> Result<()> {
        let client = self.client();
        Api::<Camera>::namespaced(client.clone(), TENANT).delete(self.name, &DeleteParams::default()).await?;
        let policies = Api::<SharingPolicy>::namespaced(client.clone(), TENANT);
        policies.delete(self.name, &DeleteParams::default()).await?;
        let secrets = Api::<Secret>::namespaced(client, TENANT);
        secrets.delete(self.name, &DeleteParams::default()).await?;
        Ok(())
    }
}

/// Two owners, of whom so many must agree.
pub fn two_owners(threshold: u32) -> Value {
    json!({
        "owners": [{"name": "flat-4a", "user": super::OWNER}, {"name": "flat-4b", "user": super::OTHER_OWNER}],
        "consentThreshold": threshold,
        "bases": {"consent": {"maxWindow": "12h", "maxCameras": 4}},
    })
}
