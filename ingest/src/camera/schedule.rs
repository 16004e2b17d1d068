//! Whether a camera is to record at a moment, pure.

use camerafleet_footage::shard::{Recording, ScheduleWindow};
use jiff::{Timestamp, ToSpan, civil::Weekday, tz::TimeZone};

/// What the schedule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Record now.
    Record,
    /// Outside the schedule's windows.
    ScheduledOff,
    /// Not at all.
    Off,
    /// The schedule cannot be read. Nothing is recorded: it may be there for someone's privacy.
    Unreadable,
}

/// What is wanted at `now`.
pub fn wanted(recording: &Recording, now: Timestamp) -> Wanted {
    match recording {
        Recording::Continuous => Wanted::Record,
        Recording::Off => Wanted::Off,
        Recording::Schedule { windows } => {
            let within: Option<Vec<bool>> = windows.iter().map(|window| contains(window, now)).collect();
            match within {
                None => Wanted::Unreadable,
                Some(within) if within.contains(&true) => Wanted::Record,
                Some(_) => Wanted::ScheduledOff,
            }
        }
    }
}

/// None where a field cannot be read.
fn contains(window: &ScheduleWindow, now: Timestamp) -> Option<bool> {
    let local = now.to_zoned(TimeZone::get(&window.time_zone).ok()?);
    let (from, to) = (minutes(&window.from)?, minutes(&window.to)?);
    let days: Vec<Weekday> = window.days.iter().map(|day| weekday(day)).collect::<Option<_>>()?;
    let minute = u32::from(local.hour().unsigned_abs()) * 60 + u32::from(local.minute().unsigned_abs());
    let today = days.contains(&local.weekday());
    if from < to {
        return Some(today && (from..to).contains(&minute));
    }
    let yesterday = local.date().checked_sub(1.day()).ok()?.weekday();
    Some((today && minute >= from) || (days.contains(&yesterday) && minute < to))
}

fn minutes(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let all = hours * 60 + minutes;
    (hours <= 24 && minutes < 60 && all <= 24 * 60).then_some(all)
}

fn weekday(name: &str) -> Option<Weekday> {
    Some(match name {
        "Mon" => Weekday::Monday,
        "Tue" => Weekday::Tuesday,
        "Wed" => Weekday::Wednesday,
        "Thu" => Weekday::Thursday,
        "Fri" => Weekday::Friday,
        "Sat" => Weekday::Saturday,
        "Sun" => Weekday::Sunday,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: &[&str], from: &str, to: &str, zone: &str) -> Recording {
        let days = days.iter().map(ToString::to_string).collect();
        let (from, to, time_zone) = (from.into(), to.into(), zone.into());
        Recording::Schedule { windows: vec![ScheduleWindow { days, from, to, time_zone }] }
    }

    #[test]
    fn windows_run_past_midnight_and_through_the_change_of_the_clocks() {
        let night = window(&["Mon"], "22:00", "06:00", "Europe/London");
        let day = window(&["Wed"], "08:00", "24:00", "UTC");
        let (spring, autumn) = (
            window(&["Sun"], "00:30", "02:30", "Europe/London"),
            window(&["Sun"], "01:15", "01:45", "Europe/London"),
        );
        use Wanted::*;
        for (recording, at, want) in [
            (&Recording::Continuous, "2026-07-06T00:00:00Z", Record),
            (&Recording::Off, "2026-07-06T00:00:00Z", Off),
            // Monday 6 July 2026, London is UTC+1.
            (&night, "2026-07-06T20:59:59Z", ScheduledOff),
            (&night, "2026-07-06T21:00:00Z", Record),
            (&night, "2026-07-07T04:59:59Z", Record),
            (&night, "2026-07-07T05:00:00Z", ScheduledOff),
            (&night, "2026-07-07T21:30:00Z", ScheduledOff),
            // In winter UTC.
            (&night, "2026-11-23T21:59:59Z", ScheduledOff),
            (&night, "2026-11-24T05:59:59Z", Record),
            // On 29 March 2026 London's clocks go from 01:00 to 02:00: an hour less.
            (&spring, "2026-03-29T00:29:59Z", ScheduledOff),
            (&spring, "2026-03-29T00:30:00Z", Record),
            (&spring, "2026-03-29T01:29:59Z", Record),
            (&spring, "2026-03-29T01:30:00Z", ScheduledOff),
            // A window that does not come that day.
            (&autumn, "2026-03-29T00:59:59Z", ScheduledOff),
            (&autumn, "2026-03-29T01:00:00Z", ScheduledOff),
            // On 25 October from 02:00 to 01:00: one that comes twice.
            (&autumn, "2026-10-25T00:15:00Z", Record),
            (&autumn, "2026-10-25T00:45:00Z", ScheduledOff),
            (&autumn, "2026-10-25T01:15:00Z", Record),
            (&autumn, "2026-10-25T01:45:00Z", ScheduledOff),
            (&day, "2026-11-25T23:59:59Z", Record),
            (&day, "2026-11-26T00:00:00Z", ScheduledOff),
            (&window(&["Mon"], "22:00", "06:00", "Mars/Olympus"), "2026-07-06T20:00:00Z", Unreadable),
            (&window(&["Montag"], "22:00", "06:00", "UTC"), "2026-07-06T20:00:00Z", Unreadable),
            (&window(&["Mon"], "22", "06:00", "UTC"), "2026-07-06T20:00:00Z", Unreadable),
            (&window(&["Mon"], "22:00", "24:30", "UTC"), "2026-07-06T20:00:00Z", Unreadable),
        ] {
            assert_eq!(wanted(recording, at.parse().unwrap()), want, "{recording:?} {at}");
        }
    }
}
