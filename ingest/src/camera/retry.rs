//! When to try a camera again, pure.

use std::time::Duration;

/// The bounds of waits. Tests make them shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// No wait is shorter: a camera that closes at once is not to be hammered.
    pub least: Duration,
    /// The first wait's bound.
    pub base: Duration,
    /// The longest.
    pub cap: Duration,
    /// The longest for a camera that allows one session: the old pod of a roll-over lets go at some moment, and the gap
    /// must stay under 5 s.
    pub cap_hand_over: Duration,
    /// How long after a camera was taken over that holds.
    pub hand_over: Duration,
    /// Wrong passwords lock accounts: slowly then.
    pub slow: Duration,
    /// A connection that recorded this long was a good one.
    pub healthy: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            least: Duration::from_millis(100),
            base: Duration::from_secs(1),
            cap: Duration::from_secs(30),
            cap_hand_over: Duration::from_secs(4),
            hand_over: Duration::from_secs(300),
            slow: Duration::from_secs(60),
            healthy: Duration::from_secs(60),
        }
    }
}

/// What to base a wait on.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// How long the connection recorded before it failed.
    pub recorded: Duration,
    /// The camera refused the password.
    pub refused: bool,
    /// The camera allows one session only.
    pub one_session: bool,
    /// Since the pod took the camera over.
    pub since_start: Duration,
}

/// Exponential back-off with full jitter.
#[derive(Debug, Default)]
pub struct Backoff {
    limits: Limits,
    failures: u32,
}

impl Backoff {
    /// At its beginning.
    pub fn new(limits: Limits) -> Self {
        Self { limits, failures: 0 }
    }

    /// The wait after a failed attempt; `random` is any number.
    pub fn next(&mut self, attempt: &Attempt, random: u64) -> Duration {
        let limits = &self.limits;
        if attempt.recorded >= limits.healthy {
            self.failures = 0;
        }
        if attempt.refused {
            self.failures = 0;
            return limits.slow + portion(limits.slow / 6, random);
        }
        let handed_over = attempt.one_session && attempt.since_start < limits.hand_over;
        let cap = if handed_over { limits.cap_hand_over } else { limits.cap };
        let bound = limits.base.saturating_mul(1 << self.failures.min(10)).min(cap);
        self.failures = self.failures.saturating_add(1);
        portion(bound, random).max(limits.least)
    }

    /// What was wrong was put right (by a person): start afresh.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A part of `whole` chosen by `random`.
fn portion(whole: Duration, random: u64) -> Duration {
    let parts = u32::try_from(random % 1_001).unwrap_or(0);
    whole * parts / 1_000
}

/// A number good enough for jitter.
pub fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u64 = 1_000;

    #[test]
    fn waits_grow_to_their_cap_and_start_again_after_a_good_minute() {
        let failed = Attempt {
            recorded: Duration::ZERO,
            refused: false,
            one_session: false,
            since_start: Duration::from_secs(1_000),
        };
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..7).map(|_| backoff.next(&failed, MOST).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        let good = Attempt { recorded: Duration::from_secs(61), ..failed };
        assert_eq!(backoff.next(&good, MOST).as_secs(), 1);
        assert_eq!(backoff.next(&failed, MOST).as_secs(), 2);
        assert_eq!(backoff.next(&failed, 0), Duration::from_millis(100), "full jitter");

        let refused = Attempt { refused: true, ..failed };
        assert_eq!(backoff.next(&refused, 0).as_secs(), 60);
        assert_eq!(backoff.next(&refused, MOST).as_secs(), 70);

        let handed_over = Attempt { one_session: true, since_start: Duration::from_secs(20), ..failed };
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..5).map(|_| backoff.next(&handed_over, MOST).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 4, 4]);
    }
}
