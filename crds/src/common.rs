//! What all kinds share.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The API group.
pub const GROUP: &str = "camerafleet.io";
/// The annotation with an object's lasting identity: set once, by the operator, to the first uid. It survives
/// a restore from backup and names keys and paths.
pub const ID_ANNOTATION: &str = "camerafleet.io/id";
/// The annotation by which an existing namespace consents to become a tenant's: its value is the tenant's name.
pub const ADOPT_ANNOTATION: &str = "camerafleet.io/adopt";
/// On what the operator made.
pub const MANAGED_LABEL: &str = "camerafleet.io/managed";
/// On a tenant's namespace and what the operator made there: the tenant's name.
pub const TENANT_LABEL: &str = "camerafleet.io/tenant";
/// The type of a Secret with a camera's `username` and `password`; no other type is read.
pub const CAMERA_SECRET_TYPE: &str = "camerafleet.io/camera";

/// A span of time as people write it: `90s`, `15m`, `72h`, `30d`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    seconds: u64,
}

/// Why a text is no [`Span`].
#[derive(Debug)]
pub struct InvalidSpan;

impl fmt::Display for InvalidSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a duration is a whole number above zero and one of s, m, h or d, as in 90s, 15m, 72h or 30d",
        )
    }
}

impl std::error::Error for InvalidSpan {}

const DAY: u64 = 86_400;

impl Span {
    /// `n` seconds; at least one.
    pub const fn seconds(n: u64) -> Self {
        Self { seconds: if n == 0 { 1 } else { n } }
    }

    /// `n` minutes.
    pub const fn minutes(n: u64) -> Self {
        Self::seconds(n * 60)
    }

    /// `n` hours.
    pub const fn hours(n: u64) -> Self {
        Self::seconds(n * 3600)
    }

    /// `n` days.
    pub const fn days(n: u64) -> Self {
        Self::seconds(n * DAY)
    }

    /// The whole span in seconds.
    pub const fn as_secs(self) -> u64 {
        self.seconds
    }
}

impl TryFrom<String> for Span {
    type Error = InvalidSpan;

    fn try_from(text: String) -> Result<Self, InvalidSpan> {
        let unit = match text.bytes().last() {
            Some(b's') => 1,
            Some(b'm') => 60,
            Some(b'h') => 3600,
            Some(b'd') => DAY,
            _ => return Err(InvalidSpan),
        };
        let digits = &text[..text.len() - 1];
        if digits.starts_with('0') || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidSpan);
        }
        let number: u64 = digits.parse().map_err(|_| InvalidSpan)?;
        Ok(Self { seconds: number.checked_mul(unit).ok_or(InvalidSpan)? })
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, unit) = match self.seconds {
            n if n % DAY == 0 => (n / DAY, 'd'),
            n if n % 3600 == 0 => (n / 3600, 'h'),
            n if n % 60 == 0 => (n / 60, 'm'),
            n => (n, 's'),
        };
        write!(f, "{n}{unit}")
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "duration",
            "pattern": "^[1-9][0-9]*(s|m|h|d)$",
            "maxLength": 12,
        })
    }
}

/// An object of a kind that the field decides, in the same namespace unless the field says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalRef {
    /// The object's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

impl From<&str> for LocalRef {
    fn from(name: &str) -> Self {
        Self { name: name.to_owned() }
    }
}

/// `status.conditions` as a list-map by `type`, so that two writers of different conditions never overwrite
/// each other and a diff names the condition.
pub(crate) fn conditions(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = Vec::<Condition>::json_schema(generator);
    schema.insert("x-kubernetes-list-type".into(), "map".into());
    schema.insert("x-kubernetes-list-map-keys".into(), serde_json::json!(["type"]));
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written_as_people_write_them() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("72h", 259_200), ("30d", 2_592_000)] {
            assert_eq!(Span::try_from(text.to_owned()).unwrap().as_secs(), seconds, "{text}");
        }
        assert_eq!(Span::hours(24).to_string(), "1d");
        for bad in [
            "",
            "0s",
            "01s",
            "-1s",
            "1.5h",
            "1w",
            "h",
            "1 h",
            "99999999999999999999d",
            "9999999999999999999d",
        ] {
            assert!(Span::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
