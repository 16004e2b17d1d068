//! A request, an answer to it and an order, as they are first submitted.

use super::*;

/// A request.
#[derive(Clone, Debug)]
pub struct Ask {
    pub uid: u32,
    pub namespace: &'static str,
    pub requester: &'static str,
    pub basis: &'static str,
    pub cameras: Vec<u32>,
    pub window: (&'static str, &'static str),
    pub audio: bool,
    pub order: Option<&'static str>,
    pub recipient: &'static str,
    pub withdrawn: bool,
    pub at: &'static str,
}

impl Ask {
    pub fn new(basis: &'static str) -> Self {
        Self {
            uid: 500,
            namespace: NAMESPACE,
            requester: OFFICER,
            basis,
            cameras: vec![1],
            window: WINDOW,
            audio: false,
            order: (basis == "CourtOrder").then_some("w-88"),
            recipient: RECIPIENT,
            withdrawn: false,
            at: ASKED,
        }
    }

    pub fn frozen(&self) -> Frozen {
        let mut spec = json!({
            "requester": {"user": self.requester, "organisation": "Example", "callback": "+44"},
            "caseNumber": "AB-123", "cameras": camera_refs(&self.cameras), "window": window(self.window),
            "basis": self.basis, "recipient": self.recipient, "includeAudio": self.audio, "form": "Clip",
            "expiresAfter": "7d", "withdrawn": self.withdrawn,
            "purposeDigest": format!("sha256:{}", "0".repeat(64)),
        });
        if let Some(order) = self.order {
            spec["legalOrderRef"] = json!({"name": order});
        }
        let logged = Logged { index: 10, at: at(self.at) };
        freeze("DisclosureRequest", self.namespace, "r-1", self.uid, spec, logged)
    }

    pub fn read(&self) -> Request {
        Request::read(&self.frozen()).unwrap()
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub uid: u32,
    pub namespace: &'static str,
    pub approver: &'static str,
    pub capacity: &'static str,
    pub decision: &'static str,
    pub request: u32,
    pub digest: String,
    pub not_after: &'static str,
    pub cameras: Vec<u32>,
    pub window: Option<(&'static str, &'static str)>,
    pub release: Option<Digest32>,
    pub withdrawn: bool,
    pub index: u64,
    /// The seed of the key that signs.
    pub signed: Option<u8>,
}

impl Answer {
    pub fn to(request: &Request, uid: u32, capacity: &'static str, approver: &'static str) -> Self {
        Self {
            uid,
            namespace: NAMESPACE,
            approver,
            capacity,
            decision: "Approve",
            request: 500,
            digest: request.digest().to_string(),
            not_after: "2026-11-09T00:00:00Z",
            cameras: Vec::new(),
            window: None,
            release: None,
            withdrawn: false,
            index: 30,
            signed: None,
        }
    }

    pub fn frozen(&self) -> Frozen {
        let mut spec = json!({
            "requestRef": {"name": "r-1", "uid": uuid(self.request)}, "requestDigest": self.digest,
            "approver": self.approver, "capacity": self.capacity, "decision": self.decision,
            "notAfter": self.not_after,
        });
        if !self.cameras.is_empty() || self.window.is_some() {
            spec["narrowTo"] = json!({"cameras": camera_refs(&self.cameras)});
        }
        if let Some(narrowed) = self.window {
            spec["narrowTo"]["window"] = window(narrowed);
        }
        if let Some(key) = self.release {
            spec["release"] = json!({"bundle": "AAAA", "keyFingerprint": key.to_string()});
        }
        if let Some(seed) = self.signed {
            let message = serde_jcs::to_vec(&spec).unwrap();
            spec["signature"] = sign(seed, APPROVAL_NAMESPACE, &message).into();
        }
        spec["withdrawn"] = self.withdrawn.into();
        let logged = Logged { index: self.index, at: at(ANSWERED) };
        freeze("Approval", self.namespace, &format!("approval-{}", self.uid), self.uid, spec, logged)
    }

    pub fn verified(&self) -> Verified<Approval> {
        Verified::approval(&self.frozen()).unwrap()
    }
}

/// An order.
#[derive(Clone, Debug)]
pub struct Writ {
    pub uid: u32,
    pub namespace: &'static str,
    pub name: &'static str,
    pub kind: &'static str,
    pub authority: &'static str,
    pub issued: &'static str,
    pub expires: &'static str,
    pub request: Option<u32>,
    pub tenant: u32,
    pub cameras: Vec<u32>,
    pub window: (&'static str, &'static str),
    pub audio: bool,
    pub nondisclosure: Option<&'static str>,
    pub index: u64,
    pub at: &'static str,
    /// The seed of the key that signs.
    pub signed: u8,
}

impl Writ {
    pub fn new() -> Self {
        Self {
            uid: 800,
            namespace: NAMESPACE,
            name: "w-88",
            kind: "Warrant",
            authority: "district-court",
            issued: "2026-11-01T20:00:00Z",
            expires: "2026-12-01T00:00:00Z",
            request: None,
            tenant: 1,
            cameras: vec![1, 2],
            window: WINDOW,
            audio: false,
            nondisclosure: None,
            index: 20,
            at: "2026-11-02T09:30:00Z",
            signed: COURT,
        }
    }

    pub fn frozen(&self) -> Frozen {
        let mut spec = json!({
            "kind": self.kind, "authority": self.authority, "court": "District Court", "docket": "D-1",
            "issuedAt": self.issued, "expiresAt": self.expires,
            "scope": {
                "tenant": uuid(self.tenant), "cameras": camera_refs(&self.cameras),
                "window": window(self.window), "audio": self.audio,
            },
            "documentDigest": format!("sha256:{}", "1".repeat(64)),
        });
        if let Some(request) = self.request {
            spec["requestRef"] = json!({"name": "r-1", "uid": uuid(request)});
        }
        if let Some(until) = self.nondisclosure {
            spec["nondisclosureUntil"] = until.into();
        }
        let message = serde_jcs::to_vec(&spec).unwrap();
        spec["signature"] = sign(self.signed, ORDER_NAMESPACE, &message).into();
        let logged = Logged { index: self.index, at: at(self.at) };
        freeze("LegalOrder", self.namespace, self.name, self.uid, spec, logged)
    }

    pub fn verified(&self) -> Verified<Order> {
        Verified::order(&self.frozen()).unwrap()
    }
}
