//! The API of Camerafleet, `camerafleet.io/v1alpha1`: the kinds as Rust types, without a client.
//!
//! `crdgen` writes the CustomResourceDefinitions from these types; a test fails when the files differ.

mod camera;
mod common;
pub mod generated;
mod quantity;
mod retention_policy;
mod sharing_policy;
mod tenant;

pub use camera::*;
pub use common::*;
pub use quantity::*;
pub use retention_policy::*;
pub use sharing_policy::*;
pub use tenant::*;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// Every kind's definition, in the order in which people meet them.
pub fn definitions() -> Vec<CustomResourceDefinition> {
    vec![Tenant::crd(), Camera::crd(), RetentionPolicy::crd(), SharingPolicy::crd()]
}
