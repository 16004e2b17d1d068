//! Whether a field can change, read from the transition rules: those that speak of `oldSelf`.

use std::fmt;

use serde_json::Value;

/// Whether a field can change.
#[derive(Clone, Debug)]
enum Change {
    Freely,
    Never,
    /// What the rule says.
    Only(String),
}

/// What is known of a place in the schema.
#[derive(Clone, Debug)]
pub(super) struct Changes {
    here: Change,
    /// The transition rules of this object, which may name its fields.
    rules: Vec<(String, String)>,
}

impl Changes {
    /// The top of a schema.
    pub(super) fn all(schema: &Value) -> Self {
        Self { here: own(schema), rules: transitions(schema) }
    }

    /// A field of the object.
    pub(super) fn of(&self, name: &str, field: &Value) -> Self {
        let equal = format!("self.{name} == oldSelf.{name}");
        let named = self.rules.iter().any(|(rule, _)| {
            rule.match_indices(&equal).any(|(at, _)| {
                let after = rule[at + equal.len()..].chars().next();
                !after.is_some_and(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_')
            })
        });
        let here = match (&self.here, own(field)) {
            (Change::Never, _) => Change::Never,
            _ if named => Change::Never,
            (Change::Only(why), Change::Freely) => Change::Only(why.clone()),
            (_, own) => own,
        };
        Self { here, rules: Vec::new() }
    }

    /// What the field's own fields inherit.
    pub(super) fn below(&self, schema: &Value) -> Self {
        Self { here: self.here.clone(), rules: transitions(schema) }
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.here {
            Change::Freely => f.write_str("yes"),
            Change::Never => f.write_str("immutable"),
            Change::Only(why) => f.write_str(why),
        }
    }
}

fn own(schema: &Value) -> Change {
    let rules = transitions(schema);
    if rules.iter().any(|(rule, _)| rule == "self == oldSelf") {
        return Change::Never;
    }
    // A rule on the object as a whole that compares its fields is theirs.
    match rules.into_iter().find(|(rule, _)| !rule.contains("oldSelf.")) {
        Some((_, why)) => Change::Only(why),
        None => Change::Freely,
    }
}

fn transitions(schema: &Value) -> Vec<(String, String)> {
    let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    rules
        .map(|r| (super::text(r, "rule").to_owned(), super::text(r, "message").to_owned()))
        .filter(|(rule, _)| rule.contains("oldSelf"))
        .collect()
}
