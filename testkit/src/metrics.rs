//! A program's metrics, held to the table that people read.

use std::collections::BTreeSet;

use prometheus::{core::Collector, proto::MetricType};

/// All metrics of a struct but these fields, destructured without `..`, so that none is forgotten.
#[macro_export]
macro_rules! collectors {
    ($metrics:expr, $type:ident but $($other:ident),+: $($field:ident),+ $(,)?) => {{
        let $type { $($other: _,)+ $($field),+ } = $metrics;
        let all: Vec<&dyn prometheus::core::Collector> = vec![$($field),+];
        all
    }};
}

/// That these are the metrics in these rows of docs/monitoring.md: name, type, labels and meaning.
///
/// # Panics
/// Where they are not, with what is missing.
pub fn assert_documented<'a>(metrics: &[&dyn Collector], rows: impl Iterator<Item = &'a str>) {
    let registered: BTreeSet<String> = metrics.iter().map(|metric| row(*metric)).collect();
    let documented: BTreeSet<String> = rows.map(cells).collect();
    let missing: Vec<_> = registered.difference(&documented).collect();
    let extra: Vec<_> = documented.difference(&registered).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing: {missing:#?}\nnot registered: {extra:#?}");
}

fn row(metric: &dyn Collector) -> String {
    let desc = metric.desc()[0].clone();
    let kind = match metric.collect()[0].get_field_type() {
        MetricType::COUNTER => "counter",
        MetricType::GAUGE => "gauge",
        MetricType::HISTOGRAM => "histogram",
        other => panic!("{other:?}"),
    };
    format!("{} | {kind} | {} | {}", desc.fq_name, desc.variable_labels.join(", "), desc.help)
}

fn cells(row: &str) -> String {
    let row = row.replace('`', "");
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    let ["", name, kind, labels, unit, help, worry, ""] = cells[..] else { panic!("{row}") };
    assert!(!unit.is_empty() && !worry.is_empty(), "{row}");
    for word in ["seconds", "bytes"] {
        assert_eq!(name.split('_').any(|part| part == word), unit == word, "{row}");
    }
    format!("{name} | {kind} | {labels} | {help}")
}
