//! Does what was planned, in the order in which one thing needs the other.

use camerafleet_crds::{Approval, DisclosureRequest};
use camerafleet_footage::package::MANIFEST_KEY;
use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{ConfigMap, Secret},
    rbac::v1::{Role, RoleBinding},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, PostParams, Preconditions},
};

use super::{
    resources::{self, Means, Parts, Resources, View},
    store,
};
use crate::{
    conditions::Verdict,
    context::Context,
    controllers::ingest::vault_target,
    error::Error,
    kube_api,
    log::{LogProblem, LogStore, Who, read_settings},
    vault::{self, Target},
};

/// What a Job needs, read now.
pub struct Ready {
    pub store: store::DisclosureStore,
    pub log: LogStore,
    pub origin: String,
    pub vault: Target,
}

impl Ready {
    /// As the builders take it.
    pub fn means(&self) -> Means<'_> {
        Means { store: &self.store, log: &self.log, origin: self.origin.clone(), vault: &self.vault }
    }
}

/// Reads it; a verdict where something is missing.
pub async fn ready(parts: &Parts<'_>, context: &Context) -> Result<Result<Ready, Verdict>, Error> {
    let store = match store::read(parts.tenant, context).await? {
        Ok(store) => store,
        Err(verdict) => return Ok(Err(verdict)),
    };
    let log = async {
        let log = read_settings(&context.args.log, Who::Reader, context).await?;
        Ok::<_, LogProblem>((log, context.logs.origin(parts.tenant_id, context).await?))
    };
    let (log, origin) = match log.await {
        Ok(log) => log,
        Err(problem) => return Ok(Err(Verdict::unknown("NotReady", problem.to_string()))),
    };
    Ok(match vault_target(parts.tenant, context).await {
        Ok(vault) => Ok(Ready { store, log, origin, vault }),
        Err(error) => Err(vault::verdict(&error)),
    })
}

/// Sees to it that the Job is there which carries out an Intent. Says what is in the way.
pub async fn run(parts: &Parts<'_>, intent: u64, context: &Context) -> Result<Option<Verdict>, Error> {
    let ready = match ready(parts, context).await? {
        Ok(ready) => ready,
        Err(verdict) => return Ok(Some(verdict)),
    };
    if let Some(verdict) = manifest_key(parts, &ready.vault, context).await {
        return Ok(Some(verdict));
    }
    let made = resources::resources(parts, &ready.means(), intent, &context.args)?;
    // Without `..`: what is new cannot be forgotten.
    let Resources { role, binding, secret, config_map, job } = made;
    let namespace = parts.request.namespace().unwrap_or_default();
    let client = &context.client;
    kube_api::apply(&Api::<Role>::namespaced(client.clone(), &namespace), &role).await?;
    kube_api::apply(&Api::<RoleBinding>::namespaced(client.clone(), &namespace), &binding).await?;
    kube_api::apply(&Api::<Secret>::namespaced(client.clone(), &namespace), &secret).await?;
    kube_api::apply(&Api::<ConfigMap>::namespaced(client.clone(), &namespace), &config_map).await?;
    create(&job, &namespace, context).await
}

/// Makes a Job, once. Says why if it is not taken.
pub async fn create(job: &Job, namespace: &str, context: &Context) -> Result<Option<Verdict>, Error> {
    let api = Api::<Job>::namespaced(context.client.clone(), namespace);
    let (doing, parameters) = (format!("make {}", kube_api::label(job)), PostParams::default());
    match kube_api::call(&doing, api.create(&parameters, job)).await {
        Ok(_) => Ok(None),
        Err(Error::Kube { source, .. }) if matches!(&*source, kube::Error::Api(s) if s.code == 409) => {
            Ok(None)
        }
        Err(Error::Kube { source, .. }) if matches!(&*source, kube::Error::Api(s) if matches!(s.code, 403 | 422)) =>
        {
            let why = format!("The API server does not take the disclosure Job: {source}.");
            Ok(Some(Verdict::unknown("NotReady", why)))
        }
        Err(error) => Err(error),
    }
}

/// Packages' manifests are signed with a key for nothing else, which Jobs can use and not make.
async fn manifest_key(parts: &Parts<'_>, target: &Target, context: &Context) -> Option<Verdict> {
    let mount = context.vault.mount(&parts.tenant.spec.namespace);
    let made =
        async { context.vault.get(target).await?.create_signing_key(&mount, MANIFEST_KEY).await.map(drop) };
    let error = made.await.err()?;
    if matches!(error, camerafleet_footage::vault::VaultError::Denied { .. }) {
        context.vault.forget(target).await;
    }
    Some(vault::verdict(&error))
}

/// Takes the Job away, with its pods.
pub async fn remove_job(name: &str, namespace: &str, context: &Context) -> Result<(), Error> {
    let api = Api::<Job>::namespaced(context.client.clone(), namespace);
    let Some(job) = kube_api::get(&api, name).await? else { return Ok(()) };
    let parameters = DeleteParams {
        preconditions: Some(Preconditions { uid: job.uid(), resource_version: None }),
        ..DeleteParams::background()
    };
    match kube_api::call(&format!("delete {}", kube_api::label(&job)), api.delete(name, &parameters)).await {
        Ok(_) => Ok(()),
        Err(Error::Kube { source, .. }) if matches!(&*source, kube::Error::Api(s) if s.code == 404) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Takes away what the Jobs had: their rights and the stores' credentials.
pub async fn remove_means(parts: &Parts<'_>, context: &Context) -> Result<(), Error> {
    let namespace = parts.request.namespace().unwrap_or_default();
    let client = &context.client;
    let secrets = Api::<Secret>::namespaced(client.clone(), &namespace);
    kube_api::prune(&secrets, &parts.selector(), &[]).await?;
    let keep = |name: &str| {
        !name.starts_with("disclosure-") && !name.starts_with("prepare-") && !name.starts_with("shares-")
    };
    let bindings = Api::<RoleBinding>::namespaced(client.clone(), &namespace);
    let kept = kube_api::list(&bindings, &parts.selector()).await?;
    let kept: Vec<String> = kept.iter().map(ResourceExt::name_any).filter(|name| keep(name)).collect();
    let kept: Vec<&str> = kept.iter().map(String::as_str).collect();
    kube_api::prune(&bindings, &parts.selector(), &kept).await?;
    kube_api::prune(&Api::<Role>::namespaced(client.clone(), &namespace), &parts.selector(), &kept).await?;
    let maps = Api::<ConfigMap>::namespaced(client.clone(), &namespace);
    let package = format!("package-{}", parts.request.name_any());
    kube_api::prune(&maps, &parts.selector(), &[&package]).await
}

/// Gives the views that are wanted, and takes those that nobody has any more.
pub async fn show(parts: &Parts<'_>, views: &[View], context: &Context) -> Result<(), Error> {
    let namespace = parts.request.namespace().unwrap_or_default();
    let roles = Api::<Role>::namespaced(context.client.clone(), &namespace);
    let bindings = Api::<RoleBinding>::namespaced(context.client.clone(), &namespace);
    let there = kube_api::list(&bindings, &parts.selector()).await?;
    for view in views.iter().filter(|view| !view.users.is_empty()) {
        let (role, binding) = parts.view(view);
        let same = |other: &&RoleBinding| other.name_any() == view.name && other.subjects == binding.subjects;
        // At rest nothing is written.
        if there.iter().find(same).is_none() {
            kube_api::apply(&roles, &role).await?;
            kube_api::apply(&bindings, &binding).await?;
        }
    }
    Ok(())
}

/// The approver may withdraw what they gave.
pub async fn show_approval(
    parts: &Parts<'_>,
    approval: &Approval,
    there: &[RoleBinding],
    context: &Context,
) -> Result<(), Error> {
    let Some((role, binding)) = parts.own_approval(approval) else { return Ok(()) };
    if there.iter().any(|other| other.name_any() == binding.name_any()) {
        return Ok(());
    }
    let namespace = parts.request.namespace().unwrap_or_default();
    kube_api::apply(&Api::<Role>::namespaced(context.client.clone(), &namespace), &role).await?;
    kube_api::apply(&Api::<RoleBinding>::namespaced(context.client.clone(), &namespace), &binding).await?;
    Ok(())
}

/// What is there of a request's bindings.
pub async fn bindings(parts: &Parts<'_>, context: &Context) -> Result<Vec<RoleBinding>, Error> {
    let namespace = parts.request.namespace().unwrap_or_default();
    kube_api::list(&Api::<RoleBinding>::namespaced(context.client.clone(), &namespace), &parts.selector())
        .await
}

/// Typed, from what was read.
pub fn typed(object: &serde_json::Value) -> Result<DisclosureRequest, Error> {
    serde_json::from_value(object.clone())
        .map_err(|source| Error::Build { doing: "read a DisclosureRequest".to_owned(), source })
}
