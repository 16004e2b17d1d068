//! LegalOrders that release: logged as they were first seen, and told whether they are an authority's word here. Whether one
//! covers a request is told by that request.

use std::sync::Arc;

use camerafleet_crds::{LegalOrder, LegalOrderKind, LegalOrderStatus, SharingPolicy};
use camerafleet_footage::{
    disclosure::{Frozen, SshKey, Verified},
    ids::TenantId,
};
use jiff::Timestamp;
use kube::{Api, Resource, ResourceExt, runtime::controller::Action};

use super::{AFTER_WRITE, LOOK_AGAIN, LOOK_AGAIN_SOON, entries, gather};
use crate::{
    conditions::{self, Verdict},
    context::Context,
    controllers::{legal_hold, retention_policy::tenant_of},
    error::Error,
    events, identity, kube_api,
    watch::in_namespace,
};

/// One reconciliation. One that only preserves makes a hold.
pub async fn reconcile(order: Arc<LegalOrder>, context: Arc<Context>) -> Result<Action, Error> {
    if order.spec.kind == LegalOrderKind::PreservationOrder {
        return legal_hold::reconcile_order(order, context).await;
    }
    let Some(namespace) = order.namespace() else { return Ok(Action::await_change()) };
    if order.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let api = Api::<LegalOrder>::namespaced(context.client.clone(), &namespace);
    if identity::of(&*order).is_none() {
        identity::ensure(&api, &*order).await?;
        return Ok(Action::await_change());
    }
    if !context.index.synced.seen(&["tenants", "namespaces", "sharingpolicies"]) {
        return Ok(Action::requeue(AFTER_WRITE));
    }
    let now = context.now();
    let raw = gather::raw::<LegalOrder>(&namespace, &order.name_any(), &context).await?;
    let frozen = raw.as_ref().and_then(|object| entries::frozen("LegalOrder", object, now));
    let frozen = frozen.filter(|frozen| Some(&frozen.uid) == order.metadata.uid.as_ref());
    let Some(frozen) = frozen else { return Ok(Action::await_change()) };
    let bound = tenant_of(&namespace, &context);
    let policies = in_namespace(&context.index.sharing_policies, &namespace);
    let verified = verify(&order, &frozen, bound.as_ref().map(|(_, id)| id), &policies, now);
    let mut again = LOOK_AGAIN;
    let mut ready = verified.clone();
    if let Some((tenant, _)) = &bound {
        let entry = entries::order_submitted(&frozen, now);
        if let Err(problem) = context.logs.append(tenant, &[entry], &context).await {
            tracing::debug!(%problem, "a LegalOrder is not logged yet");
            again = LOOK_AGAIN_SOON;
            if ready.is_ok() {
                ready = Err(Verdict::unknown(
                    "LogUnavailable",
                    "The order does not count until the tenant's log has it: see the Tenant's LogReady.",
                ));
            }
        }
    }
    let old = order.status.clone().unwrap_or_default();
    let ready = ready.map_or_else(|why| why, |()| {
        Verdict::yes(
            "Verified",
            "The order is of an authority that a SharingPolicy trusts, and in force; each request says whether it covers it.",
        )
    });
    let status = LegalOrderStatus {
        observed_generation: order.metadata.generation,
        verified: verified.is_ok(),
        hold: None,
        conditions: conditions::merge(&old.conditions, order.metadata.generation, &[("Ready", ready)], now),
    };
    kube_api::write_status(&api, &*order, order.status.as_ref(), &status).await?;
    events::transition(&context, &order.object_ref(&()), &old.conditions, &status.conditions).await;
    Ok(Action::requeue(again))
}

/// Whether it is an authority's word that may count here: of one that a policy lists, for this tenant, in force. Which
/// policies must list the authority, and for how long, each request's decision says.
pub fn verify(
    order: &LegalOrder,
    frozen: &Frozen,
    tenant: Option<&TenantId>,
    policies: &[Arc<SharingPolicy>],
    now: Timestamp,
) -> Result<(), Verdict> {
    let spec = &order.spec;
    if tenant.is_none_or(|tenant| tenant.as_str() != spec.scope.tenant) {
        return Err(Verdict::no(
            "WrongTenant",
            "The order's scope names another tenant than this namespace's: bring it to the tenant that it names, or ask the authority for one with the id in the Tenant's annotation camerafleet.io/id.",
        ));
    }
    if now < spec.issued_at.0 || spec.expires_at.0 <= now {
        return Err(Verdict::no(
            "NotInForce",
            "The order is not in force: see its issuedAt and expiresAt; ask the authority for another.",
        ));
    }
    let verified = Verified::order(frozen).map_err(|why| unverifiable(&why))?;
    if !lists(policies.iter().map(|policy| &policy.spec), &spec.authority, verified.signer()) {
        return Err(Verdict::no(
            "AuthorityUnknown",
            "No SharingPolicy of this namespace lists this authority with the key that signed the order: add it to trustedAuthorities, once its key was checked with the authority.",
        ));
    }
    Ok(())
}

/// What is told of an order that nobody can have signed as it is.
pub fn unverifiable(why: &dyn std::fmt::Display) -> Verdict {
    Verdict::no(
        "SignatureInvalid",
        format!("The order cannot be verified: {why}. Bring it as the authority signed it."),
    )
}

/// Whether one of these policies lists the authority with this key.
pub fn lists<'a>(
    policies: impl IntoIterator<Item = &'a camerafleet_crds::SharingPolicySpec>,
    authority: &str,
    signer: Option<&SshKey>,
) -> bool {
    let listed = policies.into_iter().flat_map(|policy| &policy.trusted_authorities);
    let mut keys =
        listed.filter(|one| one.name == authority).filter_map(|one| SshKey::parse(&one.ssh_public_key));
    signer.is_some() && keys.any(|key| Some(&key) == signer)
}
