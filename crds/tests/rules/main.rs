//! Every rule of the API: what it must take, what it must refuse, and with which sentence.
//!
//! `cases/<kind>.yaml` is the table. It is gone through twice: without an API server, and against a real one.

#[path = "../support/apiserver.rs"]
mod apiserver;
mod local;
mod server;
mod table;

use camerafleet_crds::{
    Approval, Camera, DisclosureRequest, LegalHold, LegalOrder, RetentionPolicy, SharingPolicy, Tenant,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

type Definition =
    k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

/// The object as the types read and write it, their defaults in it.
fn read(object: &Value) -> Value {
    fn through<T: Serialize + DeserializeOwned>(object: &Value) -> Value {
        let typed: T = serde_json::from_value(object.clone())
            .unwrap_or_else(|e| panic!("the types do not read {object}: {e}"));
        serde_json::to_value(typed).expect("what was read can be written")
    }
    match object["kind"].as_str().unwrap_or_default() {
        "Tenant" => through::<Tenant>(object),
        "Camera" => through::<Camera>(object),
        "RetentionPolicy" => through::<RetentionPolicy>(object),
        "SharingPolicy" => through::<SharingPolicy>(object),
        "LegalHold" => through::<LegalHold>(object),
        "DisclosureRequest" => through::<DisclosureRequest>(object),
        "Approval" => through::<Approval>(object),
        "LegalOrder" => through::<LegalOrder>(object),
        other => panic!("the types have no {other}"),
    }
}
