//! A bucket that keeps versions: what is due goes with all of them.

use std::{fs, path::Path, process::Command, sync::Arc, time::Duration};

use camerafleet_footage::{
    retention::Outcome,
    shard::StoreConfig,
    store::{self, StoreCredential},
};
use camerafleet_testkit::{Process, free_port, tool};
use jiff::Timestamp;
use jobs::retention::{Job, StoreClock, Versions, run};
use object_store::{
    ObjectStore, ObjectStoreExt as _,
    aws::{AwsAuthorizer, AwsCredential},
    client::HttpRequestBody,
    path::Path as Key,
};
use serde_json::json;

use crate::support::{BUCKET, PREFIX, Policy, S3, ago, epoch, job, legal_hold, segment};

/// A server whose bucket keeps versions, and a user `retention` with the rights that the Tenant's schema names.
struct Versioned {
    folder: tempfile::TempDir,
    port: u16,
    _process: Process,
}

impl Versioned {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["data", "data/footage", "versions", "users"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let user = json!({"access": "retention", "secret": "retentionsecret", "role": "user"});
        let users = json!({"accessAccounts": {"retention": user}}).to_string();
        fs::write(folder.path().join("users/users.json"), users).unwrap();
        let port = free_port();
        let mut command = Command::new(tool("versitygw"));
        command
            .args(["--access", "root", "--secret", "rootsecret", "--region", "us-east-1", "--port"])
            .arg(format!("127.0.0.1:{port}"))
            .arg(format!("--iam-dir={}", folder.path().join("users").display()))
            .arg("posix")
            .arg(format!("--versioning-dir={}", folder.path().join("versions").display()))
            .arg(folder.path().join("data"));
        let server = Self { _process: Process::spawn(&mut command).listening(port), folder, port };
        let on = "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>Enabled</Status></VersioningConfiguration>";
        server.send("PUT", "versioning=", on).await;
        server
    }

    /// What its retention user may.
    async fn allow(&self, bucket: &[&str]) {
        let statement = |actions: &[&str], resource: &str| json!({"Effect": "Allow", "Principal": {"AWS": ["retention"]}, "Action": actions, "Resource": [resource]});
        let objects = [
            "s3:GetObject",
            "s3:PutObject",
            "s3:DeleteObject",
            "s3:DeleteObjectVersion",
            "s3:GetObjectVersion",
        ];
        let statements =
            [statement(bucket, "arn:aws:s3:::footage"), statement(&objects, "arn:aws:s3:::footage/*")];
        self.send("PUT", "policy=", &json!({"Version": "2012-10-17", "Statement": statements}).to_string())
            .await;
    }

    fn config(&self) -> StoreConfig {
        StoreConfig {
            endpoint: format!("http://127.0.0.1:{}", self.port),
            region: "us-east-1".into(),
            bucket: BUCKET.into(),
            prefix: PREFIX.into(),
            path_style: true,
            ca_bundle: None,
        }
    }

    async fn send(&self, method: &str, query: &str, body: &str) -> String {
        let credential =
            AwsCredential { key_id: "root".into(), secret_key: "rootsecret".into(), token: None };
        let url = format!("{}/{BUCKET}?{query}", self.config().endpoint);
        let mut request = http::Request::builder()
            .method(method)
            .uri(url)
            .body(HttpRequestBody::from(body.to_owned()))
            .unwrap();
        AwsAuthorizer::new(&credential, "s3", "us-east-1").try_authorize(&mut request, None).unwrap();
        let (parts, _) = request.into_parts();
        let request = reqwest::Request::try_from(http::Request::from_parts(parts, body.to_owned())).unwrap();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let answer = client.execute(request).await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{status} {text}");
        text
    }

    fn credential(user: &str) -> StoreCredential {
        StoreCredential {
            access_key_id: user.to_owned().into(),
            secret_access_key: format!("{user}secret").into(),
        }
    }

    fn store(&self, user: &str) -> Arc<dyn ObjectStore> {
        Arc::new(store::s3(&self.config(), &Self::credential(user), Duration::from_secs(10)).unwrap())
    }

    /// How many versions and markers each key below `footage/` has.
    async fn versions(&self) -> Vec<(String, usize)> {
        let listing = self.send("GET", "versions=&prefix=elm/t-1/footage", "").await;
        let mut found: Vec<(String, usize)> = Vec::new();
        for part in listing.split("<Key>").skip(1) {
            let key = part.split("</Key>").next().unwrap().to_owned();
            match found.iter_mut().find(|(known, _)| *known == key) {
                Some((_, n)) => *n += 1,
                None => found.push((key, 1)),
            }
        }
        found.sort();
        found
    }

    fn job(&self, s3: &S3, policy: &Policy) -> Job<Policy> {
        let mut job = job(s3, self.store("retention"), policy, None);
        job.config.store = self.config();
        job.store_clock = StoreClock::new(&self.config()).unwrap();
        job.versions = Some(Versions::new(&self.config(), &Self::credential("retention")).unwrap());
        job
    }
}

/// Everything that is there now was taken so long ago.
fn age(folder: &Path, taken: Timestamp) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => age(&path, taken),
            false => fs::File::options().write(true).open(&path).unwrap().set_modified(taken.into()).unwrap(),
        }
    }
}

#[tokio::test]
async fn what_is_due_goes_with_its_versions_and_markers() {
    let (s3, server) = (S3::start(), Versioned::start().await);
    server.allow(&["s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketVersioning"]).await;
    let root = server.store("root");
    let key = |hours: i64, camera: &str| segment("p-1", epoch(hours), camera, 0).key(PREFIX);
    let put = async |key: &str| drop(root.put(&Key::parse(key).unwrap(), "sealed".into()).await.unwrap());
    let (twice, hidden, held, fresh) = (key(5, "c-1"), key(6, "c-1"), key(5, "c-2"), key(4, "c-1"));
    for key in [&twice, &twice, &hidden, &held, &held] {
        put(key).await;
    }
    // Somebody deleted it, and only a marker shows.
    root.delete(&Key::parse(hidden.as_str()).unwrap()).await.unwrap();
    for folder in ["data", "versions"] {
        age(&server.folder.path().join(folder), ago(180));
    }
    put(&fresh).await;
    let before = server.versions().await;
    assert_eq!(before.iter().map(|(_, n)| n).sum::<usize>(), 7, "{before:?}");

    let policy = Policy::new("1h");
    policy.hold(&[legal_hold("h-1", epoch(5), &["c-2"])]);
    let report = run(&server.job(&s3, &policy)).await;
    // There is no Vault here to copy for the hold, which keeps nothing from its date.
    assert_eq!(
        (report.summary.outcome, report.summary.reason.as_str()),
        (Outcome::Incomplete, "Misconfigured")
    );
    let mut expected = vec![(held.clone(), 2), (fresh.clone(), 1)];
    expected.sort();
    assert_eq!(server.versions().await, expected, "{report:?}");
    assert_eq!(
        (report.summary.deleted_objects, report.summary.deleted_bytes),
        (2, 18),
        "each version counts"
    );
    assert_eq!(report.summary.held_bytes, 12);
}

#[tokio::test]
async fn a_bucket_that_does_not_say_whether_it_keeps_versions_is_told() {
    let (s3, server) = (S3::start(), Versioned::start().await);
    server.allow(&["s3:ListBucket"]).await;
    let policy = Policy::new("1h");
    let report = run(&server.job(&s3, &policy)).await;
    assert_eq!(report.summary.outcome, Outcome::Done, "{report:?}");
    assert!(report.summary.versions_unknown && report.summary.message.contains("s3:GetBucketVersioning"));
    // And one that never kept any is asked once, and for no versions.
    let name = segment("p-1", epoch(5), "c-1", 0).key(PREFIX);
    s3.put(&name, b"sealed", ago(200));
    let mut plain = job(&s3, s3.store(), &policy, None);
    plain.versions = Some(Versions::new(&s3.config(), &Versioned::credential("root")).unwrap());
    let report = run(&plain).await;
    assert_eq!((report.summary.deleted_objects, report.summary.versions_unknown), (1, false), "{report:?}");
}
