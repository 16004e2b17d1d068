//! Every rule of a decision, with what it means and the way forward. `DISCLOSURE.md` has the same table; a test
//! compares the two.

/// What follows where a rule speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// The request is denied.
    Denies,
    /// Someone must still do something, or time must pass.
    Waits,
    /// An answer is not counted.
    Ignores,
    /// A ground on which footage is released.
    Grants,
}

macro_rules! rules {
    ($($name:ident, $effect:ident, $meaning:literal, $way:literal;)*) => {
        /// A rule, in one word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $meaning] $name,)*
        }

        impl Rule {
            /// All of them, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its word, as it stands in `status.decision.reasons`.
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The rule of a word.
            pub fn parse(id: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|rule| rule.id() == id)
            }

            /// What follows.
            pub fn effect(self) -> Effect {
                match self { $(Self::$name => Effect::$effect,)* }
            }

            /// When it speaks.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }

            /// What a person can do, or empty where there is nothing to do.
            pub fn way_forward(self) -> &'static str {
                match self { $(Self::$name => $way,)* }
            }
        }
    };
}

rules! {
    RequestMalformed, Denies, "The request is none that the API server would have taken.", "Create another DisclosureRequest.";
    RequestWithdrawn, Denies, "The requester no longer wants it.", "Create another DisclosureRequest if it is wanted after all.";
    RequestExpired, Denies, "Nothing was decided within 90 days of its submission.", "Create another DisclosureRequest.";
    RequestAnswered, Denies, "The log has an Outcome of it: a request is answered once.", "Create another DisclosureRequest; it needs approvals of its own.";
    WindowNotOver, Denies, "The window had not ended when the request was submitted: only stored footage is released.", "Ask again when the window is over.";
    ClockDisagrees, Waits, "The clock is more than five minutes behind the newest entry of the log.", "Synchronise the clocks of the cluster's nodes.";

    NoPolicy, Denies, "The camera had no SharingPolicy in or shortly before the window, or has none at present: what has none is never disclosed.", "Ask for a window that was recorded under a policy; the Manager can give the camera one for the present.";
    PolicyUnknown, Denies, "The log does not say under which SharingPolicy the window was recorded.", "Ask for a window in which the camera recorded.";
    BasisNotListed, Denies, "A policy that decides does not list the basis; Emergency is listed only where a policy turns it on.", "Ask on a basis that it lists, or obtain a court order where it lists courtOrder.";
    MaxWindow, Denies, "The window is longer than a policy allows for the basis.", "Ask for less, in several requests if need be.";
    MaxCameras, Denies, "There are more cameras than a policy allows for the basis.", "Ask for fewer, in several requests if need be.";
    AudioNotAllowed, Denies, "Sound is asked for and a policy does not allow it for the basis: only consent.audio or an order that covers sound does.", "Ask without sound, or obtain an order that covers it.";

    RequesterNotOwner, Denies, "OwnerExport is asked for by someone who is no owner under each policy that decides: those at the time of recording and the present one.", "Ask on basis SubjectAccess or Consent, where the policies list it.";
    AwaitingConsent, Waits, "Fewer owners have agreed than a policy needs.", "Let the owners named approve with kubectl footage approve; where they cannot be reached, obtain a court order.";
    ConsentImpossible, Denies, "So many owners have refused, or are the requester, that the threshold cannot be reached.", "Obtain a court order; an owner who asks for their own footage asks on basis OwnerExport.";
    AwaitingReview, Waits, "Fewer legal reviewers have agreed than a policy needs.", "Let a member with the role Reviewer approve with kubectl footage approve; on basis CourtOrder, after the order was submitted.";
    ReviewerDenied, Denies, "A legal reviewer has refused.", "Settle it with the reviewer, who can withdraw the refusal, and ask again.";
    AwaitingQuorum, Waits, "Fewer of the policy's emergency approvers have agreed than it needs.", "Let the approvers named approve with kubectl footage approve.";
    QuorumImpossible, Denies, "So many emergency approvers have refused, or are the requester, that the threshold cannot be reached.", "Obtain a warrant; an emergency warrant is asked for on basis CourtOrder.";

    AwaitingOrder, Waits, "No verified LegalOrder has the name that the request gives.", "Submit the signed order under that name.";
    OrderNotYetInForce, Waits, "The order is issued for a later time.", "Wait until then.";
    OrderExpired, Denies, "The order is no longer in force.", "Obtain another order and ask again.";
    PreservationOnly, Denies, "A PreservationOrder keeps footage and never releases it.", "Obtain a warrant or a court order; the footage is held meanwhile.";
    OrderOfAnotherTenant, Denies, "The order names another tenant, or was submitted to another.", "Obtain an order that names this tenant's id.";
    OrderOfAnotherRequest, Denies, "The order names another request.", "Obtain an order for this request, or one that names none.";
    OrderCameras, Denies, "A camera asked for is not among the order's, by id: one made again under the name is another.", "Ask for the order's cameras, or obtain an order that names them by their ids.";
    OrderWindow, Denies, "The window is not inside the order's.", "Ask for a window inside it, or obtain an order for more.";
    OrderAudio, Denies, "Sound is asked for and the order does not cover it.", "Ask without sound, or obtain an order that covers it.";
    AuthorityNotListed, Denies, "A policy that decides does not list the authority with the key that signed the order.", "Obtain an order of an authority that was listed when the footage was recorded and is now.";
    AuthorityTooNew, Waits, "The authority has been listed for less than a policy's minAuthorityAge.", "Wait until it has.";
    NondisclosureUnderOwners, Denies, "The order forbids to tell the owners, and under custody Owners nothing opens without them.", "Obtain an order that lets owners be told.";
    AwaitingKeyRelease, Waits, "Under custody Owners fewer owners have released their shares of the keys than are needed to read at all.", "Let the owners named release them with kubectl footage approve.";
    KeyReleaseImpossible, Denies, "Under custody Owners so many owners have refused that the keys cannot be put together.", "None but the owners: nobody else can read this footage.";
    NothingLeft, Denies, "What the approvers narrowed it to has nothing in common.", "Agree with the approvers on a window and cameras and ask for those.";

    ApprovalElsewhere, Ignores, "The approval was submitted in another tenant's namespace.", "Approve in the request's namespace.";
    ApprovalOfAnotherRequest, Ignores, "The approval names another request's uid, as one that was deleted and made again under the name.", "Approve this request.";
    ApprovalOfOtherContent, Ignores, "The approval binds another digest: what the approver saw is not what is asked for.", "Read the request again and approve it with its present digest.";
    ApprovalWithdrawn, Ignores, "The approver took it back; the log remembers.", "Approve again if it was meant.";
    ApprovalExpired, Ignores, "The approval's notAfter has passed.", "Approve again.";
    ApprovalUsed, Ignores, "A release has used the approval; each is used once.", "Approve again.";
    ApprovalAfterIntent, Ignores, "The release was begun without it: a release that is under way counts the approvals that its Intent names.", "";
    ApprovalWidens, Ignores, "The approval names more than was asked for; it may only narrow.", "Approve a part of what is asked for, or all of it.";
    ApproverIsRequester, Ignores, "The requester does not approve.", "Let someone else approve.";
    ApproverDenied, Ignores, "The same person has also refused; a refusal stands until it is withdrawn.", "Withdraw the refusal.";
    ApproverNotNamed, Ignores, "Nobody asks for this person's answer in this capacity: they are not named as a user in the policies that decide, or as a member with the role. Membership in a group names nobody.", "Let one of those approve whom the decision's needs name.";
    ApprovalUnsigned, Ignores, "A policy names the approver's SSH key, and the approval is not signed with it.", "Approve again, signed: kubectl footage approve --ssh-key.";
    ReviewOfAnotherOrder, Ignores, "The review was given before this order was submitted under the name.", "Let the reviewer look at the order that stands there now and approve again.";
    ReleaseToAnotherKey, Ignores, "The shares are sealed to another key than this request's.", "Approve again with kubectl footage approve, which seals to the request's key.";

    ConsentGiven, Grants, "Owners have agreed, up to the threshold of each policy that decides.", "";
    OrderStands, Grants, "A verified order in force covers what is asked for, and the reviewers have agreed.", "";
    QuorumGiven, Grants, "The emergency approvers have agreed; a follow-up order is due.", "";
}
