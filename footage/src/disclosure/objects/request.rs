//! A DisclosureRequest.

use std::collections::BTreeMap;

use camerafleet_crds::{Basis, CameraRef, DisclosureRequestSpec, PackageForm};

use super::{Frozen, Logged, Malformed, RequestDigest, UserName, Window};
use crate::ids::{CameraId, RequestUid};

/// The most cameras of one request, whatever a policy says.
pub const MAX_CAMERAS: usize = 16;

const KIND: &str = "DisclosureRequest";

/// A DisclosureRequest as first submitted, well-formed: one to sixteen cameras, each once, in a window that is not empty.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) uid: RequestUid,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) digest: RequestDigest,
    pub(crate) logged: Logged,
    pub(crate) requester: UserName,
    /// Their names are for people; the ids decide.
    pub(crate) cameras: BTreeMap<CameraId, String>,
    pub(crate) window: Window,
    pub(crate) basis: Basis,
    /// The LegalOrder's name: there with basis CourtOrder, and only there.
    pub(crate) order: Option<String>,
    pub(crate) recipient: String,
    pub(crate) audio: bool,
    pub(crate) form: PackageForm,
    pub(crate) withdrawn: bool,
}

impl Request {
    /// Reads what the log froze.
    pub fn read(frozen: &Frozen) -> Result<Self, Malformed> {
        let bad = |what: &str| frozen.malformed(KIND, what);
        let spec: DisclosureRequestSpec = frozen.typed(KIND)?;
        let cameras = cameras(&spec.cameras).ok_or_else(|| bad("names a camera twice, or one by no id"))?;
        if !(1..=MAX_CAMERAS).contains(&cameras.len()) {
            return Err(bad("does not name from 1 to 16 cameras"));
        }
        let order = spec.legal_order_ref.map(|r| r.name);
        if order.is_some() != (spec.basis == Basis::CourtOrder) {
            return Err(bad("names a legal order with another basis than CourtOrder, or none with that"));
        }
        Ok(Self {
            uid: RequestUid::parse(&*frozen.uid).map_err(|e| bad(&e.to_string()))?,
            namespace: frozen.namespace.clone(),
            name: frozen.name.clone(),
            digest: RequestDigest(frozen.digest(KIND)),
            logged: frozen.logged,
            requester: UserName::new(spec.requester.user),
            cameras,
            window: Window::read(&spec.window)
                .ok_or_else(|| bad("has a window that ends before it starts"))?,
            basis: spec.basis,
            order,
            recipient: spec.recipient,
            audio: spec.include_audio,
            form: spec.form,
            withdrawn: spec.withdrawn,
        })
    }

    /// Its uid.
    pub fn uid(&self) -> &RequestUid {
        &self.uid
    }

    /// The cameras that are asked for, with their names.
    pub fn cameras(&self) -> &BTreeMap<CameraId, String> {
        &self.cameras
    }

    /// The window that is asked for.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// What approvals bind, `status.digest`.
    pub fn digest(&self) -> RequestDigest {
        self.digest
    }
}

/// By id. None where an id is none, or there twice.
pub(super) fn cameras(list: &[CameraRef]) -> Option<BTreeMap<CameraId, String>> {
    let mut cameras = BTreeMap::new();
    for camera in list {
        let id = CameraId::parse(&*camera.id).ok()?;
        if cameras.insert(id, camera.name.clone()).is_some() {
            return None;
        }
    }
    Some(cameras)
}
