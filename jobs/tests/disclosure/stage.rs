//! A tenant with a camera's footage, its log, and a request that an owner has approved.

use std::{
    fs,
    io::Write as _,
    process::Command,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use age::secrecy::ExposeSecret as _;
use camerafleet_crds::{ID_ANNOTATION, Member, SharingPolicySpec};
use camerafleet_footage::{
    digest::{hex, sha256, sharing_policy},
    disclosure::{
        Frozen, Logged, Request,
        job::{JobConfig, RunSummary},
    },
    ids::{CameraId, PolicyId, RequestUid, TenantId},
    layout::{Epoch, SegmentName, Tracks, camera_key_name, epoch_key_name},
    log::{Entry, LOG_KEY, LogKey, NewEntry, VaultSigner, Writer, entry},
    package::MANIFEST_KEY,
    retention::{LogAccess, VaultAccess},
    seal::{PublicKey, RecorderStream, SegmentPolicy, WindowCustody},
    shard::StoreConfig,
    store::{self, StoreCredential},
    vault::Vault,
};
use camerafleet_testkit::{S3, tool};
use jiff::{SignedDuration, Timestamp};
use jobs::disclosure::{Job, JobError, Keys, Live, Objects, run};
use object_store::ObjectStore;
use serde_json::{Value, json};

use crate::bao::Bao;

pub const MOUNT: &str = "camerafleet/elm-street";
pub const NAMESPACE: &str = "elm-street";
pub const ORIGIN: &str = "camerafleet.io/c-1/t-1";
pub const PREFIX: &str = "elm";
pub const REQUEST: &str = "00000500-0000-4000-8000-000000000000";
pub const POLICY: &str = "sp-1";
/// The disclosure role's own policy, for a token that stands for its ServiceAccount in this namespace.
const HCL: &str = include_str!("../../../operator/src/vault_setup/policies/disclosure.hcl");
const TEMPLATE: &str = "{{identity.entity.aliases.@AUTH_ACCESSOR@.metadata.service_account_namespace}}";
/// When recording began.
pub fn noon() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

pub fn after(seconds: i64) -> Timestamp {
    noon() + SignedDuration::from_secs(seconds)
}

/// What the job's clock says.
pub fn now() -> Timestamp {
    after(3 * 3_600)
}

pub fn tenant() -> TenantId {
    TenantId::parse("t-1").unwrap()
}

pub fn camera() -> CameraId {
    CameraId::parse("c-1").unwrap()
}

/// The policy that the footage is recorded under.
pub fn policy() -> Value {
    json!({
        "owners": [{"name": "a", "user": "a@example.com"}, {"name": "b", "user": "b@example.com"}],
        "consentThreshold": 1, "custody": "Vault",
        "bases": {"consent": {"maxWindow": "12h", "maxCameras": 4, "audio": false}},
        "trustedAuthorities": [], "notify": [],
    })
}

pub fn spec(policy: &Value) -> SharingPolicySpec {
    serde_json::from_value(policy.clone()).unwrap()
}

/// Four seconds of pictures, a key frame in each.
fn film() -> &'static [u8] {
    static FILM: OnceLock<Vec<u8>> = OnceLock::new();
    FILM.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film.mp4");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=4"]);
        ffmpeg.args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-bf", "0", "-movflags"]);
        ffmpeg.args(["frag_keyframe+empty_moov+default_base_moof+skip_trailer", "-f", "mp4"]).arg(&path);
        assert!(ffmpeg.status().unwrap().success());
        fs::read(path).unwrap()
    })
}

/// What the API server answers.
#[derive(Clone, Default)]
pub struct Fake(pub Arc<Mutex<Live>>);

impl Objects for Fake {
    async fn read(&self) -> Result<Live, JobError> {
        Ok(self.0.lock().unwrap().clone())
    }
}

pub struct Stage {
    pub s3: S3,
    pub bao: Bao,
    pub root: Vault,
    pub api: Fake,
    pub identity: age::x25519::Identity,
    pub intent: u64,
    asked: i64,
    pub segments: Vec<SegmentName>,
    pub epoch: Epoch,
    started: Option<Entry>,
}

/// What is out of the ordinary.
pub struct Script {
    pub policy: Value,
    pub form: &'static str,
    /// The window, in seconds since noon.
    pub window: (i64, i64),
    pub window_custody: Option<WindowCustody>,
    /// The policy that headers name.
    pub sealed_under: Option<[u8; 32]>,
    /// Whether an owner has approved, and it was logged.
    pub approved: bool,
    /// How many segments there are, and their length in seconds.
    pub segments: (i64, i64),
    pub film: Vec<u8>,
    /// When the request was made, in seconds since noon.
    pub asked: i64,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            policy: policy(),
            form: "Clip",
            window: (1, 11),
            window_custody: None,
            sealed_under: None,
            approved: true,
            segments: (3, 4),
            film: film().to_vec(),
            asked: 3_600,
        }
    }
}

impl Stage {
    pub async fn new(script: &Script) -> Self {
        let (s3, bao) = (S3::start(&["footage", "log"], &[]), Bao::start().await);
        let root = bao.root();
        root.ensure_transit_mount(MOUNT).await.unwrap();
        root.create_signing_key(MOUNT, MANIFEST_KEY).await.unwrap();
        let identity = age::x25519::Identity::generate();
        let epoch = Epoch::containing(noon(), 86_400);
        let api = Fake::default();
        let mut stage = Self {
            s3,
            bao,
            root,
            api,
            identity,
            intent: 0,
            asked: script.asked,
            segments: Vec::new(),
            epoch,
            started: None,
        };
        stage.record(script).await;
        stage.begin(script).await;
        stage
    }

    /// A log from the beginning, up to the Intent.
    pub async fn begin(&mut self, script: &Script) {
        let log = self.s3.folder("log");
        fs::remove_dir_all(&log).unwrap();
        fs::create_dir(log).unwrap();
        let started = self.started.clone().unwrap();
        self.log(vec![
            ("camera-policy/c-1", after(-3600), self.camera_policy()),
            ("policy-revision/sp-1/1", after(-3600), revision(&script.policy)),
            ("stream-started/1", after(0), started),
        ])
        .await;
        self.submit(script).await;
    }

    fn camera_policy(&self) -> Entry {
        entry::CameraPolicy { camera: camera(), policy: Some(POLICY.into()) }.into()
    }

    /// Three segments, one after the other, and the stream's end.
    async fn record(&mut self, script: &Script) {
        let policy_id = PolicyId::parse("p-1").unwrap();
        let (camera_key, epoch_key) = (camera_key_name(&camera()), epoch_key_name(&policy_id, &self.epoch));
        let camera_pem = self.root.create_key(MOUNT, &camera_key).await.unwrap();
        let epoch_pem = self.root.create_key(MOUNT, &epoch_key).await.unwrap();
        let vault = WindowCustody::Vault(PublicKey::from_pem(&camera_key, &camera_pem).unwrap());
        let sealed = SegmentPolicy {
            retention_policy: policy_id,
            epoch: self.epoch,
            epoch_key: PublicKey::from_pem(&epoch_key, &epoch_pem).unwrap(),
            window: script.window_custody.clone().unwrap_or(vault),
            sharing_policy: script.sealed_under.unwrap_or_else(|| sharing_policy(&spec(&script.policy))),
        };
        let mut stream = RecorderStream::new(tenant(), camera()).unwrap();
        let started = entry::StreamStarted {
            camera: camera(),
            stream: stream.id().clone(),
            public_key: hex(&stream.public_key()),
            pod_uid: "pod-1".into(),
            image_digest: "sha256:0".into(),
        };
        self.started = Some(started.into());
        let (count, seconds) = script.segments;
        for i in 0..count {
            let opened = after(i * seconds);
            let mut writer = stream.open(&sealed, opened, None, Tracks::Video, Vec::new()).unwrap();
            writer.write_all(&script.film).unwrap();
            let (finished, file) = stream
                .finish(writer, opened.as_millisecond(), u64::try_from(seconds * 1000).unwrap())
                .unwrap();
            self.put(&finished.name.key(PREFIX), &file);
            self.segments.push(finished.name);
        }
        let close = stream.close("Stop", after(count * seconds)).unwrap();
        self.put(&close.key(PREFIX), &close.to_json());
    }

    /// The request, an owner's approval, the decision and the Intent, each logged.
    async fn submit(&mut self, script: &Script) {
        let request = self.request_object(script);
        self.log(vec![(&format!("request/{REQUEST}"), after(script.asked), request_entry(&request))]).await;
        let mut live = Live {
            members: members(),
            policies: vec![json!({
                "apiVersion": "camerafleet.io/v1alpha1", "kind": "SharingPolicy",
                "metadata": {"namespace": NAMESPACE, "name": "building", "uid": "sp-1", "annotations": {ID_ANNOTATION: POLICY}},
                "spec": script.policy,
            })],
            request: Some(request),
            ..Live::default()
        };
        if script.approved {
            live.approvals.push(approval(live.request.as_ref().unwrap(), 600, "a@example.com", None));
        }
        *self.api.0.lock().unwrap() = live;
        if script.approved {
            self.see_approvals().await;
            self.decide_and_intend(script).await;
        }
    }

    /// Logs that approvals were submitted.
    pub async fn see_approvals(&self) {
        for approval in self.live().approvals {
            let uid = approval["metadata"]["uid"].as_str().unwrap().to_owned();
            let submitted = entry::ApprovalSubmitted {
                approval: uid.clone(),
                request: REQUEST.into(),
                digest: digest("Approval", &approval),
            };
            self.log(vec![(&format!("approval-submitted/{uid}"), after(self.asked + 400), submitted.into())])
                .await;
        }
    }

    pub async fn decide_and_intend(&mut self, script: &Script) {
        let live = self.live();
        let request = live.request.unwrap();
        let request_digest = digest("DisclosureRequest", &request);
        let approvals = live.approvals.iter().map(|a| a["metadata"]["uid"].as_str().unwrap().to_owned());
        let decision = entry::Decision {
            request: REQUEST.into(),
            request_digest: request_digest.clone(),
            verdict: entry::Verdict::Authorized,
            reasons: Vec::new(),
            revisions: Vec::new(),
            approvals: approvals.collect(),
            order: None,
        };
        let decision = self.log(vec![("decision/1", after(self.asked + 500), decision.into())]).await[0];
        let intent = entry::Intent {
            request: REQUEST.into(),
            request_digest,
            decision,
            cameras: vec![camera()],
            from: after(script.window.0),
            to: after(script.window.1),
            audio: false,
            form: script.form.into(),
            recipient: self.identity.to_public().to_string(),
        };
        self.intent = self.log(vec![("intent/1", after(self.asked + 600), intent.into())]).await[0];
    }

    pub fn request_object(&self, script: &Script) -> Value {
        json!({
            "apiVersion": "camerafleet.io/v1alpha1", "kind": "DisclosureRequest",
            "metadata": {"namespace": NAMESPACE, "name": "r-1", "uid": REQUEST},
            "spec": {
                "requester": {"user": "officer@example.com", "organisation": "Example", "callback": "+44"},
                "caseNumber": "AB-123", "cameras": [{"name": "door-1", "id": "c-1"}],
                "window": {"from": after(script.window.0), "to": after(script.window.1)},
                "basis": "Consent", "recipient": self.identity.to_public().to_string(),
                "includeAudio": false, "form": script.form, "expiresAfter": "7d",
                "purposeDigest": format!("sha256:{}", "0".repeat(64)), "withdrawn": false,
            },
        })
    }

    pub fn live(&self) -> Live {
        self.api.0.lock().unwrap().clone()
    }

    pub fn change(&self, change: impl FnOnce(&mut Live)) {
        change(&mut self.api.0.lock().unwrap());
    }

    /// Appends to the log as the operator does.
    pub async fn log(&self, entries: Vec<(&str, Timestamp, Entry)>) -> Vec<u64> {
        let public = self.root.create_signing_key(MOUNT, LOG_KEY).await.unwrap();
        let (key, signer) =
            (LogKey::new(ORIGIN, public).unwrap(), VaultSigner { vault: &self.root, mount: MOUNT });
        let mut writer = Writer::open(self.bucket("log"), "", &tenant(), key, &signer, None).await.unwrap();
        let new: Vec<NewEntry> =
            entries.into_iter().map(|(id, at, entry)| NewEntry { id: id.to_owned(), at, entry }).collect();
        writer.append(&signer, &new).await.unwrap()
    }

    pub fn put(&self, key: &str, body: &[u8]) {
        let path = self.s3.folder("footage").join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, body).unwrap();
    }

    pub fn config(&self, bucket: &str) -> StoreConfig {
        StoreConfig {
            endpoint: self.s3.endpoint(),
            region: S3::REGION.into(),
            bucket: bucket.into(),
            prefix: if bucket == "log" { String::new() } else { PREFIX.into() },
            path_style: true,
            ca_bundle: None,
        }
    }

    pub fn bucket(&self, name: &str) -> Arc<dyn ObjectStore> {
        let credential = StoreCredential {
            access_key_id: "root".to_owned().into(),
            secret_access_key: "rootsecret".to_owned().into(),
        };
        Arc::new(store::s3(&self.config(name), &credential, Duration::from_secs(30)).unwrap())
    }

    /// The role's token: it may do what the shipped policy says.
    pub async fn role(&self) -> Vault {
        let hcl = HCL.replace(TEMPLATE, NAMESPACE).replace("@MOUNT_PREFIX@", "camerafleet");
        self.bao.with_token(&self.bao.token_with_policy("disclosure", &hcl).await)
    }

    pub async fn job(&self, store: Arc<dyn ObjectStore>) -> Job<Fake> {
        Job {
            config: JobConfig {
                tenant: tenant(),
                tenant_name: "elm-street".into(),
                request: "r-1".into(),
                request_uid: RequestUid::parse(REQUEST).unwrap(),
                intent: self.intent,
                store: self.config("footage"),
                vault: VaultAccess {
                    address: "http://127.0.0.1:1".into(),
                    namespace: None,
                    ca_pem: None,
                    auth_mount: "kubernetes".into(),
                    role: "camerafleet-disclosure".into(),
                    mount: MOUNT.into(),
                },
                log: LogAccess { store: self.config("log"), origin: ORIGIN.into() },
            },
            store,
            log_store: self.bucket("log"),
            objects: self.api.clone(),
            keys: Keys::Session(self.role().await),
            now,
        }
    }

    pub async fn run(&self) -> RunSummary {
        run(&self.job(self.bucket("footage")).await).await
    }

    /// What lies in packages/.
    pub fn packages(&self) -> Vec<String> {
        self.s3.keys("footage", "elm/t-1/packages")
    }

    /// The package as its recipient opens it with age and tar, or with tar and age.
    pub fn open(&self, key: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("key.txt"), self.identity.to_string().expose_secret()).unwrap();
        fs::copy(self.s3.folder("footage").join(key), path("package")).unwrap();
        let run = |program: &std::ffi::OsStr, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).current_dir(folder.path()).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        let decrypt = |from, to| run(tool("age").as_os_str(), &["-d", "-i", "key.txt", "-o", to, from]);
        if key.ends_with(".age") {
            decrypt("package", "package.tar");
            run("tar".as_ref(), &["-xf", "package.tar"]);
        } else {
            run("tar".as_ref(), &["-xf", "package"]);
            decrypt("rest.tar.age", "rest.tar");
            run("tar".as_ref(), &["-xf", "rest.tar"]);
        }
        run("sha256sum".as_ref(), &["--check", "--strict", "SHA256SUMS"]);
        let verify = "ssh-keygen -Y verify -f allowed_signers -I camerafleet-t-1 -n package.camerafleet.io -s manifest.json.sig < manifest.json";
        run("sh".as_ref(), &["-c", verify]);
        folder
    }
}

pub fn manifest(folder: &tempfile::TempDir) -> Value {
    serde_json::from_slice(&fs::read(folder.path().join("manifest.json")).unwrap()).unwrap()
}

pub fn revision(policy: &Value) -> Entry {
    let spec = spec(policy);
    let canonical = String::from_utf8(serde_jcs::to_vec(&spec).unwrap()).unwrap();
    entry::PolicyRevision { policy: POLICY.into(), digest: hex(&sharing_policy(&spec)), spec: canonical }
        .into()
}

pub fn frozen(kind: &'static str, object: &Value) -> Frozen {
    Frozen::read(kind, object, Logged { index: 0, at: now() }).unwrap()
}

/// The digest as the log has it, hex.
pub fn digest(kind: &'static str, object: &Value) -> String {
    hex(&frozen(kind, object).digest(kind).0)
}

pub fn request_entry(request: &Value) -> Entry {
    let mut spec = request["spec"].clone();
    spec.as_object_mut().unwrap().remove("withdrawn");
    let object = json!({
        "apiVersion": request["apiVersion"], "kind": request["kind"], "namespace": request["metadata"]["namespace"],
        "name": request["metadata"]["name"], "uid": request["metadata"]["uid"], "spec": spec,
    });
    let object = String::from_utf8(serde_jcs::to_vec(&object).unwrap()).unwrap();
    let digest = hex(&sha256(object.as_bytes()));
    entry::Request { request: REQUEST.into(), digest, object }.into()
}

/// An owner's approval of the request as it is.
pub fn approval(request: &Value, uid: u32, who: &str, release: Option<Value>) -> Value {
    let digest = Request::read(&frozen("DisclosureRequest", request)).unwrap().digest();
    let mut spec = json!({
        "requestRef": {"name": "r-1", "uid": request["metadata"]["uid"]}, "requestDigest": digest.to_string(),
        "approver": who, "capacity": "Owner", "decision": "Approve", "notAfter": "2026-12-01T00:00:00Z",
        "withdrawn": false,
    });
    if let Some(release) = release {
        spec["release"] = release;
    }
    json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "Approval",
        "metadata": {"namespace": NAMESPACE, "name": format!("approval-{uid}"), "uid": format!("{uid:08}-0000-4000-8000-000000000000")},
        "spec": spec,
    })
}

fn members() -> Vec<Member> {
    serde_json::from_value(json!([
        {"role": "Owner", "subjects": [{"kind": "User", "name": "a@example.com"}, {"kind": "User", "name": "b@example.com"}]},
    ]))
    .unwrap()
}
