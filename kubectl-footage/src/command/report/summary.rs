//! Several months as one report.

use camerafleet_footage::report::{Durations, Figures, Month, Report, Row, VERSION};
use serde_json::json;

use crate::failure::{Failure, Kind};

/// The reports of some months, and what they say together.
pub struct Summary {
    pub tenant: String,
    pub namespace: String,
    pub from: Month,
    pub to: Month,
    /// In their order; one at least.
    pub months: Vec<Report>,
    /// The months between of which there is no report.
    pub missing: Vec<Month>,
    /// Of all months together.
    pub figures: Figures,
}

/// The most months that are looked for.
const MAX_MONTHS: usize = 1_200;

impl Summary {
    /// Of the reports of these months. Without a first or last one, of all that there are on that side.
    pub fn new(
        namespace: String,
        mut reports: Vec<Report>,
        from: Option<Month>,
        to: Option<Month>,
    ) -> Result<Self, Failure> {
        let wanted = |month: Month| from.is_none_or(|from| from <= month) && to.is_none_or(|to| month <= to);
        reports.retain(|report| wanted(report.month));
        reports.sort_by_key(|report| report.month);
        let (Some(first), Some(last)) = (reports.first(), reports.last()) else {
            return Err(Failure::new(
                Kind::NotFound,
                "There is no report of these months.",
                "Give other months, or none for all that there are.",
            ));
        };
        let (tenant, from, to) =
            (first.tenant.clone(), from.unwrap_or(first.month), to.unwrap_or(last.month));
        let twice = reports.windows(2).any(|pair| pair[0].month == pair[1].month);
        let another = reports.iter().any(|report| report.checkpoint.origin != first.checkpoint.origin);
        if twice || another {
            return Err(Failure::new(
                Kind::Unverified,
                "These are reports of more than one log.",
                "Name one tenant's namespace with -n; where it has two logs, report the months of each by itself with --from and --to.",
            ));
        }
        let missing = std::iter::successors(Some(from), |month| Some(month.next()))
            .take_while(|month| *month <= to)
            .take(MAX_MONTHS)
            .filter(|month| !reports.iter().any(|report| report.month == *month))
            .collect();
        let figures = together(&reports);
        Ok(Self { tenant, namespace, from, to, months: reports, missing, figures })
    }

    /// Whether all months are there and over.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.months.iter().all(|report| report.complete)
    }

    /// By organisation, on whatever ground; the most requests first.
    pub fn organisations(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for row in &self.figures.requests {
            let same = |own: &&mut Row| own.organisation == row.organisation && own.others == row.others;
            match rows.iter_mut().find(same) {
                Some(own) => own.add(row),
                None => rows.push(Row { basis: None, ..row.clone() }),
            }
        }
        rows.sort_by_key(|row| {
            (row.organisation.is_none(), std::cmp::Reverse(row.submitted), row.organisation.clone())
        });
        rows
    }

    /// As it is documented in `docs/transparency-report.md`.
    pub fn json(&self) -> Result<String, Failure> {
        let times = |durations: &Durations| {
            json!({
                "count": durations.count(),
                "medianSeconds": durations.median(),
                "p90Seconds": durations.percentile(90),
            })
        };
        let value = json!({
            "version": VERSION,
            "tenant": self.tenant,
            "namespace": self.namespace,
            "from": self.from,
            "to": self.to,
            "complete": self.is_complete(),
            "missing": self.missing,
            "summary": {
                "requests": self.figures.total(),
                "byBasis": self.figures.by_basis(),
                "toDecision": times(&self.figures.times.to_decision),
                "toDelivery": times(&self.figures.times.to_delivery),
            },
            "figures": self.figures,
            "months": self.months,
        });
        let text = serde_json::to_string_pretty(&value).map_err(|error| {
            Failure::new(
                Kind::Unverified,
                format!("It cannot be printed: {error}."),
                "Report this as a fault.",
            )
        })?;
        Ok(text + "\n")
    }
}

fn together(reports: &[Report]) -> Figures {
    let mut figures = reports.iter().map(|report| &report.figures);
    let first = figures.next().cloned().unwrap_or_default();
    figures.fold(first, |sum, next| sum.then(next))
}
