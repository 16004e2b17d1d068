//! Amounts in Kubernetes' notation, whole numbers only: `4M`, `500Gi`, `20Ti`.

use std::fmt;

use kube::core::Rule;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Bytes, or bits per second where the field says so.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Amount {
    text: String,
    value: u64,
}

/// Why a text is no [`Amount`].
#[derive(Debug)]
pub struct InvalidAmount;

impl fmt::Display for InvalidAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount is a whole number with an optional unit (k, M, G, T, P or Ki, Mi, Gi, Ti, Pi), as in 4M or 500Gi")
    }
}

impl std::error::Error for InvalidAmount {}

impl Amount {
    /// The number, its unit multiplied out.
    pub fn value(&self) -> u64 {
        self.value
    }
}

impl TryFrom<String> for Amount {
    type Error = InvalidAmount;

    fn try_from(text: String) -> Result<Self, InvalidAmount> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let unit: u64 = match &text[digits..] {
            "" => 1,
            "k" => 1_000,
            "M" => 1_000_000,
            "G" => 1_000_000_000,
            "T" => 1_000_000_000_000,
            "P" => 1_000_000_000_000_000,
            "Ki" => 1 << 10,
            "Mi" => 1 << 20,
            "Gi" => 1 << 30,
            "Ti" => 1 << 40,
            "Pi" => 1 << 50,
            _ => return Err(InvalidAmount),
        };
        let number: u64 = text[..digits].parse().map_err(|_| InvalidAmount)?;
        let value = number.checked_mul(unit).filter(|v| *v > 0).ok_or(InvalidAmount)?;
        Ok(Self { text, value })
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.text
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Amount".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Fewer digits before a greater unit: the whole fits into 63 bits.
        let rule = "self.matches('^[1-9]([0-9]{0,14}(k|Ki)?|[0-9]{0,11}Mi?|[0-9]{0,8}Gi?|[0-9]{0,5}Ti?|[0-9]{0,2}Pi?)$')";
        json_schema!({
            "type": "string",
            "maxLength": 32,
            "x-kubernetes-validations": [{
                "rule": rule,
                "message": "an amount is a whole number above zero with an optional unit (k, M, G, T, P or Ki, Mi, Gi, Ti, Pi), as in 4M or 500Gi",
            }],
        })
    }
}

/// The rule of a field that it is from `least` to `most`. Silent on what is no amount.
pub(crate) fn between(field: &str, [least, most]: [&str; 2], such_as: &str) -> Rule {
    Rule::new(format!(
        "!isQuantity(self) || (quantity(self).compareTo(quantity('{least}')) >= 0 && quantity(self).compareTo(quantity('{most}')) <= 0)"
    ))
    .message(format!("{field} must be from {least} to {most}, for instance {such_as}").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_whole_and_never_overflow() {
        for (text, value) in [("4M", 4_000_000), ("1Ki", 1024), ("20Ti", 20 << 40), ("7", 7)] {
            assert_eq!(Amount::try_from(text.to_owned()).unwrap().value(), value, "{text}");
        }
        for bad in ["", "M", "0", "1.5M", "-1M", "1m", "1Zi", "99999999999999Pi"] {
            assert!(Amount::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
