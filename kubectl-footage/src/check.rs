//! What a command that checks something says: a line a check.

use serde::Serialize;

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// Nothing is wrong, and something is left for a person to see to or to know.
    Note,
    /// It is not what it should be.
    Failed,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// What was looked at.
    pub check: String,
    /// What came of it.
    pub result: Outcome,
    /// What is wrong, in one word, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finding: Option<&'static str>,
    /// For people: what it means, or what to do.
    pub message: String,
}

impl Check {
    /// As it should be.
    pub fn ok(check: impl Into<String>, message: impl Into<String>) -> Self {
        Self { check: check.into(), result: Outcome::Ok, finding: None, message: message.into() }
    }

    /// Nothing is wrong.
    pub fn note(check: impl Into<String>, message: impl Into<String>) -> Self {
        Self { result: Outcome::Note, ..Self::ok(check, message) }
    }

    /// It is not what it should be.
    pub fn failed(check: impl Into<String>, message: impl Into<String>) -> Self {
        Self { result: Outcome::Failed, ..Self::ok(check, message) }
    }

    /// With a word for programs.
    pub fn finding(self, finding: &'static str) -> Self {
        Self { finding: Some(finding), ..self }
    }
}

/// Whether nothing is wrong. What is left to see to is no fault.
pub fn is_good(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.result != Outcome::Failed)
}

/// For people.
pub fn lines(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.check.chars().count()).max().unwrap_or_default();
    let line = |Check { check, result, message, .. }: &Check| {
        let result = match result {
            Outcome::Ok => "ok",
            Outcome::Note => "note",
            Outcome::Failed => "FAILED",
        };
        format!("{result:<6}  {check:<width$}  {message}")
    };
    checks.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_no_fault_and_lines_stand_below_each_other() {
        let mut checks = vec![Check::ok("sums", "As they are."), Check::note("signature", "Ask.")];
        assert!(is_good(&checks));
        assert_eq!(lines(&checks), "ok      sums       As they are.\nnote    signature  Ask.");
        checks.push(Check::failed("log", "Cut."));
        assert!(!is_good(&checks));
    }
}
