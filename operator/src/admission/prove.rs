//! The proof itself: what is there is compared, what can be tried is tried.

use std::fmt;

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use kube::{Api, Client, ResourceExt, api::PostParams};

use super::{
    probes::{PROBE_NAMESPACE, Probe, is_refusal, probe},
    shipped::Shipped,
};
use crate::{error::Error, kube_api};

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its name.
    pub policy: String,
    /// What is wrong.
    pub fault: Fault,
}

/// What can be wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It or its binding is not there.
    Missing,
    /// It or its binding says something else than what this version ships.
    Differs,
    /// It let its probe through.
    Accepts,
    /// Its probe came to nothing for another reason, in the API server's words.
    Unproved(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = &self.policy;
        match &self.fault {
            Fault::Missing => write!(f, "{policy} or its binding is missing"),
            Fault::Differs => write!(f, "{policy} or its binding differs from this version's"),
            Fault::Accepts => write!(f, "{policy} is there and refuses nothing"),
            Fault::Unproved(why) => write!(f, "{policy} was not asked ({why})"),
        }
    }
}

/// Looks at every policy.
///
/// # Errors
/// When the API server does not answer: then nothing is known.
pub async fn prove(
    client: &Client,
    policies: &[Shipped],
    tenant_cluster_role: &str,
) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    for shipped in policies {
        let name = shipped.name();
        let fault = match compare(client, shipped).await? {
            None => try_out(client, &name, tenant_cluster_role).await?,
            fault => fault,
        };
        findings.extend(fault.map(|fault| Finding { policy: name, fault }));
    }
    Ok(findings)
}

/// Word for word. A field that a later API server adds with a default is unknown here and left out.
async fn compare(client: &Client, shipped: &Shipped) -> Result<Option<Fault>, Error> {
    let name = shipped.policy.name_any();
    let policy = kube_api::get(&Api::<ValidatingAdmissionPolicy>::all(client.clone()), &name).await?;
    let binding = kube_api::get(&Api::<ValidatingAdmissionPolicyBinding>::all(client.clone()), &name).await?;
    Ok(match (policy, binding) {
        (Some(policy), Some(binding))
            if policy.spec == shipped.policy.spec && binding.spec == shipped.binding.spec =>
        {
            None
        }
        (Some(_), Some(_)) => Some(Fault::Differs),
        _ => Some(Fault::Missing),
    })
}

/// Sends the policy's probe, as a dry run.
async fn try_out(client: &Client, policy: &str, tenant_cluster_role: &str) -> Result<Option<Fault>, Error> {
    let doing = format!("try out the admission policy {policy}");
    let probe = probe(policy, tenant_cluster_role)
        .map_err(|source| Error::Build { doing: format!("build the probe of {policy}"), source })?;
    let Some(Probe { resource, namespaced, object }) = probe else { return Ok(None) };
    let api = if namespaced {
        Api::namespaced_with(client.clone(), PROBE_NAMESPACE, &resource)
    } else {
        Api::all_with(client.clone(), &resource)
    };
    let parameters = PostParams { dry_run: true, ..PostParams::default() };
    match kube_api::call(&doing, api.create(&parameters, &object)).await {
        Ok(_) => Ok(Some(Fault::Accepts)),
        Err(error) => match refusal(&error) {
            Some(message) if is_refusal(policy, message) => Ok(None),
            Some(message) => Ok(Some(Fault::Unproved(message.trim_end_matches('.').to_owned()))),
            None => Err(error),
        },
    }
}

/// What the API server said, if it decided: too busy or broken is no decision.
fn refusal(error: &Error) -> Option<&str> {
    match error {
        Error::Kube { source, .. } => match &**source {
            kube::Error::Api(status) if (400..500).contains(&status.code) && status.code != 429 => {
                Some(&status.message)
            }
            _ => None,
        },
        _ => None,
    }
}
