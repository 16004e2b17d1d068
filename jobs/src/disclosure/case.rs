//! The decision, made again from the log and from the objects that the job read itself.

use std::collections::BTreeSet;

use camerafleet_crds::PackageForm;
use camerafleet_footage::{
    disclosure::{Authorized, Digest32, Docket, DocketError, Frozen, Live, Request, decide},
    ids::{HoldId, OrderUid, TenantId},
    log::entry,
};
use jiff::Timestamp;

use super::{JobError, log::Told};

/// What was decided, with what it was decided from.
pub(super) struct Decided {
    pub authorized: Box<Authorized>,
    pub request: Request,
    pub frozen: Frozen,
    /// The orders that count, by uid: their digest and their document's.
    pub orders: Vec<(OrderUid, Digest32, Option<String>)>,
    /// The bundles of the approvals that count, in base64.
    pub bundles: Vec<String>,
    /// Under which footage may be kept beyond its epoch's key.
    pub holds: Vec<HoldId>,
}

/// Decides, and compares with the Intent.
pub(super) fn decide_again(
    tenant: &TenantId,
    live: &Live,
    told: &Told,
    intent: u64,
    now: Timestamp,
) -> Result<Decided, JobError> {
    let docket = Docket::new(live, &told.history, now)?;
    let decision = decide(&docket.case(tenant, now));
    let reasons = || {
        let said: Vec<String> =
            decision.reasons.iter().map(|r| format!("{} ({})", r.message, r.rule.id())).collect();
        said.join(" ")
    };
    let authorized = decision.authorized().ok_or_else(|| JobError::NotAuthorized(reasons()))?.clone();
    if authorized.continues != Some(intent) {
        return Err(JobError::OtherThanIntended("place in the log"));
    }
    compare(&authorized, &told.intent)?;
    let Docket { frozen, request, approvals, orders, holds, .. } = docket;
    let rightly = approvals.iter().filter(|one| one.verified.is_ok()).map(|one| &one.frozen);
    let used = |frozen: &&Frozen| authorized.approvals.iter().any(|uid| uid.as_str() == frozen.uid);
    let bundle = |frozen: &Frozen| frozen.spec.pointer("/release/bundle")?.as_str().map(str::to_owned);
    let document = |frozen: &Frozen| frozen.spec.get("documentDigest")?.as_str().map(str::to_owned);
    let orders = orders.iter().map(|one| &one.frozen);
    Ok(Decided {
        bundles: rightly.filter(used).filter_map(bundle).collect(),
        orders: orders
            .filter_map(|f| Some((OrderUid::parse(&*f.uid).ok()?, f.digest("LegalOrder"), document(f))))
            .collect(),
        holds: holds
            .into_iter()
            .filter(|(hold, _)| authorized.holds.contains(hold.uid()))
            .map(|(_, id)| id)
            .collect(),
        authorized: Box::new(authorized),
        request,
        frozen,
    })
}

impl From<DocketError> for JobError {
    fn from(error: DocketError) -> Self {
        match error {
            DocketError::NotOurRequest => Self::NotOurRequest,
            DocketError::Malformed(malformed) => Self::Malformed(malformed),
        }
    }
}

/// The Intent is what the owners are told: what is released is what it says.
fn compare(authorized: &Authorized, intent: &entry::Intent) -> Result<(), JobError> {
    let cameras: BTreeSet<_> = intent.cameras.iter().collect();
    let form = match authorized.form {
        PackageForm::Clip => "Clip",
        PackageForm::Sealed => "Sealed",
    };
    let windows = || authorized.cameras.values().map(|release| release.window);
    let same = [
        ("request digest", format!("sha256:{}", intent.request_digest) == authorized.digest.to_string()),
        ("cameras", cameras == authorized.cameras.keys().collect()),
        ("window", windows().map(|w| w.from()).min() == Some(intent.from)),
        ("window", windows().map(|w| w.to()).max() == Some(intent.to)),
        ("audio", intent.audio == authorized.audio),
        ("form", intent.form == form),
        ("recipient", intent.recipient == authorized.recipient),
    ];
    match same.into_iter().find(|(_, same)| !same) {
        None => Ok(()),
        Some((what, _)) => Err(JobError::OtherThanIntended(what)),
    }
}
