//! Custody Owners: what the Job that lists owners' shares is made of.

use std::collections::BTreeMap;

use camerafleet_footage::{
    disclosure::job::{PREPARE_KEY, PrepareConfig},
    ids::RequestUid,
};
use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{ConfigMap, Secret},
    rbac::v1::{Role, RoleBinding},
};

use super::{Means, Parts, View};
use crate::{config::RunArgs, error::Error};

/// The Job's ServiceAccount.
const ACCOUNT: &str = "prepare";

/// What such a Job is made of.
pub struct Preparation {
    /// The owners' ConfigMaps, empty: the Job fills them.
    pub maps: Vec<ConfigMap>,
    /// Who may get each of them.
    pub views: Vec<View>,
    /// What the Job may change.
    pub role: Role,
    /// By whom.
    pub binding: RoleBinding,
    /// The store's credential.
    pub secret: Secret,
    /// What it needs to know.
    pub config_map: ConfigMap,
    /// The Job.
    pub job: Job,
}

/// The name of the Job, and of what belongs to it.
pub fn name(uid: &RequestUid) -> String {
    format!("prepare-{uid}")
}

/// The name of an owner's ConfigMap. It tells nothing of the owner.
pub fn owners_map(uid: &RequestUid, number: usize) -> String {
    format!("shares-{uid}-{number}")
}

/// Builds it.
pub fn preparation(
    parts: &Parts<'_>,
    means: &Means<'_>,
    config: &PrepareConfig,
    args: &RunArgs,
) -> Result<Preparation, Error> {
    let name = name(parts.uid);
    let map = |name: &String| ConfigMap {
        metadata: parts.meta(name),
        data: Some(BTreeMap::new()),
        ..ConfigMap::default()
    };
    let view = |(user, name): (&String, &String)| View {
        name: name.clone(),
        object: ("", "configmaps", name.clone()),
        verbs: &["get"],
        users: vec![user.clone()],
    };
    let names: Vec<String> = config.owners.values().cloned().collect();
    let object = ("", "configmaps", names.as_slice());
    let mut secret = parts.secret(&name, means);
    // It reads no log.
    if let Some(data) = &mut secret.data {
        data.retain(|field, _| !field.starts_with("log."));
    }
    Ok(Preparation {
        maps: names.iter().map(map).collect(),
        views: config.owners.iter().map(view).collect(),
        role: parts.named_role(&name, object, &["get", "update"]),
        binding: parts.binding(&name, ACCOUNT),
        secret,
        config_map: parts.json_map(&name, PREPARE_KEY, config)?,
        job: parts.prepare_job(&name, args)?,
    })
}
