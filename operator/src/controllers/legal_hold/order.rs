//! A LegalOrder of kind PreservationOrder makes a LegalHold, and nothing else: it releases nothing.

use std::sync::Arc;

use camerafleet_crds::{
    HoldReference, HoldReferenceKind, LegalHold, LegalHoldSpec, LegalOrder, LegalOrderKind, LegalOrderStatus,
    SharingPolicy, Span,
};
use camerafleet_footage::{
    disclosure::{Frozen, Logged},
    hold::HoldTerms,
    ids::TenantId,
};
use jiff::Timestamp;
use kube::{Api, Resource, ResourceExt, api::PostParams, runtime::controller::Action};

use super::LOOK_AGAIN;
use crate::{
    conditions::{self, Truth, Verdict},
    context::Context,
    controllers::{disclosure, retention_policy::tenant_of},
    error::Error,
    events, identity, kube_api,
    watch::in_namespace,
};

/// One reconciliation. Orders of other kinds are for requests, and are not looked at here.
pub async fn reconcile(order: Arc<LegalOrder>, context: Arc<Context>) -> Result<Action, Error> {
    let Some(namespace) = order.namespace() else { return Ok(Action::await_change()) };
    let draining = order.metadata.deletion_timestamp.is_some();
    if order.spec.kind != LegalOrderKind::PreservationOrder || draining {
        return Ok(Action::await_change());
    }
    let api = Api::<LegalOrder>::namespaced(context.client.clone(), &namespace);
    if identity::of(&*order).is_none() {
        identity::ensure(&api, &*order).await?;
        return Ok(Action::await_change());
    }
    if !context.index.synced.seen(&["tenants", "namespaces", "sharingpolicies"]) {
        return Ok(Action::requeue(super::AFTER_WRITE));
    }
    let now = context.now();
    let old = order.status.clone().unwrap_or_default();
    let tenant = tenant_of(&namespace, &context).map(|(_, id)| id);
    let policies = in_namespace(&context.index.sharing_policies, &namespace);
    let verified = verify(&order, tenant.as_ref(), &policies, now);
    let mut status = LegalOrderStatus {
        observed_generation: order.metadata.generation,
        verified: verified.is_ok() || old.hold.is_some(),
        ..old.clone()
    };
    let ready = match (&old.hold, verified) {
        // Made once: one that has ended, or was deleted, does not come back.
        (Some(name), _) => {
            let holds = Api::<LegalHold>::namespaced(context.client.clone(), &namespace);
            standing(kube_api::get(&holds, name).await?.as_ref(), now)
        }
        (None, Err(why)) => why,
        (None, Ok(())) => {
            let hold = hold(&order, now);
            let made = make(&hold, &namespace, &context).await?;
            if made.truth == Truth::True {
                status.hold = Some(hold.name_any());
            }
            made
        }
    };
    status.conditions =
        conditions::merge(&old.conditions, order.metadata.generation, &[("Ready", ready)], now);
    kube_api::write_status(&api, &*order, order.status.as_ref(), &status).await?;
    events::transition(&context, &order.object_ref(&()), &old.conditions, &status.conditions).await;
    Ok(Action::requeue(LOOK_AGAIN))
}

/// What becomes of an order with its hold: people must not rely on one that is over.
pub(super) fn standing(hold: Option<&LegalHold>, now: Timestamp) -> Verdict {
    let created = |hold: &LegalHold| hold.metadata.creation_timestamp.as_ref().map(|created| created.0);
    let holds = |hold: &LegalHold| !HoldTerms::new(&hold.spec, created(hold)).is_over(now);
    match hold {
        // One that is being deleted holds until it is gone.
        Some(hold) if holds(hold) => held(),
        _ => Verdict::no(
            "NotInForce",
            "The LegalHold in status.hold, which this order made, is over or deleted, so nothing is kept for the order any more: create another LegalHold, or ask the authority for another order.",
        ),
    }
}

fn held() -> Verdict {
    Verdict::yes("Held", "The footage is kept by the LegalHold in status.hold; nothing is released by it.")
}

/// Whether it is an authority's word that counts here. To hold is the careful answer, so one policy that trusts the
/// authority's key is enough.
pub(super) fn verify(
    order: &LegalOrder,
    tenant: Option<&TenantId>,
    policies: &[Arc<SharingPolicy>],
    now: Timestamp,
) -> Result<(), Verdict> {
    let object = serde_json::to_value(order).map_err(|why| disclosure::unverifiable(&why))?;
    let frozen = Frozen::read("LegalOrder", &object, Logged { index: 0, at: now })
        .map_err(|why| disclosure::unverifiable(&why))?;
    disclosure::verify_order(order, &frozen, tenant, policies, now)
}

/// As long as the order is in force, and at most as long as a hold may be.
pub(super) fn hold(order: &LegalOrder, now: Timestamp) -> LegalHold {
    let scope = &order.spec.scope;
    let left = order.spec.expires_at.0.duration_since(now).as_secs();
    let duration = u64::try_from(left).unwrap_or(0).clamp(60, Span::days(90).as_secs());
    let spec = LegalHoldSpec {
        cameras: scope.cameras.clone(),
        all_cameras: false,
        window: scope.window.clone(),
        reference: HoldReference { kind: HoldReferenceKind::LegalOrder, name: order.name_any() },
        duration: Span::seconds(duration),
        renewals: Vec::new(),
    };
    let mut hold = LegalHold::new(&format!("hold-{}", order.name_any()), spec);
    // No owner: an order that is deleted releases nothing.
    hold.metadata.namespace = order.namespace();
    hold
}

async fn make(hold: &LegalHold, namespace: &str, context: &Context) -> Result<Verdict, Error> {
    let api = Api::<LegalHold>::namespaced(context.client.clone(), namespace);
    let doing = format!("make {}", kube_api::label(hold));
    match kube_api::call(&doing, api.create(&PostParams::default(), hold)).await {
        Ok(_) => return Ok(held()),
        Err(Error::Kube { source, .. }) if matches!(&*source, kube::Error::Api(s) if s.code == 409) => {}
        Err(error) => return Err(error),
    }
    let there = kube_api::get(&api, &hold.name_any()).await?;
    let same = there.is_some_and(|there| {
        let (there, ours) = (&there.spec, &hold.spec);
        (&there.cameras, &there.window, &there.reference) == (&ours.cameras, &ours.window, &ours.reference)
    });
    Ok(match same {
        true => held(),
        false => Verdict::no(
            "HoldNameTaken",
            "Another LegalHold has the name of this order's: submit the order under another name.",
        ),
    })
}
