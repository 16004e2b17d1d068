//! What an authority ordered.

use std::collections::BTreeSet;

use camerafleet_crds::{LegalOrderKind, LegalOrderSpec};
use jiff::Timestamp;

use super::{Frozen, Logged, Malformed, Window, request::cameras};
use crate::ids::{CameraId, OrderUid, RequestUid, TenantId};

const KIND: &str = "LegalOrder";

/// A LegalOrder as first submitted. The kernel takes it as [`Verified`](super::Verified) only.
#[derive(Clone, Debug)]
pub struct Order {
    pub(crate) uid: OrderUid,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) logged: Logged,
    pub(crate) kind: LegalOrderKind,
    pub(crate) authority: String,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// The only request that it is for. None: any inside its scope.
    pub(crate) request: Option<RequestUid>,
    pub(crate) tenant: TenantId,
    pub(crate) cameras: BTreeSet<CameraId>,
    pub(crate) window: Window,
    pub(crate) audio: bool,
    pub(crate) nondisclosure_until: Option<Timestamp>,
}

impl Order {
    /// Its uid.
    pub fn uid(&self) -> &OrderUid {
        &self.uid
    }

    pub(super) fn read(frozen: &Frozen) -> Result<(Self, String), Malformed> {
        let bad = |what: &str| frozen.malformed(KIND, what);
        let spec: LegalOrderSpec = frozen.typed(KIND)?;
        let scope = spec.scope;
        let named = cameras(&scope.cameras).ok_or_else(|| bad("names a camera twice, or one by no id"))?;
        let request = spec.request_ref.map(|r| RequestUid::parse(r.uid)).transpose();
        let order = Self {
            uid: OrderUid::parse(&*frozen.uid).map_err(|e| bad(&e.to_string()))?,
            namespace: frozen.namespace.clone(),
            name: frozen.name.clone(),
            logged: frozen.logged,
            kind: spec.kind,
            authority: spec.authority,
            issued_at: spec.issued_at.0,
            expires_at: spec.expires_at.0,
            request: request.map_err(|e| bad(&e.to_string()))?,
            tenant: TenantId::parse(scope.tenant).map_err(|e| bad(&e.to_string()))?,
            cameras: named.into_keys().collect(),
            window: Window::read(&scope.window)
                .ok_or_else(|| bad("has a window that ends before it starts"))?,
            audio: scope.audio,
            nondisclosure_until: spec.nondisclosure_until.map(|t| t.0),
        };
        Ok((order, spec.signature))
    }
}
