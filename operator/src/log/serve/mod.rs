//! The tenants' logs for auditors: checkpoints and tiles by C2SP tlog-tiles, read-only, from every replica.
//!
//! Who may read is decided by the API server, through whose service proxy people come; whoever may, may read every tenant's
//! tiles. Those hold nothing personal (`footage/LOG.md`). It has a port of its own, so that the same right reaches nothing else.

mod path;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use camerafleet_footage::store;
use kube::Client;
use object_store::{ObjectStore, ObjectStoreExt as _, path::Path};
use tokio::sync::{Mutex, Semaphore};

use self::path::Object;
use super::{LogProblem, settings};
use crate::config::LogArgs;

/// Requests at a time. The longest answer has 256 KiB, so 8 MiB in all.
const MAX_REQUESTS: usize = 32;
/// An answer takes at most this long.
const TIMEOUT: Duration = Duration::from_secs(15);
/// So long a credential that was read serves: a log has a tile for each 256 entries, and each is a request.
const FRESH: Duration = Duration::from_secs(10);

/// The bucket and the folder in it.
type Opened = (Arc<dyn ObjectStore>, String);

/// Where logs are.
pub trait Bucket: Send + Sync + 'static {
    /// The bucket, with a credential that only reads, and the folder in it.
    fn open(&self) -> impl Future<Output = Result<Opened, LogProblem>> + Send;
}

/// The bucket of the chart's values `log.s3`.
pub struct Configured {
    args: LogArgs,
    client: Client,
    namespace: String,
    opened: Mutex<Option<(Instant, Opened)>>,
}

impl Configured {
    /// Nothing is read yet.
    pub fn new(args: LogArgs, client: Client, namespace: String) -> Self {
        Self { args, client, namespace, opened: Mutex::default() }
    }
}

impl Bucket for Configured {
    async fn open(&self) -> Result<Opened, LogProblem> {
        let mut opened = self.opened.lock().await;
        if let Some((_, found)) = opened.as_ref().filter(|(read, _)| read.elapsed() < FRESH) {
            return Ok(found.clone());
        }
        let found =
            settings::read_as(&self.args, settings::Who::Reader, &self.client, &self.namespace).await?;
        let found = (found.client()?, found.config.prefix);
        *opened = Some((Instant::now(), found.clone()));
        Ok(found)
    }
}

struct Served<B> {
    bucket: B,
    permits: Semaphore,
}

/// Serves the logs of a bucket.
pub fn router<B: Bucket>(bucket: B) -> Router {
    let served = Served { bucket, permits: Semaphore::new(MAX_REQUESTS) };
    Router::new().fallback(answer::<B>).with_state(Arc::new(served))
}

async fn answer<B: Bucket>(State(served): State<Arc<Served<B>>>, method: Method, uri: Uri) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    let Some(object) = Object::parse(uri.path()) else {
        return say(
            StatusCode::NOT_FOUND,
            "a log has /<tenant id>/checkpoint and /<tenant id>/tile/…, by C2SP tlog-tiles\n",
        );
    };
    let Ok(_permit) = served.permits.try_acquire() else {
        let busy = say(StatusCode::SERVICE_UNAVAILABLE, "too many requests at a time\n");
        return ([(header::RETRY_AFTER, "1")], busy).into_response();
    };
    match tokio::time::timeout(TIMEOUT, read(&served.bucket, &object)).await {
        Ok(Ok(bytes)) => {
            let kind = if object.is_text { "text/plain; charset=utf-8" } else { "application/octet-stream" };
            let kept = if object.is_final { "max-age=31536000, immutable" } else { "no-cache" };
            ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, kept)], bytes).into_response()
        }
        Ok(Err((status, why))) => say(status, why),
        Err(_) => say(StatusCode::GATEWAY_TIMEOUT, "the log's bucket does not answer in time\n"),
    }
}

fn say(status: StatusCode, why: &'static str) -> Response {
    (status, why).into_response()
}

async fn read(bucket: &impl Bucket, object: &Object) -> Result<Bytes, (StatusCode, &'static str)> {
    let unavailable = (
        StatusCode::SERVICE_UNAVAILABLE,
        "the log cannot be read now: see the Tenant's condition LogReady\n",
    );
    let failed = |error: object_store::Error| match error {
        object_store::Error::NotFound { .. } => (StatusCode::NOT_FOUND, "the log has no such object\n"),
        error => {
            tracing::warn!(tenant = %object.tenant, object = object.name, fault = ?store::fault(&error), "an object of a log could not be served");
            unavailable
        }
    };
    let (store, prefix) = bucket.open().await.map_err(|problem| {
        tracing::warn!(%problem, "the logs' bucket could not be opened to serve it");
        unavailable
    })?;
    let folder = prefix.split('/').chain([object.tenant.as_str(), "log"]).chain(object.name.split('/'));
    let path = Path::from_iter(folder.filter(|part| !part.is_empty()));
    let found = store.get(&path).await.map_err(failed)?;
    if found.meta.size > object.limit {
        return Err((
            StatusCode::BAD_GATEWAY,
            "the object is longer than any that is written: it was altered\n",
        ));
    }
    found.bytes().await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    struct Fixed(Arc<InMemory>);

    impl Bucket for Fixed {
        async fn open(&self) -> Result<Opened, LogProblem> {
            Ok((Arc::clone(&self.0) as Arc<dyn ObjectStore>, "logs/of".to_owned()))
        }
    }

    async fn ask(address: std::net::SocketAddr, line: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(format!("{line} HTTP/1.1\r\nhost: log\r\nconnection: close\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        said
    }

    #[tokio::test]
    async fn tiles_are_served_and_no_payload_no_key_and_no_other_object() {
        let store = Arc::new(InMemory::new());
        for (path, body) in [
            ("logs/of/t-1/log/checkpoint", "the checkpoint"),
            ("logs/of/t-1/log/tile/0/x001/000.p/7", "a tile"),
            ("logs/of/t-1/log/head", "secret"),
            ("logs/of/t-1/log/keys/0000000000000-00", "secret"),
            ("logs/of/t-1/log/payloads/0000000000000-00", "secret"),
            ("logs/of/t-1/log/tile/head", "secret"),
            ("checkpoint", "secret"),
        ] {
            store.put(&Path::from(path), body.to_owned().into()).await.unwrap();
        }
        store.put(&Path::from("logs/of/t-1/log/tile/0/001"), vec![b's'; 8193].into()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, router(Fixed(store))).await });

        let checkpoint = ask(address, "GET /t-1/checkpoint").await;
        assert!(
            checkpoint.starts_with("HTTP/1.1 200") && checkpoint.ends_with("the checkpoint"),
            "{checkpoint}"
        );
        assert!(checkpoint.contains("cache-control: no-cache"), "{checkpoint}");
        let tile = ask(address, "GET /t-1/tile/0/x001/000.p/7").await;
        assert!(tile.starts_with("HTTP/1.1 200") && tile.ends_with("a tile"), "{tile}");
        let head = ask(address, "HEAD /t-1/checkpoint").await;
        assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
        for (line, status) in [
            ("GET /t-1/head", 404),
            ("GET /t-1/keys/0000000000000-00", 404),
            ("GET /t-1/payloads/0000000000000-00", 404),
            ("GET /t-1/tile/head", 404),
            ("GET /t-1/tile/0/../../head", 404),
            ("GET /t-1/tile/0/%2e%2e/head", 404),
            ("GET /t-1%2flog%2fhead/checkpoint", 404),
            ("GET /../checkpoint", 404),
            ("GET /t-2/checkpoint", 404),
            ("GET /metrics", 404),
            ("GET /", 404),
            ("PUT /t-1/checkpoint", 405),
            ("DELETE /t-1/checkpoint", 405),
            ("GET /t-1/tile/0/001", 502),
        ] {
            let said = ask(address, line).await;
            assert!(
                said.starts_with(&format!("HTTP/1.1 {status}")) && !said.contains("sec"),
                "{line}: {said}"
            );
        }
        server.abort();
    }
}
