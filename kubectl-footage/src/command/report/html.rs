//! The report as one page: no script, nothing from elsewhere, readable in light, in dark, on paper and to a screen reader.

use camerafleet_footage::report::{Report, Row};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
    chart::{self, Bar},
    summary::Summary,
    words::{self, columns},
};

const STYLE: &str = include_str!("page.css");
/// Whatever a text on the page were taken for, nothing is fetched or run.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";
const SERIES: [&str; 3] = ["Delivered", "Denied", "Ended otherwise"];

/// The page.
pub fn page(summary: &Summary) -> String {
    let title = format!("Transparency report of {}, {}", summary.tenant, words::period(summary));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (head(summary))
                    (keys(summary))
                    (months(summary))
                    (grounds(summary))
                    (organisations(summary))
                    (denials(summary))
                    (rest(summary))
                    (foundation(summary))
                }
            }
        }
    };
    page.into_string() + "\n"
}

fn head(summary: &Summary) -> Markup {
    let cautions = words::cautions(summary);
    html! {
        header {
            p.kicker { "Transparency report" }
            h1 { "Disclosures of camera footage" }
            p.period { (summary.tenant) " · " (words::period(summary)) }
            p.lead {
                "How often recorded footage was asked for, by whom and on what ground, and what came of it. "
                "Counted from a log that nobody can change unnoticed; no person is named."
            }
            @if !cautions.is_empty() {
                ul.cautions { @for caution in &cautions { li { (caution) } } }
            }
        }
    }
}

fn keys(summary: &Summary) -> Markup {
    let total = summary.figures.total();
    let decision = words::times(&summary.figures.times.to_decision);
    let overdue = summary.figures.emergencies.overdue;
    let key = |number: String, name: &str, more: String| {
        html! { div.figure { dt { (name) } dd { strong { (number) } @if !more.is_empty() { span { (more) } } } } }
    };
    let emergencies = match summary.figures.emergencies.released {
        0 => "none before an order".to_owned(),
        released => format!("{released} before an order, {overdue} without one in time"),
    };
    html! {
        section aria-label="In short" {
            dl.figures {
                (key(total.submitted.to_string(), "requests", format!("{} still open", total.pending)))
                (key(total.delivered.to_string(), "releases", emergencies))
                (key(total.denied.to_string(), "denied", share(total.denied, total.closed())))
                (key(words::hours(total.camera_seconds), "hours released", format!("from {} cameras, counted once a release", total.cameras)))
                @if let Some((median, most)) = decision {
                    (key(median, "to decide, median", format!("nine in ten within {most}")))
                }
            }
        }
    }
}

fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => String::new(),
        _ => format!("{} % of what came to an end", (part * 100 + whole / 2) / whole),
    }
}

fn ends(row: &Row) -> Vec<u64> {
    vec![row.delivered, row.denied, row.closed() - row.delivered - row.denied]
}

fn months(summary: &Summary) -> Markup {
    let totals: Vec<(&Report, Row)> =
        summary.months.iter().map(|report| (report, report.figures.total())).collect();
    let bars: Vec<Bar> = totals
        .iter()
        .map(|(report, row)| Bar { name: report.month.to_string(), values: ends(row) })
        .collect();
    let told = "One bar a month: the requests that came to an end in it, by how they ended. The table below has the numbers.";
    let rows = totals.iter().map(|(report, row)| {
        let open = if report.complete { "" } else { " (so far)" };
        (format!("{}{open}", report.month), None, row.clone())
    });
    html! {
        section {
            h2 { "By month" }
            figure { (chart::standing("chart-months", "Requests that came to an end, by month", told, &SERIES, &bars)) }
            (table("Requests by month", "Month", rows.collect(), &summary.figures.total(), true))
            p.note {
                "A request counts as submitted in the month of its submission, and as delivered or denied in the month in which that happened."
            }
        }
    }
}

fn grounds(summary: &Summary) -> Markup {
    let rows = summary.figures.by_basis();
    let bars: Vec<Bar> =
        rows.iter().map(|row| Bar { name: words::basis(row.basis).to_owned(), values: ends(row) }).collect();
    let told = "One bar a ground: the requests that came to an end, by how they ended. The table below has the numbers.";
    let named = rows
        .into_iter()
        .map(|row| (words::basis(row.basis).to_owned(), Some(words::meaning(row.basis)), row));
    html! {
        @if !bars.is_empty() {
            section {
                h2 { "By ground" }
                figure { (chart::lying("chart-grounds", "Requests that came to an end, by ground", told, &SERIES, &bars)) }
                (table("Requests by ground", "Ground", named.collect(), &summary.figures.total(), false))
            }
        }
    }
}

fn organisations(summary: &Summary) -> Markup {
    let rows = summary.organisations().into_iter();
    let rows: Vec<_> = rows.map(|row| (words::organisation(&row).to_owned(), None, row)).collect();
    html! {
        @if !rows.is_empty() {
            section {
                h2 { "By organisation" }
                (table("Requests by organisation", "Organisation", rows, &summary.figures.total(), false))
                p.note { "As those who asked have named it. People who asked for themselves are not named." }
            }
        }
    }
}

fn table(
    caption: &str,
    head: &str,
    rows: Vec<(String, Option<&str>, Row)>,
    total: &Row,
    foot: bool,
) -> Markup {
    let columns = columns(total);
    let cells = |row: &Row| html! { @for column in &columns { td { ((column.value)(row)) } } };
    html! {
        div.wide tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr { th scope="col" { (head) } @for column in &columns { th scope="col" { (column.head) } } } }
                tbody {
                    @for (name, meaning, row) in &rows {
                        tr { th scope="row" { (name) @if let Some(meaning) = meaning { small { (meaning) } } } (cells(row)) }
                    }
                }
                @if foot && rows.len() > 1 {
                    tfoot { tr { th scope="row" { "All" } (cells(total)) } }
                }
            }
        }
    }
}

fn denials(summary: &Summary) -> Markup {
    html! {
        @if !summary.figures.denials.is_empty() {
            section {
                h2 { "Why requests were denied" }
                div.wide tabindex="0" role="region" aria-label="Denials by rule" {
                    table.words {
                        caption { "Denials by rule; a request that several rules deny counts for each" }
                        thead { tr { th scope="col" { "Rule" } th scope="col" { "Requests" } } }
                        tbody {
                            @for denial in &summary.figures.denials {
                                tr { th scope="row" { (denial.rule) small { (words::rule(&denial.rule)) } } td { (denial.requests) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn rest(summary: &Summary) -> Markup {
    html! {
        section {
            h2 { "Times, emergencies, notices, holds" }
            dl.facts { @for (name, said) in words::facts(summary) { dt { (name) } dd { (said) "." } } }
        }
    }
}

fn foundation(summary: &Summary) -> Markup {
    html! {
        footer {
            h2 { "What this rests on" }
            p { (words::VERIFY[0]) " " code { (words::verify_command(summary)) } ". " (words::VERIFY[1]) }
            div.wide tabindex="0" role="region" aria-label="Checkpoints" {
                table.words {
                    caption { "The checkpoints that the months were counted from" }
                    thead { tr { th scope="col" { "Month" } th scope="col" { "Entries" } th scope="col" { "Root of the tree" } } }
                    tbody {
                        @for report in &summary.months {
                            tr { th scope="row" { (report.month) } td { (report.checkpoint.size) } td.hash { (report.checkpoint.root) } }
                        }
                    }
                }
            }
            @if let Some(report) = summary.months.last() {
                p { "The newest of them, signed, to be kept:" }
                pre { (report.checkpoint.note.trim_end()) }
            }
            p.note { "Made by kubectl footage report, of Camerafleet." }
        }
    }
}
