//! When a policy's job runs, from `spec.schedule`: a CronJob does not say it.

use croner::Cron;
use jiff::{Timestamp, tz::TimeZone};

/// The moments of a schedule.
pub struct Schedule(Cron);

impl Schedule {
    /// None for what is no schedule; the API server has refused the most of that.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// The first moment after another one.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = after.to_zoned(TimeZone::UTC);
        self.0.find_next_occurrence(&after, false).ok().map(|next| next.timestamp())
    }

    /// Whether two runs after `since` should have begun and the second has had an hour, its longest, to end.
    pub fn two_missed(&self, since: Timestamp, now: Timestamp) -> bool {
        let second = self.next(since).and_then(|first| self.next(first));
        second.is_some_and(|second| {
            now.duration_since(second).as_secs() > i64::from(super::resources::ACTIVE_DEADLINE_SECONDS)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_run_is_that_of_the_cron_job() {
        for (schedule, after, next) in [
            ("17 * * * *", "2026-11-25T10:17:00Z", "2026-11-25T11:17:00Z"),
            ("17 * * * *", "2026-11-25T10:16:59Z", "2026-11-25T10:17:00Z"),
            ("* * * * *", "2026-11-25T10:16:30Z", "2026-11-25T10:17:00Z"),
            ("@daily", "2026-11-25T10:17:00Z", "2026-11-26T00:00:00Z"),
            ("*/15 3 * * 1-5", "2026-11-27T04:00:00Z", "2026-11-30T03:00:00Z"),
            // A day of the month or a day of the week, as in every cron.
            ("0 0 1 * MON", "2026-11-25T10:17:00Z", "2026-11-30T00:00:00Z"),
        ] {
            assert_eq!(Schedule::parse(schedule).unwrap().next(at(after)), Some(at(next)), "{schedule}");
        }
        assert!(Schedule::parse("every now and then").is_none());
    }

    #[test]
    fn two_runs_are_missed_when_the_second_has_had_its_hour() {
        let hourly = Schedule::parse("17 * * * *").unwrap();
        let since = at("2026-11-25T10:20:00Z");
        assert!(!hourly.two_missed(since, at("2026-11-25T13:17:00Z")));
        assert!(hourly.two_missed(since, at("2026-11-25T13:17:01Z")));
    }
}
