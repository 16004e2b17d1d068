//! How the cameras are, by what their statuses say.

use std::sync::Arc;

use camerafleet_crds::Camera;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{Metrics, count};
use crate::conditions;

pub(super) fn measure(cameras: &[Arc<Camera>], metrics: &Metrics) {
    let ready = cameras.iter().map(|camera| condition(camera, "Ready"));
    count(&metrics.cameras, ready.map(|ready| [ready.map_or("New", |ready| ready.reason.as_str())]));
    let keys = cameras.iter().filter_map(|camera| condition(camera, "KeysReady"));
    let without = keys.filter(|keys| keys.status == "False");
    count(&metrics.cameras_without_keys, without.map(|keys| [keys.reason.as_str()]));
}

fn condition<'a>(camera: &'a Camera, type_: &str) -> Option<&'a Condition> {
    conditions::get(&camera.status.as_ref()?.conditions, type_)
}
