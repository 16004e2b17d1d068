//! The transparency report, from the ConfigMaps that the operator counts from the disclosure log.

mod chart;
mod csv;
mod html;
mod read;
mod summary;
mod table;
#[cfg(test)]
mod tests;
mod words;

use std::{io::Write as _, path::PathBuf};

use camerafleet_footage::report::Month;

use self::summary::Summary;
use crate::{
    cluster::Cluster,
    failure::{Failure, Kind},
};

/// `kubectl footage report`.
#[derive(clap::Args)]
pub struct Args {
    /// The Tenant's name, instead of its namespace (-n). For who may list ConfigMaps in all namespaces.
    #[arg(long)]
    pub tenant: Option<String>,
    /// The first month, as 2026-01; the first that there is, where none is given.
    #[arg(long)]
    pub from: Option<Month>,
    /// The last month; the present one, where none is given.
    #[arg(long)]
    pub to: Option<Month>,
    #[arg(long, short, value_enum, default_value = "table")]
    pub output: Output,
    /// The file to write, instead of printing it. One that is there is replaced.
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// How it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people, at a terminal.
    Table,
    /// All that is known, for programs.
    Json,
    /// Requests by month, ground and organisation, for spreadsheets.
    Csv,
    /// A page to publish or print. It needs nothing beside itself.
    Html,
}

/// Prints it.
pub async fn run(args: &Args, cluster: &Cluster) -> Result<(), Failure> {
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from > to
    {
        return Err(Failure::new(
            Kind::Input,
            "The last month is before the first.",
            "Give a --from that is not after --to.",
        ));
    }
    let (namespace, reports) = read::reports(args.tenant.as_deref(), cluster).await?;
    let summary = Summary::new(namespace, reports, args.from, args.to)?;
    let text = render(&summary, args.output)?;
    match &args.out {
        Some(path) => std::fs::write(path, text).map_err(|error| unwritable(path, &error))?,
        // A reader that has seen enough closes the pipe.
        None => _ = std::io::stdout().lock().write_all(text.as_bytes()),
    }
    let delayed = summary.figures.notices.still_delayed;
    if delayed > 0 {
        eprintln!(
            "note:  {}. Until then, ask a lawyer before publishing this report: small numbers may tell them.",
            words::still_delayed(&summary.figures.notices)
        );
    }
    Ok(())
}

fn unwritable(path: &std::path::Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        Kind::Input,
        format!("{} cannot be written: {error}.", path.display()),
        "Check the folder and the room that is left.",
    )
}

fn render(summary: &Summary, output: Output) -> Result<String, Failure> {
    match output {
        Output::Table => Ok(table::table(summary)),
        Output::Json => summary.json(),
        Output::Csv => csv::csv(summary),
        Output::Html => Ok(html::page(summary)),
    }
}
