//! The people's side: a policy, a request, and an owner's approval.

use camerafleet_crds::{ID_ANNOTATION, Member, SharingPolicySpec};
use camerafleet_footage::{
    digest::{hex, sha256},
    disclosure::Request,
    log::{Entry, entry},
};
use jobs::disclosure::Live;
use serde_json::{Value, json};

use super::*;

/// The policy that the footage is recorded under.
pub fn policy() -> Value {
    json!({
        "owners": [{"name": "a", "user": "a@example.com"}, {"name": "b", "user": "b@example.com"}],
        "consentThreshold": 1, "custody": "Vault",
        "bases": {"consent": {"maxWindow": "12h", "maxCameras": 4, "audio": false}},
        "trustedAuthorities": [], "notify": [],
    })
}

pub fn spec(policy: &Value) -> SharingPolicySpec {
    serde_json::from_value(policy.clone()).unwrap()
}

impl Stage {
    /// The request, an owner's approval, the decision and the Intent, each logged.
    pub(super) async fn submit(&mut self, script: &Script) {
        let request = self.request_object(script);
        self.log(vec![(&format!("request/{REQUEST}"), after(script.asked), request_entry(&request))]).await;
        let mut live = Live {
            members: members(),
            policies: vec![json!({
                "apiVersion": "camerafleet.io/v1alpha1", "kind": "SharingPolicy",
                "metadata": {"namespace": NAMESPACE, "name": "building", "uid": "sp-1", "annotations": {ID_ANNOTATION: POLICY}},
                "spec": script.policy,
            })],
            request: Some(request),
            ..Live::default()
        };
        if script.approved {
            live.approvals.push(approval(live.request.as_ref().unwrap(), 600, "a@example.com", None));
        }
        *self.api.0.lock().unwrap() = live;
        if script.approved {
            self.see_approvals().await;
            self.decide_and_intend(script).await;
        }
    }

    /// Logs that approvals were submitted.
    pub async fn see_approvals(&self) {
        for approval in self.live().approvals {
            let uid = approval["metadata"]["uid"].as_str().unwrap().to_owned();
            let submitted = entry::ApprovalSubmitted {
                approval: uid.clone(),
                request: REQUEST.into(),
                digest: digest("Approval", &approval),
            };
            self.log(vec![(&format!("approval-submitted/{uid}"), after(self.asked + 400), submitted.into())])
                .await;
        }
    }

    pub async fn decide_and_intend(&mut self, script: &Script) {
        let live = self.live();
        let request = live.request.unwrap();
        let request_digest = digest("DisclosureRequest", &request);
        let approvals = live.approvals.iter().map(|a| a["metadata"]["uid"].as_str().unwrap().to_owned());
        let decision = entry::Decision {
            request: REQUEST.into(),
            request_digest: request_digest.clone(),
            verdict: entry::Verdict::Authorized,
            reasons: Vec::new(),
            revisions: Vec::new(),
            approvals: approvals.collect(),
            order: None,
        };
        let decision = self.log(vec![("decision/1", after(self.asked + 500), decision.into())]).await[0];
        let intent = entry::Intent {
            request: REQUEST.into(),
            request_digest,
            decision,
            cameras: vec![camera()],
            from: after(script.window.0),
            to: after(script.window.1),
            audio: false,
            form: script.form.into(),
            recipient: self.identity.to_public().to_string(),
        };
        self.intent = self.log(vec![("intent/1", after(self.asked + 600), intent.into())]).await[0];
    }

    pub fn request_object(&self, script: &Script) -> Value {
        json!({
            "apiVersion": "camerafleet.io/v1alpha1", "kind": "DisclosureRequest",
            "metadata": {"namespace": NAMESPACE, "name": "r-1", "uid": REQUEST},
            "spec": {
                "requester": {"user": "officer@example.com", "organisation": "Example", "callback": "+44"},
                "caseNumber": "AB-123", "cameras": [{"name": "door-1", "id": "c-1"}],
                "window": {"from": after(script.window.0), "to": after(script.window.1)},
                "basis": "Consent", "recipient": self.identity.to_public().to_string(),
                "includeAudio": false, "form": script.form, "expiresAfter": "7d",
                "purposeDigest": format!("sha256:{}", "0".repeat(64)), "withdrawn": false,
            },
        })
    }

    pub fn live(&self) -> Live {
        self.api.0.lock().unwrap().clone()
    }

    pub fn change(&self, change: impl FnOnce(&mut Live)) {
        change(&mut self.api.0.lock().unwrap());
    }
}

pub fn request_entry(request: &Value) -> Entry {
    let mut spec = request["spec"].clone();
    spec.as_object_mut().unwrap().remove("withdrawn");
    let object = json!({
        "apiVersion": request["apiVersion"], "kind": request["kind"], "namespace": request["metadata"]["namespace"],
        "name": request["metadata"]["name"], "uid": request["metadata"]["uid"], "spec": spec,
    });
    let object = String::from_utf8(serde_jcs::to_vec(&object).unwrap()).unwrap();
    let digest = hex(&sha256(object.as_bytes()));
    entry::Request { request: REQUEST.into(), digest, object }.into()
}

/// An owner's approval of the request as it is.
pub fn approval(request: &Value, uid: u32, who: &str, release: Option<Value>) -> Value {
    let digest = Request::read(&frozen("DisclosureRequest", request)).unwrap().digest();
    let mut spec = json!({
        "requestRef": {"name": "r-1", "uid": request["metadata"]["uid"]}, "requestDigest": digest.to_string(),
        "approver": who, "capacity": "Owner", "decision": "Approve", "notAfter": "2026-12-01T00:00:00Z",
        "withdrawn": false,
    });
    if let Some(release) = release {
        spec["release"] = release;
    }
    json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "Approval",
        "metadata": {"namespace": NAMESPACE, "name": format!("approval-{uid}"), "uid": format!("{uid:08}-0000-4000-8000-000000000000")},
        "spec": spec,
    })
}

fn members() -> Vec<Member> {
    serde_json::from_value(json!([
        {"role": "Owner", "subjects": [{"kind": "User", "name": "a@example.com"}, {"kind": "User", "name": "b@example.com"}]},
    ]))
    .unwrap()
}
