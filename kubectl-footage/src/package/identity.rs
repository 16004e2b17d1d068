//! The recipient's keys.

use std::path::Path;

use age::x25519::Identity;

use crate::failure::{Failure, Kind};

/// The keys of an identity file, as age takes it: one a line, comments after `#`.
pub struct Keys(Vec<Identity>);

impl Keys {
    /// Reads them.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let unreadable = |why: &dyn std::fmt::Display| {
            Failure::new(
                Kind::Input,
                format!("{} holds no key of yours: {why}.", path.display()),
                "Give the file that age-keygen or kubectl footage keygen wrote.",
            )
        };
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error))?;
        let lines = text.lines().map(str::trim).filter(|line| line.starts_with("AGE-SECRET-KEY-1"));
        let keys: Vec<Identity> =
            lines.map(str::parse).collect::<Result<_, _>>().map_err(|error: &str| unreadable(&error))?;
        if keys.is_empty() {
            return Err(unreadable(&"it has no line that starts with AGE-SECRET-KEY-1"));
        }
        Ok(Self(keys))
    }

    /// The first.
    pub fn first(&self) -> &Identity {
        &self.0[0]
    }

    /// For age.
    pub fn iter(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.0.iter().map(|key| key as &dyn age::Identity)
    }

    /// Whether one of them opens what is sealed to this recipient.
    pub fn opens(&self, recipient: &str) -> bool {
        self.0.iter().any(|key| key.to_public().to_string() == recipient)
    }
}
