//! A tenant's Transit mount.

use reqwest::Method;
use serde::Deserialize;

use super::error::Act;
use super::{Vault, VaultError, names};

impl Vault {
    /// Makes a Transit mount, or finds it.
    ///
    /// # Errors
    /// [`VaultError::WrongKind`] if another secrets engine is mounted there.
    pub async fn ensure_transit_mount(&self, mount: &str) -> Result<(), VaultError> {
        names::new_mount(mount)?;
        if self.is_transit(mount).await? {
            return Ok(());
        }
        let act = Act::on_mount("mount Transit at", mount);
        let client = self.transport.vaultrs();
        match self.transport.run(&act, vaultrs::sys::mount::enable(client, mount, "transit", None)).await {
            // Somebody was faster: look what they mounted.
            Err(VaultError::Other { status: 400, message, .. }) if message.contains("already in use") => {
                if self.is_transit(mount).await? {
                    Ok(())
                } else {
                    Err(act.other(400, &message))
                }
            }
            result => result,
        }
    }

    /// Whether there is a Transit mount; false if nothing is mounted there.
    async fn is_transit(&self, mount: &str) -> Result<bool, VaultError> {
        #[derive(Deserialize)]
        struct Mount {
            #[serde(rename = "type")]
            kind: String,
        }
        let act = Act::on_mount("read the mount", mount);
        // By hand: vaultrs wants fields that not every version has. And one mount, not all: the operator's
        // policy shows it no other mounts.
        let answer = self.transport.send(&act, Method::GET, &format!("sys/mounts/{mount}"), None).await?;
        match answer.read::<Mount>(&act) {
            Ok(Mount { kind }) if kind == "transit" => Ok(true),
            Ok(Mount { kind }) => Err(VaultError::WrongKind {
                what: format!("the mount {mount}"),
                expected: "a transit secrets engine".into(),
                found: format!("a {kind} secrets engine"),
            }),
            // How both servers say that nothing is there.
            Err(VaultError::Other { status: 400, message, .. })
                if message.contains("No secret engine mount") =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}
