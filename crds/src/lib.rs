//! The API of Camerafleet, `camerafleet.io/v1alpha1`: the kinds as Rust types, without a client.
//!
//! `crdgen` writes the CustomResourceDefinitions from these types; a test fails when the files differ.

// `printcolumn(name = …, type_ = …)` is written once a column.
#![allow(clippy::duplicated_attributes)]

mod approval;
mod camera;
mod common;
mod disclosure_request;
mod formats;
pub mod generated;
mod legal_hold;
mod legal_order;
mod quantity;
pub mod reasons;
mod retention_policy;
mod sharing_policy;
mod span;
mod tenant;

pub use approval::*;
pub use camera::*;
pub use common::*;
pub use disclosure_request::*;
pub use legal_hold::*;
pub use legal_order::*;
pub use quantity::*;
pub use retention_policy::*;
pub use sharing_policy::*;
pub use span::*;
pub use tenant::*;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::CustomResourceExt;

/// Every kind's definition, in the order in which people meet them.
pub fn definitions() -> Vec<CustomResourceDefinition> {
    let mut definitions = vec![
        Tenant::crd(),
        Camera::crd(),
        RetentionPolicy::crd(),
        SharingPolicy::crd(),
        LegalHold::crd(),
        DisclosureRequest::crd(),
        Approval::crd(),
        LegalOrder::crd(),
    ];
    for definition in &mut definitions {
        for version in &mut definition.spec.versions {
            let schema = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut());
            schema.into_iter().for_each(drop_unsigned_formats);
        }
    }
    definitions
}

/// `uint32` and `uint64` are no formats of OpenAPI: the API server warns of each. The minimum stays.
fn drop_unsigned_formats(schema: &mut JSONSchemaProps) {
    if schema.format.as_ref().is_some_and(|format| format.starts_with("uint")) {
        schema.format = None;
    }
    schema.properties.iter_mut().flat_map(|p| p.values_mut()).for_each(drop_unsigned_formats);
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        drop_unsigned_formats(items);
    }
}
