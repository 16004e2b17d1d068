//! The kinds of holds and disclosure. No controller looks at them yet.

use super::{NOT_YET, Reason};

pub(super) const LEGAL_HOLD: &[&[Reason]] = &[NOT_YET];
pub(super) const REQUEST: &[&[Reason]] = &[NOT_YET];
pub(super) const APPROVAL: &[&[Reason]] = &[NOT_YET];
pub(super) const LEGAL_ORDER: &[&[Reason]] = &[NOT_YET];
