//! Shows each owner their sealed shares of a window's keys, so that they can release them. It opens nothing: it has no
//! role in Vault.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use camerafleet_crds::Custody;
use camerafleet_footage::{
    digest::{hex, sharing_policy, unhex},
    disclosure::{
        MAX_WINDOWS,
        job::{PrepareConfig, SHARE_LIST_KEY, SHARES_KEY, ShareList, ShareWindow},
    },
    layout::{MAX_SEGMENT_DURATION_MS, SegmentName, footage_prefix},
    seal::{MAX_HEADER_BYTES, OwnersCustody, SealedHeader, SegmentExpectation, ShareContext},
};
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::ConfigMap};
use kube::{Api, Client, api::PostParams};
use object_store::{GetOptions, GetRange, ObjectStore, path::Path};

use super::JobError;

/// One call takes at most this long.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Requests at a time.
const CONCURRENCY: usize = 8;
/// A ConfigMap takes 1 MiB in all.
const MAX_SHARES_BYTES: usize = 900 << 10;
/// Objects that are looked at.
const MAX_OBJECTS: usize = 40_000;

/// Where the owners' lists go.
pub trait Lists: Sync {
    /// Replaces the content of an owner's ConfigMap.
    fn write(
        &self,
        name: &str,
        list: &ShareList,
        shares: Vec<u8>,
    ) -> impl Future<Output = Result<(), JobError>> + Send;
}

/// The API server.
pub struct KubeLists(Api<ConfigMap>);

impl KubeLists {
    /// In a namespace.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self(Api::namespaced(client, namespace))
    }
}

impl Lists for KubeLists {
    async fn write(&self, name: &str, list: &ShareList, shares: Vec<u8>) -> Result<(), JobError> {
        let work = async {
            // What the operator made is kept: its labels and owners say whose it is.
            let mut map = self.0.get(name).await?;
            let json = serde_json::to_string(list).unwrap_or_else(|e| unreachable!("it is plain data: {e}"));
            map.data = Some([(SHARE_LIST_KEY.to_owned(), json)].into());
            map.binary_data = Some([(SHARES_KEY.to_owned(), ByteString(shares))].into());
            self.0.replace(name, &PostParams::default(), &map).await
        };
        let failed = |why: String| JobError::Api { why };
        match tokio::time::timeout(TIMEOUT, work).await {
            Ok(written) => written.map(drop).map_err(|error| failed(error.to_string())),
            Err(_) => Err(failed("it did not answer in time".to_owned())),
        }
    }
}

/// One owner's shares.
#[derive(Default)]
struct Owner {
    windows: Vec<ShareWindow>,
    shares: Vec<u8>,
}

/// Lists the shares of all owners, and how many window keys there are.
///
/// # Errors
/// [`JobError::TooManyWindows`], and those of the store and of the API server.
pub async fn run(
    config: &PrepareConfig,
    store: &Arc<dyn ObjectStore>,
    lists: &impl Lists,
) -> Result<usize, JobError> {
    let policies = policies(config)?;
    let headers = headers(config, &**store).await?;
    let mut owners: BTreeMap<&str, Owner> = BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    for header in &headers {
        let (Some(window), Some(policy)) =
            (header.owners_window(), policies.get(&header.identity.sharing_policy))
        else {
            continue;
        };
        // Its shares are these owners', in this order; and each window is listed once.
        let known = window.check_owners(&header.identity, &policy.custody).is_ok();
        if !known || !seen.insert(window.context(&header.identity).window) {
            continue;
        }
        if seen.len() > MAX_WINDOWS {
            return Err(JobError::TooManyWindows);
        }
        for ((context, sealed), user) in window.shares(&header.identity).zip(&policy.users) {
            let owner = owners.entry(user).or_default();
            owner.windows.push(shown(&context));
            let length = u16::try_from(sealed.len()).map_err(|_| JobError::TooManyWindows)?;
            owner.shares.extend_from_slice(&length.to_be_bytes());
            owner.shares.extend_from_slice(sealed);
            if owner.shares.len() > MAX_SHARES_BYTES {
                return Err(JobError::TooManyWindows);
            }
        }
    }
    if seen.is_empty() {
        return Err(JobError::NothingStored);
    }
    for (user, owner) in owners {
        let Some(name) = config.owners.get(user) else { continue };
        let list = ShareList {
            request_uid: config.request_uid.clone(),
            request_digest: config.request_digest.clone(),
            cameras: config.cameras.clone(),
            from: config.from,
            to: config.to,
            windows: owner.windows,
            release_key: config.release_key.clone(),
        };
        lists.write(name, &list, owner.shares).await?;
    }
    Ok(seen.len())
}

fn shown(context: &ShareContext) -> ShareWindow {
    let window = &context.window;
    ShareWindow {
        camera: window.camera.clone(),
        hour: window.hour.to_string(),
        window: window.window.clone(),
        index: context.index,
        threshold: window.threshold,
        shares: window.shares,
        commitment: hex(&window.commitment),
    }
}

struct Policy {
    custody: OwnersCustody,
    /// In the policy's order, as the shares are.
    users: Vec<String>,
}

/// By digest, which is computed here: headers name it.
fn policies(config: &PrepareConfig) -> Result<BTreeMap<[u8; 32], Policy>, JobError> {
    let mut policies = BTreeMap::new();
    for spec in config.policies.iter().filter(|spec| spec.custody == Custody::Owners) {
        let setup = |why: String| JobError::Setup { what: "A SharingPolicy".to_owned(), why };
        let threshold = spec.consent_threshold.map_or(spec.owners.len(), |m| m as usize);
        let recipients = spec.owners.iter().filter_map(|owner| owner.age_recipient.as_deref());
        let custody = OwnersCustody::new(threshold, recipients).map_err(|error| setup(error.to_string()))?;
        if custody.recipients().len() != spec.owners.len() {
            return Err(setup("an owner has no age recipient".to_owned()));
        }
        let users = spec.owners.iter().map(|owner| owner.user.clone()).collect();
        policies.insert(sharing_policy(spec), Policy { custody, users });
    }
    Ok(policies)
}

/// The headers of what may lie in the window, as far as streams that the log knows have signed them.
async fn headers(config: &PrepareConfig, store: &dyn ObjectStore) -> Result<Vec<SealedHeader>, JobError> {
    let failed = JobError::store("list the cameras' footage");
    let prefix = Path::from(footage_prefix(&config.store.prefix, &config.tenant));
    let longest = i64::try_from(MAX_SEGMENT_DURATION_MS).unwrap_or(i64::MAX);
    let (from, to) = (config.from.as_millisecond(), config.to.as_millisecond());
    let mut names = Vec::new();
    for policy in store.list_with_delimiter(Some(&prefix)).await.map_err(&failed)?.common_prefixes {
        for epoch in store.list_with_delimiter(Some(&policy)).await.map_err(&failed)?.common_prefixes {
            for camera in &config.cameras {
                let folder = epoch.clone().join(camera.as_str());
                let hours = store.list_with_delimiter(Some(&folder)).await.map_err(&failed)?.common_prefixes;
                for hour in hours.into_iter().filter(|hour| is_near(hour, from - longest, to + longest)) {
                    let mut listing = store.list(Some(&hour));
                    while let Some(object) = listing.try_next().await.map_err(&failed)? {
                        let name = SegmentName::parse(&config.store.prefix, object.location.as_ref());
                        if let Ok(name) = name
                            && name.start_ms < to
                            && name.end_ms() > from
                        {
                            names.push((object.location, name));
                        }
                        if names.len() > MAX_OBJECTS {
                            return Err(JobError::TooManyWindows);
                        }
                    }
                }
            }
        }
    }
    names.sort_by_key(|(_, name)| (name.camera.clone(), name.start_ms, name.sequence));
    let read = futures::stream::iter(names)
        .map(|(path, name)| header(config, store, path, name))
        .buffered(CONCURRENCY)
        .try_collect::<Vec<_>>()
        .await?;
    Ok(read.into_iter().flatten().collect())
}

fn is_near(hour: &Path, from_ms: i64, to_ms: i64) -> bool {
    let hour = hour.filename().and_then(|name| name.parse::<camerafleet_footage::layout::Hour>().ok());
    hour.is_some_and(|hour| {
        let (start, end): (Timestamp, Timestamp) = (hour.start(), hour.next().start());
        start.as_millisecond() < to_ms && end.as_millisecond() > from_ms
    })
}

async fn header(
    config: &PrepareConfig,
    store: &dyn ObjectStore,
    path: Path,
    name: SegmentName,
) -> Result<Option<SealedHeader>, JobError> {
    let Some(stream_key) = config.streams.get(&name.stream).and_then(|key| unhex(key)) else {
        return Ok(None);
    };
    let range = Some(GetRange::Bounded(0..MAX_HEADER_BYTES as u64 + 1));
    let failed = JobError::store("read a segment's header");
    let options = GetOptions { range, ..GetOptions::default() };
    let bytes = match store.get_opts(&path, options).await {
        Ok(got) => got.bytes().await.map_err(failed)?,
        // Retention is at work.
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let expected = SegmentExpectation {
        tenant: config.tenant.clone(),
        camera: name.camera.clone(),
        stream_key: Some(stream_key),
    };
    let header = SealedHeader::parse(&bytes).and_then(|header| header.authenticate(&expected));
    let header = header.ok().map(|header| header.header().clone());
    Ok(header.filter(|header| header.identity.check_name(&name).is_ok()))
}
