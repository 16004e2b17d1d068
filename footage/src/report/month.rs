//! A month, in UTC.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A month of the calendar, in UTC, of the years 1970 to 9998.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i16,
    month: i8,
}

/// Why a text is no month.
#[derive(Debug, thiserror::Error)]
#[error("a month is written as 2026-11")]
pub struct InvalidMonth;

impl Month {
    /// None where there is no such month.
    pub fn new(year: i16, month: i8) -> Option<Self> {
        ((1970..=9998).contains(&year) && (1..=12).contains(&month)).then_some(Self { year, month })
    }

    /// The month that a time lies in; the first or the last one where it lies in none.
    pub fn of(at: Timestamp) -> Self {
        let date = at.to_zoned(TimeZone::UTC).date();
        match date.year() {
            ..1970 => Self { year: 1970, month: 1 },
            1970..=9998 => Self { year: date.year(), month: date.month() },
            _ => Self { year: 9998, month: 12 },
        }
    }

    /// Its first moment.
    pub fn start(self) -> Timestamp {
        let first = Date::new(self.year, self.month, 1).and_then(|date| date.to_zoned(TimeZone::UTC));
        first.unwrap_or_else(|e| unreachable!("it is a month: {e}")).timestamp()
    }

    /// The first moment that is no more in it.
    pub fn end(self) -> Timestamp {
        self.next().start()
    }

    /// The month after it.
    pub fn next(self) -> Self {
        match self.month {
            12 => Self { year: self.year + 1, month: 1 },
            month => Self { month: month + 1, ..self },
        }
    }

    /// As `202611`.
    pub fn compact(self) -> String {
        format!("{:04}{:02}", self.year, self.month)
    }

    /// The month before it by so many months; at the earliest the first one.
    pub fn back(self, months: i32) -> Self {
        let count = (i32::from(self.year) * 12 + i32::from(self.month) - 1 - months).max(1970 * 12);
        let year = i16::try_from(count / 12).unwrap_or(1970);
        Self { year, month: i8::try_from(count % 12 + 1).unwrap_or(1) }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for Month {
    type Err = InvalidMonth;

    fn from_str(text: &str) -> Result<Self, InvalidMonth> {
        let (year, month) = text.split_once('-').ok_or(InvalidMonth)?;
        let digits = |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return Err(InvalidMonth);
        }
        let month =
            Self::new(year.parse().map_err(|_| InvalidMonth)?, month.parse().map_err(|_| InvalidMonth)?);
        month.ok_or(InvalidMonth)
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_its_edges_and_its_neighbours() {
        let month: Month = "2026-12".parse().unwrap();
        assert_eq!(
            (month.start().to_string(), month.end().to_string()),
            ("2026-12-01T00:00:00Z".into(), "2027-01-01T00:00:00Z".into())
        );
        assert_eq!((month.to_string(), month.compact()), ("2026-12".into(), "202612".into()));
        assert_eq!(
            (month.next().to_string(), month.back(12).to_string()),
            ("2027-01".into(), "2025-12".into())
        );
        assert_eq!(month.back(i32::from(i16::MAX)).to_string(), "1970-01");
        assert_eq!(Month::of("2026-12-31T23:59:59.999Z".parse().unwrap()), month);
        assert_eq!(Month::of(month.end()), month.next());
        assert_eq!(Month::of(Timestamp::MIN).to_string(), "1970-01");
        assert!(Month::of(Timestamp::MAX).end() <= Timestamp::MAX);
        for text in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "2026-1",
            "26-11",
            "2026-11-01",
            "+026-11",
            "1969-12",
            "9999-01",
        ] {
            assert!(text.parse::<Month>().is_err(), "{text}");
        }
    }
}
