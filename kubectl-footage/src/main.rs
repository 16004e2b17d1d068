//! The `kubectl footage` plugin.
fn main() {}
