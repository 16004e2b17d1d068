//! Spans of time as people write them.

use std::fmt;

use kube::core::Rule;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A span of time as people write it: `90s`, `15m`, `72h`, `30d`. It is written back as it was read, since digests and
/// signatures are made over what people wrote: `24h` and `1d` are different texts of one length.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    number: u64,
    unit: Unit,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Minutes,
    Hours,
    Days,
}

/// Why a text is no [`Span`].
#[derive(Debug)]
pub struct InvalidSpan;

impl fmt::Display for InvalidSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SENTENCE)
    }
}

impl std::error::Error for InvalidSpan {}

const DAY: u64 = 86_400;

impl Span {
    const fn of(number: u64, unit: Unit) -> Self {
        Self { number: if number == 0 { 1 } else { number }, unit }
    }

    /// `n` seconds; at least one.
    pub const fn seconds(n: u64) -> Self {
        Self::of(n, Unit::Seconds)
    }

    /// `n` minutes; at least one.
    pub const fn minutes(n: u64) -> Self {
        Self::of(n, Unit::Minutes)
    }

    /// `n` hours; at least one.
    pub const fn hours(n: u64) -> Self {
        Self::of(n, Unit::Hours)
    }

    /// `n` days; at least one.
    pub const fn days(n: u64) -> Self {
        Self::of(n, Unit::Days)
    }

    /// The whole span in seconds.
    pub const fn as_secs(self) -> u64 {
        self.number
            * match self.unit {
                Unit::Seconds => 1,
                Unit::Minutes => 60,
                Unit::Hours => 3600,
                Unit::Days => DAY,
            }
    }
}

impl TryFrom<String> for Span {
    type Error = InvalidSpan;

    fn try_from(text: String) -> Result<Self, InvalidSpan> {
        // As many digits as the schema allows.
        let (unit, most) = match text.bytes().last() {
            Some(b's') => (Unit::Seconds, 9),
            Some(b'm') => (Unit::Minutes, 8),
            Some(b'h') => (Unit::Hours, 6),
            Some(b'd') => (Unit::Days, 5),
            _ => return Err(InvalidSpan),
        };
        let digits = &text[..text.len() - 1];
        if digits.starts_with('0') || digits.len() > most || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidSpan);
        }
        let number: u64 = digits.parse().map_err(|_| InvalidSpan)?;
        Ok(Self { number, unit })
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Seconds => 's',
            Unit::Minutes => 'm',
            Unit::Hours => 'h',
            Unit::Days => 'd',
        };
        write!(f, "{}{unit}", self.number)
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
        // No `format: duration`: where a value has not the format, the API server says so in its own words, leaves
        // out every rule's sentence, and takes 213504d for 26 minutes, since it counts nanoseconds in 64 bits.
        // `maxLength` is above what the rule allows: it too would keep the sentence back.
        json_schema!({
            "type": "string",
            "maxLength": 64,
            "x-kubernetes-validations": [{"rule": format!("self.matches('{PATTERN}')"), "message": SENTENCE}],
        })
    }
}

/// Never more than 99,999 days.
const PATTERN: &str = "^([1-9][0-9]{0,8}s|[1-9][0-9]{0,7}m|[1-9][0-9]{0,5}h|[1-9][0-9]{0,4}d)$";

/// What a text that is no span is told.
pub(crate) const SENTENCE: &str =
    "a duration is a whole number above zero and one of s, m, h or d, as in 90s, 15m, 72h or 30d";

/// In CEL: the seconds of the span that `of` names. Not to be evaluated for a text that is none.
fn seconds(of: &str) -> String {
    format!(
        "int({of}.substring(0, size({of}) - 1)) * {{'s': 1, 'm': 60, 'h': 3600, 'd': 86400}}[{of}.substring(size({of}) - 1)]"
    )
}

/// The rule of a field that it is from `least` to `most`.
pub(crate) fn between(field: &str, least: Span, most: Span, such_as: &str) -> Rule {
    let value = seconds("self");
    Rule::new(format!(
        "self.matches('^[0-9]{{1,9}}[smhd]$') && {value} >= {} && {value} <= {}",
        least.as_secs(),
        most.as_secs()
    ))
    .message(format!("{field} must be from {least} to {most}, for instance {such_as}").as_str())
}

/// The rule of an object that one of its spans is not above another. Silent where one of them is no span.
pub(crate) fn at_most(small: &str, great: &str, message: &str) -> Rule {
    let (small, great) = (format!("self.{small}"), format!("self.{great}"));
    Rule::new(format!(
        "!{small}.matches('{PATTERN}') || !{great}.matches('{PATTERN}') || {} <= {}",
        seconds(&small),
        seconds(&great)
    ))
    .message(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written_as_people_write_them() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("72h", 259_200), ("30d", 2_592_000)] {
            assert_eq!(Span::try_from(text.to_owned()).unwrap().as_secs(), seconds, "{text}");
        }
        for text in ["60s", "1m", "24h", "1d", "99999d"] {
            assert_eq!(Span::try_from(text.to_owned()).unwrap().to_string(), text);
        }
        for bad in
            ["", "0s", "01s", "-1s", "1.5h", "1w", "h", "1 h", "213504d", "100000d", "99999999999999999999d"]
        {
            assert!(Span::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
