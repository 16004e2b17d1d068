//! What the operator and the disclosure Jobs say to each other.

use std::collections::BTreeMap;

use camerafleet_crds::SharingPolicySpec;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{CameraId, RequestUid, StreamId, TenantId};
use crate::layout::tenant_prefix;
use crate::retention::{LogAccess, VaultAccess};
use crate::shard::StoreConfig;

/// The ConfigMap's key for a [`JobConfig`].
pub const CONFIG_KEY: &str = "disclosure.json";
/// The ConfigMap's key for a [`PrepareConfig`].
pub const PREPARE_KEY: &str = "prepare.json";
/// An owner's ConfigMap's binary key: the sealed shares, each after its length (16 bits, big-endian).
pub const SHARES_KEY: &str = "shares";
/// An owner's ConfigMap's key: [`ShareList`] as JSON.
pub const SHARE_LIST_KEY: &str = "shares.json";

/// What a disclosure Job needs to know beside the objects that it reads itself. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobConfig {
    /// Whose footage it is.
    pub tenant: TenantId,
    /// The Tenant's name.
    pub tenant_name: String,
    /// The DisclosureRequest's name; its uid decides.
    pub request: String,
    /// Its uid.
    pub request_uid: RequestUid,
    /// The index of the Intent that this Job carries out.
    pub intent: u64,
    /// Where the footage is, and the package goes.
    pub store: StoreConfig,
    /// Where the keys are.
    pub vault: VaultAccess,
    /// Where the Intent is logged.
    pub log: LogAccess,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// The package is there.
    Delivered,
    /// There is none, and another run would not make one.
    Refused,
    /// Something failed; another run goes on.
    Failed,
}

/// A run in short: the pod's termination message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunSummary {
    /// How it ended.
    pub outcome: Ending,
    /// One word for a condition.
    pub reason: String,
    /// A sentence and a next step: without numbers, times and credentials.
    pub message: String,
    /// What was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<Receipt>,
}

/// What was made, as it lies beside the package. Whoever writes it first has made the request's package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Receipt {
    /// The request.
    pub request: RequestUid,
    /// The Intent's index.
    pub intent: u64,
    /// The package's key in the bucket.
    pub key: String,
    /// SHA-256 (hex) of the package.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
    /// Segments of which something is in it.
    pub segments: u64,
    /// SHA-256 (hex) of its manifest.
    pub manifest: String,
}

/// A request's folder: `<prefix>/<tenant>/packages/<request>/`.
pub fn package_folder(prefix: &str, tenant: &TenantId, request: &RequestUid) -> String {
    format!("{}packages/{request}/", tenant_prefix(prefix, tenant))
}

/// The request's [`Receipt`], JSON.
pub fn receipt_key(prefix: &str, tenant: &TenantId, request: &RequestUid) -> String {
    format!("{}package.json", package_folder(prefix, tenant, request))
}

/// What a prepare Job needs to know; it reads nothing but the store. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrepareConfig {
    /// Whose footage it is.
    pub tenant: TenantId,
    /// The request.
    pub request_uid: RequestUid,
    /// Its digest, `sha256:…`, for the owners to bind.
    pub request_digest: String,
    /// The cameras.
    pub cameras: Vec<CameraId>,
    /// The window's start.
    pub from: Timestamp,
    /// And end.
    pub to: Timestamp,
    /// Where the footage is.
    pub store: StoreConfig,
    /// The streams that the log knows of these cameras, with their Ed25519 public keys in hex: headers that these did
    /// not sign are passed over.
    pub streams: BTreeMap<StreamId, String>,
    /// The SharingPolicies' revisions that decide; found by their digests, which are computed here.
    pub policies: Vec<SharingPolicySpec>,
    /// The ConfigMap of each owner, by user name. They are there, and this Job may change them and no others.
    pub owners: BTreeMap<String, String>,
    /// The public half of the request's release key, PEM, which owners seal their shares to.
    pub release_key: String,
}

/// What an owner is shown beside the sealed shares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShareList {
    /// The request.
    pub request_uid: RequestUid,
    /// Its digest.
    pub request_digest: String,
    /// The cameras.
    pub cameras: Vec<CameraId>,
    /// The window's start.
    pub from: Timestamp,
    /// And end.
    pub to: Timestamp,
    /// What the shares are for, in their order.
    pub windows: Vec<ShareWindow>,
    /// Where the owner's shares are sealed to.
    pub release_key: String,
}

/// What one sealed share is for; the share says the same of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShareWindow {
    /// The camera.
    pub camera: CameraId,
    /// The hour, as `20261125T13`.
    pub hour: String,
    /// The window's id.
    pub window: crate::ids::WindowId,
    /// The share's number.
    pub index: u8,
    /// How many shares give the key.
    pub threshold: u8,
    /// How many there are.
    pub shares: u8,
    /// The key's commitment, hex.
    pub commitment: String,
}
