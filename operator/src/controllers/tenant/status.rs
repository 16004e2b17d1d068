//! What a Tenant says of itself.

use camerafleet_crds::{Tenant, TenantDeletionPolicy, TenantStatus};
use camerafleet_footage::store::StoreFault;
use jiff::Timestamp;

use super::{
    apply::Done,
    cleanup::Progress,
    gather::{Observed, StorageProblem},
    plan::Plan,
    storage::{QUOTA, quota},
};
use crate::{
    conditions::{self, Truth, Verdict},
    store::{Problem, Role},
    vault,
};

/// Decides.
pub fn status(
    tenant: &Tenant,
    observed: &Observed,
    plan: &Plan,
    done: &Done,
    progress: Option<Progress>,
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
    let log = match &done.log {
        Some(Ok(())) => Verdict::yes("Open", "What the operator does is logged."),
        Some(Err(problem)) => problem.verdict(),
        None => Verdict::unknown("VaultNotReady", "The log is opened when Vault holds the tenant's keys."),
    };
    let storage = storage(observed.storage.as_ref());
    let egress = egress(tenant);
    let ready = match progress {
        Some(progress) => draining(tenant, progress),
        None => ready(tenant, [&namespace, &vault, &storage]),
    };
    let old = tenant.status.clone().unwrap_or_default();
    let mut verdicts = vec![
        ("Ready", ready),
        ("NamespaceReady", namespace),
        ("VaultReady", vault),
        ("StorageReady", storage),
        ("LogReady", log),
        ("AdmissionEnforced", admission),
        ("EgressBroad", egress),
    ];
    verdicts.extend(quota(tenant, old.stored_bytes).map(|verdict| (QUOTA, verdict)));
    TenantStatus {
        observed_generation: tenant.metadata.generation,
        cameras: Some(observed.cameras),
        recording: Some(observed.recording),
        shards: Some(observed.shards),
        stored_bytes: old.stored_bytes,
        conditions: conditions::merge(&old.conditions, tenant.metadata.generation, &verdicts, now),
    }
}

/// A deleted Tenant. What keeps it may be its store or its Vault: their conditions say so.
fn draining(tenant: &Tenant, progress: Progress) -> Verdict {
    let namespace = &tenant.spec.namespace;
    let waits = match progress {
        Progress::Policies => format!(
            "The Tenant is deleted and nothing is recorded any more. It goes with its last RetentionPolicy, and these last as long as their footage and keys: kubectl get retentionpolicies -n {namespace}"
        ),
        Progress::Recorders => "The Tenant is deleted, and its recorders empty their spools.".to_owned(),
        Progress::Namespace | Progress::Done => {
            format!("The Tenant is deleted, and its namespace {namespace} is being deleted.")
        }
    };
    match tenant.spec.deletion_policy {
        TenantDeletionPolicy::Retain => Verdict::no("Draining", waits),
        TenantDeletionPolicy::Shred => Verdict::no(
            "Draining",
            format!(
                "Its footage is shredded by the next runs of the retention jobs; what a LegalHold covers stays until that ends. {waits}"
            ),
        ),
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

fn storage(problem: Option<&StorageProblem>) -> Verdict {
    match problem {
        None => Verdict::yes("Reachable", "The store takes each role's credential."),
        Some(StorageProblem::SecretMissing(name)) => Verdict::no(
            "CredentialsMissing",
            format!(
                "The Secret {name} does not exist in the operator's namespace: create it with accessKeyId and secretAccessKey (or ca.crt for a CA bundle)."
            ),
        ),
        Some(StorageProblem::FieldMissing { secret, field }) => Verdict::no(
            "CredentialsMissing",
            format!("The Secret {secret} in the operator's namespace has no field {field}: add it."),
        ),
        Some(StorageProblem::Refused { role, secret, why }) => refused(*role, secret, *why),
    }
}

fn refused(role: Role, secret: &str, why: Problem) -> Verdict {
    let role = role.as_str();
    let credential = |what: &str| {
        Verdict::no(
            "CredentialsRefused",
            format!(
                "The store {what} of the {role} credential: correct the Secret {secret} in the operator's namespace."
            ),
        )
    };
    match why {
        Problem::Config(error) => {
            Verdict::no("StoreMisconfigured", format!("{error}: check spec.storage.s3."))
        }
        Problem::Fault(StoreFault::BucketMissing | StoreFault::NoSuchObject) => Verdict::no(
            "BucketMissing",
            "The store has no such bucket: create it, or check spec.storage.s3.endpoint (bucket cannot change).",
        ),
        Problem::Fault(StoreFault::UnknownAccessKey) => credential("does not know the accessKeyId"),
        Problem::Fault(StoreFault::WrongSecretKey) => credential("refuses the secretAccessKey"),
        Problem::Fault(StoreFault::Denied) => Verdict::no(
            "CredentialsRefused",
            format!(
                "The {role} credential (Secret {secret}) may not list footage/: give it the rights that the Tenant's schema names."
            ),
        ),
        Problem::Fault(StoreFault::ClockSkewed) => Verdict::no(
            "ClockSkewed",
            "The store's clock and the operator's differ too much: synchronise them.",
        ),
        Problem::Fault(StoreFault::UnknownAuthority) => Verdict::no(
            "StoreUnreachable",
            "The store's certificate is signed by a CA that is not known here: put the CA's into the Secret in spec.storage.s3.caBundleSecretRef.",
        ),
        Problem::Fault(StoreFault::AuthorityAsServer) => Verdict::no(
            "StoreUnreachable",
            "The store's certificate is itself a CA's: give the store one that the CA signed.",
        ),
        Problem::Fault(StoreFault::Full | StoreFault::Conflict | StoreFault::Unreachable) => Verdict::no(
            "StoreUnreachable",
            "The store does not answer: check spec.storage.s3.endpoint, its certificate and the network to it.",
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
