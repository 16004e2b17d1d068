//! The policies as the chart `camerafleet-crds` of this version ships them.

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use kube::ResourceExt;
use serde::Deserialize;

use crate::config::RunArgs;

macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        [$(include_str!(concat!("../../../charts/camerafleet-crds/templates/admission/", $name, ".yaml"))),+]
    };
}

/// The chart's own files.
const TEMPLATES: [&str; 12] = templates![
    "bindings",
    "exec",
    "id",
    "identity",
    "job-images",
    "jobs",
    "managed",
    "namespaces",
    "pod-images",
    "scale",
    "secrets",
    "tokens",
];

/// Whom the policies let do what they let nobody else do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The namespace of its ServiceAccount.
    pub namespace: String,
    /// Its ServiceAccount.
    pub service_account: String,
}

impl From<&RunArgs> for Operator {
    fn from(args: &RunArgs) -> Self {
        Self { namespace: args.namespace.clone(), service_account: args.service_account.clone() }
    }
}

/// A policy and its binding, of the same name.
#[derive(Clone, Debug, PartialEq)]
pub struct Shipped {
    /// What it refuses.
    pub policy: ValidatingAdmissionPolicy,
    /// That it does.
    pub binding: ValidatingAdmissionPolicyBinding,
}

impl Shipped {
    /// The name of both.
    pub fn name(&self) -> String {
        self.policy.name_any()
    }
}

/// The policies for an operator of this name.
///
/// # Errors
/// When the files do not hold a policy and a binding each: a fault of the build, which a test rules out.
pub fn shipped(operator: &Operator) -> Result<Vec<Shipped>, serde_yaml_ng::Error> {
    TEMPLATES.iter().map(|template| read(&rendered(template, operator))).collect()
}

/// What Helm makes of a template, without the labels and annotations, which say nothing of what it does.
fn rendered(template: &str, operator: &Operator) -> String {
    let lines = template.lines().filter(|line| !line.trim_start().starts_with("{{- include"));
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    text.replace("{{ .Values.operator.namespace }}", &operator.namespace)
        .replace("{{ .Values.operator.serviceAccount }}", &operator.service_account)
}

fn read(text: &str) -> Result<Shipped, serde_yaml_ng::Error> {
    let mut documents = serde_yaml_ng::Deserializer::from_str(text);
    let mut next = || {
        documents.next().ok_or_else(|| {
            <serde_yaml_ng::Error as serde::de::Error>::custom("a policy and its binding are missing")
        })
    };
    let policy = ValidatingAdmissionPolicy::deserialize(next()?)?;
    let binding = ValidatingAdmissionPolicyBinding::deserialize(next()?)?;
    Ok(Shipped { policy, binding })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Shipped> {
        let operator = Operator { namespace: "here".into(), service_account: "me".into() };
        for template in TEMPLATES {
            let text = rendered(template, &operator);
            assert!(!text.contains("{{"), "Helm says something that this does not understand:\n{text}");
        }
        shipped(&operator).unwrap()
    }

    #[test]
    fn every_policy_denies_fails_closed_and_is_bound_by_its_own_name() {
        for Shipped { policy, binding } in all() {
            let name = policy.name_any();
            assert!(name.starts_with("camerafleet-"), "{name}");
            assert_eq!(binding.name_any(), name);
            let binding = binding.spec.unwrap();
            assert_eq!(binding.policy_name.as_deref(), Some(&*name));
            assert_eq!(binding.validation_actions, Some(vec!["Deny".to_owned()]));
            assert_eq!(binding.match_resources, None, "{name}: the policy says what it matches");
            let policy = policy.spec.unwrap();
            assert_eq!(policy.failure_policy.as_deref(), Some("Fail"));
            for validation in policy.validations.unwrap() {
                let message = validation.message.unwrap();
                assert!(message.ends_with('.') && !message.contains('\n'), "{name}: {message}");
                assert_eq!(validation.reason.as_deref(), Some("Forbidden"), "{name}");
            }
        }
    }

    #[test]
    fn the_folder_holds_no_other_policy() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/camerafleet-crds/templates/admission/");
        let mut policies = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            policies += text.lines().filter(|line| *line == "kind: ValidatingAdmissionPolicy").count();
        }
        assert_eq!(policies, TEMPLATES.len());
    }
}
