//! A request after its outcome: the package is offered until its date, and what is left is taken away.

use camerafleet_crds::{DisclosureRequest, PackageStatus};
use camerafleet_footage::{log::entry::OutcomeResult, retention::due_at};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Api, ResourceExt};

use super::{
    FINALIZER, apply, gather, package,
    resources::{self, Parts},
    seen::Seen,
    status, store,
};
use crate::{context::Context, error::Error, finalizer};

/// A request after its outcome.
#[derive(Default)]
pub(super) struct End {
    pub package: Option<PackageStatus>,
    pub expired: bool,
    pub next: Option<Timestamp>,
    /// Its finalizer went with it.
    pub gone: bool,
}

/// Offers the package until its date, and takes away what is left of a request.
pub(super) async fn end(
    parts: &Parts<'_>,
    api: &Api<DisclosureRequest>,
    seen: &Seen,
    deleted: bool,
    now: Timestamp,
    context: &Context,
) -> Result<End, Error> {
    let request = parts.request;
    let Some((logged, outcome)) = seen.history.outcome() else {
        if deleted && seen.history.own_intent().is_none() {
            finalizer::remove(api, request, FINALIZER).await?;
            return Ok(End { gone: true, ..End::default() });
        }
        let withdrawn = !seen.history.facts().withdrawn_requests.is_empty();
        if withdrawn && seen.history.own_intent().is_none() && finalizer::has(request, FINALIZER) {
            // Its key goes by the log.
            apply::remove_means(parts, context).await?;
            finalizer::remove(api, request, FINALIZER).await?;
            return Ok(End { next: now.checked_add(SignedDuration::from_secs(2)).ok(), ..End::default() });
        }
        return Ok(End::default());
    };
    // The status is the operator's alone, and a finalizer is not: what the status does not say is not done.
    let done = status::is_package_gone(request);
    if !finalizer::has(request, FINALIZER) {
        if done || deleted {
            let expired = matches!(outcome.result, OutcomeResult::Delivered { .. });
            return Ok(End { expired, gone: deleted, ..End::default() });
        }
        finalizer::add(api, request, FINALIZER).await?;
    }
    apply::remove_means(parts, context).await?;
    let ends = due_at(logged.at, request.spec.expires_after);
    let store = match store::read(parts.tenant, context).await? {
        Ok(store) => store,
        Err(verdict) => {
            tracing::warn!(request = %parts.uid, why = verdict.message, "a package cannot be looked after");
            let next = now.checked_add(SignedDuration::from_secs(30)).ok();
            return Ok(End { next, ..End::default() });
        }
    };
    if let OutcomeResult::Delivered { package, bytes, segments, .. } = &outcome.result
        && now < ends
        && !deleted
    {
        let known = request.status.as_ref().and_then(|status| status.package.clone());
        let key = match known {
            Some(known) => Some(known.key),
            None => gather::receipt(&store, parts.tenant_id, parts.uid).await.ok().flatten().map(|r| r.key),
        };
        let Some(key) = key else {
            let next = now.checked_add(SignedDuration::from_secs(30)).ok();
            return Ok(End { next, ..End::default() });
        };
        let package = PackageStatus {
            key,
            sha256: package.clone(),
            bytes: *bytes,
            segments: *segments,
            expires_at: Time(ends),
        };
        package::offer(parts, &package, &store, now, context).await?;
        return Ok(End { package: Some(package), next: Some(ends), ..End::default() });
    }
    package::withhold(parts, context).await?;
    apply::remove_job(&resources::name(parts.uid), &request.namespace().unwrap_or_default(), context).await?;
    // A Job that was at work when it was told to stop may write until it is gone.
    let at_work = gather::at_work(parts.uid, context);
    let delivered = matches!(outcome.result, OutcomeResult::Delivered { .. });
    if package::delete(parts, &store).await && !at_work {
        if done || deleted {
            finalizer::remove(api, request, FINALIZER).await?;
            return Ok(End { gone: deleted, expired: delivered, ..End::default() });
        }
        // Told first, then let go.
        let next = now.checked_add(SignedDuration::from_secs(1)).ok();
        return Ok(End { expired: delivered, next, ..End::default() });
    }
    let next = now.checked_add(SignedDuration::from_secs(15)).ok();
    Ok(End { next, ..End::default() })
}
