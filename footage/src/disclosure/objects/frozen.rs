//! An object's JSON as it was first submitted, frozen in the log: what digests and signatures cover. An edit of the
//! live object, or of its copy in a backup, changes nothing here.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::names::Digest32;
use crate::digest::sha256;

/// Where the log has an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Logged {
    /// The entry's index. It orders entries; clocks do not.
    pub index: u64,
    /// The log's own time of the entry, as the operator wrote it.
    pub at: Timestamp,
}

/// An object as first submitted.
#[derive(Clone, Debug)]
pub struct Frozen {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `spec`, defaults included, as the API server stored it.
    pub spec: Value,
    /// Where the log has it.
    pub logged: Logged,
}

/// Why an object of the log cannot be decided on. The API server would not have taken it.
#[derive(Debug, thiserror::Error)]
#[error("{kind} {name}: {what}")]
pub struct Malformed {
    /// The kind.
    pub kind: &'static str,
    /// The object's name, as far as it is known.
    pub name: String,
    /// What is wrong with it.
    pub what: String,
}

/// The only version of the API.
const API_VERSION: &str = "camerafleet.io/v1alpha1";

impl Frozen {
    /// From a log payload: a Kubernetes object's JSON, of this kind.
    pub fn read(kind: &'static str, object: &Value, logged: Logged) -> Result<Self, Malformed> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let name = text("/metadata/name").unwrap_or_default().to_owned();
        let malformed = |what: String| Malformed { kind, name: name.clone(), what };
        if (text("/apiVersion"), text("/kind")) != (Some(API_VERSION), Some(kind)) {
            return Err(malformed(format!("is no {kind} of {API_VERSION}")));
        }
        let field = |pointer: &str| {
            let missing = || malformed(format!("has no {}", pointer[1..].replace('/', ".")));
            text(pointer).filter(|t| !t.is_empty()).map(str::to_owned).ok_or_else(missing)
        };
        let spec = object.get("spec").filter(|s| s.is_object());
        Ok(Self {
            namespace: field("/metadata/namespace")?,
            name: field("/metadata/name")?,
            uid: field("/metadata/uid")?,
            spec: spec.cloned().ok_or_else(|| malformed("has no spec".to_owned()))?,
            logged,
        })
    }

    /// The spec as its type.
    pub(super) fn typed<T: DeserializeOwned>(&self, kind: &'static str) -> Result<T, Malformed> {
        T::deserialize(&self.spec).map_err(|e| self.malformed(kind, e.to_string()))
    }

    pub(super) fn malformed(&self, kind: &'static str, what: impl Into<String>) -> Malformed {
        Malformed { kind, name: self.name.clone(), what: what.into() }
    }

    /// RFC 8785's form of the spec without these fields: what a signature in the spec covers.
    pub fn signed_bytes(&self, without: &[&str]) -> Vec<u8> {
        canonical(&Value::Object(self.spec_without(without)))
    }

    /// SHA-256 of RFC 8785's form of {apiVersion, kind, namespace, name, uid, spec without `withdrawn`}.
    pub fn digest(&self, kind: &str) -> Digest32 {
        Digest32(sha256(&canonical(&json!({
            "apiVersion": API_VERSION,
            "kind": kind,
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
            "spec": self.spec_without(&["withdrawn"]),
        }))))
    }

    fn spec_without(&self, fields: &[&str]) -> Map<String, Value> {
        let mut spec = self.spec.as_object().cloned().unwrap_or_default();
        spec.retain(|name, _| !fields.contains(&name.as_str()));
        spec
    }
}

fn canonical(value: &Value) -> Vec<u8> {
    serde_jcs::to_vec(value).unwrap_or_else(|e| unreachable!("JSON that was parsed is plain data: {e}"))
}
