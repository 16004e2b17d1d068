//! Strings that must have a form: each with a bound and a rule whose sentence says how it is written.

use kube::core::Rule;
use schemars::{Schema, SchemaGenerator, json_schema};

/// `pattern` stands in a CEL string: no quotes and no backslashes in it.
fn text(lengths: [u32; 2], pattern: &str, message: &str) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": lengths[0],
        "maxLength": lengths[1],
        "x-kubernetes-validations": [{"rule": format!("self.matches('{pattern}')"), "message": message}],
    })
}

/// The name of an object, as the API server would take it.
pub(crate) fn object_name(_: &mut SchemaGenerator) -> Schema {
    text(
        [1, 253],
        "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        "the name is that of an object: lower-case letters, digits, - and . only, as in front-door",
    )
}

/// A digest as `sha256sum` prints it, behind its algorithm.
pub(crate) fn digest(_: &mut SchemaGenerator) -> Schema {
    text(
        [1, 128],
        "^sha256:[0-9a-f]{64}$",
        "a digest is sha256: and the 64 hexadecimal digits that sha256sum prints",
    )
}

/// An object's lasting identity: its first uid.
pub(crate) fn id(_: &mut SchemaGenerator) -> Schema {
    text(
        [1, 64],
        "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        "an id is the object's annotation camerafleet.io/id (kubectl get -o wide shows it), as in 3f0c2a52-7f3e-4a51-9d27-6a1f0a8e5b11",
    )
}

/// An age recipient, for [`is_age_recipient`] to check.
pub(crate) fn age_recipient(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": 128})
}

/// One line of a `.pub` file, for [`is_ssh_public_key`] to check.
pub(crate) fn ssh_public_key(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": 1024})
}

/// A rule of the object above a field that may hold a secret by mistake. The API server repeats a refused string
/// in its answer, and so into the logs of whatever applied it; of a refused object it says "object".
pub(crate) fn of_field(field: &str, holds: &str, message: &str) -> Rule {
    Rule::new(holds).message(message).field_path(format!(".{field}"))
}

/// The X25519 kind, the one that every age implementation has.
pub(crate) fn is_age_recipient(field: &str) -> Rule {
    of_field(
        field,
        &format!("!has(self.{field}) || self.{field}.matches('^age1[02-9ac-hj-np-z]{{58}}$')"),
        "a recipient is what age-keygen -y prints: age1 and 58 letters and digits",
    )
}

/// No private key: the object is read by many.
pub(crate) fn is_ssh_public_key(field: &str) -> Rule {
    of_field(
        field,
        &format!(
            "!has(self.{field}) || self.{field}.matches('^[a-z0-9@.-]+ [A-Za-z0-9+/]{{32,}}={{0,2}}( [^\\n\\r]*)?$')"
        ),
        "an SSH public key is the one line of a .pub file, as in ssh-ed25519 AAAA…",
    )
}

/// What `ssh-keygen -Y sign` writes.
pub(crate) fn ssh_signature(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": 8192,
        "x-kubernetes-validations": [{
            "rule": "self.startsWith('-----BEGIN SSH SIGNATURE-----') && self.trim().endsWith('-----END SSH SIGNATURE-----')",
            "message": "the signature is the whole .sig file that ssh-keygen -Y sign writes, from -----BEGIN SSH SIGNATURE----- to -----END SSH SIGNATURE-----",
        }],
    })
}

/// RFC 3339 in UTC. The API server's own `date-time` also takes years that no clock here can hold, and one such
/// object would stop every watch on its kind.
pub(crate) fn utc_time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "format": "date-time",
        "pattern": "^2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?Z$",
        "maxLength": 32,
    })
}
