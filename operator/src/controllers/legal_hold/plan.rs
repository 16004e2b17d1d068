//! What is to be logged of a hold: a pure function of it and the clock.

use camerafleet_crds::{HoldReference, LegalHold};
use camerafleet_footage::{
    hold::HoldTerms,
    ids::HoldId,
    log::{
        NewEntry,
        entry::{HoldClosed, HoldOpened, HoldRenewed},
    },
    retention::due_at,
};
use jiff::Timestamp;

/// What is to be logged.
pub struct Plan {
    /// All of its entries so far, in their order. Those that the log has are not appended again.
    pub entries: Vec<NewEntry>,
    /// When it ends, renewals included.
    pub expires_at: Timestamp,
    /// It has ended, or is deleted.
    pub over: bool,
}

/// Decides.
pub fn plan(hold: &LegalHold, id: &HoldId, now: Timestamp) -> Plan {
    let spec = &hold.spec;
    let created = hold.metadata.creation_timestamp.as_ref().map(|created| created.0);
    let terms = HoldTerms::new(spec, created);
    let over = terms.is_over(now) || hold.metadata.deletion_timestamp.is_some();
    let mut expires_at = due_at(created.unwrap_or(now), spec.duration);
    let opened = HoldOpened {
        hold: id.to_string(),
        cameras: terms.cameras().into_iter().flatten().collect(),
        all_cameras: spec.all_cameras,
        from: spec.window.from.0,
        to: spec.window.to.0,
        expires_at,
        reference: reference(&spec.reference),
    };
    let mut entries = vec![NewEntry { id: format!("hold-opened/{id}"), at: now, entry: opened.into() }];
    for (n, renewal) in spec.renewals.iter().enumerate() {
        expires_at = due_at(expires_at, renewal.duration);
        let renewed =
            HoldRenewed { hold: id.to_string(), expires_at, reference: reference(&renewal.reference) };
        entries.push(NewEntry { id: format!("hold-renewed/{id}/{n}"), at: now, entry: renewed.into() });
    }
    if over {
        let closed = HoldClosed { hold: id.to_string() };
        entries.push(NewEntry { id: closed_id(id), at: now, entry: closed.into() });
    }
    Plan { entries, expires_at: terms.expires_at(), over }
}

/// Under which a hold's end is logged.
pub fn closed_id(id: &HoldId) -> String {
    format!("hold-closed/{id}")
}

fn reference(reference: &HoldReference) -> String {
    format!("{:?}/{}", reference.kind, reference.name)
}
