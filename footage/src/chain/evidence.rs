//! What a verdict is based on.

use crate::ids::{CameraId, StreamId, TenantId};
use crate::layout::SegmentName;
use crate::seal::{CloseRecord, LossRecord, OpenError, SealedHeader, SegmentIdentity};

/// A stretch of media time, `[from_ms, to_ms)`, milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first moment.
    pub from_ms: i64,
    /// The first moment after it.
    pub to_ms: i64,
}

impl Window {
    /// Whether some of `[from_ms, to_ms)` lies in it; a stretch without length counts as its first moment.
    pub(super) fn touches(&self, from_ms: i64, to_ms: i64) -> bool {
        from_ms < self.to_ms && to_ms.max(from_ms.saturating_add(1)) > self.from_ms
    }
}

/// What the log says of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamAnchor {
    /// The stream.
    pub stream: StreamId,
    /// Its Ed25519 public key.
    pub public_key: [u8; 32],
    /// The pod that held the private half.
    pub pod_uid: String,
    /// When the log learnt of it, milliseconds since the Unix epoch.
    pub started_ms: i64,
    /// Its chain's heads, in any order.
    pub heads: Vec<LoggedHead>,
    /// How it ended, if the log says so.
    pub closed: Option<LoggedClose>,
}

/// A chain's head as the log has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedHead {
    /// The segment's number.
    pub sequence: u64,
    /// The segment's digest.
    pub digest: [u8; 32],
    /// When the recorder was asked, milliseconds since the Unix epoch.
    pub at_ms: i64,
}

/// A stream's end as the log has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedClose {
    /// When it was known to be over, milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// SHA-256 of its close record, where the log has it.
    pub record: Option<[u8; 32]>,
}

/// A header whose signature was checked against the log's key.
#[derive(Clone, Debug)]
pub struct CheckedHeader {
    pub(super) identity: SegmentIdentity,
    pub(super) digest: [u8; 32],
    pub(super) forged: Option<String>,
}

impl CheckedHeader {
    /// Checks it. `anchor` finds what the log has on a stream.
    pub fn new<'a>(
        header: &SealedHeader,
        anchor: impl FnOnce(&StreamId) -> Option<&'a StreamAnchor>,
    ) -> Self {
        let forged = match anchor(&header.identity.stream) {
            None => Some("the log does not know its stream".to_owned()),
            Some(anchor) => {
                header.verify_signature(&anchor.public_key).err().map(|e: OpenError| e.to_string())
            }
        };
        Self { identity: header.identity.clone(), digest: header.digest(), forged }
    }

    /// What it says, if its stream signed it.
    pub fn identity(&self) -> Option<&SegmentIdentity> {
        self.forged.is_none().then_some(&self.identity)
    }
}

/// An object with a segment's name.
#[derive(Clone, Debug)]
pub struct FoundSegment {
    /// Its key.
    pub key: String,
    /// What the key says.
    pub name: SegmentName,
    /// Its header, or why it cannot be read.
    pub header: Result<CheckedHeader, String>,
    /// SHA-256 of its payload, where that was read.
    pub payload: Option<[u8; 32]>,
}

/// A close or loss record.
#[derive(Clone, Debug)]
pub enum Record {
    /// How a stream ended.
    Close(CloseRecord),
    /// A segment that never reached the store.
    Loss(LossRecord),
}

/// An object with a close or loss record's name.
#[derive(Clone, Debug)]
pub struct FoundRecord {
    /// Its key.
    pub key: String,
    /// The record, or why it cannot be read or is another than its name says.
    pub record: Result<Record, String>,
}

/// All that [`super::verify`] looks at. To judge a window, `segments` must hold every object of the camera whose
/// media can lie in it, and of each stream the next segment after the window, if there is one.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Whose footage.
    pub tenant: TenantId,
    /// Of which camera.
    pub camera: CameraId,
    /// Of what time.
    pub window: Window,
    /// Objects with segments' names.
    pub segments: Vec<FoundSegment>,
    /// Objects with records' names.
    pub records: Vec<FoundRecord>,
    /// The log's streams of this camera.
    pub anchors: Vec<StreamAnchor>,
}
