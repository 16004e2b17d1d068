//! A person's answer to a request.

use std::collections::BTreeSet;

use camerafleet_crds::{ApprovalDecision, ApprovalSpec, Capacity};
use jiff::Timestamp;

use super::{
    Digest32, Frozen, Logged, Malformed, ReleaseKey, RequestDigest, UserName, Window, request::cameras,
};
use crate::ids::{ApprovalUid, CameraId, RequestUid};

const KIND: &str = "Approval";

/// An Approval as first submitted. The kernel takes it as [`Verified`](super::Verified) only.
#[derive(Clone, Debug)]
pub struct Approval {
    pub(crate) uid: ApprovalUid,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) logged: Logged,
    pub(crate) request: RequestUid,
    pub(crate) digest: RequestDigest,
    pub(crate) approver: UserName,
    pub(crate) capacity: Capacity,
    pub(crate) decision: ApprovalDecision,
    /// Only these. None: all.
    pub(crate) cameras: Option<BTreeSet<CameraId>>,
    /// Only then. None: the whole window.
    pub(crate) window: Option<Window>,
    pub(crate) not_after: Timestamp,
    /// The key to which the owner's shares are sealed, where they are released.
    pub(crate) release: Option<ReleaseKey>,
    pub(crate) withdrawn: bool,
}

impl Approval {
    /// Its uid.
    pub fn uid(&self) -> &ApprovalUid {
        &self.uid
    }

    pub(super) fn read(frozen: &Frozen) -> Result<(Self, Option<String>), Malformed> {
        let bad = |what: &str| frozen.malformed(KIND, what);
        let spec: ApprovalSpec = frozen.typed(KIND)?;
        let digest = |text: &str| Digest32::parse(text).ok_or_else(|| bad("has a digest that is none"));
        let (mut only, mut when) = (None, None);
        if let Some(narrow) = spec.narrow_to {
            let named =
                cameras(&narrow.cameras).ok_or_else(|| bad("narrows to a camera by no id, or twice"))?;
            only = (!named.is_empty()).then(|| named.into_keys().collect());
            let empty = || bad("narrows to a window that ends before it starts");
            when = narrow.window.map(|w| Window::read(&w).ok_or_else(empty)).transpose()?;
        }
        let approval = Self {
            uid: ApprovalUid::parse(&*frozen.uid).map_err(|e| bad(&e.to_string()))?,
            namespace: frozen.namespace.clone(),
            name: frozen.name.clone(),
            logged: frozen.logged,
            request: RequestUid::parse(spec.request_ref.uid).map_err(|e| bad(&e.to_string()))?,
            digest: RequestDigest(digest(&spec.request_digest)?),
            approver: UserName::new(spec.approver),
            capacity: spec.capacity,
            decision: spec.decision,
            cameras: only,
            window: when,
            not_after: spec.not_after.0,
            release: spec.release.map(|r| digest(&r.key_fingerprint).map(ReleaseKey)).transpose()?,
            withdrawn: spec.withdrawn,
        };
        Ok((approval, spec.signature))
    }
}
