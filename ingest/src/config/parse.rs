//! Checks a configuration, pure.

use camerafleet_footage::shard::ShardConfig;
use sha2::{Digest, Sha256};

use super::Shard;

/// Why a configuration is not taken. Texts hold no URL: people put passwords into them.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Rejected {
    /// No ConfigMap or no key in it.
    #[error("the shard's ConfigMap or its key shard.json is missing; the operator writes it")]
    Missing,
    /// Not the JSON that it should be.
    #[error(
        "shard.json cannot be read at line {line}, column {column}; check that operator and recorder are of one release"
    )]
    Unreadable {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A value that nothing could be done with.
    #[error("shard.json: {0}")]
    Value(String),
}

/// Reads and checks the text of `shard.json`.
pub fn shard(text: &str) -> Result<Shard, Rejected> {
    // serde_json's own message may quote the value that it stumbled over.
    let config: ShardConfig = serde_json::from_str(text)
        .map_err(|error| Rejected::Unreadable { line: error.line(), column: error.column() })?;
    check(&config).map_err(Rejected::Value)?;
    let digest = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Shard { config, digest })
}

fn check(config: &ShardConfig) -> Result<(), String> {
    if config.spool.size == 0 {
        return Err("spool.size must not be 0".into());
    }
    if config.store.bucket.is_empty() || config.store.endpoint.is_empty() {
        return Err("store.endpoint and store.bucket must not be empty".into());
    }
    for (id, camera) in &config.cameras {
        let name = &camera.name;
        if camera.segment_duration_ms == 0 {
            return Err(format!("camera {id} ({name}): segmentDurationMs must not be 0"));
        }
        if let Some(digest) = &camera.sharing_policy_digest
            && sharing_policy(Some(digest)).is_none()
        {
            return Err(format!("camera {id} ({name}): sharingPolicyDigest must be 64 characters of hex"));
        }
    }
    Ok(())
}

/// The digest of the SharingPolicy in force as bytes: 32 zero bytes for none.
pub fn sharing_policy(hex: Option<&str>) -> Option<[u8; 32]> {
    let Some(hex) = hex else { return Some([0; 32]) };
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const EXAMPLE: &str = r#"{
      "tenant": "t1",
      "store": {"endpoint": "http://127.0.0.1:9", "region": "eu-1", "bucket": "footage", "prefix": "elm", "pathStyle": true},
      "cameraNetworks": ["127.0.0.0/8"],
      "spool": {"size": 1000000, "maxAgeSeconds": 3600},
      "cameras": {"c1": {
        "name": "door", "url": "rtsp://127.0.0.1:554/stream", "transport": "TCP", "maxSessions": 2, "audio": false,
        "recording": {"mode": "Continuous"}, "segmentDurationMs": 60000, "expectedBitrate": 4000000,
        "retentionPolicy": "p1", "window": {"custody": "Vault", "key": {"name": "camera-c1", "pem": ""}}}},
      "epochKeys": {"p1": []},
      "somethingNewer": true
    }"#;

    #[test]
    fn what_cannot_be_carried_out_is_refused_without_quoting_it() {
        let example = shard(EXAMPLE).unwrap();
        assert_eq!(example.digest.len(), 64);
        for (from, to, want) in [
            ("\"size\": 1000000", "\"size\": 0", "spool.size"),
            ("\"bucket\": \"footage\"", "\"bucket\": \"\"", "store.bucket"),
            ("\"segmentDurationMs\": 60000", "\"segmentDurationMs\": 0", "segmentDurationMs"),
            ("\"audio\": false", "\"audio\": false, \"sharingPolicyDigest\": \"zz\"", "sharingPolicyDigest"),
            ("\"custody\": \"Vault\"", "\"custody\": \"Escrow\"", "cannot be read"),
            ("\"TCP\"", "\"rtsp://admin:secret@x\"", "cannot be read"),
        ] {
            let text = EXAMPLE.replace(from, to);
            assert_ne!(text, EXAMPLE, "{from}");
            let error = shard(&text).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn digests_are_read_as_hex() {
        assert_eq!(sharing_policy(None), Some([0; 32]));
        assert_eq!(sharing_policy(Some(&"0a".repeat(32))), Some([10; 32]));
        for bad in ["", "0a", &"zz".repeat(32), &"é".repeat(32)] {
            assert_eq!(sharing_policy(Some(bad)), None);
        }
    }
}
