//! What docs/monitoring.md says that there is. That it is all that is registered, unit tests of both programs see to.

use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../docs/monitoring.md");

/// The cells of all rows of the page's tables whose first cell begins so.
pub fn rows(prefix: &str) -> Vec<Vec<String>> {
    let rows = PAGE.lines().filter(|line| line.starts_with(&format!("| `{prefix}")));
    rows.map(|row| {
        row.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    })
    .collect()
}

/// The series that there are, by name.
pub fn series() -> BTreeSet<String> {
    let names = rows("camerafleet_").into_iter().flat_map(|row| match row[1].as_str() {
        "histogram" => ["_bucket", "_sum", "_count"].map(|suffix| row[0].clone() + suffix).to_vec(),
        _ => vec![row[0].clone()],
    });
    names.collect()
}

/// The series of this project's that a query names.
pub fn queried(query: &str) -> Vec<String> {
    let outside_quotes: String = query.split('"').step_by(2).collect();
    let words = outside_quotes.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    words.filter(|word| word.starts_with("camerafleet")).map(str::to_owned).collect()
}

/// The values that a query compares labels with, each with its series: `up{a=~"b|c"}` has (up, b) and (up, c).
pub fn compared(query: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (at, _) in query.match_indices('{') {
        let before = &query[..at];
        let begin = before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |at| at + 1);
        let matchers = &query[at..];
        let matchers = &matchers[..matchers.find('}').unwrap()];
        for values in matchers.split('"').skip(1).step_by(2) {
            found.extend(values.split('|').map(|value| (before[begin..].to_owned(), value.to_owned())));
        }
    }
    found
}
