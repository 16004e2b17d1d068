//! The package after it is made: how the requester fetches it, and its end.

use std::{collections::BTreeMap, time::Duration};

use camerafleet_crds::PackageStatus;
use camerafleet_footage::disclosure::job::package_folder;
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, ResourceExt};
use object_store::{ObjectStore as _, path::Path, signer::Signer as _};

use super::{resources::Parts, store::DisclosureStore};
use crate::{config::CALL_TIMEOUT, context::Context, error::Error, kube_api};

/// The longest that S3 takes for a presigned URL.
const URL_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A URL that has less than this left is made anew, where the package lives longer.
const URL_LEFT: SignedDuration = SignedDuration::from_hours(3 * 24);
/// Deleting a package takes at most this long.
const LIMIT: Duration = Duration::from_secs(30);

/// In the ConfigMap.
const URL: &str = "url";
const URL_EXPIRES: &str = "urlExpiresAt";

/// The ConfigMap's name.
pub fn map_name(request: &str) -> String {
    format!("package-{request}")
}

/// Sees to it that the requester can fetch the package until it expires. The URL is a credential: it lies where only they
/// may get it.
pub async fn offer(
    parts: &Parts<'_>,
    package: &PackageStatus,
    store: &DisclosureStore,
    now: Timestamp,
    context: &Context,
) -> Result<(), Error> {
    let namespace = parts.request.namespace().unwrap_or_default();
    let api = Api::<ConfigMap>::namespaced(context.client.clone(), &namespace);
    let name = map_name(&parts.request.name_any());
    let there = kube_api::get(&api, &name).await?;
    let ends = package.expires_at.0;
    if there.is_some_and(|map| is_good(&map, &package.key, ends, now)) {
        return Ok(());
    }
    let life = ends.duration_since(now).min(URL_LIFE);
    let Ok(left) = Duration::try_from(life) else { return Ok(()) };
    let path = Path::from(package.key.as_str());
    let signing = store.client.signed_url(reqwest::Method::GET, &path, left);
    let url = match tokio::time::timeout(CALL_TIMEOUT, signing).await {
        Ok(Ok(url)) => url,
        // Its text may hold what was signed.
        Ok(Err(_)) | Err(_) => {
            tracing::warn!(request = %parts.uid, "no URL could be signed for a package");
            return Ok(());
        }
    };
    let data = [
        (URL, url.to_string()),
        (URL_EXPIRES, now.checked_add(life).unwrap_or(ends).to_string()),
        ("key", package.key.clone()),
        ("sha256", package.sha256.clone()),
        ("bytes", package.bytes.to_string()),
        ("expiresAt", ends.to_string()),
    ];
    let map = ConfigMap {
        metadata: parts.meta_of(&name),
        data: Some(data.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<BTreeMap<_, _>>()),
        ..ConfigMap::default()
    };
    kube_api::apply(&api, &map).await.map(drop)
}

fn is_good(map: &ConfigMap, key: &str, ends: Timestamp, now: Timestamp) -> bool {
    let field = |name: &str| map.data.as_ref().and_then(|data| data.get(name));
    let until = field(URL_EXPIRES).and_then(|text| text.parse::<Timestamp>().ok());
    field("key").is_some_and(|found| found == key)
        && until.is_some_and(|until| until >= ends || until.duration_since(now) > URL_LEFT)
}

/// The ConfigMap goes with the package.
pub async fn withhold(parts: &Parts<'_>, context: &Context) -> Result<(), Error> {
    let namespace = parts.request.namespace().unwrap_or_default();
    let api = Api::<ConfigMap>::namespaced(context.client.clone(), &namespace);
    let own = kube_api::list(&api, &parts.selector()).await?;
    let name = map_name(&parts.request.name_any());
    let others: Vec<String> = own.iter().map(ResourceExt::name_any).filter(|other| *other != name).collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    kube_api::prune(&api, &parts.selector(), &others).await
}

/// Deletes all that lies in the request's folder. Says whether it is empty now.
pub async fn delete(parts: &Parts<'_>, store: &DisclosureStore) -> bool {
    let folder = Path::from(package_folder(&store.config.prefix, parts.tenant_id, parts.uid));
    let deleting = async {
        let names = store.client.list(Some(&folder)).map_ok(|object| object.location).boxed();
        store.client.delete_stream(names).try_collect::<Vec<_>>().await?;
        store.client.list(Some(&folder)).try_next().await
    };
    match tokio::time::timeout(LIMIT, deleting).await {
        Ok(Ok(left)) => left.is_none(),
        Ok(Err(error)) => {
            tracing::warn!(request = %parts.uid, %error, "a package could not be deleted");
            false
        }
        Err(_) => {
            tracing::warn!(request = %parts.uid, "a package could not be deleted in time");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_made_anew_before_it_ends_and_not_beyond_the_packages_end() {
        let at = |hours: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        let map = |until: Timestamp| ConfigMap {
            data: Some(
                [("key", "k".to_owned()), (URL_EXPIRES, until.to_string())]
                    .map(|(k, v)| (k.to_owned(), v))
                    .into(),
            ),
            ..ConfigMap::default()
        };
        assert!(is_good(&map(at(168)), "k", at(2_000), at(0)));
        assert!(!is_good(&map(at(168)), "k", at(2_000), at(100)), "two days are left");
        assert!(is_good(&map(at(168)), "k", at(168), at(167)), "it ends with the package");
        assert!(!is_good(&map(at(168)), "other", at(2_000), at(0)));
        assert!(!is_good(&ConfigMap::default(), "k", at(168), at(0)));
    }
}
