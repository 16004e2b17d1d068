//! That the admission policies of the chart `camerafleet-crds` are enforced, proved again and again.
//!
//! Two things are looked at. Each policy and its binding must be the ones that this version ships, word for word:
//! they are compiled in from the chart's own files. And each refuses an object that carries its name in the label
//! `camerafleet.io/admission-probe`: that object is sent as a dry run, and only a refusal that names the policy and
//! its probe counts. CONNECT and updates of what does not exist have no dry run: for those the comparison is all.

mod probes;
mod prove;
mod shipped;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kube::ResourceExt;
use tokio::sync::watch;

pub use probes::{PROBE_LABEL, PROBE_NAMESPACE};
pub use prove::{Fault, Finding, prove};
pub use shipped::{Operator, Shipped, shipped};

use crate::{conditions::Verdict, context::Context, error::Error};

/// How often it is proved.
const INTERVAL: Duration = Duration::from_secs(5 * 60);
/// How often while it is not: a chart that is installed heals it soon.
const SOON: Duration = Duration::from_secs(15);
/// An answer that the API server did not give leaves the last proof standing for this long.
const STALE: Duration = Duration::from_secs(2 * 5 * 60);

/// What is known of the policies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Proof {
    /// Nothing: not looked yet, or the API server did not answer for too long.
    #[default]
    Unknown,
    /// Every policy refused what it must refuse.
    Enforced,
    /// These did not, or are not what they should be.
    NotEnforced(Vec<Finding>),
}

impl Proof {
    fn of(findings: Vec<Finding>) -> Self {
        if findings.is_empty() { Self::Enforced } else { Self::NotEnforced(findings) }
    }

    /// The condition `AdmissionEnforced`. Until it is True, nothing is authorised.
    pub fn verdict(&self, operator: &Operator) -> Verdict {
        match self {
            Self::Unknown => Verdict::unknown(
                "NotProved",
                "The admission policies are being looked at; until they are proved, nothing is authorised.",
            ),
            Self::Enforced => Verdict::yes("Enforced", "Every admission policy refuses what it must refuse."),
            Self::NotEnforced(findings) => {
                let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
                let Operator { namespace, service_account } = operator;
                Verdict::no(
                    "NotEnforced",
                    format!(
                        "Nothing is authorised while these admission policies are not proved: {}. Install version {} of the chart \
                         camerafleet-crds with operator.namespace={namespace} and operator.serviceAccount={service_account}.",
                        findings.join("; "),
                        env!("CARGO_PKG_VERSION"),
                    ),
                )
            }
        }
    }
}

/// The last proof, for every pipeline.
#[derive(Debug)]
pub struct Admission {
    operator: Operator,
    proof: watch::Sender<Proof>,
}

impl Admission {
    /// Nothing is proved yet.
    pub fn new(operator: Operator) -> Self {
        Self { operator, proof: watch::Sender::new(Proof::Unknown) }
    }

    /// Whether anything may be authorised.
    pub fn is_enforced(&self) -> bool {
        *self.proof.borrow() == Proof::Enforced
    }

    /// Whether it is known that one of them is not in force.
    pub fn is_broken(&self) -> bool {
        matches!(*self.proof.borrow(), Proof::NotEnforced(_))
    }

    /// The condition `AdmissionEnforced`.
    pub fn verdict(&self) -> Verdict {
        self.proof.borrow().verdict(&self.operator)
    }

    /// Whether this is news.
    fn learn(&self, proof: Proof) -> bool {
        self.proof.send_if_modified(|last| {
            let news = *last != proof;
            *last = proof;
            news
        })
    }
}

/// Proves for ever, and tells every Tenant what is new.
pub async fn watch(context: Arc<Context>, policies: Vec<Shipped>) {
    let mut last_answer = Instant::now();
    loop {
        let proof = match prove(&context.client, &policies, &context.args.tenant_cluster_role).await {
            Ok(findings) => {
                last_answer = Instant::now();
                Some(Proof::of(findings))
            }
            Err(error) => {
                log(&error);
                (last_answer.elapsed() >= STALE).then_some(Proof::Unknown)
            }
        };
        let failed = proof.is_none();
        if let Some(proof) = proof {
            tell(&context, proof);
        }
        let pause = if context.admission.is_enforced() && !failed { INTERVAL } else { SOON };
        tokio::time::sleep(pause).await;
    }
}

fn log(error: &Error) {
    tracing::warn!(%error, "the admission policies could not be looked at; trying again");
}

fn tell(context: &Context, proof: Proof) {
    let enforced = proof == Proof::Enforced;
    context.metrics.admission_enforced.set(i64::from(enforced));
    if !context.admission.learn(proof) {
        return;
    }
    let verdict = context.admission.verdict();
    if enforced {
        tracing::info!("the admission policies are enforced");
    } else {
        tracing::warn!(
            reason = verdict.reason,
            message = verdict.message,
            "the admission policies are not proved"
        );
    }
    for tenant in context.index.tenants.state() {
        context.router.tenant_news(&tenant.name_any());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditions::Truth;

    fn operator() -> Operator {
        Operator { namespace: "camerafleet-system".into(), service_account: "camerafleet-operator".into() }
    }

    #[test]
    fn nothing_is_authorised_before_the_first_proof_and_after_a_failed_one() {
        let admission = Admission::new(operator());
        assert!(!admission.is_enforced());
        assert_eq!(admission.verdict().truth, Truth::Unknown);
        assert!(admission.learn(Proof::of(Vec::new())));
        assert!(!admission.learn(Proof::Enforced), "the same again is no news");
        assert!(admission.is_enforced());
        let gone = Finding { policy: "camerafleet-id".into(), fault: Fault::Missing };
        assert!(admission.learn(Proof::of(vec![gone])));
        assert!(!admission.is_enforced());
        let verdict = admission.verdict();
        assert_eq!((verdict.truth, verdict.reason), (Truth::False, "NotEnforced"));
        for word in ["camerafleet-id", "camerafleet-crds", "operator.namespace=camerafleet-system"] {
            assert!(verdict.message.contains(word), "{}", verdict.message);
        }
    }
}
