//! The kinds of holds and disclosure.

use super::{NOT_YET, Reason, reasons, vault};

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
pub(super) const REQUEST: &[&[Reason]] = &[NOT_YET];
pub(super) const APPROVAL: &[&[Reason]] = &[NOT_YET];
pub(super) const LEGAL_ORDER: &[&[Reason]] = &[
    reasons! {
        Ready True Held "A PreservationOrder: its footage is kept by the LegalHold in status.hold, and nothing is released by it." "";
        Ready False WrongTenant "The order's scope names another tenant." "Bring it to the tenant that it names, or ask the authority for one with this tenant's id.";
        Ready False NotInForce "The order is not in force yet, or no more." "See issuedAt and expiresAt; ask the authority for another.";
        Ready False SignatureInvalid "The order is not as the authority signed it." "Create it from the file that the authority signed.";
        Ready False AuthorityUnknown "No SharingPolicy of the namespace trusts the authority's key." "Check the key with the authority, then add it to trustedAuthorities.";
        Ready False HoldNameTaken "Another LegalHold has the name that the order's would get." "Create the order under another name.";
    },
    NOT_YET,
];
