//! Who may talk to whom in a tenant's namespace: nobody, but for what recorders and jobs need.

use std::net::IpAddr;

use camerafleet_crds::Tenant;
use camerafleet_footage::shard::STATUS_PORT;
use ipnet::IpNet;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use reqwest::Url;
use serde_json::{Value, json};

use super::resources::meta;
use crate::{
    controllers::{ingest, retention_policy},
    error::Error,
};

/// What selects the policies.
pub const COMPONENT: (&str, &str) = ("camerafleet.io/component", "network");

/// What lies around every tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The operator's namespace: from there recorders are asked how they are.
    pub operator_namespace: String,
    /// Namespaces from which recorders' metrics are read.
    pub monitoring_namespaces: Vec<String>,
    /// The API server's service and what stands behind it. Whether a policy is applied before or after the service's
    /// address is replaced differs from network to network.
    pub api_servers: Vec<(IpAddr, u16)>,
    /// Vault, for jobs.
    pub vault: Destination,
    /// The disclosure logs' store, for jobs.
    pub log: Option<Destination>,
}

/// Somewhere that is reached by TCP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destination {
    /// Its addresses; where none are known, the port alone limits it.
    pub cidrs: Vec<IpNet>,
    /// Its port; none where the addresses are declared: behind a Service pods have ports of their own, and some networks
    /// look at these.
    pub port: Option<u16>,
}

impl Destination {
    /// Of a URL: an address in it is known, a name is not, for it may become another address at any time.
    pub fn of(url: &Url, declared: &[IpNet]) -> Self {
        if !declared.is_empty() {
            return Self { cidrs: declared.to_vec(), port: None };
        }
        let literal = url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
        let cidrs = literal.into_iter().map(IpNet::from).collect();
        Self { cidrs, port: Some(url.port_or_known_default().unwrap_or(443)) }
    }

    fn rule(&self) -> Value {
        let mut rule = json!({});
        if !self.cidrs.is_empty() {
            rule["to"] = blocks(&self.cidrs);
        }
        if let Some(port) = self.port {
            rule["ports"] = json!([{"protocol": "TCP", "port": port}]);
        }
        rule
    }
}

/// The policies: deny everything, then allow the recorders theirs and the jobs theirs.
pub fn policies(tenant: &Tenant, around: &Surroundings) -> Result<Vec<NetworkPolicy>, Error> {
    let policy = |name: &str, spec: Value| {
        let build = |source| Error::Build { doing: format!("build the NetworkPolicy {name}"), source };
        let mut metadata = meta(tenant, name);
        metadata.labels.get_or_insert_default().insert(COMPONENT.0.to_owned(), COMPONENT.1.to_owned());
        let spec = Some(serde_json::from_value(spec).map_err(build)?);
        Ok(NetworkPolicy { metadata, spec })
    };
    let both = json!(["Ingress", "Egress"]);
    let recorder = json!({"matchLabels": {ingest::COMPONENT.0: ingest::COMPONENT.1}});
    let jobs = json!({"matchExpressions": [{
        "key": retention_policy::COMPONENT.0, "operator": "In", "values": [retention_policy::COMPONENT.1, "disclosure", "prepare"],
    }]});
    let (common, store) = (common(around), store(tenant).rule());
    let cameras: Vec<IpNet> = tenant.spec.camera_networks.iter().filter_map(|n| n.0.parse().ok()).collect();
    let mut recorder_to = vec![store.clone(), json!({"to": blocks(&cameras)})];
    recorder_to.splice(0..0, common.clone());
    let mut jobs_to = common;
    jobs_to.extend([store, around.vault.rule()]);
    jobs_to.extend(around.log.iter().map(Destination::rule));
    let from: Vec<Value> = std::iter::once(&around.operator_namespace)
        .chain(&around.monitoring_namespaces)
        .map(|name| json!({"namespaceSelector": namespace(name)}))
        .collect();
    let status = json!([{"from": from, "ports": [{"protocol": "TCP", "port": STATUS_PORT}]}]);
    Ok(vec![
        policy("camerafleet-default", json!({"podSelector": {}, "policyTypes": both}))?,
        policy(
            "camerafleet-recorders",
            json!({"podSelector": recorder, "policyTypes": both, "ingress": status, "egress": recorder_to}),
        )?,
        policy("camerafleet-jobs", json!({"podSelector": jobs, "policyTypes": both, "egress": jobs_to}))?,
    ])
}

/// What every pod of ours needs: names, and the API server.
fn common(around: &Surroundings) -> Vec<Value> {
    let dns = json!({
        "to": [{"namespaceSelector": namespace("kube-system")}],
        "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
    });
    let api_servers = around.api_servers.iter().map(|(address, port)| {
        json!({"to": blocks(&[(*address).into()]), "ports": [{"protocol": "TCP", "port": port}]})
    });
    std::iter::once(dns).chain(api_servers).collect()
}

/// The tenant's store.
fn store(tenant: &Tenant) -> Destination {
    let s3 = &tenant.spec.storage.s3;
    let cidrs = s3.egress.iter().flat_map(|egress| &egress.cidrs).filter_map(|c| c.0.parse().ok());
    let cidrs: Vec<IpNet> = cidrs.collect();
    match s3.endpoint.parse::<Url>() {
        Ok(url) => Destination::of(&url, &cidrs),
        Err(_) => Destination { cidrs, port: Some(443) },
    }
}

fn namespace(name: &str) -> Value {
    json!({"matchLabels": {"kubernetes.io/metadata.name": name}})
}

fn blocks(cidrs: &[IpNet]) -> Value {
    cidrs.iter().map(|cidr| json!({"ipBlock": {"cidr": cidr.trunc().to_string()}})).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::plan::tests::tenant, *};

    fn around() -> Surroundings {
        Surroundings {
            operator_namespace: "camerafleet-system".into(),
            monitoring_namespaces: vec!["monitoring".into()],
            api_servers: vec![("10.96.0.1".parse().unwrap(), 443), ("192.0.2.1".parse().unwrap(), 6443)],
            vault: Destination::of(&"https://vault.example.com:8200".parse().unwrap(), &[]),
            log: Some(Destination::of(&"https://[2001:db8::1]".parse().unwrap(), &[])),
        }
    }

    /// Each rule as `address port`, `*` for anywhere.
    fn egress(policy: &NetworkPolicy) -> Vec<String> {
        let rules = policy.spec.as_ref().unwrap().egress.iter().flatten();
        let said = rules.flat_map(|rule| {
            let peers: Vec<String> = match &rule.to {
                None => vec!["*".into()],
                Some(to) => to
                    .iter()
                    .map(|peer| match (&peer.ip_block, &peer.namespace_selector) {
                        (Some(block), None) => block.cidr.clone(),
                        (None, Some(selector)) => {
                            selector.match_labels.as_ref().unwrap().values().next().unwrap().clone()
                        }
                        other => panic!("{other:?}"),
                    })
                    .collect(),
            };
            let ports: Vec<String> = match &rule.ports {
                None => vec!["*".into()],
                Some(ports) => ports.iter().map(|p| serde_json::to_string(&p.port).unwrap()).collect(),
            };
            peers
                .into_iter()
                .flat_map(move |peer| ports.clone().into_iter().map(move |port| format!("{peer} {port}")))
        });
        said.collect()
    }

    #[test]
    fn nothing_is_allowed_but_what_recorders_and_jobs_need() {
        let mut tenant = tenant();
        let [all, recorders, jobs] = &policies(&tenant, &around()).unwrap()[..] else { panic!() };
        let spec = all.spec.as_ref().unwrap();
        assert_eq!(
            (spec.pod_selector.as_ref(), &spec.ingress, &spec.egress),
            (Some(&Default::default()), &None, &None)
        );
        for policy in [all, recorders, jobs] {
            let types = policy.spec.as_ref().unwrap().policy_types.clone().unwrap();
            assert_eq!(types, ["Ingress", "Egress"]);
        }
        let common = ["kube-system 53", "kube-system 53", "10.96.0.1/32 443", "192.0.2.1/32 6443"];
        let with = |more: &[&'static str]| [&common[..], more].concat();
        assert_eq!(egress(recorders), with(&["* 443", "198.51.100.0/24 *"]), "no Vault");
        assert_eq!(egress(jobs), with(&["* 443", "* 8200", "2001:db8::1/128 443"]), "no camera");
        assert!(jobs.spec.as_ref().unwrap().ingress.is_none());
        let ingress = recorders.spec.as_ref().unwrap().ingress.clone().unwrap();
        let from = ingress[0].from.iter().flatten().map(|peer| {
            assert!(peer.pod_selector.is_none() && peer.ip_block.is_none());
            peer.namespace_selector
                .as_ref()
                .unwrap()
                .match_labels
                .as_ref()
                .unwrap()
                .values()
                .next()
                .unwrap()
                .clone()
        });
        assert_eq!(
            (from.collect::<Vec<_>>(), ingress.len()),
            (vec!["camerafleet-system".into(), "monitoring".into()], 1)
        );

        // What is declared of the store is all that is reached of it.
        tenant.spec.storage.s3.egress = serde_json::from_value(json!({"cidrs": ["192.0.2.77/24"]})).unwrap();
        let narrow = policies(&tenant, &around()).unwrap();
        assert_eq!(egress(&narrow[1]), with(&["192.0.2.0/24 *", "198.51.100.0/24 *"]));
    }
}
