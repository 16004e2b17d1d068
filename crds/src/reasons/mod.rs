//! What conditions say: every reason, what it means and what a person does next. `docs/api.md` is made from this.

mod camera;
mod disclosure;
mod policies;
mod tenant;

use std::fmt;

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Holds {
    True,
    False,
    Unknown,
}

impl fmt::Display for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// One reason of one condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The condition's type.
    pub condition: &'static str,
    /// Its status.
    pub status: Holds,
    /// One word in CamelCase.
    pub reason: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What a person does next; empty where there is nothing to do.
    pub next: &'static str,
}

/// `Ready False "Unreachable" "what it means" "what to do";` — a table, so that it is read as one.
macro_rules! reasons {
    ($($condition:ident $status:ident $reason:ident $meaning:literal $next:literal;)*) => {
        &[$($crate::reasons::Reason {
            condition: stringify!($condition),
            status: $crate::reasons::Holds::$status,
            reason: stringify!($reason),
            meaning: $meaning,
            next: $next,
        }),*]
    };
}
use reasons;

/// The reasons that every kind has.
const COMMON: &[Reason] = reasons! {
    Stalled True DuplicateId "Another object of this kind has the same annotation camerafleet.io/id, so that both would use the same keys and paths."
        "Find out which of the two was copied, and delete that one.";
};

/// The reasons of the kinds that no controller looks at yet.
const NOT_YET: &[Reason] = reasons! {
    Ready Unknown NotYetReconciled "This version of the operator stores objects of this kind, but does not act on them yet."
        "Wait for a version that does: until then nothing is released.";
};

/// Vault's answers, wherever a condition tells one.
macro_rules! vault {
    ($condition:ident) => {
        $crate::reasons::reasons! {
            $condition False VaultSealed "Vault is sealed." "Unseal it; recording goes on with the keys that are there.";
            $condition False VaultDenied "Vault refuses the operator." "Let an administrator run vault-setup: the message names what was refused.";
            $condition False VaultUnreachable "Vault does not answer." "Check its address, its certificate and the network; recording goes on with the keys that are there.";
            $condition False VaultMountMissing "A mount of Vault is missing or is of another kind." "Let an administrator run vault-setup, or restore Vault's storage.";
            $condition False KeyLost "Vault has lost a key that footage was sealed with, as when an old snapshot is restored." "Restore a newer snapshot: the key is not made again under its name.";
            $condition False VaultMisconfigured "The operator cannot make a client for this Vault." "Correct spec.vault or the operator's values: the message says which.";
            $condition False VaultFailed "Vault answered with another error." "Read the message and Vault's log.";
        }
    };
}
use vault;

/// Every reason of a kind, in the order of its conditions.
pub fn of(kind: &str) -> Vec<&'static Reason> {
    let own: &[&'static [Reason]] = match kind {
        "Tenant" => tenant::REASONS,
        "Camera" => camera::REASONS,
        "RetentionPolicy" => policies::RETENTION,
        "SharingPolicy" => policies::SHARING,
        "LegalHold" => disclosure::LEGAL_HOLD,
        "DisclosureRequest" => disclosure::REQUEST,
        "Approval" => disclosure::APPROVAL,
        "LegalOrder" => disclosure::LEGAL_ORDER,
        _ => return Vec::new(),
    };
    own.iter().copied().chain([COMMON]).flatten().collect()
}

/// Whether the table knows a reason of a kind's condition.
pub fn known(kind: &str, condition: &str, reason: &str) -> bool {
    of(kind).iter().any(|r| r.condition == condition && r.reason == reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_says_when_it_is_ready_and_no_reason_stands_twice() {
        for definition in crate::definitions() {
            let kind = definition.spec.names.kind;
            let reasons = of(&kind);
            assert!(reasons.iter().any(|r| r.condition == "Ready"), "{kind}");
            for (n, reason) in reasons.iter().enumerate() {
                let twice = reasons[..n].iter().any(|r| {
                    (r.condition, r.reason, r.status) == (reason.condition, reason.reason, reason.status)
                });
                assert!(!twice, "{kind}: {} {}", reason.condition, reason.reason);
                assert!(reason.meaning.ends_with('.'), "{kind}: {}", reason.reason);
                assert!(reason.next.is_empty() || reason.next.ends_with('.'), "{kind}: {}", reason.reason);
            }
        }
    }
}
