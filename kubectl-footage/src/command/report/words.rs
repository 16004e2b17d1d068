//! The words of a report, the same at a terminal and on a page.

use camerafleet_crds::Basis;
use camerafleet_footage::{
    disclosure::Rule,
    report::{Durations, Month, Notices, Row},
};
use jiff::tz::TimeZone;

use super::summary::Summary;

/// A ground.
pub fn basis(basis: Option<Basis>) -> &'static str {
    match basis {
        Some(Basis::Consent) => "Consent",
        Some(Basis::CourtOrder) => "Court order",
        Some(Basis::Emergency) => "Emergency",
        Some(Basis::SubjectAccess) => "Subject access",
        Some(Basis::OwnerExport) => "Owner export",
        None => "Not known",
    }
}

/// What a ground means.
pub fn meaning(basis: Option<Basis>) -> &'static str {
    match basis {
        Some(Basis::Consent) => "The owners agreed to it, or were asked to.",
        Some(Basis::CourtOrder) => "A warrant or an order of an authority.",
        Some(Basis::Emergency) => "Danger to life before an order could be had; one must follow.",
        Some(Basis::SubjectAccess) => "Someone in the picture asked for what is held about them.",
        Some(Basis::OwnerExport) => "An owner asked for their own footage.",
        None => "The request was erased from the log, or cannot be read.",
    }
}

/// An organisation.
pub fn organisation(row: &Row) -> &str {
    match &row.organisation {
        Some(name) => name,
        None if row.others => "(other organisations)",
        None => "(private persons, or not known)",
    }
}

/// When a rule denies.
pub fn rule(rule: &str) -> &'static str {
    Rule::parse(rule).map_or("A rule that this release does not know.", Rule::meaning)
}

/// A length of time, in its two greatest units.
pub fn duration(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let first = units.iter().position(|(unit, _)| seconds >= *unit).unwrap_or(3);
    let mut rest = seconds;
    let told = units.iter().skip(first).take(2).map(|(unit, name)| {
        let number = rest / unit;
        rest %= unit;
        (number, name)
    });
    let told: Vec<String> = told
        .enumerate()
        .filter(|(place, (number, _))| *place == 0 || *number > 0)
        .map(|(_, (number, name))| format!("{number} {name}"))
        .collect();
    told.join(" ")
}

/// Hours, to a tenth.
pub fn hours(seconds: u64) -> String {
    let tenths = (seconds + 180) / 360;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// A median and how it is spread.
pub fn times(durations: &Durations) -> Option<(String, String)> {
    Some((duration(durations.median()?), duration(durations.percentile(90)?)))
}

/// A column of counts.
pub struct Column {
    pub head: &'static str,
    pub value: fn(&Row) -> String,
    /// Also where all are none.
    always: bool,
}

/// The columns that say something, by the total of the rows.
pub fn columns(total: &Row) -> Vec<Column> {
    let column = |head, always, value| Column { head, value, always };
    let all = [
        column("Open before", false, |row| row.carried_over.to_string()),
        column("Submitted", true, |row| row.submitted.to_string()),
        column("Reopened", false, |row| row.reopened.to_string()),
        column("Delivered", true, |row| row.delivered.to_string()),
        column("Denied", true, |row| row.denied.to_string()),
        column("Withdrawn", true, |row| row.withdrawn.to_string()),
        column("Expired", false, |row| row.expired.to_string()),
        column("Failed", false, |row| row.failed.to_string()),
        column("Unknown", false, |row| row.unknown.to_string()),
        column("Open", true, |row| row.pending.to_string()),
        column("Cameras", true, |row| row.cameras.to_string()),
        column("Hours", true, |row| hours(row.camera_seconds)),
        column("With sound", false, |row| row.with_sound.to_string()),
    ];
    all.into_iter().filter(|column| column.always || (column.value)(total) != "0").collect()
}

/// What is told beside the tables, each with its name.
pub fn facts(summary: &Summary) -> Vec<(&'static str, String)> {
    let figures = &summary.figures;
    let took = |durations: &Durations, what: &str| match times(durations) {
        None => format!("nothing was {what}"),
        Some((median, most)) => {
            format!("{median} in the median, nine in ten within {most} ({} {what})", durations.count())
        }
    };
    let (emergencies, notices, holds) = (&figures.emergencies, &figures.notices, &figures.holds);
    let mut told = format!("messages that arrived: {}; that did not: {}", notices.sent, notices.not_reached);
    if notices.delayed + notices.delays_ended > 0 {
        told += &format!(
            "; delayed by an order: {}; such delays that ended: {}",
            notices.delayed, notices.delays_ended
        );
    }
    if notices.still_delayed > 0 {
        told += &format!("; not to be told yet: {}", notices.still_delayed);
    }
    let emergencies = format!(
        "released before an order: {}; orders that followed: {} (late: {}); still due: {}; overdue: {}",
        emergencies.released, emergencies.followed_up, emergencies.late, emergencies.due, emergencies.overdue
    );
    let holds = format!(
        "opened: {}; prolonged: {}; ended: {}; open: {}",
        holds.opened, holds.renewed, holds.closed, holds.open
    );
    vec![
        ("Time to decision", took(&figures.times.to_decision, "decided")),
        ("Time to delivery", took(&figures.times.to_delivery, "delivered")),
        ("Emergencies", emergencies),
        ("Owners told", told),
        ("Legal holds", holds),
    ]
}

/// The months, as a title has them.
pub fn period(summary: &Summary) -> String {
    if summary.from == summary.to {
        summary.from.to_string()
    } else {
        format!("{} to {}", summary.from, summary.to)
    }
}

/// What a reader must know of the period before the numbers.
pub fn cautions(summary: &Summary) -> Vec<String> {
    let mut cautions = Vec::new();
    let open = summary.months.iter().filter(|report| !report.complete);
    for report in open {
        cautions.push(format!("{} was not over when it was counted.", report.month));
    }
    if !summary.missing.is_empty() {
        cautions.push(format!("There is no report of {}.", ranges(&summary.missing)));
    }
    let payloads = &summary.figures.payloads;
    let mut tell = |number: u64, one: &str, many: &str| match number {
        0 => {}
        1 => cautions.push(format!("1 {one}")),
        number => cautions.push(format!("{number} {many}")),
    };
    tell(
        payloads.erased,
        "entry of the log was erased in this time; that it was there stays provable.",
        "entries of the log were erased in this time; that they were there stays provable.",
    );
    tell(
        payloads.unexplained,
        "entry of the log cannot be read, and the log does not say that it was erased: ask the operator why.",
        "entries of the log cannot be read, and the log does not say that they were erased: ask the operator why.",
    );
    tell(
        payloads.newer,
        "entry was written by a newer release, and was not counted.",
        "entries were written by a newer release, and were not counted.",
    );
    cautions
}

/// Consecutive months as from and to.
fn ranges(months: &[Month]) -> String {
    let mut ranges: Vec<(Month, Month)> = Vec::new();
    for month in months {
        match ranges.last_mut() {
            Some((_, last)) if last.next() == *month => *last = *month,
            _ => ranges.push((*month, *month)),
        }
    }
    let told = ranges.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first} to {last}"),
    });
    told.collect::<Vec<_>>().join(", ")
}

/// That owners must not be told yet.
pub fn still_delayed(notices: &Notices) -> String {
    let until = notices.delayed_until.map(|until| until.to_zoned(TimeZone::UTC).date());
    let until = until.map(|date| format!(" before {date}")).unwrap_or_default();
    match notices.still_delayed {
        1 => format!("An order forbids to tell the owners of 1 request{until}"),
        number => format!("Orders forbid to tell the owners of {number} requests{until}"),
    }
}

/// How somebody else checks it: before the command, and after it.
pub const VERIFY: [&str; 2] = [
    "Each month was counted from the tenant's disclosure log as the checkpoint beside it has it. To check, save the signed note \
     below as checkpoint.txt, and let an auditor run",
    "It proves that the log of today begins with the log that was counted, so that no entry of it has been changed, moved or \
     removed since, and it counts the entries of each kind again.",
];

/// The command that checks.
pub fn verify_command(summary: &Summary) -> String {
    format!("kubectl footage verify-log -n {} --checkpoint checkpoint.txt", summary.namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_has_two_units_at_most() {
        for (seconds, told) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (61, "1 min 1 s"),
            (3_599, "59 min 59 s"),
            (12_060, "3 h 21 min"),
            (86_400, "1 d"),
            (93_600, "1 d 2 h"),
        ] {
            assert_eq!(duration(seconds), told);
        }
        for (seconds, told) in [(0, "0.0"), (179, "0.0"), (180, "0.1"), (3_600, "1.0"), (36_180, "10.1")] {
            assert_eq!(hours(seconds), told);
        }
    }
}
