//! The kinds of holds and disclosure.

use super::{Reason, reasons, vault};

pub(super) const LEGAL_HOLD: &[&[Reason]] = &[
    reasons! {
        Ready True InForce "Every stored segment of the window is kept, and what it needs to be read after its date is copied." "";
        Ready False Copying "What the hold covers is kept from the moment it was created; copies for the time after the epochs' keys are still to be made." "Wait for the next run of each RetentionPolicy's job.";
        Ready False Ended "The hold is over: it came to its expiry." "To keep footage on, create another LegalHold.";
        Ready False LogUnavailable "What the hold covers is kept, but it has no key yet, or its end is not told, as the log cannot be written." "See the Tenant's LogReady.";
        Ready False StoreUnavailable "What the hold covers is kept; how much that is cannot be told." "See the Tenant's StorageReady.";
        Ready False NoTenant "No Tenant has this namespace." "Create the LegalHold in a tenant's namespace.";
    },
    vault!(Ready),
];
pub(super) const REQUEST: &[&[Reason]] = &[
    reasons! {
        Ready True Delivered "The package lies in the tenant's bucket; the ConfigMap package-NAME, which only the requester may get, says how to fetch it." "Fetch it before status.package.expiresAt.";
        Ready Unknown AwaitingApproval "People must still agree: status.decision.needs says who." "kubectl footage approve, by those who are named there.";
        Ready Unknown AwaitingOrder "No verified LegalOrder has the name that the request gives." "Submit the signed order under that name.";
        Ready Unknown AwaitingKeyRelease "Under custody Owners the owners must still release their shares of the keys." "kubectl footage approve, by those who are named in status.decision.needs.";
        Ready Unknown AwaitingTime "Only time must pass, as until an order is in force." "Wait: the message says for what.";
        Ready Unknown AdmissionNotEnforced "The admission policies are not proved to be enforced, and nothing is authorised until they are." "See the Tenant's AdmissionEnforced.";
        Ready Unknown LogUnavailable "The tenant's disclosure log cannot be read or written, and nothing is decided without it." "See the Tenant's LogReady.";
        Ready Unknown Packaging "It is authorised, and the disclosure Job makes the package." "See Packaged.";
        Ready False Denied "Nothing is released: status.decision.reasons says why, and the way forward for each." "Take the way forward that the message names.";
        Ready False Withdrawn "The requester no longer wants it." "Create another DisclosureRequest if it is wanted after all.";
        Ready False Expired "The package was deleted at its date, or nothing was decided for 90 days." "Create another DisclosureRequest; it needs approvals of its own.";
        Ready False Failed "It was authorised, and no package could be made." "Read the message, and create another DisclosureRequest; it needs approvals of its own.";
        Ready False NoTenant "No Tenant has this namespace." "Create the DisclosureRequest in a tenant's namespace.";
        Authorized True Authorized "Every policy that decides allows it, and all who must have agreed." "";
        Authorized False Denied "As for Ready." "";
        Authorized Unknown Pending "Someone must still do something, or time must pass." "See Ready.";
        Authorized Unknown AdmissionNotEnforced "As for Ready." "";
        Authorized Unknown LogUnavailable "As for Ready." "";
        Packaged True Packaged "The package is stored." "";
        Packaged Unknown NotBegun "It is made once the request is authorised." "";
        Packaged Unknown Running "The disclosure Job is at work." "";
        Packaged Unknown TryingAgain "The disclosure Job failed and is run again." "Read the message.";
        Packaged Unknown NotReady "What the Job needs is not there: the store's credential, Vault or the right to run it." "Read the message.";
        Packaged False Refused "The disclosure Job refused, and would again." "Read the message.";
        Packaged False NotGranted "Nothing is released, so there is no package." "See Ready.";
        Packaged False Expired "The package was deleted at its date." "";
        OwnersNotified True Notified "Every owner whom it concerns was told, and each webhook's server took it." "";
        OwnersNotified Unknown NotYetDue "There is nothing yet to tell owners, or not yet the time." "";
        OwnersNotified False Retrying "A webhook did not take its message; it is tried again at nextAttemptAt." "Look at the webhook's server, and at its Secret.";
        OwnersNotified False NotReached "An owner could not be told: status.notices says who. They can read the request." "Add notify with a webhook Secret to the SharingPolicy; tell this owner in person.";
        OwnersNotified False OrderMissing "The order on which the release rests is gone, so that until when owners must not be told is not known." "Create the LegalOrder again as it was, or tell the owners in person if that is allowed.";
        FollowedUp True Arrived "The order that must follow an emergency has arrived." "";
        FollowedUp Unknown Due "The order that must follow is due by status.followUpBy." "Submit a signed LegalOrder with this request in its requestRef.";
        FollowedUp False Overdue "The order that must follow is overdue." "Submit a signed LegalOrder with this request in its requestRef.";
    },
    vault!(Packaged),
];

pub(super) const APPROVAL: &[&[Reason]] = &[reasons! {
    Ready True Counted "The answer counts, as far as the request is not decided yet." "";
    Ready True Refuses "The refusal counts until it is withdrawn or notAfter passes." "";
    Ready True Used "A release has used it; it counts for nothing else." "";
    Ready Unknown LogUnavailable "The tenant's disclosure log cannot be written, and the answer does not count until it is there." "See the Tenant's LogReady.";
    Ready False RequestUnknown "There is no DisclosureRequest with this uid in the namespace." "Approve the request that is there.";
    Ready False NotAsSubmitted "It is not as it was when the operator first saw it." "Create another Approval.";
    Ready False SignatureInvalid "Its signature does not fit what was submitted." "Sign again: kubectl footage approve --ssh-key.";
    Ready False ApprovalElsewhere "It was submitted in another tenant's namespace." "Approve in the request's namespace.";
    Ready False ApprovalOfAnotherRequest "It names another request's uid." "Approve this request.";
    Ready False ApprovalOfOtherContent "It binds another digest than the request's." "Read the request again and approve it with its present digest.";
    Ready False ApprovalWithdrawn "The approver took it back." "Approve again if it was meant.";
    Ready False ApprovalExpired "Its notAfter has passed." "Approve again.";
    Ready False ApprovalUsed "Another release has used it." "Approve again.";
    Ready False ApprovalAfterIntent "The release was begun without it." "";
    Ready False ApprovalWidens "It names more than was asked for." "Approve a part of what is asked for, or all of it.";
    Ready False ApproverIsRequester "The requester does not approve." "Let someone else approve.";
    Ready False ApproverDenied "The same person has also refused." "Withdraw the refusal.";
    Ready False ApproverNotNamed "Nobody asks for this person's answer in this capacity." "Let one of those approve whom status.decision.needs of the request names.";
    Ready False ApprovalUnsigned "A policy names the approver's SSH key, and it is not signed with it." "Approve again, signed: kubectl footage approve --ssh-key.";
    Ready False ReviewOfAnotherOrder "The review was given before this order was submitted." "Look at the order that stands there now and approve again.";
    Ready False ReleaseToAnotherKey "The shares are sealed to another key than this request's." "Approve again with kubectl footage approve.";
    Ready False RequestOver "The request is answered, withdrawn or expired: no answer to it counts any more." "";
}];

pub(super) const LEGAL_ORDER: &[&[Reason]] = &[reasons! {
    Ready True Held "A PreservationOrder: its footage is kept by the LegalHold in status.hold, and nothing is released by it." "";
    Ready True Verified "A SharingPolicy trusts the authority that signed it, and it is in force. Whether it covers a request, that request says." "Create a DisclosureRequest on basis CourtOrder that names it, or let the emergency that it follows be its requestRef.";
    Ready Unknown LogUnavailable "The tenant's disclosure log cannot be written, and the order does not count until it is there." "See the Tenant's LogReady.";
    Ready False WrongTenant "The order's scope names another tenant." "Bring it to the tenant that it names, or ask the authority for one with this tenant's id.";
    Ready False NotInForce "The order is not in force yet, or no more." "See issuedAt and expiresAt; ask the authority for another.";
    Ready False SignatureInvalid "The order is not as the authority signed it." "Create it from the file that the authority signed.";
    Ready False AuthorityUnknown "No SharingPolicy of the namespace trusts the authority's key." "Check the key with the authority, then add it to trustedAuthorities.";
    Ready False HoldNameTaken "Another LegalHold has the name that the order's would get." "Create the order under another name.";
}];
