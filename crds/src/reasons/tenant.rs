//! The reasons of a Tenant.

use super::{Reason, reasons, vault};

pub(super) const REASONS: &[&[Reason]] = &[
    reasons! {
        Ready True Active "Cameras of this tenant are recorded." "";
        Ready False Suspended "spec.suspend is true: nothing is recorded, retention goes on." "Set spec.suspend to false to record again.";
        Ready False NamespaceTaken "The namespace is another tenant's or the cluster's own." "Create another Tenant with another namespace.";
        Ready False NamespaceNotOurs "The namespace exists and has not consented to become the tenant's." "kubectl annotate namespace NAMESPACE camerafleet.io/adopt=TENANT, if it shall be.";
        Ready False NamespaceTerminating "The namespace is being deleted." "Wait; the tenant follows when it is gone.";
        Ready False CredentialsMissing "A Secret of the store is missing or lacks a field." "Create it in the operator's namespace: the message names Secret and field.";
    },
    vault!(Ready),
    reasons! {
        NamespaceReady True Bound "The namespace is the tenant's." "";
        NamespaceReady False NamespaceTaken "As for Ready." "";
        NamespaceReady False NamespaceNotOurs "As for Ready." "";
        NamespaceReady False NamespaceTerminating "As for Ready." "";
        VaultReady True Mounted "Vault holds the tenant's keys." "";
        VaultReady Unknown NamespaceNotReady "Vault is asked when the namespace is the tenant's." "See NamespaceReady.";
    },
    vault!(VaultReady),
    reasons! {
        StorageReady True Configured "The store's credentials are there. Whether it takes footage is told by each Camera's condition Stored." "";
        StorageReady False CredentialsMissing "As for Ready." "";
        AdmissionEnforced True Enforced "Every admission policy refuses what it must refuse." "";
        AdmissionEnforced False NotEnforced "An admission policy is missing, changed or not in force; nothing is authorised." "Install the chart camerafleet-crds of the operator's version, with operator.namespace and operator.serviceAccount as the message says.";
        AdmissionEnforced Unknown NotProved "The operator has not proved the admission policies yet; nothing is authorised until it has." "Wait a moment.";
        EgressBroad True NotDeclared "The store's addresses are not declared, so that pods may reach any address at its port." "Give storage.s3.egress.cidrs.";
        EgressBroad False Narrow "Recorders and jobs reach the store at the declared addresses only." "";
    },
];
