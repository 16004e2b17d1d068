//! What a LegalHold says of itself.

use camerafleet_crds::{LegalHold, LegalHoldStatus};
use camerafleet_footage::hold::{HeldEpoch, HoldReport};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{gather::Observed, plan::Plan};
use crate::{
    conditions::{self, Truth, Verdict},
    keys::KeyProblem,
    log::LogProblem,
    vault,
};

/// Decides.
pub fn status(hold: &LegalHold, observed: &Observed, plan: &Plan, now: Timestamp) -> LegalHoldStatus {
    let old = hold.status.clone().unwrap_or_default();
    let mut status = LegalHoldStatus {
        observed_generation: hold.metadata.generation,
        expires_at: Some(Time(plan.expires_at)),
        ..old.clone()
    };
    if let (Ok(reports), false) = (&observed.reports, plan.over) {
        let total =
            reports.iter().flatten().map(HoldReport::total).fold(HeldEpoch::default(), |mut sum, one| {
                sum.segments += one.segments;
                sum.bytes += one.bytes;
                sum.copied += one.copied;
                sum
            });
        status.held_segments = Some(total.segments);
        status.held_bytes = Some(total.bytes);
        status.rewrapped_segments = Some(total.copied);
    }
    let ready = ready(observed, plan);
    status.effective = ready.truth == Truth::True;
    status.conditions =
        conditions::merge(&old.conditions, hold.metadata.generation, &[("Ready", ready)], now);
    status
}

/// No tenant has the namespace.
pub fn without_tenant(hold: &LegalHold, now: Timestamp) -> LegalHoldStatus {
    let old = hold.status.clone().unwrap_or_default();
    let why = "No Tenant has this namespace, so there is nothing to hold: create the LegalHold in a tenant's namespace.";
    let ready = [("Ready", Verdict::no("NoTenant", why))];
    LegalHoldStatus {
        observed_generation: hold.metadata.generation,
        effective: false,
        conditions: conditions::merge(&old.conditions, hold.metadata.generation, &ready, now),
        ..old
    }
}

fn ready(observed: &Observed, plan: &Plan) -> Verdict {
    if plan.over {
        return match &observed.logged {
            Ok(()) | Err(LogProblem::NotConfigured) => Verdict::no(
                "Ended",
                "The hold is over and its end is logged: what it kept past its date goes with the retention jobs' next runs. To keep it on, create another LegalHold before they run.",
            ),
            Err(_) => Verdict::no("LogUnavailable", NOT_LOGGED),
        };
    }
    if observed.logged.is_err() {
        return Verdict::no("LogUnavailable", NOT_LOGGED);
    }
    match &observed.key {
        Ok(()) => {}
        Err(KeyProblem::Vault(error)) => return vault::verdict(error),
        Err(KeyProblem::Log(_)) => return Verdict::no("LogUnavailable", NOT_LOGGED),
    }
    let reports = match &observed.reports {
        Ok(reports) => reports,
        Err(why) => {
            return Verdict::no(
                "StoreUnavailable",
                format!(
                    "What it covers is kept; what was copied for it cannot be told without the store. {why}"
                ),
            );
        }
    };
    if reports.iter().all(|report| report.as_ref().is_some_and(|report| report.looked_at.is_some())) {
        return Verdict::yes(
            "InForce",
            "Every stored segment of the window is kept, and what it needs to be read is copied.",
        );
    }
    Verdict::no(
        "Copying",
        "What it covers is kept from now on. What it needs to be read after its date is copied by the next run of each RetentionPolicy's job (spec.schedule).",
    )
}

const NOT_LOGGED: &str = "What it covers is kept, but the tenant's log cannot be written, so it has no key yet or its end is not logged: see the Tenant's LogReady.";
