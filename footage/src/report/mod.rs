//! The transparency report (`docs/transparency-report.md`): a tenant's disclosures counted from its log, month by month, with
//! nothing personal in it.
//!
//! A [`Ledger`] is fed the log's entries in their order and counts any month of them. What it counts are the entries and
//! nothing else: live objects may be gone, changed or restored.
//!
//! Of what a request says, the ground and the organisation are taken, and the organisation only on the grounds on which it
//! must be given: a person who asks for pictures of themselves, or an owner who exports their own, is named nowhere.

mod case;
mod count;
mod durations;
mod figures;
mod ledger;
mod month;
mod text;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

pub use durations::Durations;
pub use figures::{Denial, Emergencies, Figures, Holds, Notices, Payloads, Row, Times};
pub use ledger::{Ledger, Seen};
pub use month::{InvalidMonth, Month};
pub use text::tidy;

use crate::log::SignedCheckpoint;

/// Of [`Report`]'s form. A reader refuses a greater one.
pub const VERSION: u32 = 1;
/// The ConfigMap's key.
pub const KEY: &str = "report.json";
/// The label that selects the ConfigMaps, beside the tenant's.
pub const COMPONENT: (&str, &str) = ("camerafleet.io/component", "transparency-report");
/// What every such ConfigMap's name begins with; the month follows, as `202611`.
pub const PREFIX: &str = "transparency-report-";

/// The ConfigMap of a month.
pub fn config_map_name(month: Month) -> String {
    format!("{PREFIX}{}", month.compact())
}

/// A tenant's report of a month, as it lies in the ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    /// The Tenant's name.
    pub tenant: String,
    /// The month, in UTC.
    pub month: Month,
    /// Whether the month was over. Such a report is not written again.
    pub complete: bool,
    /// What was counted.
    pub figures: Figures,
    /// The log as it was counted.
    pub checkpoint: Checkpoint,
}

/// What a report rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// How many entries it had.
    pub size: u64,
    /// The hash of their tree, base64 as in the note.
    pub root: String,
    /// The signed note: whoever has it can hold the log to it.
    pub note: String,
}

impl From<&SignedCheckpoint> for Checkpoint {
    fn from(signed: &SignedCheckpoint) -> Self {
        Self {
            origin: signed.note().lines().next().unwrap_or_default().to_owned(),
            size: signed.size(),
            root: BASE64_STANDARD.encode(signed.root()),
            note: signed.note().to_owned(),
        }
    }
}
