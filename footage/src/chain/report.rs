//! What was found.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::Window;
use crate::ids::StreamId;

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Every moment of the window is recorded, or a recorder signed why not; nothing was changed.
    Complete,
    /// The same, but payloads were not read: one that was replaced under a genuine header would not show.
    CompleteByHeaders,
    /// At least one finding is a fault.
    Incomplete,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// The recorder knew of the gap and signed its reason. No fault.
    Gap,
    /// The recorder finished the segment and signed that it never reached the store. No fault.
    Lost,
    /// Something that is signed to exist is not there.
    Missing,
    /// The end of a stream is not there: the log or its close record knows of later segments.
    CutOff,
    /// An object is not the one that its successor, close record or logged head names.
    Replaced,
    /// The log's key of the stream did not sign it, or the log does not know the stream.
    Forged,
    /// A genuine segment under a name that says something else: moved, reordered, or another time claimed.
    Misplaced,
    /// The same segment twice.
    Duplicate,
    /// No segment or record that this release can read.
    Unreadable,
    /// Two segments of one stream claim the same time.
    Overlapping,
    /// A stream signed two things that cannot both be so: its key was misused.
    Contradiction,
    /// A genuine segment whose place in time only its name says, because nothing signed follows it.
    Unproven,
    /// A stream without its last word: what else it recorded cannot be known.
    OpenEnd,
    /// A time that nothing explains.
    Uncovered,
}

impl Kind {
    /// Whether it keeps the window from being complete.
    pub fn is_fault(self) -> bool {
        !matches!(self, Self::Gap | Self::Lost)
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What it is about.
    pub kind: Kind,
    /// The stream, where one is known.
    pub stream: Option<StreamId>,
    /// The first and the last segment number concerned.
    pub sequences: Option<(u64, u64)>,
    /// The time concerned, milliseconds since the Unix epoch, as far as it is known.
    pub time_ms: Option<(i64, i64)>,
    /// The object concerned.
    pub object: Option<String>,
    /// For people.
    pub sentence: String,
}

impl Finding {
    pub(super) fn new(kind: Kind, sentence: impl Into<String>) -> Self {
        Self { kind, stream: None, sequences: None, time_ms: None, object: None, sentence: sentence.into() }
    }

    pub(super) fn stream(mut self, stream: &StreamId) -> Self {
        self.stream = Some(stream.clone());
        self
    }

    pub(super) fn sequences(mut self, first: u64, last: u64) -> Self {
        self.sequences = Some((first, last));
        self
    }

    pub(super) fn time(mut self, from_ms: i64, to_ms: i64) -> Self {
        self.time_ms = Some((from_ms, to_ms));
        self
    }

    pub(super) fn object(mut self, key: &str) -> Self {
        self.object = Some(key.to_owned());
        self
    }
}

/// What is known of a stretch of time, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// There is footage, and its time is signed.
    Recorded,
    /// There was footage, which is gone or was replaced.
    Missing,
    /// There is footage, whose time only its name says.
    Unproven,
    /// There was footage that never reached the store.
    Lost,
    /// A deliberate gap.
    Gap,
    /// Nothing says anything.
    Uncovered,
}

/// A stretch of the window in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stretch {
    /// The first moment, milliseconds since the Unix epoch.
    pub from_ms: i64,
    /// The first moment after it.
    pub to_ms: i64,
    /// What is known of it.
    pub state: State,
}

/// A verdict with its reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The answer.
    pub verdict: Verdict,
    /// The window from its first to its last moment, without holes, all streams merged.
    pub timeline: Vec<Stretch>,
    /// What was found: faults, gaps and losses.
    pub findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(timeline: Vec<Stretch>, mut findings: Vec<Finding>, bodies_read: bool) -> Self {
        findings.sort_by_key(|f| (f.time_ms, f.kind, f.stream.clone(), f.sequences, f.object.clone()));
        let verdict = if findings.iter().any(|f| f.kind.is_fault()) {
            Verdict::Incomplete
        } else if bodies_read {
            Verdict::Complete
        } else {
            Verdict::CompleteByHeaders
        };
        Self { verdict, timeline, findings }
    }
}

/// A moment, for people.
pub(super) struct At(pub i64);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{at}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// A stretch clipped to the window.
pub(super) fn clipped(window: &Window, from_ms: i64, to_ms: i64) -> Option<(i64, i64)> {
    let (from, to) = (from_ms.max(window.from_ms), to_ms.min(window.to_ms));
    (from < to).then_some((from, to))
}
