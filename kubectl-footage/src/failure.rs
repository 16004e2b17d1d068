//! What a command says when it cannot do what it was asked: a sentence, and the next step.

use std::{fmt, process::ExitCode};

/// Why a command ended without doing what it was asked.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    what: String,
    next: String,
    /// The API server's, as in HTTP.
    status: Option<u16>,
}

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What was given on the command line, or a file, cannot be used.
    Input = 2,
    /// The API server refused it.
    Refused = 3,
    /// Something that was named is not there.
    NotFound = 4,
    /// The cluster, or a server that it named, does not answer.
    Unreachable = 5,
    /// What was read is not what it should be: damaged, forged or of another version.
    Unverified = 6,
}

impl Failure {
    /// A sentence each. `next` says what to do.
    pub fn new(kind: Kind, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { kind, what: what.into(), next: next.into(), status: None }
    }

    /// Of a request to the API server. `doing` completes "could not".
    pub fn of(doing: &str, error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => {
                let said = status.message.trim_end_matches('.');
                let (kind, next) = match status.code {
                    404 => (Kind::NotFound, "Look at the names, and at the namespace (-n)."),
                    401 => (Kind::Refused, "Log in again: the cluster does not know who you are."),
                    403 => (
                        Kind::Refused,
                        "Ask whoever manages the Tenant for the role that it takes (kubectl auth can-i --list).",
                    ),
                    409 => (Kind::Refused, "Look at what is there already under this name."),
                    _ => (Kind::Refused, "Correct what the message names, and try again."),
                };
                Self {
                    status: Some(status.code),
                    ..Self::new(kind, format!("Could not {doing}: {said}."), next)
                }
            }
            error => Self::new(
                Kind::Unreachable,
                format!("Could not {doing}: {error}."),
                "Check that the cluster answers (kubectl get --raw=/readyz) and that --context is the right one.",
            ),
        }
    }

    /// What is wrong, in a sentence.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What the exit code will say.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether something is there already under the name.
    pub fn is_taken(&self) -> bool {
        self.status == Some(409)
    }

    /// Whether what was named is not there, or not one's own.
    pub fn is_missing(&self) -> bool {
        matches!(self.status, Some(403 | 404))
    }

    /// The program's exit code.
    pub fn code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}\nnext:  {}", self.what, self.next)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_a_sentence_and_a_next_step() {
        let failure = Failure::new(Kind::NotFound, "There is no camera.", "Make one.");
        assert_eq!(failure.to_string(), "error: There is no camera.\nnext:  Make one.");
    }
}
