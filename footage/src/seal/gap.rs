//! Deliberate gaps: why a segment's media does not continue its predecessor's.

use std::fmt;

/// The longest reason, in bytes.
pub const MAX_GAP_REASON_BYTES: usize = 32;

/// One word of `a-z` and `-` that says why the media before a segment is not there. The stream signs it, so
/// that a gap that the recorder knew of is told from one that was made afterwards.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GapReason(String);

/// The text is no reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a gap's reason is 1 to {MAX_GAP_REASON_BYTES} characters of a-z and '-', with no '-' at either end")]
pub struct InvalidGapReason;

impl GapReason {
    /// Checks the form.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidGapReason> {
        let text = text.into();
        let ok = (1..=MAX_GAP_REASON_BYTES).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        if ok { Ok(Self(text)) } else { Err(InvalidGapReason) }
    }

    /// Of a stream's first segment: what was before is other streams' to say.
    pub fn start() -> Self {
        Self("start".into())
    }

    /// Segments in between were begun and given up, and the recorder did not say why.
    pub fn given_up() -> Self {
        Self("given-up".into())
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
