//! How an object is printed.

use std::io::Write as _;

use serde::Serialize;

use crate::failure::{Failure, Kind};

/// The formats that kubectl has, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
    /// For files.
    Yaml,
}

/// Prints an object for a program; for people, what `table` says of it.
pub fn print<T: Serialize>(
    output: Output,
    object: &T,
    table: impl FnOnce() -> String,
) -> Result<(), Failure> {
    let unprintable = |error: String| {
        Failure::new(Kind::Unverified, format!("It cannot be printed: {error}."), "Report this as a fault.")
    };
    let text = match output {
        Output::Table => table(),
        Output::Json => serde_json::to_string_pretty(object).map_err(|e| unprintable(e.to_string()))?,
        Output::Yaml => serde_yaml_ng::to_string(object).map_err(|e| unprintable(e.to_string()))?,
    };
    match writeln!(std::io::stdout(), "{}", text.trim_end()) {
        // Whoever reads it has read enough, as `head` does.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| unprintable(error.to_string())),
    }
}

/// Lines of cells under headings, as kubectl prints them.
pub fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let lines = || std::iter::once(&heads).chain(rows);
    let width =
        |column: usize| lines().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max();
    let line = |cells: &Vec<String>| {
        let padded = cells.iter().enumerate().map(|(column, cell)| {
            let width = width(column).unwrap_or_default();
            format!("{cell:<width$}")
        });
        padded.collect::<Vec<_>>().join("   ").trim_end().to_owned()
    };
    lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a".to_owned(), "long".to_owned()], vec!["wider".to_owned(), "b".to_owned()]];
        assert_eq!(table(&["X", "Y"], &rows), "X       Y\na       long\nwider   b");
    }
}
