//! Epochs and hours: the stretches of time that keys are made for.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

const START_FORMAT: &str = "%Y%m%dT%H%M%SZ";
const HOUR_FORMAT: &str = "%Y%m%dT%H";
const HOUR_SECONDS: i64 = 3600;

/// Why a text or a pair of numbers is no epoch or hour.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTime {
    /// The length is zero or beyond what a time can hold.
    #[error("an epoch of {0} seconds is no epoch: give a length of at least one second")]
    Length(u64),
    /// Epochs are aligned to the Unix epoch, so that everyone computes the same ones.
    #[error(
        "an epoch of {length} seconds cannot start at {start}: the start must be a multiple of the length, not before 1970"
    )]
    Start {
        /// Unix seconds.
        start: i64,
        /// Seconds.
        length: u64,
    },
    /// Not the one way of writing it.
    #[error("{0:?} is not written as expected (an epoch: 20261125T000000Z-86400, an hour: 20261125T00)")]
    Text(String),
}

/// A stretch of a retention policy's time that shares one key: `[start, start + length)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Epoch {
    /// Unix seconds, a multiple of `length`.
    start: i64,
    /// Seconds, at least 1.
    length: u64,
}

impl Epoch {
    /// The epoch of `length_s` seconds in which `at` lies. A length of zero counts as one second and a time
    /// before 1970 as 1970: neither comes from an admitted object.
    pub fn containing(at: Timestamp, length_s: u64) -> Self {
        let length = i64::try_from(length_s.max(1)).unwrap_or(i64::MAX);
        let start = at.as_second().max(0).div_euclid(length) * length;
        Self { start, length: length.unsigned_abs() }
    }

    /// From Unix seconds and a length in seconds; checks the alignment.
    pub fn new(start: i64, length: u64) -> Result<Self, InvalidTime> {
        let signed = i64::try_from(length).ok().filter(|l| *l > 0).ok_or(InvalidTime::Length(length))?;
        if start % signed != 0 || !(0..=Timestamp::MAX.as_second()).contains(&start) {
            return Err(InvalidTime::Start { start, length });
        }
        Ok(Self { start, length })
    }

    /// The first moment.
    pub fn start(&self) -> Timestamp {
        Timestamp::from_second(self.start).unwrap_or(Timestamp::MAX)
    }

    /// The first moment that is not in the epoch.
    pub fn end(&self) -> Timestamp {
        i64::try_from(self.length)
            .ok()
            .and_then(|length| self.start.checked_add(length))
            .and_then(|end| Timestamp::from_second(end).ok())
            .unwrap_or(Timestamp::MAX)
    }

    /// Seconds.
    pub fn length_seconds(&self) -> u64 {
        self.length
    }

    /// Whether `at` lies in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start() <= at && at < self.end()
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start().strftime(START_FORMAT), self.length)
    }
}

impl FromStr for Epoch {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let invalid = || InvalidTime::Text(shown(text));
        let (start, length) = text.split_once('-').ok_or_else(invalid)?;
        let start = utc_second(start, START_FORMAT).ok_or_else(invalid)?;
        let length = super::decimal(length).ok_or_else(invalid)?;
        let epoch = Self::new(start, length)?;
        // Only one way of writing an epoch names an object or a key.
        if epoch.to_string() == text { Ok(epoch) } else { Err(invalid()) }
    }
}

impl TryFrom<String> for Epoch {
    type Error = InvalidTime;

    fn try_from(text: String) -> Result<Self, InvalidTime> {
        text.parse()
    }
}

impl From<Epoch> for String {
    fn from(epoch: Epoch) -> Self {
        epoch.to_string()
    }
}

/// A UTC hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(/** Hours since the Unix epoch. */ i64);

impl Hour {
    /// The hour in which `at` lies; a time before 1970 counts as 1970.
    pub fn containing(at: Timestamp) -> Self {
        Self(at.as_second().max(0).div_euclid(HOUR_SECONDS))
    }

    /// The first moment.
    pub fn start(&self) -> Timestamp {
        Timestamp::from_second(self.0 * HOUR_SECONDS).unwrap_or(Timestamp::MAX)
    }

    /// The hour after it.
    pub fn next(&self) -> Self {
        Self::containing(Timestamp::from_second((self.0 + 1) * HOUR_SECONDS).unwrap_or(Timestamp::MAX))
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.start().strftime(HOUR_FORMAT))
    }
}

impl FromStr for Hour {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let invalid = || InvalidTime::Text(shown(text));
        let second = utc_second(&format!("{text}0000Z"), START_FORMAT).ok_or_else(invalid)?;
        let hour = Self(second.div_euclid(HOUR_SECONDS));
        if second >= 0 && hour.to_string() == text { Ok(hour) } else { Err(invalid()) }
    }
}

fn utc_second(text: &str, format: &str) -> Option<i64> {
    let civil = jiff::civil::DateTime::strptime(format, text).ok()?;
    Some(jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?.as_second())
}

/// Enough of a hostile text to recognise it in a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}
