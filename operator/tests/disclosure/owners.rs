//! Custody Owners.
