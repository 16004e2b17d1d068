//! `verify-log` through a real API server's service proxy, by an Auditor whom the chart's values name.

use std::net::{IpAddr, UdpSocket};

use camerafleet_footage::ids::TenantId;
use object_store::{ObjectStore, memory::InMemory};
use operator::log::{LogProblem, serve};

use super::*;
use crate::{fixtures::rendered, ledger::Log};

const SYSTEM: &str = "camerafleet-system";

struct Bucket(Arc<dyn ObjectStore>);

impl serve::Bucket for Bucket {
    async fn open(&self) -> Result<(Arc<dyn ObjectStore>, String), LogProblem> {
        Ok((Arc::clone(&self.0), String::new()))
    }
}

/// An address of this machine that is not loopback: the API server proxies to no other. Nothing is sent for it, and what is sent
/// to it does not leave the machine.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("198.51.100.1:9").expect("this test needs a machine with an address beside loopback");
    socket.local_addr().unwrap().ip()
}

/// What the endpoint controllers would make of a replica of the operator.
async fn endpoints(server: &Server, address: std::net::SocketAddr) {
    // The API server looks whether such a pod is there, and has the address.
    let pods = format!("/api/v1/namespaces/{SYSTEM}/pods");
    let containers = json!([{"name": "operator", "image": "registry.example.com/camerafleet:v1"}]);
    let pod = json!({"metadata": {"name": "replica"}, "spec": {"containers": containers}});
    let (code, made) = server.ask(Actor::Administrator, Method::POST, &pods, Some(&pod)).await;
    assert_eq!(code, 201, "{made}");
    let status = json!({"status": {"podIP": address.ip(), "podIPs": [{"ip": address.ip()}]}});
    let path = format!("{pods}/replica/status");
    let (code, said) = server.ask(Actor::Administrator, Method::PATCH, &path, Some(&status)).await;
    assert_eq!(code, 200, "{said}");
    let target =
        json!({"kind": "Pod", "namespace": SYSTEM, "name": "replica", "uid": made["metadata"]["uid"]});
    let slice = json!({
        "metadata": {"name": "camerafleet-log-1", "labels": {"kubernetes.io/service-name": "camerafleet-log"}},
        "addressType": "IPv4", "ports": [{"name": "", "port": address.port(), "protocol": "TCP"}],
        "endpoints": [{"addresses": [address.ip()], "conditions": {"ready": true}, "targetRef": target}],
    });
    let path = format!("/apis/discovery.k8s.io/v1/namespaces/{SYSTEM}/endpointslices");
    must(server, Actor::Administrator, &path, &slice).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_whom_the_chart_names_reads_the_log_and_nothing_beside_it() {
    let stage = Stage { server: shared().await, folder: tempfile::tempdir().unwrap() };
    let server = &stage.server;
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let tenant = TenantId::parse("t-1").unwrap();
    let log = Log::on(Arc::clone(&store), &tenant, 1).await;
    let listener = tokio::net::TcpListener::bind((own_address(), 0)).await.unwrap();
    endpoints(server, listener.local_addr().unwrap()).await;
    let serving = tokio::spawn(async move { axum::serve(listener, serve::router(Bucket(store))).await });
    let data = json!({"checkpoint": log.checkpoint(), "key": log.key.log_key(&tenant).vkey()});
    let map = json!({"metadata": {"name": "camerafleet-log"}, "data": data});
    must(server, Actor::Administrator, &format!("/api/v1/namespaces/{TENANT}/configmaps"), &map).await;

    // The role of an Auditor gives the key, and not the tiles of every tenant.
    let said = stage.run("auditor", &["verify-log"]).await;
    assert!(said.code == 3 && said.err.contains("log.auditors"), "{said:?}");
    let said = stage.run("requester", &["verify-log"]).await;
    assert_eq!(said.code, 3, "{said:?}");

    let values = [
        "image.repository=registry.example.com/camerafleet",
        "vault.address=https://vault.example.com",
        "log.s3.endpoint=https://s3.example.com",
        "log.s3.bucket=log",
        "log.auditors[0].kind=User",
        "log.auditors[0].name=auditor",
    ];
    let binding = rendered("camerafleet", &values).into_iter().find(|object| {
        object["kind"] == "RoleBinding" && object["metadata"]["name"] == "camerafleet-log-auditor"
    });
    let path = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{SYSTEM}/rolebindings");
    must(server, Actor::Administrator, &path, &binding.unwrap()).await;
    let mut said = stage.run("auditor", &["verify-log", "--save", "kept"]).await;
    for _ in 0..20 {
        if said.code == 0 {
            break;
        }
        // RBAC learns of it by a watch.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        said = stage.run("auditor", &["verify-log", "--save", "kept"]).await;
    }
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("Intent 2, KeyDestroyed 1"), "{said:?}");
    assert_eq!(fs::read_to_string(stage.folder.path().join("kept")).unwrap(), log.checkpoint());
    let doctor = stage.run("auditor", &["doctor"]).await;
    assert!(doctor.out.contains("ok      verify-log"), "{doctor:?}");

    for path in [
        "services/camerafleet-operator-metrics/proxy/metrics",
        "services/camerafleet-log:8080/proxy/metrics",
        "secrets",
    ] {
        let path = format!("/api/v1/namespaces/{SYSTEM}/{path}");
        let (code, _) = server.ask(Actor::User("auditor"), Method::GET, &path, None).await;
        assert_eq!(code, 403, "{path}");
    }
    let tile = format!("/api/v1/namespaces/{SYSTEM}/services/camerafleet-log/proxy/t-1/head");
    assert_eq!(server.ask(Actor::User("auditor"), Method::GET, &tile, None).await.0, 404);
    let write = format!("/api/v1/namespaces/{SYSTEM}/services/camerafleet-log/proxy/t-1/checkpoint");
    let (code, _) = server.ask(Actor::User("auditor"), Method::POST, &write, Some(&json!({}))).await;
    assert_eq!(code, 403);
    serving.abort();
}
