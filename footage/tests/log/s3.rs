//! A real S3 server: its conditional writes are what keeps two writers apart.

use std::{path::PathBuf, sync::Arc, time::Duration};

use camerafleet_footage::{
    log::{Content, Erasure, LogError},
    shard::StoreConfig,
    store::{self, StoreCredential, StoreFault},
};
use object_store::{
    ObjectStore,
    aws::{AwsAuthorizer, AwsCredential},
    client::HttpRequestBody,
};
use serde_json::{Value, json};

use crate::support::{PREFIX, Signer, entries, list, open, read, reader, tenant};

const BUCKET: &str = "log";

/// The log's bucket on a real S3 server, with a user who writes and one who reads.
pub struct S3(camerafleet_testkit::S3);

impl S3 {
    pub fn start() -> Self {
        Self(camerafleet_testkit::S3::start(&[BUCKET], &["writer", "reader"]))
    }

    pub fn store(&self) -> Arc<dyn ObjectStore> {
        self.store_as("root")
    }

    pub fn store_as(&self, user: &str) -> Arc<dyn ObjectStore> {
        let config = StoreConfig {
            endpoint: self.0.endpoint(),
            region: camerafleet_testkit::S3::REGION.into(),
            bucket: BUCKET.into(),
            prefix: String::new(),
            path_style: true,
            ca_bundle: None,
        };
        let credential = StoreCredential {
            access_key_id: user.to_owned().into(),
            secret_access_key: format!("{user}secret").into(),
        };
        Arc::new(store::s3(&config, &credential, Duration::from_secs(10)).unwrap())
    }

    /// Sets the bucket's policy, as root.
    pub async fn policy(&self, document: &Value) {
        let url = format!("{}/{BUCKET}?policy=", self.0.endpoint());
        let credential =
            AwsCredential { key_id: "root".into(), secret_key: "rootsecret".into(), token: None };
        let body = document.to_string();
        let mut request = http::Request::put(url).body(HttpRequestBody::from(body.clone())).unwrap();
        AwsAuthorizer::new(&credential, "s3", camerafleet_testkit::S3::REGION)
            .try_authorize(&mut request, None)
            .unwrap();
        let (parts, _) = request.into_parts();
        let request = reqwest::Request::try_from(http::Request::from_parts(parts, body)).unwrap();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let answer = client.execute(request).await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// The log's objects as files.
    pub fn log_folder(&self) -> PathBuf {
        self.0.folder(BUCKET).join(PREFIX).join(tenant().as_str()).join("log")
    }
}

#[tokio::test]
async fn a_real_server_keeps_two_writers_apart() {
    let s3 = S3::start();
    let (store, signer) = (s3.store(), Signer::new(1));
    let mut one = open(&store, &signer, None).await.unwrap();
    one.append(&signer, &entries(0..250)).await.unwrap();
    let mut two = open(&store, &signer, None).await.unwrap();
    one.append(&signer, &entries(250..251)).await.unwrap();
    assert!(matches!(two.append(&signer, &entries(300..301)).await, Err(LogError::Conflict)));
    assert_eq!(two.append(&signer, &entries(251..260)).await.unwrap(), (251..260).collect::<Vec<_>>());
    assert_eq!(list(&store, "keys").await.len(), 260);
    // The full tile is there, and the partial ones before it are not.
    let tiles = list(&store, "tile").await;
    assert_eq!(
        tiles,
        ["tile/0/000", "tile/0/001.p/4", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/4"]
    );

    let reader = reader(&store, &signer);
    let checkpoint = reader.after(one.checkpoint().unwrap()).await.unwrap();
    assert_eq!(read(&reader, &checkpoint).await.unwrap().len(), 260);
    reader.at(&checkpoint).prove(255).await.unwrap().verify(&signer.key()).unwrap();
    assert_eq!(two.erase(7).await.unwrap(), Erasure::Done);
    assert_eq!(reader.at(&checkpoint).entry(7).await.unwrap().content, Content::Erased);
}

/// What the chart's values ask for is enough, and the jobs' credential writes nothing.
#[tokio::test]
async fn the_two_credentials_suffice_and_the_readers_only_reads() {
    let s3 = S3::start();
    let signer = Signer::new(1);
    let allow = |user: &str, actions: &[&str], resource: &str| json!({"Effect": "Allow", "Principal": {"AWS": [user]}, "Action": actions, "Resource": [resource]});
    let (bucket, objects) = ("arn:aws:s3:::log", "arn:aws:s3:::log/*");
    s3.policy(&json!({"Version": "2012-10-17", "Statement": [
        allow("writer", &["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], objects),
        allow("writer", &["s3:ListBucket"], bucket),
        allow("reader", &["s3:GetObject"], objects),
        allow("reader", &["s3:ListBucket"], bucket),
    ]}))
    .await;
    let store = s3.store_as("writer");
    let mut writer = open(&store, &signer, None).await.unwrap();
    // Over a tile's end, where partial tiles are dropped.
    for (start, end) in [(0, 250), (250, 259)] {
        writer.append(&signer, &entries(start..end)).await.unwrap();
    }
    assert_eq!(list(&store, "tile").await.len(), 5);
    writer.erase(3).await.unwrap();
    let last = writer.checkpoint().unwrap().clone();

    let store = s3.store_as("reader");
    let reader = reader(&store, &signer);
    let checkpoint = reader.after(&last).await.unwrap();
    reader.at(&checkpoint).open(258).await.unwrap().verify(&signer.key()).unwrap();
    assert_eq!(reader.at(&checkpoint).entry(3).await.unwrap().content, Content::Erased);
    let denied = |error| matches!(error, LogError::Store { fault: StoreFault::Denied, .. });
    let mut writer = open(&store, &signer, Some(&last)).await.unwrap();
    assert!(denied(writer.append(&signer, &entries(259..260)).await.unwrap_err()));
    assert!(denied(writer.erase(4).await.unwrap_err()));
    assert!(reader.at(&checkpoint).entry(4).await.unwrap().record().is_ok());
}

/// Both at once, again and again: none is lost, none is there twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_at_once() {
    let s3 = S3::start();
    let signer = Signer::new(1);
    open(&s3.store(), &signer, None).await.unwrap();
    let write = async |first: u64| {
        let mut writer = open(&s3.store(), &signer, None).await.unwrap();
        let mut conflicts = 0;
        for n in (first..first + 20).step_by(2) {
            while let Err(error) = writer.append(&signer, &entries(n..n + 2)).await {
                assert!(matches!(error, LogError::Conflict | LogError::Overtaken), "{error}");
                conflicts += 1;
                assert!(conflicts < 500);
            }
        }
        conflicts
    };
    let (one, two) = tokio::join!(write(0), write(100));
    println!("{one} and {two} conflicts");
    let reader = reader(&s3.store(), &signer);
    let mut keys = read(&reader, &reader.checkpoint().await.unwrap()).await.unwrap();
    keys.sort();
    let mut expected: Vec<_> = (0..20).chain(100..120).map(|n| format!("epoch-{n}")).collect();
    expected.sort();
    assert_eq!(keys, expected);
}
