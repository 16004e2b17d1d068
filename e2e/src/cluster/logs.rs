//! What a person needs to see why something failed.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};

use super::{folders, kubectl};
use crate::{
    instance::Instance,
    tools::{Tools, command},
};

const LIMIT: Duration = Duration::from_secs(30);

/// What kubectl is asked, and the files its answers go to.
const QUESTIONS: &[(&str, &[&str])] = &[
    ("nodes.txt", &["describe", "nodes"]),
    ("pods.txt", &["get", "pods", "--all-namespaces", "--output=wide"]),
    ("pods-described.txt", &["describe", "pods", "--all-namespaces"]),
    ("events.txt", &["get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"]),
];

/// Copies the logs of an instance's components and pods, and what kubectl says of them, into a folder. A part that
/// cannot be had (the API server may be what failed) is replaced by the reason.
///
/// # Errors
/// When the folder cannot be written.
pub async fn collect(instance: Instance, to: &Path) -> Result<()> {
    copy(&instance.logs(), to)?;
    copy(&folders::pod_logs(instance), &to.join("pods"))?;
    let tools = Tools::cached()?;
    let answers = QUESTIONS.iter().map(|&(file, question)| {
        let mut ask = kubectl(instance, &tools);
        ask.arg("--request-timeout=20s").args(question);
        async move {
            let answer = command::output(&question.join(" "), &mut ask, LIMIT).await;
            (file, answer.unwrap_or_else(|error| format!("{error:#}\n")))
        }
    });
    for (file, answer) in futures::future::join_all(answers).await {
        let path = to.join(file);
        fs::write(&path, answer).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Copies files and folders. Links are followed; what vanishes meanwhile is left out.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("creating {}", to.display()))?;
    let Ok(listing) = fs::read_dir(from) else {
        return Ok(());
    };
    for entry in listing.flatten() {
        let (from, to): (PathBuf, PathBuf) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to)?;
        } else if from.exists() {
            fs::copy(&from, &to).with_context(|| format!("copying {}", from.display()))?;
        }
    }
    Ok(())
}
