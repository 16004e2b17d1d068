//! The Kubernetes auth method's configuration, and the roles.

use anyhow::bail;
use serde_json::{Value, json};

use super::policies::Party;
use super::steps::Setup;

/// A token lives for this long; whoever still works then logs in again.
const TOKEN_TTL_SECONDS: u64 = 15 * 60;
/// And no renewal takes it beyond this.
const TOKEN_MAX_TTL_SECONDS: u64 = 60 * 60;

/// The label that the operator puts on tenants' namespaces and on no other.
const MANAGED_LABEL: &str = "camerafleet.io/managed";

/// How Vault is to reach the API server. No `Debug`: it may hold the reviewer's token.
pub(super) struct AuthConfig {
    pub mount: String,
    /// Asked for by the administrator.
    pub host: Option<String>,
    /// For a method that has no configuration yet.
    pub default_host: String,
    pub ca_pem: Option<String>,
    pub reviewer_jwt: Option<String>,
    pub overwrite: bool,
}

/// The API server's address as pods see it.
pub(super) fn default_host(env: impl Fn(&str) -> Option<String>) -> String {
    match (env("KUBERNETES_SERVICE_HOST"), env("KUBERNETES_SERVICE_PORT")) {
        (Some(host), Some(port)) if host.contains(':') => format!("https://[{host}]:{port}"),
        (Some(host), Some(port)) => format!("https://{host}:{port}"),
        _ => "https://kubernetes.default.svc".to_owned(),
    }
}

impl AuthConfig {
    /// What is to be written over `found`; `None` if it can stay. The method may serve others, too: their
    /// configuration is replaced only if the administrator says so.
    pub(super) fn change(&self, found: Option<&Value>) -> anyhow::Result<Option<Value>> {
        let found = found.filter(|found| !text(found, "kubernetes_host").is_empty());
        if let Some(found) = found {
            let host = text(found, "kubernetes_host").trim_end_matches('/');
            let other_host = self.host.as_deref().is_some_and(|asked| asked != host);
            let other_ca = self
                .ca_pem
                .as_deref()
                .is_some_and(|pem| pem.trim() != text(found, "kubernetes_ca_cert").trim());
            // A reviewer's token cannot be read back, so one that is given is always written.
            let differs = other_host || other_ca || self.reviewer_jwt.is_some();
            if !differs {
                return Ok(None);
            }
            if !self.overwrite && (other_host || other_ca) {
                bail!(
                    "the auth method at {} is already configured for {host}{}: give --auth-mount another name, or replace \
                     its configuration for everyone who uses it with --overwrite-auth-config",
                    self.mount,
                    if other_host { "" } else { " with another CA" }
                );
            }
        }
        let kept = |name| found.map(|found| text(found, name)).filter(|text| !text.is_empty());
        let host = self.host.as_deref().or(kept("kubernetes_host")).unwrap_or(&self.default_host);
        let mut config = json!({ "kubernetes_host": host });
        if let Some(pem) = self.ca_pem.as_deref().or(kept("kubernetes_ca_cert")) {
            config["kubernetes_ca_cert"] = pem.into();
        }
        if let Some(jwt) = &self.reviewer_jwt {
            config["token_reviewer_jwt"] = jwt.as_str().into();
        }
        Ok(Some(config))
    }
}

/// A role, complete: a field that is left out would keep what an earlier one set.
pub(super) fn role(setup: &Setup, party: Party) -> Value {
    let (names, namespaces, selector) = match party {
        Party::Operator => {
            (&*setup.operator_service_account, json!([setup.operator_namespace]), String::new())
        }
        // matchLabels only: neither server takes matchExpressions. Namespaces beside it would be or-ed.
        _ => (party.word(), json!([]), json!({ "matchLabels": { MANAGED_LABEL: "true" } }).to_string()),
    };
    json!({
        "bound_service_account_names": [names],
        "bound_service_account_namespaces": namespaces,
        "bound_service_account_namespace_selector": selector,
        "audience": setup.audience,
        // A namespace or an account that is made anew under the name is another one.
        "alias_name_source": "serviceaccount_uid",
        "token_policies": [setup.name(party)],
        "token_no_default_policy": true,
        "token_ttl": TOKEN_TTL_SECONDS,
        "token_max_ttl": TOKEN_MAX_TTL_SECONDS,
        "token_period": 0,
    })
}

/// Whether what was found has every field of what is wanted; more, as bound CIDRs, is the administrator's.
pub(super) fn has_all(found: &Value, wanted: &Value) -> bool {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    wanted.as_object().is_some_and(|wanted| {
        wanted.iter().all(|(name, value)| {
            let there = found.get(name).unwrap_or(&Value::Null);
            there == value || (empty(there) && empty(value))
        })
    })
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(host: Option<&str>, ca: Option<&str>, overwrite: bool) -> AuthConfig {
        AuthConfig {
            mount: "kubernetes".into(),
            host: host.map(Into::into),
            default_host: "https://kubernetes.default.svc".into(),
            ca_pem: ca.map(Into::into),
            reviewer_jwt: None,
            overwrite,
        }
    }

    #[test]
    fn the_configuration_of_others_is_not_replaced_unasked() {
        let found = json!({ "kubernetes_host": "https://a.example.com/", "kubernetes_ca_cert": "A\n" });
        let change = |config: AuthConfig, found: Option<&Value>| config.change(found);
        // A new method gets the default; an existing configuration stays.
        let new = change(config(None, None, false), None).unwrap().unwrap();
        assert_eq!(new, json!({ "kubernetes_host": "https://kubernetes.default.svc" }));
        assert_eq!(change(config(None, None, false), Some(&found)).unwrap(), None);
        assert_eq!(
            change(config(Some("https://a.example.com"), Some("A"), false), Some(&found)).unwrap(),
            None
        );
        // Another one only with the flag, and then what was not asked for is kept.
        let error =
            change(config(Some("https://b.example.com"), None, false), Some(&found)).unwrap_err().to_string();
        assert!(
            error.contains("https://a.example.com") && error.contains("--overwrite-auth-config"),
            "{error}"
        );
        assert!(change(config(None, Some("B"), false), Some(&found)).is_err());
        let replaced =
            change(config(Some("https://b.example.com"), None, true), Some(&found)).unwrap().unwrap();
        assert_eq!(
            replaced,
            json!({ "kubernetes_host": "https://b.example.com", "kubernetes_ca_cert": "A\n" })
        );
    }

    #[test]
    fn the_api_servers_address_comes_from_the_pod() {
        let env = |host: &'static str| {
            move |name: &str| Some(if name.ends_with("HOST") { host } else { "443" }.to_owned())
        };
        assert_eq!(default_host(env("10.96.0.1")), "https://10.96.0.1:443");
        assert_eq!(default_host(env("fd00::1")), "https://[fd00::1]:443");
        assert_eq!(default_host(|_| None), "https://kubernetes.default.svc");
    }

    #[test]
    fn more_in_vault_is_no_difference_less_is() {
        let wanted = json!({ "a": ["x"], "b": [], "c": "" });
        assert!(has_all(&json!({ "a": ["x"], "b": null, "token_bound_cidrs": ["10.0.0.0/8"] }), &wanted));
        assert!(!has_all(&json!({ "a": ["x", "y"] }), &wanted));
        assert!(!has_all(&json!({ "a": ["x"], "b": ["z"] }), &wanted));
    }
}
