//! How long things took, so that the median of several months is that of all of them together and not one of medians.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// What took longer counts as this long. A request is decided within 90 days.
const MOST: u64 = 180 * DAY;

/// How many took how long. A duration is rounded down to the second below ten minutes, to the minute below a day and to the
/// hour above, so that there are at most some six thousand different ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct Durations(BTreeMap<u64, u64>);

impl Durations {
    /// Counts one; one that ends before it begins counts as none.
    pub fn add(&mut self, duration: SignedDuration) {
        let seconds = u64::try_from(duration.as_secs()).unwrap_or(0).min(MOST);
        let step = match seconds {
            _ if seconds < 10 * MINUTE => 1,
            _ if seconds < DAY => MINUTE,
            _ => HOUR,
        };
        *self.0.entry(seconds / step * step).or_default() += 1;
    }

    /// Counts all of another's.
    pub fn merge(&mut self, other: &Self) {
        for (seconds, count) in &other.0 {
            let total = self.0.entry(*seconds).or_default();
            *total = total.saturating_add(*count);
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The least of them, in seconds, that at least this many per cent of all do not exceed (nearest rank). None of none.
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let rank = (u128::from(self.count()) * u128::from(percent.min(100))).div_ceil(100).max(1);
        let mut seen = 0_u128;
        let reached = self.0.iter().find(|(_, count)| {
            seen += u128::from(**count);
            seen >= rank
        });
        reached.map(|(seconds, _)| *seconds)
    }

    /// Half of them took no longer, in seconds.
    pub fn median(&self) -> Option<u64> {
        self.percentile(50)
    }
}

impl From<Vec<(u64, u64)>> for Durations {
    fn from(pairs: Vec<(u64, u64)>) -> Self {
        let mut all = Self::default();
        for (seconds, count) in pairs.into_iter().filter(|(_, count)| *count > 0) {
            all.merge(&Self(BTreeMap::from([(seconds, count)])));
        }
        all
    }
}

impl From<Durations> for Vec<(u64, u64)> {
    fn from(durations: Durations) -> Self {
        durations.0.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(seconds: &[i64]) -> Durations {
        let mut all = Durations::default();
        for second in seconds {
            all.add(SignedDuration::from_secs(*second));
        }
        all
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let cases: &[(&[i64], Option<u64>, Option<u64>)] = &[
            (&[], None, None),
            (&[7], Some(7), Some(7)),
            (&[1, 2], Some(1), Some(2)),
            (&[3, 1, 2], Some(2), Some(3)),
            (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], Some(5), Some(9)),
            (&[-5, 0], Some(0), Some(0)),
        ];
        for (seconds, median, p90) in cases {
            let all = of(seconds);
            assert_eq!((all.median(), all.percentile(90)), (*median, *p90), "{seconds:?}");
            assert_eq!(all.count(), seconds.len() as u64);
        }
    }

    #[test]
    fn a_duration_is_rounded_down_by_its_length_and_bounded() {
        for (seconds, kept) in
            [(599, 599), (659, 600), (86_399, 86_340), (86_400 + 3_599, 86_400), (i64::MAX, 15_552_000)]
        {
            assert_eq!(of(&[seconds]).median(), Some(kept), "{seconds}");
        }
        let many: Vec<i64> = (0..200 * 86_400).step_by(7).collect();
        assert!(of(&many).0.len() < 6_400, "{}", of(&many).0.len());
    }

    /// A median of medians would say 1 here.
    #[test]
    fn the_median_of_two_months_is_that_of_all_and_survives_being_written() {
        let (first, second) = (of(&[1, 1, 1, 1, 1]), of(&[100, 200, 300, 400, 500, 600]));
        let mut both = first.clone();
        both.merge(&second);
        assert_eq!(both, of(&[1, 1, 1, 1, 1, 100, 200, 300, 400, 500, 600]));
        assert_eq!((both.median(), both.count()), (Some(100), 11));
        let json = serde_json::to_string(&first).unwrap();
        assert_eq!(json, "[[1,5]]");
        assert_eq!(serde_json::from_str::<Durations>(&json).unwrap(), first);
    }
}
