//! What is logged. Each kind has a code that stands in the leaf and is never given to another kind.

mod disclosure;
mod holds;
mod keys;
mod streams;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use disclosure::*;
pub use holds::*;
pub use keys::*;
pub use streams::*;

/// An entry's payload: canonical JSON (RFC 8785) of this. A field or a kind that this release does not know makes
/// it one of a newer release, on which no decision is taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Of this format.
    pub version: Version,
    /// The caller's name for this entry: the same id is appended once. Made of uids, key names and the like; a hash
    /// of it stands in the leaf for ever, so it must tell nothing of a person.
    pub id: String,
    /// When it was logged.
    pub at: Timestamp,
    /// What happened.
    pub entry: Entry,
}

/// The payload's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// The only one.
    #[serde(rename = "1")]
    V1,
}

macro_rules! entries {
    ($($code:literal $name:ident,)*) => {
        /// What happened, by kind.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", content = "data", deny_unknown_fields)]
        #[non_exhaustive]
        #[allow(missing_docs, reason = "each kind's struct says what it is")]
        pub enum Entry {
            $($name($name),)*
        }

        impl Entry {
            /// The kind's code in the leaf.
            pub fn kind(&self) -> u16 {
                match self {
                    $(Self::$name(_) => $code,)*
                }
            }
        }

        /// A kind's name from its code; `None` for a newer release's.
        pub fn kind_name(code: u16) -> Option<&'static str> {
            match code {
                $($code => Some(stringify!($name)),)*
                _ => None,
            }
        }

        $(impl From<$name> for Entry {
            fn from(entry: $name) -> Self {
                Self::$name(entry)
            }
        })*
    };
}

entries! {
    1 KeyCreated,
    2 DestroyIntent,
    3 KeyDestroyed,
    4 DestroyWithdrawn,
    10 StreamStarted,
    11 ChainHeads,
    12 StreamClosed,
    20 PolicyRevision,
    21 PolicyRetired,
    22 CameraPolicy,
    30 HoldOpened,
    31 HoldRenewed,
    32 HoldClosed,
    40 Request,
    41 Decision,
    42 Intent,
    43 Outcome,
    44 Notice,
    45 ApprovalUsed,
    46 ApprovalWithdrawn,
    47 ApprovalSubmitted,
    48 OrderSubmitted,
    49 RequestWithdrawn,
    50 FollowedUp,
    51 NoticeDelayed,
    60 PayloadErased,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> serde_json::Value {
        serde_json::json!({
            "version": "1", "id": "key/epoch-1", "at": "2026-11-25T00:00:00Z",
            "entry": {"kind": "KeyDestroyed", "data": {"key": "epoch-1"}},
        })
    }

    #[test]
    fn a_kind_has_its_code_and_its_canonical_form() {
        let record: Record = serde_json::from_value(record()).unwrap();
        assert_eq!(record.entry.kind(), 3);
        assert_eq!(kind_name(3), Some("KeyDestroyed"));
        assert_eq!(kind_name(999), None);
        assert_eq!(
            serde_jcs::to_string(&record).unwrap(),
            r#"{"at":"2026-11-25T00:00:00Z","entry":{"data":{"key":"epoch-1"},"kind":"KeyDestroyed"},"id":"key/epoch-1","version":"1"}"#
        );
    }

    #[test]
    fn what_a_newer_release_says_is_not_half_understood() {
        for (pointer, value) in [
            ("/version", serde_json::json!("2")),
            ("/entry/kind", serde_json::json!("KeyBurnt")),
            ("/entry/data/more", serde_json::json!(1)),
            ("/entry/more", serde_json::json!(1)),
            ("/more", serde_json::json!(1)),
        ] {
            let mut newer = record();
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            newer.pointer_mut(parent).unwrap()[field] = value;
            assert!(serde_json::from_value::<Record>(newer).is_err(), "{pointer}");
        }
    }
}
