//! What a Tenant says of itself.

use camerafleet_crds::{Tenant, TenantStatus};
use jiff::Timestamp;

use super::{
    apply::Done,
    gather::{MissingSecret, Observed},
    plan::Plan,
};
use crate::{
    conditions::{self, Truth, Verdict},
    vault,
};

/// Decides.
pub fn status(
    tenant: &Tenant,
    observed: &Observed,
    plan: &Plan,
    done: &Done,
    admission: Verdict,
    now: Timestamp,
) -> TenantStatus {
    let namespace = match plan {
        Plan::Bind { .. } => Verdict::yes("Bound", "The namespace is the tenant's."),
        Plan::Refuse(why) => why.clone(),
    };
    let vault = match &done.vault {
        Some(Ok(())) => Verdict::yes("Mounted", "Vault holds the tenant's keys."),
        Some(Err(error)) => vault::verdict(error),
        None => Verdict::unknown("NamespaceNotReady", "Vault is asked when the namespace is the tenant's."),
    };
    let storage = storage(&observed.storage_secrets);
    let egress = egress(tenant);
    let ready = ready(tenant, [&namespace, &vault, &storage]);
    let verdicts = [
        ("Ready", ready),
        ("NamespaceReady", namespace),
        ("VaultReady", vault),
        ("StorageReady", storage),
        ("AdmissionEnforced", admission),
        ("EgressBroad", egress),
    ];
    let old = tenant.status.clone().unwrap_or_default();
    TenantStatus {
        observed_generation: tenant.metadata.generation,
        cameras: Some(observed.cameras),
        recording: Some(observed.recording),
        shards: Some(observed.shards),
        stored_bytes: old.stored_bytes,
        conditions: conditions::merge(&old.conditions, tenant.metadata.generation, &verdicts, now),
    }
}

fn ready(tenant: &Tenant, parts: [&Verdict; 3]) -> Verdict {
    if tenant.spec.suspend {
        return Verdict::no(
            "Suspended",
            "Nothing is recorded while spec.suspend is true; retention goes on.",
        );
    }
    match parts.into_iter().find(|v| v.truth != Truth::True) {
        Some(why) => why.clone(),
        None => Verdict::yes("Active", "Cameras of this tenant are recorded."),
    }
}

fn storage(missing: &[MissingSecret]) -> Verdict {
    match missing.first() {
        None => Verdict::yes(
            "Configured",
            "The store's credentials are there; whether it takes footage is told by each Camera's condition Stored.",
        ),
        Some(MissingSecret { name, field: None }) => Verdict::no(
            "CredentialsMissing",
            format!(
                "The Secret {name} does not exist in the operator's namespace: create it with accessKeyId and secretAccessKey (or ca.crt for a CA bundle)."
            ),
        ),
        Some(MissingSecret { name, field: Some(field) }) => Verdict::no(
            "CredentialsMissing",
            format!("The Secret {name} in the operator's namespace has no field {field}: add it."),
        ),
    }
}

fn egress(tenant: &Tenant) -> Verdict {
    if tenant.spec.storage.s3.egress.is_some() {
        Verdict::no("Narrow", "Recorders and jobs reach the store at the declared addresses only.")
    } else {
        Verdict::yes(
            "NotDeclared",
            "The store's addresses are not declared: give storage.s3.egress.cidrs, so that nothing else can be reached.",
        )
    }
}
