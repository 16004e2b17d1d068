//! Moments as people give them.

use jiff::{Timestamp, ToSpan as _, Zoned, civil::DateTime, tz::TimeZone};

/// `2026-11-25T13:00:00Z`, a local time as `2026-11-25 13:00`, `now`, or `2h ago`. In whole seconds.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    at(text, &Zoned::now())
}

fn at(text: &str, now: &Zoned) -> Result<Timestamp, String> {
    let bad = || {
        format!(
            "`{text}` is no moment: give 2026-11-25T13:00:00Z, a local time as \"2026-11-25 13:00\", now, or \"2h ago\""
        )
    };
    let moment = if text == "now" {
        now.timestamp()
    } else if let Some(span) = text.strip_suffix("ago") {
        let span: jiff::Span = span.trim().parse().map_err(|_| bad())?;
        now.checked_sub(span).map_err(|_| bad())?.timestamp()
    } else if let Ok(moment) = text.parse::<Timestamp>() {
        moment
    } else {
        let local: DateTime = text.parse().map_err(|_| bad())?;
        local.to_zoned(now.time_zone().clone()).map_err(|_| bad())?.timestamp()
    };
    Timestamp::from_second(moment.as_second()).map_err(|_| bad())
}

/// How a moment is told: in UTC, to the second.
pub fn tell(moment: Timestamp) -> String {
    moment.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// So many days from now, in whole seconds.
pub fn in_days(days: i64) -> Timestamp {
    let now = Zoned::now();
    let then = now.checked_add(days.days()).unwrap_or(now);
    Timestamp::from_second(then.timestamp().as_second()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_given_in_four_ways() {
        let now: Zoned = "2026-11-25T13:00:00.5[Europe/Paris]".parse().unwrap();
        for (text, moment) in [
            ("2026-11-25T12:00:00Z", "2026-11-25T12:00:00Z"),
            ("2026-11-25T12:00:00.9+01:00", "2026-11-25T11:00:00Z"),
            ("2026-11-25 13:00", "2026-11-25T12:00:00Z"),
            ("2026-07-25 13:00:30", "2026-07-25T11:00:30Z"),
            ("now", "2026-11-25T12:00:00Z"),
            ("2h ago", "2026-11-25T10:00:00Z"),
            ("1 day 30m ago", "2026-11-24T11:30:00Z"),
        ] {
            assert_eq!(at(text, &now).unwrap(), moment.parse().unwrap(), "{text}");
        }
        for text in ["", "yesterday", "ago", "2026-13-01 00:00", "12:00"] {
            assert!(at(text, &now).is_err(), "{text}");
        }
    }
}
