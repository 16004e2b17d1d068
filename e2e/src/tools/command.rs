//! Running other programs: always with a limit on their time, and with their own words in the error.

use std::{process::Stdio, time::Duration};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

/// How much of a failed program's output goes into the error.
const TAIL_LINES: usize = 12;

/// Runs `command` to its end and returns what it wrote to its standard output. `what` says what it is for.
///
/// # Errors
/// When it cannot be started, fails, or is not done within `limit` (it is then killed).
pub async fn output(what: &str, command: &mut Command, limit: Duration) -> Result<String> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{what}: starting {program}"))?;
    let Ok(output) = tokio::time::timeout(limit, child.wait_with_output()).await else {
        bail!("{what}: {program} did not finish within {} s", limit.as_secs());
    };
    let output = output.with_context(|| format!("{what}: waiting for {program}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let said = if stderr.trim().is_empty() { &stdout } else { &stderr };
        bail!("{what}: {program} failed ({}): {}", output.status, tail(said));
    }
    Ok(stdout.into_owned())
}

/// The end of a program's output, where the reason of its failure stands.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failure_carries_the_programs_words() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such camera >&2; exit 3"]);
        let error = output("asking", &mut command, Duration::from_secs(5)).await;
        let text = format!("{:#}", error.unwrap_err());
        assert!(text.contains("asking") && text.contains("no such camera"), "{text}");
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_given_up() {
        let mut command = Command::new("sleep");
        command.arg("30");
        let error = output("sleeping", &mut command, Duration::from_millis(50)).await;
        assert!(format!("{:#}", error.unwrap_err()).contains("did not finish"));
    }

    #[test]
    fn the_tail_is_the_end() {
        let text: String = (0..30).map(|n| format!("line {n}\n")).collect();
        assert!(tail(&text).starts_with("line 18\n") && tail(&text).ends_with("line 29"));
        assert_eq!(tail(""), "");
    }
}
