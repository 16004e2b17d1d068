//! Custody Owners: the request's own key, to which owners seal their shares, and the Job that lists the shares for them.

use std::collections::BTreeMap;

use camerafleet_crds::{Basis, Custody, SharingPolicySpec};
use camerafleet_footage::{
    digest::hex,
    disclosure::{Decision, Docket, History, Rule, Verdict as Decided, job::PrepareConfig, release_key_name},
    log::{NewEntry, entry::KeyCreated},
    seal::PublicKey,
    vault::VaultError,
};
use jiff::SignedDuration;
use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{ConfigMap, Secret},
    rbac::v1::{Role, RoleBinding},
};
use kube::{Api, ResourceExt, api::PostParams};

use super::{
    apply,
    resources::{self, Parts, Preparation},
};
use crate::{
    conditions::Verdict,
    context::Context,
    controllers::ingest::vault_target,
    error::Error,
    keys::{KeyProblem, make_once},
    kube_api,
    log::key_created_id,
    vault,
};

/// New streams are looked for every 15 s, so by then the log has those of a window that has just ended. Shares of one that it
/// lacks would not be listed, and its owners could not release them.
const STREAMS_ARE_LOGGED: SignedDuration = SignedDuration::from_secs(30);

/// Whether owners' shares are to be listed: footage of the window is sealed for them, and the request is not decided. An order
/// that must be kept from them is denied, so before there is one nothing is shown.
pub fn wanted<'a>(
    docket: &Docket,
    decision: &Decision,
    history: &History,
    policies: impl IntoIterator<Item = (&'a SharingPolicySpec, bool)>,
) -> bool {
    let open = history.own_intent().is_none() && matches!(decision.verdict, Decided::Pending);
    let awaits_order = decision.has(Rule::AwaitingOrder);
    let sealed_for_them =
        policies.into_iter().any(|(policy, recorded)| recorded && policy.custody == Custody::Owners);
    open && sealed_for_them && !(basis(docket) == Some(Basis::CourtOrder) && awaits_order)
}

fn basis(docket: &Docket) -> Option<Basis> {
    serde_json::from_value(docket.frozen.spec.get("basis")?.clone()).ok()
}

/// Sees to it that each owner can read their shares. Says what is in the way.
pub async fn prepare(
    parts: &Parts<'_>,
    docket: &Docket,
    history: &History,
    policies: Vec<SharingPolicySpec>,
    context: &Context,
) -> Result<Option<Verdict>, Error> {
    let namespace = parts.request.namespace().unwrap_or_default();
    let jobs = Api::<Job>::namespaced(context.client.clone(), &namespace);
    let name = resources::prepare_name(parts.uid);
    if let Some(job) = kube_api::get(&jobs, &name).await? {
        return failed(&job, parts, &namespace, context).await;
    }
    if context.now() < docket.request.window().to() + STREAMS_ARE_LOGGED {
        let why = "The window has only just ended: the owners' shares are listed in half a minute.";
        return Ok(Some(Verdict::unknown("NotReady", why)));
    }
    let release_key = match release_key(parts, context).await {
        Ok(pem) => pem,
        Err(KeyProblem::Vault(error)) => return Ok(Some(vault::verdict(&error))),
        Err(KeyProblem::Log(problem)) => return Ok(Some(Verdict::unknown("NotReady", problem.to_string()))),
    };
    let users = policies.iter().filter(|policy| policy.custody == Custody::Owners);
    let users: std::collections::BTreeSet<String> =
        users.flat_map(|policy| &policy.owners).map(|owner| owner.user.clone()).collect();
    let owners: BTreeMap<String, String> = users
        .into_iter()
        .enumerate()
        .map(|(number, user)| (user, resources::owners_map(parts.uid, number)))
        .collect();
    let cameras: Vec<_> = docket.request.cameras().keys().cloned().collect();
    let anchors = cameras.iter().flat_map(|camera| history.anchors(camera));
    let config = PrepareConfig {
        tenant: parts.tenant_id.clone(),
        request_uid: parts.uid.clone(),
        request_digest: docket.request.digest().to_string(),
        from: docket.request.window().from(),
        to: docket.request.window().to(),
        store: crate::store::config(parts.tenant, None),
        streams: anchors.map(|anchor| (anchor.stream, hex(&anchor.public_key))).collect(),
        cameras,
        policies,
        owners,
        release_key,
    };
    let ready = match apply::ready(parts, context).await? {
        Ok(ready) => ready,
        Err(verdict) => return Ok(Some(verdict)),
    };
    let config = PrepareConfig { store: ready.store.config.clone(), ..config };
    let made = resources::preparation(parts, &ready.means(), &config, &context.args)?;
    // Without `..`: what is new cannot be forgotten.
    let Preparation { maps, views, role, binding, secret, config_map, job } = made;
    let client = &context.client;
    let config_maps = Api::<ConfigMap>::namespaced(client.clone(), &namespace);
    for map in &maps {
        // Once: what a Job has written stays.
        let (doing, parameters) = (format!("make {}", kube_api::label(map)), PostParams::default());
        match kube_api::call(&doing, config_maps.create(&parameters, map)).await {
            Ok(_) => {}
            Err(Error::Kube { source, .. }) if matches!(&*source, kube::Error::Api(s) if s.code == 409) => {}
            Err(error) => return Err(error),
        }
    }
    apply::show(parts, &views, context).await?;
    kube_api::apply(&Api::<Role>::namespaced(client.clone(), &namespace), &role).await?;
    kube_api::apply(&Api::<RoleBinding>::namespaced(client.clone(), &namespace), &binding).await?;
    kube_api::apply(&Api::<Secret>::namespaced(client.clone(), &namespace), &secret).await?;
    kube_api::apply(&config_maps, &config_map).await?;
    apply::create(&job, &namespace, context).await
}

/// What is told of a Job that gave up. It is made anew when it is looked at again after a while.
async fn failed(
    job: &Job,
    parts: &Parts<'_>,
    namespace: &str,
    context: &Context,
) -> Result<Option<Verdict>, Error> {
    use super::gather::{JobState, job_state};
    let JobState::Failed { message, at } = job_state(job, context) else { return Ok(None) };
    if context.now().duration_since(at) >= super::plan::JOB_AGAIN {
        apply::remove_job(&resources::prepare_name(parts.uid), namespace, context).await?;
    }
    let message = format!("The owners' shares could not be listed, which is tried again. {message}");
    Ok(Some(Verdict::unknown("NotReady", message)))
}

/// The public half of the request's key. It is logged before anybody seals to it: the decision compares.
async fn release_key(parts: &Parts<'_>, context: &Context) -> Result<String, KeyProblem> {
    let (tenant, name) = (parts.tenant, release_key_name(parts.uid));
    let target = vault_target(tenant, context).await?;
    let vault = context.vault.get(&target).await?;
    let mount = context.vault.mount(&tenant.spec.namespace);
    let pem = make_once(&vault, &mount, &name, tenant, context).await;
    if matches!(pem, Err(KeyProblem::Vault(VaultError::Denied { .. }))) {
        context.vault.forget(&target).await;
    }
    let pem = pem?;
    let public = PublicKey::from_pem(&name, &pem).map_err(|_| VaultError::WrongKind {
        what: format!("the key {mount}/{name}"),
        expected: "an RSA-3072 key".to_owned(),
        found: "another".to_owned(),
    })?;
    let id = key_created_id(&name);
    let entry = KeyCreated { key: name, fingerprint: hex(&public.fingerprint()) }.into();
    context.logs.append(tenant, &[NewEntry { id, at: context.now(), entry }], context).await?;
    Ok(pem)
}
