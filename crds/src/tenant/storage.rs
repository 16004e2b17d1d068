//! Where a tenant's footage and keys lie.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Cidr;
use crate::{LocalRef, formats::of_field};

/// Where the footage is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Storage {
    /// An S3 bucket.
    pub s3: S3,
}

/// An S3 bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.prefix) == has(oldSelf.prefix) && (!has(self.prefix) || self.prefix == oldSelf.prefix)").message("prefix cannot change: footage would no longer be found"),
    validation = of_field("endpoint", "self.endpoint.matches('^https?://[^/@?# ]+$')", "endpoint is a scheme and a host, for instance https://s3.example.com, without path, user or password")
)]
pub struct S3 {
    /// `https://s3.example.com`.
    #[schemars(length(max = 512))]
    pub endpoint: String,
    /// The region that requests are signed for.
    #[serde(default = "default_region")]
    #[schemars(length(min = 1, max = 64))]
    pub region: String,
    /// The bucket. Immutable.
    #[schemars(length(min = 3, max = 63))]
    #[x_kube(
        validation = Rule::new("self.matches('^[a-z0-9][a-z0-9.-]*[a-z0-9]$') && !self.contains('..')").message("bucket is a bucket's name: lower-case letters, digits, - and . only, beginning and ending with a letter or digit"),
        validation = Rule::new("self == oldSelf").message("bucket cannot change: footage would no longer be found")
    )]
    pub bucket: String,
    /// The folder in it. Default: the tenant's name. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$')").message("prefix is a folder's path without / at its ends: letters, digits, - and _ only, as in elm-street"))]
    pub prefix: Option<String>,
    /// `https://host/bucket/key` instead of `https://bucket.host/key`.
    #[serde(default = "yes")]
    pub path_style: bool,
    /// A Secret in the operator's namespace with `ca.crt`, to trust beside the system's certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle_secret_ref: Option<LocalRef>,
    /// Secrets in the operator's namespace with `accessKeyId` and `secretAccessKey`.
    pub credentials: StoreCredentials,
    /// How to reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress: Option<Egress>,
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

fn yes() -> bool {
    true
}

/// A credential for each role, so that a stolen one does only what its role does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StoreCredentials {
    /// PutObject under `footage/` and `streams/` only.
    pub ingest: LocalRef,
    /// List, get, delete under `footage/`, `streams/` and `holds/`; put under `holds/` and `reports/`. Where the bucket keeps
    /// versions also GetBucketVersioning, ListBucketVersions and DeleteObjectVersion: without them old versions stay.
    pub retention: LocalRef,
    /// List, get under `footage/`, `streams/` and `holds/`; all under `packages/`.
    pub disclosure: LocalRef,
}

/// The store's addresses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Egress {
    /// Pods of this tenant reach the store at these addresses only. Of a store in the cluster name both the Service's address
    /// and its pods': which of them a network policy sees differs from network to network.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.all(n, isCIDR(n))").message("cidrs are CIDRs, for instance 192.0.2.0/24"))]
    pub cidrs: Vec<Cidr>,
}

/// A Vault other than the operator's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = of_field("address", "!has(self.address) || self.address.matches('^https://[^/@?# ]+$')", "address is https:// and a host, for instance https://vault.example.com:8200"))]
pub struct VaultRef {
    /// `https://vault.example.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub address: Option<String>,
    /// Vault's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub namespace: Option<String>,
    /// A Secret in the operator's namespace with `ca.crt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle_secret_ref: Option<LocalRef>,
}
