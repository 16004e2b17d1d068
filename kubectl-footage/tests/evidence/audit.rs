//! `kubectl footage verify-log` on a log that the real writer wrote to a real S3 server and that the operator serves, behind
//! what stands for the API server's service proxy.

use std::{fs, path::Path, process::Command, sync::Arc, time::Duration};

use axum::{Json, Router, http::StatusCode, routing::get};
use camerafleet_crds::PackageForm;
use camerafleet_footage::{
    shard::StoreConfig,
    store::{self, StoreCredential},
};
use camerafleet_testkit::S3;
use object_store::ObjectStore;
use operator::log::{LogProblem, serve};
use serde_json::{Value, json};

use crate::{
    kit::{Kit, Said},
    ledger::Log,
    support::tenant,
};

struct Bucket(Arc<dyn ObjectStore>);

impl serve::Bucket for Bucket {
    async fn open(&self) -> Result<(Arc<dyn ObjectStore>, String), LogProblem> {
        Ok((Arc::clone(&self.0), String::new()))
    }
}

/// A cluster with a log, and an auditor.
struct Stage {
    s3: S3,
    folder: tempfile::TempDir,
    memory: Arc<std::sync::Mutex<Option<Value>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn client(s3: &S3) -> Arc<dyn ObjectStore> {
    let config = StoreConfig {
        endpoint: s3.endpoint(),
        region: S3::REGION.into(),
        bucket: "log".into(),
        prefix: String::new(),
        path_style: true,
        ca_bundle: None,
    };
    let credential = StoreCredential {
        access_key_id: "root".to_owned().into(),
        secret_access_key: "rootsecret".to_owned().into(),
    };
    Arc::new(store::s3(&config, &credential, Duration::from_secs(30)).unwrap())
}

impl Stage {
    async fn new() -> Self {
        let s3 = S3::start(&["log"], &[]);
        let memory: Arc<std::sync::Mutex<Option<Value>>> = Arc::default();
        let remembered = Arc::clone(&memory);
        let missing = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404,
            "message": "configmaps \"camerafleet-log\" not found"});
        let answer = move || {
            let found = remembered.lock().unwrap().clone();
            let missing = missing.clone();
            async move {
                match found {
                    Some(map) => (StatusCode::OK, Json(map)),
                    None => (StatusCode::NOT_FOUND, Json(missing)),
                }
            }
        };
        let app = Router::new()
            .route("/api/v1/namespaces/elm-street/configmaps/camerafleet-log", get(answer))
            .nest_service(
                "/api/v1/namespaces/camerafleet-system/services/camerafleet-log/proxy",
                serve::router(Bucket(client(&s3))),
            );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "elm-street"}}],
        });
        fs::write(folder.path().join("kubeconfig"), kubeconfig.to_string()).unwrap();
        Self { s3, folder, memory, server }
    }

    /// A log with so many entries.
    async fn log(&self, seed: u8, about: &str, size: u32) -> Log {
        let mut log = Log::on(client(&self.s3), &tenant(), seed).await;
        log.append(about, size - 3).await;
        log
    }

    /// What the operator remembers.
    fn remember(&self, log: &Log, checkpoint: &str) {
        let data = json!({"checkpoint": checkpoint, "key": log.key.log_key(&tenant()).vkey()});
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "camerafleet-log"}, "data": data});
        *self.memory.lock().unwrap() = Some(map);
    }

    fn objects(&self) -> std::path::PathBuf {
        self.s3.folder("log").join(tenant().as_str()).join("log")
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    async fn run(&self, more: &[&str]) -> Said {
        let mut program = Command::new(env!("CARGO_BIN_EXE_kubectl-footage"));
        program.args(["verify-log", "--kubeconfig", "kubeconfig"]).args(more).current_dir(self.folder.path());
        let output = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// It fails, with this word and for this reason, which programs are told, too.
    async fn fails(&self, more: &[&str], word: &str, finding: &str) {
        let said = self.run(more).await;
        assert!(said.code == 6 && said.out.contains(word), "{word}: {said:?}");
        let json = self.run(&[more, &["-o", "json"]].concat()).await;
        let report: Value = serde_json::from_str(&json.out).unwrap();
        assert_eq!(report["verified"], false);
        let checks = report["checks"].as_array().unwrap();
        assert!(checks.iter().any(|check| check["finding"] == finding), "{finding}: {report}");
    }
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").args(["-a", "-T"]).arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

/// Puts the log's objects back to a copy.
fn restore(stage: &Stage, from: &Path) {
    fs::remove_dir_all(stage.objects()).unwrap();
    copy(from, &stage.objects());
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_log_follows_every_checkpoint_that_was_kept() {
    let stage = Stage::new().await;
    let mut log = stage.log(1, "a", 300).await;
    stage.remember(&log, log.checkpoint());
    let said = stage.run(&["--save", "kept"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("Intent 2, KeyDestroyed 298"), "{said:?}");
    assert!(
        said.out.contains("note    key") && said.out.contains("300 entries are all still there"),
        "{said:?}"
    );
    assert_eq!(fs::read_to_string(stage.folder.path().join("kept")).unwrap(), log.checkpoint());

    // With checkpoints in a file, a proof, a manifest and a package; among other files.
    let mut kit = Kit::new(PackageForm::Clip).await;
    kit.log = log;
    fs::create_dir(stage.folder.path().join("folder")).unwrap();
    fs::copy(kit.path("key.txt"), stage.folder.path().join("key.txt")).unwrap();
    fs::write(stage.folder.path().join("folder/package"), kit.package(|_| {}).await).unwrap();
    let proof = String::from(kit.log.prove(1).await);
    stage.put("folder/proof", &proof);
    stage.put("folder/manifest.json", &json!({"log": {"intent": proof}}).to_string());
    stage.put("folder/other", "something");
    stage.put("log.key", &kit.log.key.log_key(&tenant()).vkey());
    log = kit.log;
    log.append("b", 400).await;
    let said = stage
        .run(&[
            "--save",
            "kept",
            "--checkpoints",
            "folder",
            "--identity",
            "key.txt",
            "--trusted-key",
            "log.key",
        ])
        .await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.out.matches("300 entries are all still there").count(), 5, "{said:?}");
    assert!(
        said.out.contains("The log has 700 entries") && said.out.contains("folder/other: there is none"),
        "{said:?}"
    );
    assert_eq!(fs::read_to_string(stage.folder.path().join("kept")).unwrap(), log.checkpoint());
    let json = stage.run(&["-o", "json"]).await;
    let report: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&report["verified"], &report["size"]), (&json!(true), &json!(700)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_to_a_log_has_a_name() {
    let stage = Stage::new().await;
    let mut log = stage.log(1, "a", 300).await;
    stage.remember(&log, log.checkpoint());
    let old = stage.folder.path().join("old");
    copy(&stage.objects(), &old);
    log.append("b", 400).await;
    let good = stage.folder.path().join("good");
    copy(&stage.objects(), &good);
    stage.put("kept", log.checkpoint());
    stage.put("log.key", &log.key.log_key(&tenant()).vkey());

    // An old state is put back. Who kept nothing and trusts nobody's memory cannot know.
    restore(&stage, &old);
    stage
        .fails(
            &["--checkpoint", "kept"],
            "TRUNCATED. kept is signed and has 700 entries; now the log has 300.",
            "truncated",
        )
        .await;
    let said = stage.run(&["--save", "kept"]).await;
    assert_eq!(said.code, 6, "{said:?}");
    assert_eq!(
        fs::read_to_string(stage.folder.path().join("kept")).unwrap(),
        log.checkpoint(),
        "it is not overwritten"
    );
    assert_eq!(stage.run(&[]).await.code, 0);
    stage.remember(&log, log.checkpoint());
    stage.fails(&[], "TRUNCATED. What the operator remembers", "truncated").await;

    // The same key signs another history.
    fs::remove_dir_all(stage.objects()).unwrap();
    let forged = stage.log(1, "c", 800).await;
    stage.fails(&["--checkpoint", "kept"], "FORKED. kept is signed and has 700 entries", "forked").await;
    drop(forged);

    // Somebody who writes to the bucket.
    for (object, word, finding) in [
        ("tile/entries/000", "ALTERED.", "altered"),
        ("tile/entries/002.p/188", "ALTERED.", "altered"),
        ("tile/0/002.p/188", "ALTERED.", "altered"),
        ("tile/1/000.p/2", "ALTERED.", "altered"),
        ("checkpoint", "NOT SIGNED.", "notSigned"),
    ] {
        restore(&stage, &good);
        flip(&stage.objects().join(object));
        stage.fails(&["--checkpoint", "kept"], word, finding).await;
    }
    for object in ["tile/entries/001", "tile/1/000.p/2", "checkpoint"] {
        restore(&stage, &good);
        fs::remove_file(stage.objects().join(object)).unwrap();
        stage.fails(&["--checkpoint", "kept"], "MISSING.", "missing").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_given_by_hand_counts_more_than_the_operators_word() {
    let stage = Stage::new().await;
    let forged = stage.log(2, "a", 10).await;
    stage.remember(&forged, forged.checkpoint());
    let genuine = Log::new(&tenant(), 1).await;
    stage.put("log.key", &genuine.key.log_key(&tenant()).vkey());
    assert_eq!(stage.run(&[]).await.code, 0, "the operator's word is believed where there is nothing else");
    let said = stage.run(&["--trusted-key", "log.key"]).await;
    assert_eq!(said.code, 6, "{said:?}");
    assert!(said.out.contains("FAILED  key") && said.out.contains("NOT SIGNED."), "{said:?}");

    // Nobody says a key; a key of another tenant's log; a log that is not there; a server that does not answer.
    *stage.memory.lock().unwrap() = None;
    assert_eq!(stage.run(&[]).await.code, 4);
    assert_eq!(stage.run(&["--trusted-key", "log.key", "--tenant", "t-2"]).await.code, 2);
    let other = Log::new(&camerafleet_footage::ids::TenantId::parse("t-2").unwrap(), 3).await;
    stage.put("others", other.checkpoint());
    let said = stage.run(&["--trusted-key", "log.key", "--save", "others"]).await;
    assert!(said.code == 2 && said.err.contains("of another log"), "{said:?}");
    let elsewhere = stage.run(&["--trusted-key", "log.key", "--operator-namespace", "elsewhere"]).await;
    assert_ne!(elsewhere.code, 0, "{elsewhere:?}");
    stage.server.abort();
    assert_eq!(stage.run(&["--trusted-key", "log.key"]).await.code, 5);
}
