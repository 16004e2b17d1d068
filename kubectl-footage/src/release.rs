//! Under custody Owners: an owner's shares of a window's keys, opened here with the owner's own key and sealed to the
//! request's key in Vault. The owner's key goes nowhere.

use std::path::Path;

use camerafleet_crds::{DisclosureRequest, Release};
use camerafleet_footage::{
    digest::hex,
    disclosure::{
        Bundle, Digest32, RequestDigest, Rule,
        job::{SHARE_LIST_KEY, SHARES_KEY, ShareList},
        release_key_name,
    },
    seal::PublicKey,
};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;

use crate::{
    cluster::{Cluster, Names},
    failure::{Failure, Kind},
    package::Keys,
};

/// The release, where the operator has listed shares of this owner for the request.
pub async fn release(
    request: &DisclosureRequest,
    digest: &str,
    identity: Option<&Path>,
    cluster: &Cluster,
) -> Result<Option<Release>, Failure> {
    let Some(map) = listed(request, cluster).await? else {
        if identity.is_none() && !awaits_keys(request) {
            return Ok(None);
        }
        // An answer without them would count for nothing.
        return Err(Failure::new(
            Kind::NotFound,
            "Your shares of the footage's keys are not listed yet for this request.",
            "Try again in some seconds; if that does not help, kubectl footage show says what the request waits for.",
        ));
    };
    let Some(identity) = identity else {
        return Err(Failure::new(
            Kind::Input,
            "The footage is sealed for its owners: to approve is to release your shares of its keys.",
            "Give your key with --identity (kubectl footage keygen made it).",
        ));
    };
    let unusable = |why: &dyn std::fmt::Display| {
        Failure::new(
            Kind::Unverified,
            format!("Your shares cannot be released: {why}."),
            "Do not answer. Tell whoever runs the platform.",
        )
    };
    let (list, shares) = read(&map).ok_or_else(|| unusable(&"the list of them cannot be read"))?;
    let asked = &request.spec;
    let cameras = asked.cameras.iter().map(|camera| camera.id.as_str());
    let same = list.request_uid.as_str() == request.uid().unwrap_or_default()
        && list.request_digest == digest
        && list.cameras.iter().map(|camera| camera.as_str()).collect::<std::collections::BTreeSet<_>>()
            == cameras.collect()
        && (list.from, list.to) == (asked.window.from.0, asked.window.to.0);
    if !same {
        return Err(unusable(&"the list is for another request than the one that you were shown"));
    }
    let keys = Keys::read(identity)?;
    let opened = list.open(&shares, keys.first()).map_err(|error| unusable(&error))?;
    let public = PublicKey::from_pem(&release_key_name(&list.request_uid), &list.release_key);
    let public = public.map_err(|error| unusable(&error))?;
    let bound = Digest32::parse(digest).map(RequestDigest).ok_or_else(|| unusable(&"the digest is none"))?;
    let bundle =
        Bundle::seal(&opened, &public, &list.request_uid, &bound).map_err(|error| unusable(&error))?;
    eprintln!("Your shares of {} keys are released to this request, and to nothing else.", opened.len());
    Ok(Some(Release { bundle, key_fingerprint: format!("sha256:{}", hex(&public.fingerprint())) }))
}

/// Whether, by what is decided so far, owners must release keys.
fn awaits_keys(request: &DisclosureRequest) -> bool {
    let decision = request.status.as_ref().and_then(|status| status.decision.as_ref());
    decision.is_some_and(|decision| {
        decision.reasons.iter().any(|reason| reason.rule == Rule::AwaitingKeyRelease.id())
    })
}

/// The ConfigMap that only this owner may get.
async fn listed(request: &DisclosureRequest, cluster: &Cluster) -> Result<Option<ConfigMap>, Failure> {
    let prefix = format!("shares-{}-", request.uid().unwrap_or_default());
    let Names::These(names) = cluster.readable("", "configmaps").await? else { return Ok(None) };
    match names.into_iter().find(|name| name.starts_with(&prefix)) {
        Some(name) => {
            let map = cluster.get::<ConfigMap>(&name).await?;
            // It is there before it is filled.
            Ok(map.data.as_ref().is_some_and(|data| data.contains_key(SHARE_LIST_KEY)).then_some(map))
        }
        None => Ok(None),
    }
}

fn read(map: &ConfigMap) -> Option<(ShareList, Vec<u8>)> {
    let list = serde_json::from_str(map.data.as_ref()?.get(SHARE_LIST_KEY)?).ok()?;
    Some((list, map.binary_data.as_ref()?.get(SHARES_KEY)?.0.clone()))
}
