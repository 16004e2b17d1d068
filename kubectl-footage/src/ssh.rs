//! SSH signatures, made by the reader's own ssh-keygen: so that a key in an agent or behind a passphrase works.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use crate::failure::{Failure, Kind};

/// `ssh-keygen -Y sign` over a message in a namespace.
pub fn sign(key: &Path, namespace: &str, message: &[u8]) -> Result<String, Failure> {
    let failed = |why: String| {
        Failure::new(
            Kind::Input,
            format!("ssh-keygen could not sign with {}: {why}.", key.display()),
            "Check that it is an SSH private key of yours, or the public half of one that your agent holds.",
        )
    };
    let mut program = Command::new("ssh-keygen")
        .args(["-Y", "sign", "-n", namespace, "-f"])
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| failed(e.to_string()))?;
    if let Some(mut input) = program.stdin.take() {
        input.write_all(message).map_err(|e| failed(e.to_string()))?;
    }
    let made = program.wait_with_output().map_err(|e| failed(e.to_string()))?;
    if !made.status.success() {
        let said = String::from_utf8_lossy(&made.stderr);
        return Err(failed(said.trim().trim_end_matches('.').replace('\n', "; ")));
    }
    String::from_utf8(made.stdout).map_err(|e| failed(e.to_string()))
}
