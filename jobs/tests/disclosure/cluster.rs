//! What the jobs read and write at a real API server, under roles that allow nothing else.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use camerafleet_crds::{Member, Role, Subject, SubjectKind, Tenant};
use camerafleet_footage::{
    disclosure::{
        Frozen, Logged,
        job::{SHARE_LIST_KEY, SHARES_KEY, ShareList},
    },
    ids::{RequestUid, TenantId},
};
use camerafleet_testkit::{free_ports, tool};
use jobs::disclosure::{JobError, KubeObjects, Objects as _, prepare, prepare::Lists as _};
use k8s_openapi::api::{core::v1::ConfigMap, rbac::v1::RoleBinding};
use kube::{
    Api, Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use crate::stage::*;

const TOKEN: &str = "token-of-a-test-server";
const PATIENCE: Duration = Duration::from_secs(90);

struct Cluster {
    processes: Vec<Child>,
    folder: tempfile::TempDir,
    server: String,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The API server first: without etcd it would not end.
        for process in self.processes.iter_mut().rev() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Cluster {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [client, peer, secure] = free_ports();
        let path = |name: &str| folder.path().join(name);
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        fs::write(path("tls.crt"), cert.pem()).unwrap();
        fs::write(path("tls.key"), signing_key.serialize_pem()).unwrap();
        fs::write(path("tokens.csv"), format!("{TOKEN},test,test,system:masters\n")).unwrap();
        let spawn = |name: &str, arguments: &[String]| {
            let log = fs::File::create(path(&format!("{name}.log"))).unwrap();
            let mut command = Command::new(tool(name));
            command.args(arguments).current_dir(folder.path()).stdin(Stdio::null());
            command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
        };
        let etcd = spawn(
            "etcd",
            &[
                "--data-dir=etcd".to_owned(),
                format!("--listen-client-urls=http://127.0.0.1:{client}"),
                format!("--advertise-client-urls=http://127.0.0.1:{client}"),
                format!("--listen-peer-urls=http://127.0.0.1:{peer}"),
                format!("--initial-advertise-peer-urls=http://127.0.0.1:{peer}"),
                format!("--initial-cluster=default=http://127.0.0.1:{peer}"),
                "--unsafe-no-fsync".to_owned(),
            ],
        );
        let api_server = spawn(
            "kube-apiserver",
            &[
                format!("--etcd-servers=http://127.0.0.1:{client}"),
                "--bind-address=127.0.0.1".to_owned(),
                "--authorization-mode=RBAC".to_owned(),
                format!("--secure-port={secure}"),
                "--tls-cert-file=tls.crt".to_owned(),
                "--tls-private-key-file=tls.key".to_owned(),
                "--token-auth-file=tokens.csv".to_owned(),
                "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
                "--service-account-signing-key-file=tls.key".to_owned(),
                "--service-account-key-file=tls.crt".to_owned(),
                "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
                // It waits for what the controllers make.
                "--disable-admission-plugins=ServiceAccount".to_owned(),
            ],
        );
        let server = format!("https://127.0.0.1:{secure}");
        let cluster = Self { processes: vec![etcd, api_server], folder, server };
        cluster.until(&["get", "--raw=/readyz"], None).await;
        cluster
    }

    fn kubeconfig(&self, account: Option<&str>) -> Value {
        let mut user = json!({"token": TOKEN});
        if let Some(account) = account {
            user["as"] = format!("system:serviceaccount:{NAMESPACE}:{account}").into();
        }
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "x", "cluster": {
                "server": self.server, "certificate-authority": self.folder.path().join("tls.crt"),
            }}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
            "users": [{"name": "x", "user": user}],
        })
    }

    fn kubectl(&self, arguments: &[&str], input: Option<&Value>) -> Result<String, String> {
        use std::io::Write as _;
        let config = self.folder.path().join("config");
        fs::write(&config, self.kubeconfig(None).to_string()).unwrap();
        let mut command = Command::new(tool("kubectl"));
        command.arg("--kubeconfig").arg(config).args(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.map(Value::to_string).unwrap_or_default().as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    async fn until(&self, arguments: &[&str], input: Option<&Value>) {
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = self.kubectl(arguments, input) {
            assert!(Instant::now() < deadline, "{arguments:?}: {error}");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Makes an object; what the server made of it.
    async fn create(&self, object: &Value) -> Value {
        self.until(&["create", "-f", "-"], Some(object)).await;
        let (kind, name) = (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        let shown = self.kubectl(&["get", kind, name, "-n", NAMESPACE, "-o", "json"], None).unwrap();
        serde_json::from_str(&shown).unwrap()
    }

    async fn client(&self, account: &str) -> Client {
        let kubeconfig: Kubeconfig = serde_json::from_value(self.kubeconfig(Some(account))).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        Client::try_from(config).unwrap()
    }

    /// Rights as the operator gives them.
    async fn allow(&self, account: &str, rules: &Value) {
        let metadata = json!({"name": account, "namespace": NAMESPACE});
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": rules,
        });
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}],
        });
        self.create(&role).await;
        self.create(&binding).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_accounts_read_and_write_what_they_need_and_nothing_else() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();
    let cluster = Cluster::start().await;
    let crds = concat!(env!("CARGO_MANIFEST_DIR"), "/../crds/yaml");
    cluster.until(&["apply", "--server-side", "-f", crds], None).await;
    cluster.kubectl(&["create", "namespace", NAMESPACE], None).unwrap();
    let tenant = json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "Tenant", "metadata": {"name": "elm-street"},
        "spec": {
            "namespace": NAMESPACE, "cameraNetworks": ["198.51.100.0/24"],
            "storage": {"s3": {
                "endpoint": "https://s3.example.com", "region": "eu-1", "bucket": "footage",
                "credentials": {"ingest": {"name": "s"}, "retention": {"name": "s"}, "disclosure": {"name": "s"}},
            }},
            "members": [{"role": "Owner", "subjects": [{"kind": "User", "name": "a@example.com"}]}],
        },
    });
    cluster.until(&["create", "-f", "-"], Some(&tenant)).await;
    let subject = |kind: &str, name: &str| match kind {
        "ServiceAccount" => json!({"kind": kind, "name": name, "namespace": NAMESPACE}),
        _ => json!({"kind": kind, "name": name, "apiGroup": "rbac.authorization.k8s.io"}),
    };
    let of_owners = [subject("User", "a@example.com"), subject("ServiceAccount", "default")];
    for (name, role, subjects) in [
        ("camerafleet-member-owner", "camerafleet-member-owner", json!(of_owners)),
        // One by that name which gives another role tells nothing of reviewers.
        ("camerafleet-member-reviewer", "view", json!([subject("User", "v@example.com")])),
        (
            "camerafleet-member-manager",
            "camerafleet-member-manager",
            json!([subject("User", "m@example.com")]),
        ),
    ] {
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": NAMESPACE}, "subjects": subjects,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        });
        cluster.create(&binding).await;
    }
    let recipient = age::x25519::Identity::generate().to_public().to_string();
    let request = json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "DisclosureRequest",
        "metadata": {"namespace": NAMESPACE, "name": "r-1"},
        "spec": {
            "requester": {"user": "officer@example.com", "organisation": "Example", "callback": "+44"},
            "caseNumber": "AB-123", "cameras": [{"name": "door-1", "id": "3f0c2a52-7f3e-4a51-9d27-6a1f0a8e5b11"}],
            "window": {"from": "2026-11-20T12:00:00Z", "to": "2026-11-20T13:00:00Z"},
            "basis": "Consent", "recipient": recipient, "purposeDigest": format!("sha256:{}", "0".repeat(64)),
        },
    });
    let request = cluster.create(&request).await;
    let mut answer = approval(&request, 600, "a@example.com", None);
    answer["metadata"].as_object_mut().unwrap().remove("uid");
    let answer = cluster.create(&answer).await;
    let read = || async {
        KubeObjects::new(cluster.client("disclosure").await, NAMESPACE.into(), "r-1".into()).read().await
    };
    let refused = read().await;
    assert!(matches!(refused, Err(JobError::Api { .. })), "without rights nothing is read");

    let resources = ["approvals", "legalorders", "legalholds", "sharingpolicies"];
    let rules = json!([
        {"apiGroups": ["camerafleet.io"], "resources": ["disclosurerequests"], "resourceNames": ["r-1"], "verbs": ["get"]},
        {"apiGroups": ["camerafleet.io"], "resources": resources, "verbs": ["list"]},
        {
            "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["rolebindings"], "verbs": ["get"],
            "resourceNames": ["camerafleet-member-owner", "camerafleet-member-reviewer"],
        },
    ]);
    cluster.allow("disclosure", &rules).await;
    let deadline = Instant::now() + PATIENCE;
    let live = loop {
        match read().await {
            Ok(live) => break live,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    };
    let owner = Subject { kind: SubjectKind::User, name: "a@example.com".into() };
    assert_eq!(live.members, [Member { role: Role::Owner, subjects: vec![owner] }]);
    let client = cluster.client("disclosure").await;
    let tenants = Api::<Tenant>::all(client.clone()).get("elm-street").await;
    let managers = Api::<RoleBinding>::namespaced(client, NAMESPACE).get("camerafleet-member-manager").await;
    for refused in [tenants.map(drop), managers.map(drop)] {
        assert!(matches!(&refused, Err(kube::Error::Api(status)) if status.code == 403), "{refused:?}");
    }
    let logged = Logged { index: 0, at: now() };
    for (kind, found, stored) in [
        ("DisclosureRequest", live.request.as_ref(), &request),
        ("Approval", live.approvals.first(), &answer),
    ] {
        let digest = |object: &Value| Frozen::read(kind, object, logged).unwrap().digest(kind);
        assert_eq!(
            digest(found.unwrap()),
            digest(stored),
            "{kind}: as the server stores it, defaults included"
        );
    }
    assert_eq!(live.request.unwrap()["spec"]["form"], "Clip");

    lists(&cluster).await;
}

/// The prepare Job fills the ConfigMap that is there for it.
async fn lists(cluster: &Cluster) {
    for name in ["shares-a", "other"] {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"x": "y"}}});
        cluster.create(&map).await;
    }
    let rules = json!([
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["shares-a"], "verbs": ["get", "update"]},
    ]);
    cluster.allow("prepare", &rules).await;
    let list = ShareList {
        tenant: TenantId::parse("t-1").unwrap(),
        request_uid: RequestUid::parse(REQUEST).unwrap(),
        request_digest: "sha256:0".into(),
        cameras: vec![camera()],
        from: after(0),
        to: after(60),
        windows: Vec::new(),
        release_key: String::new(),
    };
    let writer = prepare::KubeLists::new(cluster.client("prepare").await, NAMESPACE);
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = writer.write("shares-a", &list, vec![1, 2, 3]).await {
        assert!(Instant::now() < deadline, "{error}");
    }
    let refused = writer.write("other", &list, vec![1]).await;
    assert!(matches!(refused, Err(JobError::Api { .. })));
    let shown =
        cluster.kubectl(&["get", "configmap", "shares-a", "-n", NAMESPACE, "-o", "json"], None).unwrap();
    let map: ConfigMap = serde_json::from_str(&shown).unwrap();
    assert_eq!(map.binary_data.unwrap()[SHARES_KEY].0, [1, 2, 3]);
    assert_eq!(serde_json::from_str::<ShareList>(&map.data.unwrap()[SHARE_LIST_KEY]).unwrap(), list);
    assert_eq!(map.metadata.labels.unwrap()["x"], "y");
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client("prepare").await, NAMESPACE);
    assert!(maps.list(&kube::api::ListParams::default()).await.is_err());
}
