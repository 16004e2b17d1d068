//! A tenant with a camera that has a SharingPolicy, and footage of it that was sealed with the keys that the operator made.

use std::{fs, io::Write as _, net::Ipv4Addr, process::Command, sync::Arc, time::Duration};

use age::secrecy::ExposeSecret as _;
use camerafleet_crds::SharingPolicySpec;
use camerafleet_footage::{
    digest::{hex, sharing_policy},
    ids::{CameraId, PolicyId, TenantId},
    layout::{Epoch, Tracks, camera_key_name, epoch_key_name},
    log::{self, Entry, LOG_KEY, LogKey, NewEntry, Reader, VaultSigner, Writer, entry},
    seal::{OwnersCustody, PublicKey, RecorderStream, SegmentPolicy, WindowCustody},
};
use camerafleet_testkit::{HOOKS_KEY, Hooks, tool};
use futures::TryStreamExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::cluster::{Cluster, until};

pub const NAMESPACE: &str = "elm-street";
pub const MOUNT: &str = "camerafleet/elm-street";
pub const OFFICER: &str = "officer@example.com";
/// A segment's length and how many there are.
const SECONDS: i64 = 4;
const SEGMENTS: i64 = 3;

pub struct Stage {
    pub cluster: Cluster,
    pub tenant: TenantId,
    pub camera: CameraId,
    pub hooks: Hooks,
    pub identity: age::x25519::Identity,
    pub began: Timestamp,
}

pub fn get(cluster: &Cluster, kind: &str, name: &str) -> Option<Value> {
    let text = cluster.try_kubectl(&["-n", NAMESPACE, "get", kind, name, "-o", "json"], None).ok()?;
    serde_json::from_str(&text).ok()
}

pub fn condition<'a>(object: &'a Value, type_: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|c| c["type"] == type_)
}

pub fn reason(object: &Value, type_: &str) -> Option<String> {
    condition(object, type_)?["reason"].as_str().map(str::to_owned)
}

fn id(object: &Value) -> Option<String> {
    object["metadata"]["annotations"]["camerafleet.io/id"].as_str().map(str::to_owned)
}

pub fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap().to_owned()
}

/// In the form that the API takes.
pub fn second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap()
}

impl Stage {
    /// With this SharingPolicy, which gets the owners' webhook.
    pub async fn new(mut policy: Value) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (mut cluster, hooks) = (Cluster::start().await, Hooks::start(Ipv4Addr::LOCALHOST).await);
        cluster.operator();
        for name in ["store", "camerafleet-log", "camerafleet-log-reader"] {
            cluster.apply(&json!({
                "apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": name, "namespace": "camerafleet-system"},
                "stringData": {"accessKeyId": "root", "secretAccessKey": "rootsecret"},
            }));
        }
        let secret = json!({"name": "store"});
        let member = |role: &str, users: &[&str]| {
            let users: Vec<Value> = users.iter().map(|user| json!({"kind": "User", "name": user})).collect();
            json!({"role": role, "subjects": users})
        };
        cluster.apply(&json!({
            "apiVersion": "camerafleet.io/v1alpha1", "kind": "Tenant", "metadata": {"name": "elm-street"},
            "spec": {
                "namespace": NAMESPACE,
                "storage": {"s3": {"endpoint": cluster.endpoint(), "bucket": "footage", "credentials": {
                    "ingest": secret, "retention": secret, "disclosure": secret}}},
                "cameraNetworks": ["198.51.100.0/24"],
                "members": [
                    member("Owner", &["a@example.com", "b@example.com"]),
                    member("Requester", &[OFFICER]), member("Reviewer", &["reviewer@example.com"]),
                    member("Auditor", &["auditor@example.com"]),
                ],
            },
        }));
        let tenant = until("the tenant", async || {
            let tenant = cluster.kubectl(&["get", "tenant", "elm-street", "-o", "json"]);
            let enforced = reason(&tenant, "AdmissionEnforced").as_deref() == Some("Enforced");
            (enforced && reason(&tenant, "LogReady").as_deref() == Some("Open")).then_some(tenant)
        })
        .await;
        cluster.apply(&json!({
            "apiVersion": "v1", "kind": "Secret", "type": "camerafleet.io/webhook",
            "metadata": {"name": "notify", "namespace": NAMESPACE},
            "stringData": {"url": hooks.url, "hmacKey": HOOKS_KEY, "ca.crt": hooks.ca_pem},
        }));
        policy["notify"] = json!([{"owner": "a", "webhookSecretRef": {"name": "notify"}}]);
        let object = |kind: &str, name: &str, spec: Value| {
            json!({
                "apiVersion": "camerafleet.io/v1alpha1", "kind": kind,
                "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec,
            })
        };
        cluster.apply(&object("SharingPolicy", "building", policy));
        cluster.apply(&object("RetentionPolicy", "standard", json!({"keepFor": "2d", "keyEpoch": "24h"})));
        cluster.apply(&object(
            "Camera",
            "door-1",
            json!({
                "source": {"url": "rtsp://198.51.100.7/1"}, "retentionPolicyRef": {"name": "standard"},
                "sharingPolicyRef": {"name": "building"},
            }),
        ));
        let camera = until("the camera", async || id(&get(&cluster, "camera", "door-1")?)).await;
        let camera = CameraId::parse(camera).unwrap();
        until("the recorder's configuration", async || get(&cluster, "configmap", "ingest-0")).await;
        let identity = age::x25519::Identity::generate();
        let tenant = TenantId::parse(id(&tenant).unwrap()).unwrap();
        let mut stage = Self { cluster, tenant, camera, hooks, identity, began: Timestamp::now() };
        stage.record().await;
        stage
    }

    pub fn policy(&self) -> SharingPolicySpec {
        let policy = get(&self.cluster, "sharingpolicy", "building").unwrap();
        serde_json::from_value(policy["spec"].clone()).unwrap()
    }

    /// Three segments, as they come; and the stream's beginning in the log.
    async fn record(&mut self) {
        let entries = self.entries().await;
        let had = |camera: &Entry| matches!(camera, Entry::CameraPolicy(had) if had.camera == self.camera && had.policy.is_some());
        assert!(entries.iter().any(had), "it is logged before it is recorded: {entries:?}");
        let retention = get(&self.cluster, "retentionpolicy", "standard").unwrap();
        let retention = PolicyId::parse(id(&retention).unwrap()).unwrap();
        let epoch = Epoch::containing(Timestamp::now(), 86_400);
        let root = self.cluster.bao.root();
        let public = async |name: &str| {
            PublicKey::from_pem(name, &root.public_key(MOUNT, name).await.unwrap()).unwrap()
        };
        let policy = self.policy();
        let window = if policy.custody == camerafleet_crds::Custody::Owners {
            let recipients = policy.owners.iter().filter_map(|owner| owner.age_recipient.as_deref());
            let threshold = policy.consent_threshold.unwrap() as usize;
            WindowCustody::Owners(OwnersCustody::new(threshold, recipients).unwrap())
        } else {
            WindowCustody::Vault(public(&camera_key_name(&self.camera)).await)
        };
        let sealed = SegmentPolicy {
            epoch_key: public(&epoch_key_name(&retention, &epoch)).await,
            retention_policy: retention,
            epoch,
            window,
            sharing_policy: sharing_policy(&policy),
        };
        let mut stream = RecorderStream::new(self.tenant.clone(), self.camera.clone()).unwrap();
        let started = entry::StreamStarted {
            camera: self.camera.clone(),
            stream: stream.id().clone(),
            public_key: hex(&stream.public_key()),
            pod_uid: "pod-1".into(),
            image_digest: "sha256:0".into(),
        };
        // What the operator reads from a recorder's pod.
        self.append(&format!("stream-started/{}", stream.id()), started.into()).await;
        let film = film();
        self.began = second(Timestamp::now()) + SignedDuration::from_secs(1);
        for i in 0..SEGMENTS {
            let opened = self.began + SignedDuration::from_secs(i * SECONDS);
            let mut writer = stream.open(&sealed, opened, None, Tracks::Video, Vec::new()).unwrap();
            writer.write_all(&film).unwrap();
            let (finished, file) = stream
                .finish(writer, opened.as_millisecond(), u64::try_from(SECONDS * 1000).unwrap())
                .unwrap();
            self.put(&finished.name.key("elm-street"), &file);
        }
        let ended = self.began + SignedDuration::from_secs(SEGMENTS * SECONDS);
        let close = stream.close("Stop", ended).unwrap();
        self.put(&close.key("elm-street"), &close.to_json());
        let left = ended.duration_since(Timestamp::now()) + SignedDuration::from_secs(1);
        tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
    }

    fn put(&self, key: &str, body: &[u8]) {
        let path = self.cluster.file(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, body).unwrap();
    }

    pub async fn log_key(&self) -> LogKey {
        let namespace = self.cluster.kubectl(&["get", "namespace", "kube-system", "-o", "json"]);
        let origin = log::origin(namespace["metadata"]["uid"].as_str().unwrap(), &self.tenant);
        let public = self.cluster.bao.root().signing_public_key(MOUNT, LOG_KEY).await.unwrap();
        LogKey::new(origin, public).unwrap()
    }

    /// Appends as the operator does; it finds that its own session was overtaken, and opens the log anew.
    pub async fn append(&self, id: &str, entry: Entry) {
        let (key, root) = (self.log_key().await, self.cluster.bao.root());
        let signer = VaultSigner { vault: &root, mount: MOUNT };
        until("the log to take an entry", async || {
            let store = self.cluster.store("log");
            let mut writer = Writer::open(store, "", &self.tenant, key.clone(), &signer, None).await.ok()?;
            let new = NewEntry { id: id.to_owned(), at: Timestamp::now(), entry: entry.clone() };
            writer.append(&signer, &[new]).await.ok()
        })
        .await;
    }

    /// What the tenant's log says, verified under the key that Vault has.
    pub async fn entries(&self) -> Vec<Entry> {
        let reader = Reader::new(self.cluster.store("log"), "", &self.tenant, self.log_key().await);
        let checkpoint = reader.checkpoint().await.unwrap();
        let snapshot = reader.at(&checkpoint);
        let entries = snapshot.entries(0).map_ok(|entry| entry.record().unwrap().entry.clone());
        entries.try_collect().await.unwrap()
    }

    /// The kinds of the entries about a request, in their order.
    pub async fn told_of(&self, uid: &str) -> Vec<String> {
        let entries = self.entries().await;
        let about = entries.iter().filter(|entry| serde_json::to_string(entry).unwrap().contains(uid));
        about.map(|entry| serde_json::to_value(entry).unwrap()["kind"].as_str().unwrap().to_owned()).collect()
    }

    /// A request by the officer for all that was recorded but the first and the last second.
    pub fn ask(&self, name: &str, basis: &str, more: Value) -> Value {
        let at = |seconds| self.began + SignedDuration::from_secs(seconds);
        let mut request = json!({
            "apiVersion": "camerafleet.io/v1alpha1", "kind": "DisclosureRequest",
            "metadata": {"namespace": NAMESPACE, "name": name},
            "spec": {
                "requester": {"user": OFFICER, "organisation": "Example Police", "callback": "+44 20 7946 0000"},
                "caseNumber": "AB-123", "cameras": [{"name": "door-1", "id": self.camera}],
                "window": {"from": at(1), "to": at(SEGMENTS * SECONDS - 1)},
                "basis": basis, "recipient": self.identity.to_public().to_string(),
                "purposeDigest": format!("sha256:{}", "0".repeat(64)),
            },
        });
        for (key, value) in more.as_object().unwrap() {
            request["spec"][key] = value.clone();
        }
        self.cluster.create_as(OFFICER, &request).unwrap()
    }

    /// The request, once its Ready condition has this reason.
    pub async fn request(&self, name: &str, ready: &str) -> Value {
        until(&format!("{name} to be {ready}"), async || {
            let seen = get(&self.cluster, "disclosurerequest", name)?;
            (reason(&seen, "Ready")? == ready).then_some(seen)
        })
        .await
    }

    /// An answer, as its approver gives it.
    pub fn answer(&self, request: &Value, name: &str, who: &str, more: Value) -> Value {
        let mut approval = json!({
            "apiVersion": "camerafleet.io/v1alpha1", "kind": "Approval",
            "metadata": {"namespace": NAMESPACE, "name": name},
            "spec": {
                "requestRef": {"name": request["metadata"]["name"], "uid": request["metadata"]["uid"]},
                "requestDigest": request["status"]["digest"], "approver": who, "capacity": "Owner",
                "decision": "Approve", "notAfter": second(Timestamp::now() + SignedDuration::from_hours(24)),
            },
        });
        for (key, value) in more.as_object().unwrap() {
            approval["spec"][key] = value.clone();
        }
        approval
    }

    /// Gives it.
    pub fn approve(&self, request: &Value, name: &str, who: &str, more: Value) -> Value {
        self.cluster.create_as(who, &self.answer(request, name, who, more)).unwrap()
    }

    pub fn patch_as(&self, who: &str, kind: &str, name: &str, patch: &Value) -> Result<String, String> {
        let patch = patch.to_string();
        let arguments = ["-n", NAMESPACE, "--as", who, "patch", kind, name, "--type=merge", "-p", &patch];
        self.cluster.try_kubectl(&arguments, None)
    }

    /// Whether somebody may.
    pub fn may(&self, who: &str, verb: &str, object: &str) -> bool {
        let arguments = ["-n", NAMESPACE, "--as", who, "auth", "can-i", verb, object];
        self.cluster.try_kubectl(&arguments, None).is_ok()
    }

    /// The package as its recipient opens it.
    pub fn open(&self, package: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("key.txt"), self.identity.to_string().expose_secret()).unwrap();
        fs::write(path("package"), package).unwrap();
        let run = |program: &std::ffi::OsStr, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).current_dir(folder.path()).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        run(tool("age").as_os_str(), &["-d", "-i", "key.txt", "-o", "package.tar", "package"]);
        run("tar".as_ref(), &["-xf", "package.tar"]);
        run("sha256sum".as_ref(), &["--check", "--strict", "SHA256SUMS"]);
        folder
    }
}

/// Four seconds of pictures, a key frame in each.
fn film() -> Arc<[u8]> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=4"]);
    ffmpeg.args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-bf", "0", "-movflags"]);
    ffmpeg.args(["frag_keyframe+empty_moov+default_base_moof+skip_trailer", "-f", "mp4"]).arg(&path);
    assert!(ffmpeg.status().unwrap().success());
    fs::read(path).unwrap().into()
}
