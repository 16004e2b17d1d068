//! The reasons of the policies.

use super::{Reason, reasons, vault};

pub(super) const RETENTION: &[&[Reason]] = &[
    reasons! {
        Ready True InForce "Cameras that name this policy are recorded under it." "";
        Ready False Draining "The policy is deleted and goes when its last footage and key are gone." "Give Cameras that still name it another policy. Where no Tenant has the namespace any more, create it again.";
        Ready False StoreUnavailable "The retention job has no usable store: a Secret is missing, or the store's settings are wrong." "Correct what the message names; until then nothing is deleted.";
        Ready False JobRefused "The API server does not take the retention job's CronJob." "Correct spec.schedule.";
        Ready Unknown NoTenant "No Tenant has this namespace yet." "Create one.";
    },
    vault!(Ready),
    reasons! {
        RunSucceeded True Done "The last run deleted all that was due." "";
        RunSucceeded Unknown NoRunYet "The retention job has not run yet." "Wait for spec.schedule.";
        RunSucceeded False RunFailed "The last run ended without a word." "Read its pod's log, or wait for the next run.";
        RunSucceeded False NotOurPolicy "The run found another policy under the name than the one that it was made for." "Wait for the next run; nothing was deleted.";
        RunSucceeded False PolicyUnreadable "The run could not read the policy." "Read the message; nothing was deleted.";
        RunSucceeded False ClocksDisagree "The clocks of the job, the API server and the store differ by over five minutes." "Set the wrong clock right; nothing was deleted.";
        RunSucceeded False StoreFailed "The store did not answer, or refused." "Allow the retention credential to list, get and delete under footage/, streams/ and holds/.";
        RunSucceeded False ObjectsRemain "Some objects that are due could not be deleted." "See status.overdueObjects and the message.";
        RunSucceeded False KeysRemain "Some keys that are due could not be destroyed." "See KeyDestroyed and Vault's policies.";
        RunSucceeded False HoldsUnreadable "What is held could not be read, from the API server or from the log, so nothing more was deleted." "See the message, and the Tenant's LogReady and VaultReady.";
        RunSucceeded False HoldLost "The log has a hold open that the cluster has lost, as by a restore, so nothing was deleted." "Create the LegalHold again from its backup, with its annotation camerafleet.io/id; see docs/runbooks/hold-lost.md.";
        RunSucceeded False HoldNotCopied "What a hold needs could not be copied, so the keys of its segments stay." "Read the message; the next run tries again.";
        RunSucceeded False Misconfigured "The job was started with settings that it does not take." "Read the message: the operator and the job may be of different versions.";
        RunSucceeded False OutOfTime "The run came to its time limit; the next one goes on." "Run it more often (spec.schedule) if this lasts.";
        NoOrphans True NoOrphans "All footage and keys of the tenant are some RetentionPolicy's." "";
        NoOrphans False OrphanedFootage "Footage or keys are left of RetentionPolicies that are gone, as after somebody removed a finalizer; for how long to keep it is not known." "As an administrator create a RetentionPolicy for each id in the message, with the id in the annotation camerafleet.io/id and its old keepFor, and delete it again.";
        OnTime True OnSchedule "A run did all that was due within the last two periods of spec.schedule." "";
        OnTime False RunsMissed "For two periods of spec.schedule no run did all that was due: footage outlives its date." "See RunSucceeded, and the policy's CronJob and its Jobs: kubectl get cronjobs,jobs.";
        OnTime Unknown ScheduleUnknown "When the job runs cannot be told from spec.schedule." "See Ready; correct spec.schedule.";
        KeyDestroyed True Destroyed "Every key that came due is destroyed, or named for the next run." "";
        KeyDestroyed Unknown NothingDue "No key of this policy has come due yet." "";
        KeyDestroyed False AdmissionNotEnforced "Keys that are due are kept while the admission policies are not proved." "See the Tenant's AdmissionEnforced.";
        KeyDestroyed False HoldNotCopied "A key that is due waits for the copies that a hold needs." "See the LegalHolds, and RunSucceeded.";
        KeyDestroyed False LogUnavailable "Keys that are due are kept, as their destruction cannot be logged." "See the Tenant's LogReady.";
        RunSucceeded False LogUnproven "The run did not find an intent in the log that was to be there, so it destroyed no such key." "See the Tenant's LogReady, and whether the job can reach the log with the credential of log.s3.readerCredentialsSecret.";
        KeyDestroyed False StoreUnavailable "Which keys are due cannot be told without the store." "See the Tenant's StorageReady.";
    },
    vault!(KeyDestroyed),
];

pub(super) const SHARING: &[&[Reason]] = &[reasons! {
    Ready True InForce "Segments recorded from now on carry this policy's digest." "";
    Ready False RevisionNotLogged "The revision is not in the disclosure log yet; segments go on with the one before." "See the Tenant's LogReady.";
}];
