//! The reasons of a Tenant.

use super::{Reason, reasons, vault};

pub(super) const REASONS: &[&[Reason]] = &[
    reasons! {
        Ready True Active "Cameras of this tenant are recorded." "";
        Ready False Suspended "spec.suspend is true: nothing is recorded, retention goes on." "Set spec.suspend to false to record again.";
        Ready False Draining "The Tenant is deleted: nothing is recorded, and it goes with its last footage." "Wait; kubectl get retentionpolicies in its namespace says what is left and until when.";
        Ready False NamespaceTaken "The namespace is another tenant's or the cluster's own." "Create another Tenant with another namespace.";
        Ready False NamespaceNotOurs "The namespace exists and has not consented to become the tenant's." "kubectl annotate namespace NAMESPACE camerafleet.io/adopt=TENANT, if it shall be.";
        Ready False NamespaceTerminating "The namespace is being deleted." "Wait; the tenant follows when it is gone.";
        Ready False BucketMissing "The store has no such bucket." "Create it, or correct spec.storage.s3.endpoint.";
        Ready False CredentialsRefused "The store does not take a role's credential." "Correct the Secret that the message names, in the operator's namespace.";
        Ready False StoreUnreachable "The store does not answer." "Check spec.storage.s3.endpoint, its certificate and the network to it.";
        Ready False StoreMisconfigured "The store's settings cannot even be tried." "Check spec.storage.s3 and the CA bundle.";
        Ready False ClockSkewed "The store's clock and the operator's differ too much for a signature." "Synchronise them.";
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
        StorageReady True Reachable "The store takes each role's credential." "";
        StorageReady False BucketMissing "As for Ready." "";
        StorageReady False CredentialsRefused "As for Ready." "";
        StorageReady False StoreUnreachable "As for Ready." "";
        StorageReady False StoreMisconfigured "As for Ready." "";
        StorageReady False ClockSkewed "As for Ready." "";
        StorageReady False CredentialsMissing "As for Ready." "";
        WithinStorageQuota True WithinQuota "Less than nine tenths of spec.quota.storage are stored." "";
        WithinStorageQuota False NearlyFull "Nine tenths of spec.quota.storage are stored. Nothing is deleted early for that." "Raise spec.quota.storage with the bucket's room, shorten keepFor, or set maxBytesPerCamera.";
        WithinStorageQuota False Full "All of spec.quota.storage is stored. Nothing is deleted early for that, and recording goes on." "As for NearlyFull.";
        WithinStorageQuota Unknown NotCounted "No retention job has counted what is stored yet." "Wait for the first run: see the RetentionPolicies' nextRunTime.";
        LogReady True Open "What the operator does is written to the tenant's log." "";
        LogReady Unknown VaultNotReady "The log is opened when Vault holds the tenant's keys." "See VaultReady.";
        LogReady Unknown LogNotOpen "The log could not be looked at yet." "Wait a moment; read the message if it lasts.";
        LogReady False LogNotConfigured "The operator has no bucket for logs. Recording goes on; no key is destroyed." "Give the chart's values log.s3.";
        LogReady False LogCredentialsMissing "A Secret that log.s3 names is missing or lacks a field. Recording goes on; no key is destroyed." "Create it in the operator's namespace: the message names Secret and field.";
        LogReady False LogMisconfigured "The settings of the logs' bucket cannot even be tried. Recording goes on; no key is destroyed." "Check the chart's values log.s3 and the CA bundle.";
        LogReady False LogRefused "The logs' bucket is missing or refuses the operator's credential. Recording goes on; no key is destroyed." "Create the bucket, and allow the credential to get, put, list and delete in it.";
        LogReady False LogUnreachable "The logs' bucket does not answer. Recording goes on; no key is destroyed." "Check log.s3.endpoint, its certificate and the network to it.";
        LogReady False LogConflict "Another writer appends to the log." "See that one installation alone uses this bucket and prefix for this cluster.";
        LogReady False LogRolledBack "The log is gone or older than it was: it was deleted, truncated or put back to an older state." "Restore the bucket's newest state, and find out who wrote to it. Nothing is logged over it.";
        LogReady False LogForked "The log contradicts a checkpoint that was seen before." "Keep the bucket as it is, and find out who wrote to it and who can sign with the Transit key log.";
        LogReady False LogAltered "An object of the log was altered or is missing." "Restore the object that the message names, and find out who wrote to the bucket.";
        LogReady False LogFailed "The log failed in another way." "Read the message.";
    },
    vault!(LogReady),
    reasons! {
        AdmissionEnforced True Enforced "Every admission policy refuses what it must refuse." "";
        AdmissionEnforced False NotEnforced "An admission policy is missing, changed or not in force; nothing is authorised." "Install the chart camerafleet-crds of the operator's version, with operator.namespace and operator.serviceAccount as the message says.";
        AdmissionEnforced Unknown NotProved "The operator has not proved the admission policies yet; nothing is authorised until it has." "Wait a moment.";
        EgressBroad True NotDeclared "The store's addresses are not declared, so that pods may reach any address at its port." "Give storage.s3.egress.cidrs.";
        EgressBroad False Narrow "Recorders and jobs reach the store at the declared addresses only." "";
    },
];
