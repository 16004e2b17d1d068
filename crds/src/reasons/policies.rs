//! The reasons of the policies.

use super::{Reason, reasons};

pub(super) const RETENTION: &[&[Reason]] = &[reasons! {
    Ready True InForce "Cameras that name this policy are recorded under it." "";
}];

pub(super) const SHARING: &[&[Reason]] = &[reasons! {
    Ready True InForce "Segments recorded from now on carry this policy's digest." "";
}];
