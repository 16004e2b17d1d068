//! Disclosures as people live through them: asked for and answered with `kubectl footage`, made by real Jobs, opened and
//! checked with stock programs.

mod backup;
mod consent;
mod endings;
mod etcd;
mod orders;
mod owners;
pub mod people;
mod scene;

use std::time::Duration;

/// The operator sees, decides, runs a Job and tells.
const SOON: Duration = Duration::from_secs(120);
const OFFICER: &str = "officer@example.com";
const OWNER: &str = "owner-a@example.com";
const OTHER_OWNER: &str = "owner-b@example.com";
const REVIEWER: &str = "reviewer@example.com";
