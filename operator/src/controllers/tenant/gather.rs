//! All that a tenant's plan needs to know.

use camerafleet_crds::{LocalRef, Tenant};
use camerafleet_footage::{ids::TenantId, store::StoreCredential};
use k8s_openapi::api::{
    core::v1::{Namespace, Secret},
    discovery::v1::EndpointSlice,
};
use kube::{Api, ResourceExt};
use reqwest::Url;

use super::network::{Destination, Surroundings};
use crate::{
    conditions,
    context::Context,
    error::Error,
    identity, kube_api,
    store::{self, Problem, Role},
};

/// What was seen.
pub struct Observed {
    /// The namespace, whoever made it.
    pub namespace: Option<Namespace>,
    /// What stands between the tenant and its store, if anything.
    pub storage: Option<StorageProblem>,
    /// Cameras declared.
    pub cameras: u32,
    /// Cameras whose condition Recording is True.
    pub recording: u32,
    /// Recorder shards.
    pub shards: u32,
    /// What its pods may need to reach, and who reaches them.
    pub around: Surroundings,
}

/// What stands between a tenant and its store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageProblem {
    /// A Secret that storage names is not in the operator's namespace.
    SecretMissing(String),
    /// A Secret lacks a field.
    FieldMissing {
        /// The Secret.
        secret: String,
        /// The field.
        field: &'static str,
    },
    /// The store does not take a role's credential, or is not there.
    Refused {
        /// Whose credential.
        role: Role,
        /// Its Secret.
        secret: String,
        /// Why.
        why: Problem,
    },
}

/// Reads it.
pub async fn gather(tenant: &Tenant, context: &Context) -> Result<Observed, Error> {
    let name = &tenant.spec.namespace;
    let namespace = kube_api::get(&Api::<Namespace>::all(context.client.clone()), name).await?;
    let cameras = context.index.cameras_in(name);
    let recording = cameras.iter().filter(|camera| {
        let conditions = camera.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
        conditions::get(conditions, "Recording").is_some_and(|c| c.status == "True")
    });
    let shards = context.index.deployments.state();
    let shards = shards.iter().filter(|d| d.namespace().as_ref() == Some(name));
    Ok(Observed {
        namespace,
        storage: storage(tenant, context).await?,
        recording: count(recording.count()),
        cameras: count(cameras.len()),
        shards: count(shards.count()),
        around: surroundings(tenant, context).await?,
    })
}

async fn surroundings(tenant: &Tenant, context: &Context) -> Result<Surroundings, Error> {
    let network = &context.args.network;
    // The API server writes this one itself.
    let slices = Api::<EndpointSlice>::namespaced(context.client.clone(), "default");
    let slice = kube_api::get(&slices, "kubernetes").await?;
    let service = network.api_server_host.zip(network.api_server_port);
    let api_servers = service.into_iter().chain(slice.iter().flat_map(addresses)).collect();
    let vault = tenant.spec.vault.as_ref().and_then(|vault| vault.address.as_ref());
    let vault = vault.unwrap_or(&context.args.vault.address).parse::<Url>();
    let log = context.args.log.endpoint.as_ref().and_then(|endpoint| endpoint.parse::<Url>().ok());
    Ok(Surroundings {
        operator_namespace: context.args.namespace.clone(),
        monitoring_namespaces: network.monitoring_namespaces.clone(),
        api_servers,
        // One that is no URL is told by VaultReady.
        vault: vault.map(|url| Destination::of(&url, &network.vault_cidrs)).unwrap_or_default(),
        log: log.map(|url| Destination::of(&url, &network.log_cidrs)),
    })
}

fn addresses(slice: &EndpointSlice) -> Vec<(std::net::IpAddr, u16)> {
    let ports: Vec<u16> =
        slice.ports.iter().flatten().filter_map(|port| u16::try_from(port.port?).ok()).collect();
    let addresses = slice.endpoints.iter().flat_map(|endpoint| &endpoint.addresses);
    let addresses = addresses.filter_map(|address| address.parse().ok());
    addresses.flat_map(|address| ports.iter().map(move |port| (address, *port))).collect()
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Looks for the first thing that is wrong: Secrets first, then the store itself, role by role.
async fn storage(tenant: &Tenant, context: &Context) -> Result<Option<StorageProblem>, Error> {
    let Some(id) = identity::of(tenant).and_then(|id| TenantId::parse(id).ok()) else { return Ok(None) };
    let api = Api::<Secret>::namespaced(context.client.clone(), &context.args.namespace);
    let s3 = &tenant.spec.storage.s3;
    let ca_bundle = match &s3.ca_bundle_secret_ref {
        None => None,
        Some(reference) => match read(&api, reference, ["ca.crt"]).await? {
            Ok([bundle]) => Some(bundle),
            Err(problem) => return Ok(Some(problem)),
        },
    };
    let config = store::config(tenant, ca_bundle);
    let credentials = &s3.credentials;
    let roles = [
        (Role::Ingest, &credentials.ingest),
        (Role::Retention, &credentials.retention),
        (Role::Disclosure, &credentials.disclosure),
    ];
    for (role, reference) in roles {
        let [access, secret] = match read(&api, reference, ["accessKeyId", "secretAccessKey"]).await? {
            Ok(fields) => fields,
            Err(problem) => return Ok(Some(problem)),
        };
        let credential = StoreCredential { access_key_id: access.into(), secret_access_key: secret.into() };
        if let Some(why) = store::probe(&config, &id, role, &credential).await {
            return Ok(Some(StorageProblem::Refused { role, secret: reference.name.clone(), why }));
        }
    }
    Ok(None)
}

/// Fields of a Secret, or what is missing. The Secret is read each time and kept nowhere.
async fn read<const N: usize>(
    api: &Api<Secret>,
    reference: &LocalRef,
    fields: [&'static str; N],
) -> Result<Result<[String; N], StorageProblem>, Error> {
    let name = &reference.name;
    let Some(secret) = kube_api::get(api, name).await? else {
        return Ok(Err(StorageProblem::SecretMissing(name.clone())));
    };
    let mut values = [const { String::new() }; N];
    for (value, field) in values.iter_mut().zip(fields) {
        match kube_api::secret_field(&secret, field) {
            Some(found) => *value = found,
            None => return Ok(Err(StorageProblem::FieldMissing { secret: name.clone(), field })),
        }
    }
    Ok(Ok(values))
}
