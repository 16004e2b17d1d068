//! Conditions: what an object says of itself, in the way of `kstatus`.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// A condition that holds, does not hold, or cannot be told yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It cannot be told yet.
    Unknown,
}

impl Truth {
    fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// What a condition shall say. The message is deterministic: times and counts live in typed fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it holds.
    pub truth: Truth,
    /// One word in CamelCase.
    pub reason: &'static str,
    /// A sentence, and the next step where there is one.
    pub message: String,
}

impl Verdict {
    /// It holds.
    pub fn yes(reason: &'static str, message: impl Into<String>) -> Self {
        Self { truth: Truth::True, reason, message: message.into() }
    }

    /// It does not hold.
    pub fn no(reason: &'static str, message: impl Into<String>) -> Self {
        Self { truth: Truth::False, reason, message: message.into() }
    }

    /// It cannot be told yet.
    pub fn unknown(reason: &'static str, message: impl Into<String>) -> Self {
        Self { truth: Truth::Unknown, reason, message: message.into() }
    }
}

/// The condition of one type.
pub fn get<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|c| c.type_ == type_)
}

/// The conditions that an object shall have, in this order. A transition time moves only with the status.
pub fn merge(
    observed: &[Condition],
    generation: Option<i64>,
    verdicts: &[(&str, Verdict)],
    now: Timestamp,
) -> Vec<Condition> {
    verdicts
        .iter()
        .map(|(type_, verdict)| {
            let status = verdict.truth.as_str();
            let since =
                get(observed, type_).filter(|c| c.status == status).map(|c| c.last_transition_time.clone());
            Condition {
                type_: (*type_).to_owned(),
                status: status.to_owned(),
                reason: verdict.reason.to_owned(),
                message: verdict.message.clone(),
                observed_generation: generation,
                last_transition_time: since.unwrap_or(Time(now)),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transition_time_moves_only_with_the_status() {
        let at = |s| Timestamp::from_second(s).unwrap();
        let first = merge(&[], Some(1), &[("Ready", Verdict::no("Connecting", "a"))], at(10));
        let same = merge(&first, Some(2), &[("Ready", Verdict::no("Unreachable", "b"))], at(20));
        assert_eq!(same[0].last_transition_time.0, at(10));
        assert_eq!((same[0].reason.as_str(), same[0].observed_generation), ("Unreachable", Some(2)));
        let other = merge(&same, Some(2), &[("Ready", Verdict::yes("Recording", ""))], at(30));
        assert_eq!(other[0].last_transition_time.0, at(30));
        assert_eq!(merge(&other, Some(2), &[("Ready", Verdict::yes("Recording", ""))], at(40)), other);
    }
}
