//! What is asked for, what was decided, and who must still do what.

use std::fmt::Write as _;

use camerafleet_crds::{Basis, DisclosureRequest, DisclosureRequestStatus};
use kube::ResourceExt;

use crate::{
    cluster::Cluster,
    failure::Failure,
    moment,
    output::{Output, print},
};

/// `kubectl footage show`.
#[derive(clap::Args)]
pub struct Args {
    /// The DisclosureRequest.
    pub request: String,
    #[arg(long, short, value_enum, default_value = "table")]
    pub output: Output,
}

/// Prints it.
pub async fn run(args: &Args, cluster: &Cluster) -> Result<(), Failure> {
    let request = cluster.get::<DisclosureRequest>(&args.request).await?;
    print(args.output, &request, || format!("{}\n{}", asked(&request), decided(request.status.as_ref())))
}

/// What would be released.
pub fn asked(request: &DisclosureRequest) -> String {
    let spec = &request.spec;
    let cameras: Vec<String> = spec.cameras.iter().map(|c| format!("{} ({})", c.name, c.id)).collect();
    let (from, to) = (spec.window.from.0, spec.window.to.0);
    let by = match (&spec.requester.organisation, &spec.requester.callback) {
        (Some(organisation), Some(callback)) => {
            format!("{} for {organisation}, to be called back at {callback}", spec.requester.user)
        }
        (Some(organisation), None) => format!("{} for {organisation}", spec.requester.user),
        _ => spec.requester.user.clone(),
    };
    let mut out = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "{name:<12}{value}");
    };
    line("Request", &request.name_any());
    line("Asked by", &by);
    line("Ground", ground(spec.basis));
    if let Some(order) = &spec.legal_order_ref {
        line("Order", &order.name);
    }
    if let Some(case) = &spec.case_number {
        line("Case", case);
    }
    line("Cameras", &cameras.join(", "));
    line("From", &moment::tell(from));
    line("To", &format!("{} ({:#})", moment::tell(to), to.duration_since(from)));
    line("Sound", if spec.include_audio { "yes" } else { "no" });
    line("Form", &format!("{:?}", spec.form));
    line("Sealed to", &spec.recipient);
    if spec.withdrawn {
        line("Withdrawn", "by the requester");
    }
    out
}

fn ground(basis: Basis) -> &'static str {
    match basis {
        Basis::Consent => "Consent: the owners agree",
        Basis::CourtOrder => "CourtOrder: a warrant or order",
        Basis::Emergency => "Emergency: danger to life before an order can be had",
        Basis::SubjectAccess => "SubjectAccess: someone in the picture asks for what is held about them",
        Basis::OwnerExport => "OwnerExport: an owner wants their own footage",
    }
}

fn decided(status: Option<&DisclosureRequestStatus>) -> String {
    let Some(decision) = status.and_then(|status| status.decision.as_ref()) else {
        return "Nothing is decided yet: the operator has just seen the request.".to_owned();
    };
    let mut out = format!("Decision    {:?}", decision.verdict);
    for reason in &decision.reasons {
        let _ = write!(out, "\n  {}: {}", reason.rule, reason.message);
        if !reason.way_forward.is_empty() {
            let _ = write!(out, "\n    Way forward: {}", reason.way_forward);
        }
    }
    for need in &decision.needs {
        let _ = write!(out, "\n  [{}] {}: {}", if need.satisfied { "x" } else { " " }, need.who, need.what);
    }
    if let Some(package) = status.and_then(|status| status.package.as_ref()) {
        let _ = write!(
            out,
            "\nPackage     {} bytes from {} segments, until {}\n  SHA-256 {}",
            package.bytes,
            package.segments,
            moment::tell(package.expires_at.0),
            package.sha256,
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_and_what_is_missing_is_told_in_lines() {
        let request: DisclosureRequest = serde_json::from_value(serde_json::json!({
            "apiVersion": "camerafleet.io/v1alpha1", "kind": "DisclosureRequest",
            "metadata": {"name": "r-7"},
            "spec": {
                "requester": {"user": "officer@example.com", "organisation": "Police", "callback": "+1 555 0100"},
                "caseNumber": "7", "cameras": [{"name": "door", "id": "c-1"}], "basis": "Consent",
                "window": {"from": "2026-11-01T10:00:00Z", "to": "2026-11-01T11:30:00Z"},
                "recipient": "age1abc",
            },
            "status": {"decision": {
                "verdict": "Pending",
                "reasons": [{"rule": "AwaitingConsent", "message": "One owner must agree.", "wayForward": ""}],
                "needs": [
                    {"who": "one of owner@example.com", "what": "approve", "satisfied": false},
                    {"who": "a reviewer", "what": "review", "satisfied": true},
                ],
            }},
        }))
        .unwrap();
        assert_eq!(
            asked(&request),
            "Request     r-7\n\
             Asked by    officer@example.com for Police, to be called back at +1 555 0100\n\
             Ground      Consent: the owners agree\n\
             Case        7\n\
             Cameras     door (c-1)\n\
             From        2026-11-01 10:00:00 UTC\n\
             To          2026-11-01 11:30:00 UTC (1h 30m)\n\
             Sound       no\n\
             Form        Clip\n\
             Sealed to   age1abc\n"
        );
        assert_eq!(
            decided(request.status.as_ref()),
            "Decision    Pending\n  AwaitingConsent: One owner must agree.\n  \
             [ ] one of owner@example.com: approve\n  [x] a reviewer: review"
        );
        assert!(decided(None).contains("yet"));
    }
}
