//! What an administrator's token does for `operator vault-setup`: reading and writing by path. Nothing else calls this.

use reqwest::Method;
use serde_json::Value;

use super::error::Act;
use super::{Vault, VaultError, names};

impl Vault {
    /// What is at a path (`data` of the answer, where there is one); `None` where Vault says that nothing is.
    ///
    /// # Errors
    /// [`VaultError::Denied`] and the others.
    pub async fn admin_read(&self, path: &str) -> Result<Option<Value>, VaultError> {
        names::path("path", path)?;
        let act = Act::new(format!("read {path}"));
        let answer = self.transport.send(&act, Method::GET, path, None).await?;
        match answer.read::<Value>(&act) {
            Ok(mut value) => Ok(Some(match value.get_mut("data") {
                Some(data) => data.take(),
                None => value,
            })),
            Err(VaultError::Other { status: 404, message, .. }) if message.is_empty() => Ok(None),
            // How both servers say it of auth methods and mounts.
            Err(VaultError::Other { status: 400, message, .. })
                if message.starts_with("No auth engine at")
                    || message.starts_with("No secret engine mount at") =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes to a path. No message repeats `hide`.
    ///
    /// # Errors
    /// [`VaultError::Denied`] and the others.
    pub async fn admin_write(&self, path: &str, value: &Value, hide: &[&str]) -> Result<(), VaultError> {
        names::path("path", path)?;
        let act = Act { hide: hide.to_vec(), ..Act::new(format!("write {path}")) };
        let answer =
            self.transport.send(&act, Method::POST, path, Some(value.to_string().into_bytes())).await?;
        if answer.is_success() { Ok(()) } else { Err(answer.failure(&act)) }
    }
}
