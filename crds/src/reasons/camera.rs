//! The reasons of a Camera.

use super::{Reason, reasons, vault};

pub(super) const REASONS: &[&[Reason]] = &[
    reasons! {
        Ready True Recording "The camera is recorded, and sealed segments reach the store." "";
        Ready True ScheduledOff "Outside the windows of recording.schedule." "";
        Ready True Off "recording.mode is Off." "";
        Ready False Connecting "The recorder is connecting to the camera." "Wait some seconds.";
        Ready False Unauthorized "The camera refuses the user or password." "Correct the Secret that credentialsSecretRef names.";
        Ready False Unreachable "The camera does not answer." "Check its address, power and network, and that the tenant's cameraNetworks and network policies let the recorder reach it.";
        Ready False Stalled "The camera is connected but sends nothing." "Restart the camera; look for a limit on its sessions (source.maxSessions).";
        Ready False UnsupportedCodec "The camera sends a codec that is not recorded." "Set the camera, or the stream in source.url, to H.264 or H.265.";
        Ready False NoParameters "The camera sends pictures without the parameters to decode them." "Set the camera to send SPS and PPS in band or in its description.";
        Ready False KeysNotReady "There is no key to seal with." "See KeysReady.";
        Ready False StoreUnavailable "The store does not take the footage; it waits in the spool." "See Stored, and the Tenant's StorageReady.";
        Ready False SpoolFull "The spool is full: footage is being lost." "Make the store reachable again; give the tenant a greater ingest.spool.";
        Ready False NoRetentionPolicy "Nothing says for how long footage is kept, so nothing is recorded." "Name a RetentionPolicy in retentionPolicyRef or in the Tenant's defaults, or create the one named.";
        Ready False NoSharingPolicy "The SharingPolicy named does not exist." "Create it, or name another.";
        Ready False OwnersKeysUnusable "The SharingPolicy has custody Owners, and an owner's ageRecipient cannot keep a key." "Correct it: kubectl footage keygen makes one.";
        Ready False RevisionNotLogged "The SharingPolicy is not in the disclosure log yet." "See the Tenant's LogReady.";
        Ready False CredentialsMissing "The Secret of credentialsSecretRef is missing, of another type or lacks a field." "Create it of type camerafleet.io/camera with username and password.";
        Ready False OutsideCameraNetworks "The camera's address is in none of the tenant's cameraNetworks." "Add its network to the Tenant, or correct source.url.";
        Ready False QuotaExceeded "The Tenant's cameras are as many as its quota allows; this one came last." "Delete a camera that is not needed, or raise the Tenant's spec.quota.cameras.";
        Ready False DuplicateId "Another camera was there before with the same annotation camerafleet.io/id." "Delete this one, and create it again without the annotation.";
        Ready False Suspended "The tenant is suspended." "Set the Tenant's spec.suspend to false.";
        Ready False TenantDraining "The Tenant is deleted: nothing is recorded any more." "Declare the camera under another Tenant.";
        Ready False Shredding "The Camera is deleted with deletionPolicy Shred, and its key is about to be destroyed." "Wait for the retention job's next run.";
        Ready False Held "The Camera is deleted with deletionPolicy Shred, and a LegalHold names it: nothing of it is destroyed." "Let the hold end, or delete it.";
        Ready False NoTenant "The namespace is no tenant's." "Create a Tenant for it, or move the Camera.";
        Ready Unknown RecorderSilent "No recorder answers for this camera yet." "Wait for its pod (kubectl get pods); look at the pod's events if it does not come.";
        Ready Unknown Pending "The operator has just seen this camera." "";
    },
    vault!(Ready),
    reasons! {
        Recording True Recording "The camera is being recorded." "";
        SourceReachable True Reachable "The camera answers." "";
        KeysReady True Made "The camera's key and the epochs' keys exist." "";
        KeysReady False KeysNotReady "Keys are missing." "See the Tenant's VaultReady.";
        KeysReady Unknown NotNeeded "Told once the camera is recorded." "";
    },
    vault!(KeysReady),
    reasons! {
        Stored True Stored "Sealed segments reach the store." "";
        Stored Unknown Waiting "The first segment is not finished yet." "";
        Stored False BucketMissing "The bucket does not exist." "Create it: the Tenant's storage.s3 names it.";
        Stored False AccessDenied "The store refuses the ingest credential." "Allow it PutObject under footage/ and streams/.";
        Stored False StoreUnreachable "The store does not answer." "Check storage.s3.endpoint, its certificate and egress.cidrs.";
        Stored False StoreFailed "The store answered with another error." "Read the message and the store's log.";
    },
];
