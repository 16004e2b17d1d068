//! One camera's work out of a configuration, and what a change of it means, pure.

use std::{collections::BTreeMap, sync::Arc};

use camerafleet_footage::{
    ids::{CameraId, TenantId},
    shard::{CameraConfig, EpochKeyConfig},
};
use ipnet::IpNet;

use super::{Credentials, Secrets, Shard};

/// All that recording one camera needs.
#[derive(Clone, PartialEq, Eq)]
pub struct CameraSpec {
    /// Its id.
    pub id: CameraId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The folder in the bucket.
    pub prefix: String,
    /// Its own configuration.
    pub camera: CameraConfig,
    /// User and password, if any.
    pub credentials: Option<Credentials>,
    /// Where it may be.
    pub networks: Vec<IpNet>,
    /// The epoch keys of its retention policy.
    pub epoch_keys: Vec<EpochKeyConfig>,
}

/// What a change asks for, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Another recorder stream.
    Restart,
    /// Another connection.
    Reconnect,
    /// Another segment from the next random access point on.
    Cut,
    /// The next segment is opened by it; nothing to do now.
    Later,
    /// Nothing at all.
    None,
}

/// The cameras of a shard.
pub fn cameras(shard: &Shard, secrets: &Secrets) -> BTreeMap<CameraId, Arc<CameraSpec>> {
    let config = &shard.config;
    let spec = |(id, camera): (&CameraId, &CameraConfig)| {
        let spec = CameraSpec {
            id: id.clone(),
            tenant: config.tenant.clone(),
            prefix: config.store.prefix.clone(),
            credentials: secrets.camera(id),
            networks: config.camera_networks.clone(),
            epoch_keys: config.epoch_keys.get(&camera.retention_policy).cloned().unwrap_or_default(),
            camera: camera.clone(),
        };
        (id.clone(), Arc::new(spec))
    };
    config.cameras.iter().map(spec).collect()
}

/// What to do about the difference.
pub fn change(old: &CameraSpec, new: &CameraSpec) -> Change {
    if old == new {
        return Change::None;
    }
    // Destructured without `..`, so that a new field cannot be forgotten.
    let CameraSpec { id, tenant, prefix, camera, credentials, networks, epoch_keys: _ } = new;
    let CameraConfig {
        name: _,
        url,
        transport,
        max_sessions: _,
        audio,
        recording: _, // looked at every second
        segment_duration_ms: _,
        expected_bitrate: _,
        retention_policy,
        sharing_policy_digest,
        window,
    } = camera;
    if *id != old.id || *tenant != old.tenant || *prefix != old.prefix {
        Change::Restart
    } else if *url != old.camera.url
        || *transport != old.camera.transport
        || *audio != old.camera.audio
        || *credentials != old.credentials
        || *networks != old.networks
    {
        Change::Reconnect
    } else if *retention_policy != old.camera.retention_policy
        || *sharing_policy_digest != old.camera.sharing_policy_digest
        || *window != old.camera.window
    {
        Change::Cut
    } else {
        Change::Later
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;
    use camerafleet_footage::shard::{OwnersConfig, PublicKeyConfig, Recording, Transport, WindowConfig};

    fn spec() -> CameraSpec {
        let shard = parse::shard(parse::tests::EXAMPLE).unwrap();
        let all = cameras(&shard, &Secrets::default());
        CameraSpec::clone(all.values().next().unwrap())
    }

    #[test]
    fn a_change_does_the_least_that_it_must() {
        let key = |name: &str| PublicKeyConfig { name: name.into(), pem: String::new() };
        let secrets = Secrets::new([("camera.c1.password".to_owned(), b"x".to_vec())]);
        let old = spec();
        type Edit<'a> = Box<dyn Fn(&mut CameraSpec) + 'a>;
        let cases: Vec<(Edit<'_>, Change)> = vec![
            (Box::new(|_| {}), Change::None),
            (Box::new(|s| s.tenant = TenantId::parse("t2").unwrap()), Change::Restart),
            (Box::new(|s| s.prefix = "oak".into()), Change::Restart),
            (Box::new(|s| s.camera.url = "rtsp://127.0.0.1/other".into()), Change::Reconnect),
            (Box::new(|s| s.camera.transport = Transport::Udp), Change::Reconnect),
            (Box::new(|s| s.camera.audio = true), Change::Reconnect),
            (Box::new(|s| s.credentials = secrets.camera(&s.id)), Change::Reconnect),
            (Box::new(|s| s.networks.clear()), Change::Reconnect),
            (Box::new(|s| s.camera.sharing_policy_digest = Some("0a".repeat(32))), Change::Cut),
            (Box::new(|s| s.camera.window = WindowConfig::Vault { key: key("other") }), Change::Cut),
            (
                Box::new(|s| {
                    s.camera.window = WindowConfig::Owners(OwnersConfig { threshold: 1, recipients: vec![] })
                }),
                Change::Cut,
            ),
            (
                Box::new(|s| s.epoch_keys = vec![EpochKeyConfig { start: 0, length: 60, key: key("e") }]),
                Change::Later,
            ),
            (Box::new(|s| s.camera.name = "gate".into()), Change::Later),
            (Box::new(|s| s.camera.recording = Recording::Off), Change::Later),
            (Box::new(|s| s.camera.segment_duration_ms = 5_000), Change::Later),
        ];
        for (i, (edit, want)) in cases.into_iter().enumerate() {
            let mut new = old.clone();
            edit(&mut new);
            assert_eq!(change(&old, &new), want, "case {i}");
        }
    }
}
