//! `examples/`, with the addresses and passwords of the fixtures in place of the documentation's.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
    core::GroupVersionKind,
    discovery,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{OPERATOR_NAMESPACE, TENANT, charts::FIELD_MANAGER, wait};
use crate::fixtures::Fixtures;

/// The objects of `examples/`, file by file in the order of their names.
pub fn read() -> Result<Vec<DynamicObject>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .with_context(|| format!("read {}", folder.display()))?
        .collect::<Result<Vec<_>, _>>()?;
    files.sort_by_key(std::fs::DirEntry::file_name);
    let mut objects = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file.path())?;
        for document in serde_yaml_ng::Deserializer::from_str(&text) {
            let object = DynamicObject::deserialize(document)
                .with_context(|| format!("read {}", file.path().display()))?;
            objects.push(object);
        }
    }
    Ok(objects)
}

/// Applies them.
pub async fn apply(client: &Client, fixtures: &Fixtures) -> Result<()> {
    for mut object in read()? {
        adapt(&mut object, fixtures)?;
        if object.metadata.namespace.as_deref() == Some(TENANT) {
            bound(client).await?;
        }
        apply_one(client, &object).await?;
    }
    Ok(())
}

/// What lies in the tenant's namespace waits until the operator has bound it.
async fn bound(client: &Client) -> Result<()> {
    let namespaces = Api::<k8s_openapi::api::core::v1::Namespace>::all(client.clone());
    wait::until("the operator has made the tenant's namespace", Duration::from_secs(60), async || {
        Ok(namespaces.get_opt(TENANT).await?.map(drop))
    })
    .await
}

/// Applies one object of any kind.
pub async fn apply_one(client: &Client, object: &DynamicObject) -> Result<()> {
    let types = object.types.clone().context("an object without apiVersion and kind")?;
    let kind = GroupVersionKind::try_from(&types)?;
    let (resource, _) =
        discovery::pinned_kind(client, &kind).await.with_context(|| format!("look up {}", types.kind))?;
    let api: Api<DynamicObject> = match &object.metadata.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let name = object.name_any();
    api.patch(&name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(object))
        .await
        .with_context(|| format!("apply {} {name}", types.kind))?;
    Ok(())
}

/// Puts the fixtures' addresses and credentials where the examples have the documentation's.
fn adapt(object: &mut DynamicObject, fixtures: &Fixtures) -> Result<()> {
    let name = object.name_any();
    let kind = object.types.as_ref().map(|t| t.kind.clone()).unwrap_or_default();
    let camera = fixtures.cameras.iter().find(|c| c.name == name);
    match (kind.as_str(), camera) {
        ("Tenant", _) => {
            let spec = &mut object.data["spec"];
            spec["storage"]["s3"]["endpoint"] = json!(fixtures.s3.endpoint);
            spec["storage"]["s3"]["region"] = json!(fixtures.s3.region);
            spec["storage"]["s3"]["bucket"] = json!(fixtures.s3.bucket);
            spec["storage"]["s3"]["egress"] = json!({"cidrs": fixtures.s3.networks});
            spec["cameraNetworks"] =
                fixtures.cameras.iter().flat_map(|c| &c.networks).map(|n| json!(n)).collect();
        }
        ("Camera", Some(camera)) => object.data["spec"]["source"]["url"] = json!(camera.url),
        ("Secret", Some(camera)) => {
            set(object, &[("username", &camera.username), ("password", &camera.password)])
        }
        ("Secret", None) if object.metadata.namespace.as_deref() == Some(OPERATOR_NAMESPACE) => {
            let s3 = &fixtures.s3;
            let credential = match name.as_str() {
                "elm-ingest" => &s3.ingest,
                "elm-retention" => &s3.retention,
                "elm-disclosure" => &s3.disclosure,
                "s3-ca" => {
                    set(object, &[("ca.crt", &s3.ca_pem)]);
                    return Ok(());
                }
                _ => bail!("examples/ has a Secret {name} that the demo knows nothing of"),
            };
            set(object, &[("accessKeyId", &credential.access), ("secretAccessKey", &credential.secret)]);
        }
        ("Camera" | "Secret", None) => bail!("examples/ has a {kind} {name} for which there is no fixture"),
        _ => {}
    }
    Ok(())
}

fn set(object: &mut DynamicObject, fields: &[(&str, &str)]) {
    let data: BTreeMap<_, _> = fields.iter().map(|(k, v)| ((*k).to_owned(), Value::from(*v))).collect();
    object.data["stringData"] = json!(data);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_hold_what_the_demo_says_they_hold() {
        let kinds: Vec<String> = read().unwrap().iter().map(|o| o.types.clone().unwrap().kind).collect();
        for kind in ["Tenant", "SharingPolicy", "RetentionPolicy"] {
            assert_eq!(kinds.iter().filter(|k| *k == kind).count(), 1, "{kind}");
        }
        let cameras: Vec<String> = read()
            .unwrap()
            .iter()
            .filter(|o| o.types.as_ref().unwrap().kind == "Camera")
            .map(ResourceExt::name_any)
            .collect();
        assert_eq!(cameras, super::super::CAMERAS);
    }
}
