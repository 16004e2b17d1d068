//! Comma-separated values by RFC 4180: a line for each month, ground and organisation.

use camerafleet_footage::report::{Report, Row};

use super::summary::Summary;
use crate::failure::{Failure, Kind};

const HEADS: [&str; 18] = [
    "tenant",
    "month",
    "complete",
    "basis",
    "organisation",
    "carriedOver",
    "submitted",
    "reopened",
    "delivered",
    "denied",
    "withdrawn",
    "expired",
    "failed",
    "unknown",
    "pending",
    "cameras",
    "cameraSeconds",
    "withSound",
];

/// The file's text. A month in which nothing was asked for is a line of zeros.
pub fn csv(summary: &Summary) -> Result<String, Failure> {
    let unprintable = |error: &dyn std::fmt::Display| {
        Failure::new(Kind::Unverified, format!("It cannot be printed: {error}."), "Report this as a fault.")
    };
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(HEADS).map_err(|e| unprintable(&e))?;
    for report in &summary.months {
        let nothing = [Row::default()];
        let rows = &report.figures.requests;
        for row in if rows.is_empty() { nothing.as_slice() } else { rows } {
            writer.write_record(line(report, row)).map_err(|e| unprintable(&e))?;
        }
    }
    let bytes = writer.into_inner().map_err(|e| unprintable(&e))?;
    String::from_utf8(bytes).map_err(|e| unprintable(&e))
}

fn line(report: &Report, row: &Row) -> [String; 18] {
    let organisation = match (&row.organisation, row.others) {
        (Some(name), _) => harmless(name),
        (None, true) => "(other organisations)".to_owned(),
        (None, false) => String::new(),
    };
    [
        harmless(&report.tenant),
        report.month.to_string(),
        report.complete.to_string(),
        row.basis.map(|basis| format!("{basis:?}")).unwrap_or_default(),
        organisation,
        row.carried_over.to_string(),
        row.submitted.to_string(),
        row.reopened.to_string(),
        row.delivered.to_string(),
        row.denied.to_string(),
        row.withdrawn.to_string(),
        row.expired.to_string(),
        row.failed.to_string(),
        row.unknown.to_string(),
        row.pending.to_string(),
        row.cameras.to_string(),
        row.camera_seconds.to_string(),
        row.with_sound.to_string(),
    ]
}

/// A spreadsheet takes a text that begins so for a formula, and a formula can send the sheet elsewhere (OWASP, "CSV
/// Injection"). An apostrophe before it makes it a text.
fn harmless(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if formula { format!("'{text}") } else { text.to_owned() }
}
