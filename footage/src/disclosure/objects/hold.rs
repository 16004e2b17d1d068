//! A legal hold. It keeps footage and never releases any: a decision only says whose sidecars a Job may read.

use std::collections::BTreeSet;

use camerafleet_crds::LegalHoldSpec;

use super::{Frozen, Malformed, Window, request::cameras};
use crate::ids::{CameraId, HoldUid};

const KIND: &str = "LegalHold";

/// A LegalHold as first submitted.
#[derive(Clone, Debug)]
pub struct Hold {
    pub(crate) uid: HoldUid,
    pub(crate) namespace: String,
    /// None: every camera of the tenant.
    pub(crate) cameras: Option<BTreeSet<CameraId>>,
    pub(crate) window: Window,
}

impl Hold {
    /// Its uid.
    pub fn uid(&self) -> &HoldUid {
        &self.uid
    }

    /// Reads what the log froze.
    pub fn read(frozen: &Frozen) -> Result<Self, Malformed> {
        let bad = |what: &str| frozen.malformed(KIND, what);
        let spec: LegalHoldSpec = frozen.typed(KIND)?;
        let named = cameras(&spec.cameras).ok_or_else(|| bad("names a camera twice, or one by no id"))?;
        Ok(Self {
            uid: HoldUid::parse(&*frozen.uid).map_err(|e| bad(&e.to_string()))?,
            namespace: frozen.namespace.clone(),
            cameras: (!spec.all_cameras).then(|| named.into_keys().collect()),
            window: Window::read(&spec.window)
                .ok_or_else(|| bad("has a window that ends before it starts"))?,
        })
    }

    pub(crate) fn touches(&self, camera: &CameraId, window: &Window) -> bool {
        self.cameras.as_ref().is_none_or(|c| c.contains(camera)) && self.window.intersection(window).is_some()
    }
}
