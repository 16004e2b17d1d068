//! Whether a camera's stored footage of some stretch of time is whole: nothing taken away, replaced, moved or
//! added since it was recorded.
//!
//! [`verify`] is a pure function over [`Evidence`]: what lies in the store, and what the disclosure log says of
//! the recorder streams ([`StreamAnchor`]). It trusts the log and the recorders' own signatures, and nothing
//! that only the store says; whoever can write to the bucket and has every public key is the adversary.
//! [`read`] gathers the evidence from a store.
//!
//! What a stream recorded after its last logged head and before its close record can be taken away together with that
//! record; the report then says that the stream's end is open.

mod anchors;
mod evidence;
mod reader;
mod report;
mod stream;
mod timeline;
mod verify;

pub use anchors::Anchors;
pub use evidence::{
    CheckedHeader, Evidence, FoundRecord, FoundSegment, LoggedClose, LoggedHead, Record, StreamAnchor, Window,
};
pub use reader::{Bodies, MAX_OBJECTS, Place, ReadError, read};
pub use report::{Finding, Kind, Report, State, Stretch, Verdict};
pub use verify::verify;

/// Media times further apart than this, in milliseconds, do not follow each other. Our recorder leaves nothing
/// between two segments; the rest is for rounding.
pub const SEAM_MS: i64 = 100;

/// How much later than a stream began the log may have learnt of it, in milliseconds. What it says of an earlier time
/// nobody vouches for: its key may have been made long after.
pub const LATE_MS: i64 = 24 * 3_600_000;
