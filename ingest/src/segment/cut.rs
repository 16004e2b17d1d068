//! When a segment ends, pure.

use super::timeline::Verdict;

/// A segment without a random access point is ended at this many times its length, and never before
/// [`PATIENCE_MS`]: whoever lists a range of footage counts on a longest segment.
const PATIENCE: u64 = 2;
const PATIENCE_MS: u64 = 60_000;
/// A segment of this many bytes is ended at the next random access point: an upload holds a whole one in memory.
const BYTES: u64 = 64 << 20;
/// And of this many wherever it is: a camera that sends more than any does must not fill the spool by itself.
const MOST_BYTES: u64 = 96 << 20;
/// What stays of a stream's first segment at least.
const FIRST_MS: u64 = 2_000;

/// Why a segment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It has its length.
    Length,
    /// It has as many bytes as it may.
    Size,
    /// The policy, the camera's key or the audio setting changed.
    Policy,
    /// The picture's parameters changed.
    Parameters,
    /// Nothing came for a while.
    Gap,
    /// The camera's clock was set.
    Clock,
    /// No random access point came for too long.
    NoKeyFrame,
}

impl Cut {
    /// What the next header says where frames were lost with the cut.
    pub fn gap(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Size => "size",
            Self::Policy => "policy",
            Self::Parameters => "parameters",
            Self::Gap => "no-frames",
            Self::Clock => "clock",
            Self::NoKeyFrame => "no-key-frame",
        }
    }
}

/// What to do with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It belongs to the open segment.
    Append,
    /// It begins a segment, after the open one is ended.
    Begin(Option<Cut>),
    /// It ends the open segment and is dropped itself, for it cannot begin one.
    End(Cut),
    /// Nothing is open and it cannot begin a segment.
    Drop,
}

/// All that the decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The open segment's length so far up to this frame, if one is open.
    pub open_ms: Option<u64>,
    /// The length to reach.
    pub target_ms: u64,
    /// The open segment's media bytes so far.
    pub open_bytes: u64,
    /// Whether decoding can start at this frame.
    pub sync: bool,
    /// What became of its timestamp.
    pub verdict: Verdict,
    /// Whether a cut is waiting since the camera's clock was set.
    pub clock_pending: bool,
    /// Whether the segment's policy is another now.
    pub policy_changed: bool,
    /// Whether the picture's parameters are others from this frame on.
    pub parameters_changed: bool,
}

/// The length to reach of a stream's first segment, which is shorter by a part that `random` chooses (0: by nothing): a
/// pod's cameras begin together, and their segments are not all to end and go to the store together, too.
pub fn first_length(target_ms: u64, random: u64) -> u64 {
    target_ms - random % (target_ms.saturating_sub(FIRST_MS) + 1)
}

/// Decides.
pub fn decide(view: &View) -> Step {
    let Some(open) = view.open_ms else {
        return if view.sync { Step::Begin(None) } else { Step::Drop };
    };
    // What can be decoded only with what came before is worth nothing after these.
    let hard = if view.verdict == Verdict::Gap {
        Some(Cut::Gap)
    } else if view.parameters_changed {
        Some(Cut::Parameters)
    } else {
        None
    };
    if let Some(cut) = hard {
        return if view.sync { Step::Begin(Some(cut)) } else { Step::End(cut) };
    }
    if !view.sync {
        let most = (view.target_ms * PATIENCE).max(view.target_ms + PATIENCE_MS);
        return if open >= most {
            Step::End(Cut::NoKeyFrame)
        } else if view.open_bytes >= MOST_BYTES {
            Step::End(Cut::Size)
        } else {
            Step::Append
        };
    }
    let soft = if view.policy_changed {
        Some(Cut::Policy)
    } else if view.clock_pending || view.verdict == Verdict::NewLine {
        Some(Cut::Clock)
    } else if open >= view.target_ms {
        Some(Cut::Length)
    } else if view.open_bytes >= BYTES {
        Some(Cut::Size)
    } else {
        None
    };
    soft.map_or(Step::Append, |cut| Step::Begin(Some(cut)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_segments_are_of_any_length_from_two_seconds_on() {
        for (target, random, want) in [
            (60_000, 0, 60_000),
            (60_000, 1, 59_999),
            (60_000, 58_000, 2_000),
            (60_000, 58_001, 60_000),
            (60_000, u64::MAX, 60_000 - u64::MAX % 58_001),
            (2_000, 12_345, 2_000),
            (1_000, 12_345, 1_000),
        ] {
            assert_eq!(first_length(target, random), want, "{target} {random}");
        }
    }

    #[test]
    fn segments_begin_at_random_access_points_and_end_for_a_reason() {
        let plain = View {
            open_ms: Some(10_000),
            target_ms: 60_000,
            open_bytes: 1 << 20,
            sync: true,
            verdict: Verdict::Plain,
            clock_pending: false,
            policy_changed: false,
            parameters_changed: false,
        };
        let none = View { open_ms: None, ..plain };
        let delta = View { sync: false, ..plain };
        let full = View { open_ms: Some(60_000), ..plain };
        for (name, view, want) in [
            ("the first", none, Step::Begin(None)),
            ("not yet", View { sync: false, ..none }, Step::Drop),
            ("in between", plain, Step::Append),
            ("in between, delta", delta, Step::Append),
            ("length", full, Step::Begin(Some(Cut::Length))),
            ("length, not here", View { sync: false, ..full }, Step::Append),
            ("policy", View { policy_changed: true, ..plain }, Step::Begin(Some(Cut::Policy))),
            ("policy, not here", View { policy_changed: true, ..delta }, Step::Append),
            ("parameters", View { parameters_changed: true, ..plain }, Step::Begin(Some(Cut::Parameters))),
            ("parameters, not here", View { parameters_changed: true, ..delta }, Step::End(Cut::Parameters)),
            ("gap", View { verdict: Verdict::Gap, ..plain }, Step::Begin(Some(Cut::Gap))),
            ("gap, not here", View { verdict: Verdict::Gap, ..delta }, Step::End(Cut::Gap)),
            ("clock", View { verdict: Verdict::NewLine, ..plain }, Step::Begin(Some(Cut::Clock))),
            ("clock, later", View { verdict: Verdict::NewLine, ..delta }, Step::Append),
            ("clock, now", View { clock_pending: true, ..plain }, Step::Begin(Some(Cut::Clock))),
            ("outlier", View { verdict: Verdict::Outlier, ..delta }, Step::Append),
            ("size", View { open_bytes: BYTES, ..plain }, Step::Begin(Some(Cut::Size))),
            ("size, not here", View { open_bytes: BYTES, ..delta }, Step::Append),
            ("size, wherever", View { open_bytes: MOST_BYTES, ..delta }, Step::End(Cut::Size)),
            ("no key frame", View { open_ms: Some(120_000), ..delta }, Step::End(Cut::NoKeyFrame)),
            ("short, no key frame", View { open_ms: Some(50_000), target_ms: 2_000, ..delta }, Step::Append),
        ] {
            assert_eq!(decide(&view), want, "{name}");
        }
    }
}
