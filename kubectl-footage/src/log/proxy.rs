//! The log's tiles by the API server's service proxy, as a store that is only read.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt as _, stream, stream::BoxStream};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use kube::{Client, client::Body};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result as StoreResult, path::Path,
};

use crate::failure::{Failure, Kind};

/// The Service that every replica of the operator is behind.
const SERVICE: &str = "camerafleet-log";
/// The longest that one object may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// No object of a log is longer.
const MAX_BYTES: usize = 1 << 20;

/// Read-only. What a store's error cannot say is kept for [`Proxy::failure`].
#[derive(Clone)]
pub struct Proxy {
    client: Client,
    namespace: String,
    failure: Arc<Mutex<Option<Failure>>>,
}

impl Proxy {
    /// To the Service in the operator's namespace.
    pub fn new(client: Client, namespace: String) -> Self {
        Self { client, namespace, failure: Arc::default() }
    }

    /// Why an object could not be had, if one could not.
    pub fn failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// An object below `<tenant id>/`; `None`: there is none.
    async fn fetch(&self, name: &str) -> Result<Option<Bytes>, Failure> {
        let unreachable = |why: String| {
            Failure::new(
                Kind::Unreachable,
                format!("The log could not be read: {why}."),
                "Check that the cluster answers (kubectl get --raw=/readyz), and that the operator runs.",
            )
        };
        let url = format!("/api/v1/namespaces/{}/services/{SERVICE}/proxy/{name}", self.namespace);
        let request =
            Request::get(url).body(Body::empty()).map_err(|error| unreachable(error.to_string()))?;
        let exchange = async {
            let answer = self.client.send(request).await.map_err(|error| unreachable(error.to_string()))?;
            let status = answer.status();
            let is_the_api_servers = answer
                .headers()
                .get(http::header::CONTENT_TYPE)
                .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
            let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
            let body = body.map_err(|error| unreachable(format!("{name}: {error}")))?.to_bytes();
            match status {
                StatusCode::OK => Ok(Some(body)),
                StatusCode::NOT_FOUND if !is_the_api_servers => Ok(None),
                status => Err(self.refused(status, &body)),
            }
        };
        match tokio::time::timeout(TIMEOUT, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(unreachable(format!("no answer within {} seconds", TIMEOUT.as_secs()))),
        }
    }

    fn refused(&self, status: StatusCode, body: &[u8]) -> Failure {
        let said: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let said = match said["message"].as_str() {
            Some(message) => message.to_owned(),
            None => String::from_utf8_lossy(&body[..body.len().min(200)]).trim().to_owned(),
        };
        let (kind, next) = match status {
            StatusCode::UNAUTHORIZED => {
                (Kind::Refused, "Log in again: the cluster does not know who you are.".to_owned())
            }
            StatusCode::FORBIDDEN => (
                Kind::Refused,
                format!(
                    "Ask the platform's administrators to name you in the chart's value log.auditors: it gives `get` on services/proxy of {SERVICE} in {}.",
                    self.namespace
                ),
            ),
            StatusCode::NOT_FOUND => (
                Kind::NotFound,
                format!(
                    "Give the operator's namespace with --operator-namespace: {SERVICE} is not in {}.",
                    self.namespace
                ),
            ),
            _ => (
                Kind::Unreachable,
                "Look at the operator's pods and at the Tenant's condition LogReady.".to_owned(),
            ),
        };
        Failure::new(
            kind,
            format!("The log could not be read: {} ({status}).", said.trim_end_matches('.')),
            next,
        )
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proxy")
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the service proxy")
    }
}

fn unsupported<T>(operation: &str) -> StoreResult<T> {
    Err(Error::NotSupported { source: format!("a log is only read here: {operation}").into() })
}

#[async_trait::async_trait]
impl ObjectStore for Proxy {
    /// `<tenant id>/log/<name>`, which is served as `<tenant id>/<name>`.
    async fn get_opts(&self, location: &Path, _: GetOptions) -> StoreResult<GetResult> {
        let missing =
            |path: &Path| Error::NotFound { path: path.to_string(), source: "it is not served".into() };
        let (tenant, name) = location.as_ref().split_once("/log/").ok_or_else(|| missing(location))?;
        let bytes = match self.fetch(&format!("{tenant}/{name}")).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(missing(location)),
            Err(failure) => {
                let source = failure.to_string().into();
                self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
                return Err(Error::Generic { store: "the service proxy", source });
            }
        };
        let size = bytes.len() as u64;
        let meta = ObjectMeta {
            location: location.clone(),
            last_modified: Default::default(),
            size,
            e_tag: None,
            version: None,
        };
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::once(async { Ok(bytes) }).boxed()),
            meta,
            range: 0..size,
            attributes: Default::default(),
            extensions: Default::default(),
        })
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> StoreResult<PutResult> {
        unsupported("put")
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        unsupported("put")
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, StoreResult<Path>>,
    ) -> BoxStream<'static, StoreResult<Path>> {
        stream::once(async { unsupported("delete") }).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        stream::once(async { unsupported("list") }).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> StoreResult<ListResult> {
        unsupported("list")
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> StoreResult<()> {
        unsupported("copy")
    }
}
