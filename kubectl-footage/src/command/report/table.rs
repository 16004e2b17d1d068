//! The report at a terminal.

use std::fmt::Write as _;

use camerafleet_footage::report::Row;
use unicode_width::UnicodeWidthStr as _;

use super::{
    summary::Summary,
    words::{self, columns},
};

/// The whole report.
pub fn table(summary: &Summary) -> String {
    let figures = &summary.figures;
    let mut out = format!("Transparency report of {}, {}\n", summary.tenant, words::period(summary));
    for caution in words::cautions(summary) {
        let _ = writeln!(out, "{caution}");
    }
    let total = figures.total();
    let months = summary.months.iter();
    let months = months.map(|report| (report.month.to_string(), report.figures.total()));
    out += &section("MONTH", months.collect(), &total);
    let grounds = figures.by_basis().into_iter().map(|row| (words::basis(row.basis).to_owned(), row));
    out += &section("GROUND", grounds.collect(), &total);
    let organisations = summary.organisations().into_iter();
    let organisations = organisations.map(|row| (words::organisation(&row).to_owned(), row));
    out += &section("ORGANISATION", organisations.collect(), &total);
    if !figures.denials.is_empty() {
        let rows = figures.denials.iter().map(|denial| {
            let cells = [&*denial.rule, &denial.requests.to_string(), words::rule(&denial.rule)];
            cells.map(str::to_owned).to_vec()
        });
        let rows: Vec<_> = rows.collect();
        let _ = write!(out, "\n{}", aligned(&["DENIED BY", "REQUESTS", "WHEN"], &rows, &[1]));
    }
    out.push('\n');
    for (name, said) in words::facts(summary) {
        let _ = writeln!(out, "{name:<18}{said}");
    }
    let checkpoints = summary.months.iter().map(|report| {
        let checkpoint = &report.checkpoint;
        vec![report.month.to_string(), checkpoint.size.to_string(), checkpoint.root.clone()]
    });
    let checkpoints: Vec<_> = checkpoints.collect();
    let _ = write!(out, "\n{}", aligned(&["COUNTED FROM", "ENTRIES", "ROOT"], &checkpoints, &[1]));
    if let Some(report) = summary.months.last() {
        let _ = writeln!(out, "of the log {}", report.checkpoint.origin);
    }
    let _ = writeln!(
        out,
        "next:  save a signed note (-o json) as checkpoint.txt, and check the log against it:\n       {}",
        words::verify_command(summary)
    );
    out
}

fn section(head: &str, rows: Vec<(String, Row)>, total: &Row) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let columns = columns(total);
    let mut heads = vec![head.to_owned()];
    heads.extend(columns.iter().map(|column| column.head.to_uppercase()));
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let line = |(name, row): (String, Row)| {
        let mut cells = vec![name];
        cells.extend(columns.iter().map(|column| (column.value)(&row)));
        cells
    };
    let mut lines: Vec<_> = rows.into_iter().map(line).collect();
    if head == "MONTH" && lines.len() > 1 {
        lines.push(line(("all".to_owned(), total.clone())));
    }
    let right: Vec<usize> = (1..heads.len()).collect();
    format!("\n{}", aligned(&heads, &lines, &right))
}

/// Lines of cells under heads; the columns of numbers end in line.
fn aligned(heads: &[&str], rows: &[Vec<String>], right: &[usize]) -> String {
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let lines = || std::iter::once(&heads).chain(rows);
    let widths: Vec<usize> = (0..heads.len())
        .map(|column| lines().filter_map(|line| line.get(column)).map(|cell| cell.width()).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for line in lines() {
        let mut text = String::new();
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let blank = " ".repeat(width - cell.width().min(*width));
            let (before, after) =
                if right.contains(&column) { (blank, String::new()) } else { (String::new(), blank) };
            text += &format!("{before}{cell}{after}  ");
        }
        out += text.trim_end();
        out.push('\n');
    }
    out
}
