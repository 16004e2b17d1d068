//! Which keys were made, from what recorders are told: nothing is sealed with a key that is not there.

use std::collections::BTreeMap;

use camerafleet_footage::{
    digest::hex,
    log::{NewEntry, entry::KeyCreated},
    seal::PublicKey,
    shard::{CONFIG_KEY, ShardConfig},
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;

/// The id of the entry that a key was made. There is one for each name: no key is made twice.
pub fn key_created_id(key: &str) -> String {
    format!("key-created/{key}")
}

/// An entry for each key. Those that the log has already are not appended again.
pub(super) fn created<'a>(maps: impl Iterator<Item = &'a ConfigMap>, now: Timestamp) -> Vec<NewEntry> {
    let mut entries = BTreeMap::new();
    for map in maps {
        let json = map.data.as_ref().and_then(|data| data.get(CONFIG_KEY));
        let Some(config) = json.and_then(|json| serde_json::from_str::<ShardConfig>(json).ok()) else {
            continue;
        };
        let cameras = config.cameras.values().filter_map(|camera| camera.camera_key().cloned());
        let epochs = config.epoch_keys.into_values().flatten().map(|epoch| epoch.key);
        for key in cameras.chain(epochs) {
            let Ok(public) = PublicKey::from_pem(&key.name, &key.pem) else { continue };
            let id = key_created_id(&key.name);
            let entry = KeyCreated { key: key.name.clone(), fingerprint: hex(&public.fingerprint()) };
            entries.insert(key.name, NewEntry { id, at: now, entry: entry.into() });
        }
    }
    entries.into_values().collect()
}
