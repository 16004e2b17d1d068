//! Identities: an object's lasting id (`camerafleet.io/id`) names its keys and paths. They are types of their
//! own, so that a camera's id is never taken for a policy's.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

/// Why a text is no id.
#[derive(Debug, thiserror::Error)]
#[error("{kind} id must be {form}")]
pub struct InvalidId {
    kind: &'static str,
    form: &'static str,
}

const NAME: &str = "1 to 63 characters of a-z, 0-9 and '-', not starting or ending with '-'";
const HEX: &str = "32 characters of lower-case hex";

/// An id goes into object keys, key names and header lines, where nothing needs escaping.
fn is_valid(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// What every id has once it can be parsed.
macro_rules! common {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                Self::parse(String::deserialize(d)?).map_err(de::Error::custom)
            }
        }
    };
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks the form.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                if is_valid(&text) { Ok(Self(text)) } else { Err(InvalidId { kind: $kind, form: NAME }) }
            }

            /// The id's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        common!($name);
    };
}

id!(/** A Tenant's lasting identity. */ TenantId, "tenant");
id!(/** A Camera's lasting identity. */ CameraId, "camera");
id!(/** A RetentionPolicy's lasting identity. */ PolicyId, "policy");
id!(/** A LegalHold's lasting identity. */ HoldId, "hold");
id!(/** A SharingPolicy's lasting identity. */ SharingPolicyId, "sharing policy");
id!(/** A DisclosureRequest's `metadata.uid`: one made again under the name is another request. */ RequestUid, "request");
id!(/** An Approval's `metadata.uid`. */ ApprovalUid, "approval");
id!(/** A LegalOrder's `metadata.uid`. */ OrderUid, "order");
id!(/** A LegalHold's `metadata.uid`. */ HoldUid, "hold");

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// From the bytes.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes.iter().map(|b| format!("{b:02x}")).collect())
            }

            /// Checks the form: 32 characters of lower-case hex.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                let ok =
                    text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                if ok { Ok(Self(text)) } else { Err(InvalidId { kind: $kind, form: HEX }) }
            }

            /// The id's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        common!($name);
    };
}

hex_id!(
    /// A recorder stream: one incarnation of one camera's recorder. It is the first 16 bytes of its public key's
    /// SHA-256, as hex, so that an object's name commits to the key that signed it.
    StreamId,
    "stream"
);
hex_id!(
    /// A window key under custody `Owners`: 16 bytes of a digest over what the key is for and its commitment, as hex.
    WindowId,
    "window"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_path_segment_that_needs_no_escaping() {
        for ok in ["3f2a", "a-b", "0c9f0f6e-8a35-4a53-9d39-0a1d1c5ce0a0"] {
            assert!(CameraId::parse(ok).is_ok(), "{ok}");
        }
        let long = "a".repeat(64);
        for bad in ["", "-a", "a-", "A", "a/b", "..", "a b", "a\n", &long] {
            assert!(CameraId::parse(bad).is_err(), "{bad:?}");
        }
        assert!(StreamId::parse("00112233445566778899aabbccddeeff").is_ok());
        assert!(StreamId::parse("00112233445566778899AABBCCDDEEFF").is_err());
    }
}
