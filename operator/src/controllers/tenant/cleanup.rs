//! What a deleted Tenant leaves behind, in the order in which it can go.

use camerafleet_crds::{ADOPT_ANNOTATION, MANAGED_LABEL, RetentionPolicy, TENANT_LABEL, Tenant};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};

use super::{
    gather::Observed,
    plan::{Ownership, Plan},
};
use crate::{context::Context, controllers::ingest, error::Error, kube_api};

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Policies are left: they last as long as their footage and their keys.
    Policies,
    /// Recorders still empty their spools.
    Recorders,
    /// The namespace is being deleted.
    Namespace,
    /// Nothing is left that the operator made.
    Done,
}

/// Takes the next step. Everything that decides is read now: a watch may be behind.
pub async fn clean_up(
    plan: &Plan,
    tenant: &Tenant,
    observed: &Observed,
    context: &Context,
) -> Result<Progress, Error> {
    let namespace = match (plan, &observed.namespace) {
        (Plan::Refuse(why), _) if why.reason == "NamespaceTerminating" => return Ok(Progress::Namespace),
        // It is gone, or it never was this tenant's.
        (Plan::Refuse(_), _) | (Plan::Bind { namespace: Ownership::Absent }, _) | (_, None) => {
            return Ok(Progress::Done);
        }
        (Plan::Bind { .. }, Some(namespace)) => namespace,
    };
    let name = &tenant.spec.namespace;
    let policies = Api::<RetentionPolicy>::namespaced(context.client.clone(), name);
    kube_api::prune(&policies, "", &[]).await?;
    if !kube_api::list(&policies, "").await?.is_empty() {
        return Ok(Progress::Policies);
    }
    let pods = Api::<Pod>::namespaced(context.client.clone(), name);
    if !kube_api::list(&pods, &ingest::selector()).await?.is_empty() {
        return Ok(Progress::Recorders);
    }
    let namespaces = Api::<Namespace>::all(context.client.clone());
    if namespace.annotations().contains_key(ADOPT_ANNOTATION) {
        give_back(&namespaces, namespace).await?;
        return Ok(Progress::Done);
    }
    let preconditions =
        Preconditions { uid: namespace.uid(), resource_version: namespace.resource_version() };
    let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
    let doing = format!("delete {}", kube_api::label(namespace));
    kube_api::call(&doing, namespaces.delete(name, &parameters)).await?;
    tracing::info!(namespace = name, "the tenant's last footage is gone; its namespace follows");
    Ok(Progress::Namespace)
}

/// A namespace that was there before the Tenant stays, with all that is not the operator's: what is goes with the
/// Tenant, which owns it. The id stays, too: keys and footage were bound to it for ever.
async fn give_back(namespaces: &Api<Namespace>, namespace: &Namespace) -> Result<(), Error> {
    let patch = serde_json::json!({"metadata": {
        "uid": namespace.uid(),
        "resourceVersion": namespace.resource_version(),
        "labels": {MANAGED_LABEL: null, TENANT_LABEL: null},
    }});
    let doing = format!("give back {}", kube_api::label(namespace));
    let name = namespace.name_any();
    kube_api::call(&doing, namespaces.patch(&name, &PatchParams::default(), &Patch::Merge(patch))).await?;
    tracing::info!(namespace = name, "gave back the namespace that the tenant had adopted");
    Ok(())
}
