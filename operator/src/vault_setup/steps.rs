//! The steps, each of which looks first and writes only what differs.

use std::io::Write;

use anyhow::{Context, bail};
use camerafleet_footage::vault::Vault;
use serde_json::{Value, json};

use super::auth::{self, AuthConfig};
use super::policies::Party;

/// Stands for the accessor of an auth method that a dry run did not enable.
const NO_ACCESSOR: &str = "ACCESSOR-OF-THE-NEW-AUTH-METHOD";

/// What is to be in Vault.
pub(super) struct Setup {
    pub auth: AuthConfig,
    pub mount_prefix: String,
    pub role_prefix: String,
    pub audience: String,
    pub operator_namespace: String,
    pub operator_service_account: String,
    pub dry_run: bool,
}

impl Setup {
    /// A policy's and a role's name.
    pub(super) fn name(&self, party: Party) -> String {
        format!("{}-{}", self.role_prefix, party.word())
    }

    /// All of it, in the order in which each step needs the former.
    pub(super) async fn run(&self, vault: &Vault, out: &mut impl Write) -> anyhow::Result<()> {
        let accessor = self.auth_method(vault, out).await?;
        self.auth_config(vault, out, accessor.is_some()).await?;
        for party in Party::ALL {
            self.policy(vault, out, party, accessor.as_deref().unwrap_or(NO_ACCESSOR)).await?;
        }
        for party in Party::ALL {
            self.role(vault, out, party, accessor.is_some()).await?;
        }
        writeln!(
            out,
            "{}",
            if self.dry_run {
                "dry run: nothing was written"
            } else {
                "done: Vault has what Camerafleet needs"
            }
        )?;
        Ok(())
    }

    /// Enables the auth method, and returns its accessor; `None` if a dry run left it disabled.
    async fn auth_method(&self, vault: &Vault, out: &mut impl Write) -> anyhow::Result<Option<String>> {
        let mount = &self.auth.mount;
        let what = format!("auth method at auth/{mount}");
        let path = format!("sys/auth/{mount}");
        let mut found = vault.admin_read(&path).await.with_context(|| format!("looking for the {what}"))?;
        if found.is_none() {
            let body =
                json!({ "type": "kubernetes", "description": "ServiceAccounts (Camerafleet and others)" });
            self.write(vault, out, &what, &path, &body, None).await?;
            if self.dry_run {
                return Ok(None);
            }
            found = vault.admin_read(&path).await.with_context(|| format!("reading the {what}"))?;
        } else {
            writeln!(out, "found    {what}")?;
        }
        let field = |name| found.as_ref().and_then(|found| found.get(name)).and_then(Value::as_str);
        match (field("type"), field("accessor")) {
            (Some("kubernetes"), Some(accessor)) => Ok(Some(accessor.to_owned())),
            (Some("kubernetes"), None) => bail!("Vault names no accessor for the {what}"),
            (kind, _) => bail!(
                "the {what} is of type {}: give --auth-mount the name of a kubernetes one, or a new one",
                kind.unwrap_or("unknown")
            ),
        }
    }

    async fn auth_config(&self, vault: &Vault, out: &mut impl Write, enabled: bool) -> anyhow::Result<()> {
        let path = format!("auth/{}/config", self.auth.mount);
        let what = format!("configuration at {path}");
        let found = if enabled {
            vault.admin_read(&path).await.with_context(|| format!("reading the {what}"))?
        } else {
            None
        };
        let Some(config) = self.auth.change(found.as_ref())? else {
            writeln!(out, "found    {what}")?;
            return Ok(());
        };
        let hide = self.auth.reviewer_jwt.as_deref();
        self.write(vault, out, &what, &path, &config, hide).await.context(
            "where Vault does not run in this cluster, it needs --kubernetes-host, --kubernetes-ca-file and --reviewer-jwt-file",
        )
    }

    async fn policy(
        &self,
        vault: &Vault,
        out: &mut impl Write,
        party: Party,
        accessor: &str,
    ) -> anyhow::Result<()> {
        let path = format!("sys/policies/acl/{}", self.name(party));
        let what = format!("policy {}", self.name(party));
        let wanted = party.policy(&self.mount_prefix, accessor);
        let found = vault.admin_read(&path).await.with_context(|| format!("reading the {what}"))?;
        if found.as_ref().and_then(|found| found.get("policy")).and_then(Value::as_str) == Some(&wanted) {
            writeln!(out, "found    {what}")?;
            return Ok(());
        }
        self.write(vault, out, &what, &path, &json!({ "policy": wanted }), None).await
    }

    async fn role(
        &self,
        vault: &Vault,
        out: &mut impl Write,
        party: Party,
        enabled: bool,
    ) -> anyhow::Result<()> {
        let path = format!("auth/{}/role/{}", self.auth.mount, self.name(party));
        let what = format!("role {}", self.name(party));
        let wanted = auth::role(self, party);
        let found = if enabled {
            vault.admin_read(&path).await.with_context(|| format!("reading the {what}"))?
        } else {
            None
        };
        if found.is_some_and(|found| auth::has_all(&found, &wanted)) {
            writeln!(out, "found    {what}")?;
            return Ok(());
        }
        self.write(vault, out, &what, &path, &wanted, None).await
    }

    /// Writes, or prints what it would write. `hide` is never printed.
    async fn write(
        &self,
        vault: &Vault,
        out: &mut impl Write,
        what: &str,
        path: &str,
        body: &Value,
        hide: Option<&str>,
    ) -> anyhow::Result<()> {
        if self.dry_run {
            writeln!(out, "to write {what}, to {path}:\n{}", shown(body, hide))?;
            return Ok(());
        }
        let hide: Vec<&str> = hide.into_iter().collect();
        vault.admin_write(path, body, &hide).await.with_context(|| format!("writing the {what}"))?;
        writeln!(out, "wrote    {what}")?;
        Ok(())
    }
}

/// A body for people: a policy as its own text.
fn shown(body: &Value, hide: Option<&str>) -> String {
    let text = match body.get("policy").and_then(Value::as_str) {
        Some(policy) => policy.to_owned(),
        None => format!("{body:#}"),
    };
    match hide {
        Some(secret) if !secret.is_empty() => text.replace(secret, "[hidden]"),
        _ => text,
    }
}
