//! Waiting for a component, with a limit, and with its log in the error.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::process::Running;

const PAUSE: Duration = Duration::from_millis(100);

/// Asks `probe` again and again until it says yes. Gives up when one of the components ends, and after `limit`.
pub(super) async fn wait(
    what: &str,
    components: &mut [&mut Running],
    limit: Duration,
    probe: impl AsyncFn() -> Result<()>,
) -> Result<()> {
    let started = Instant::now();
    loop {
        for component in &mut *components {
            component.check()?;
        }
        let error = match tokio::time::timeout(Duration::from_secs(5), probe()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => "no answer within 5 s".to_owned(),
        };
        if started.elapsed() > limit {
            let logs: Vec<String> = components.iter().map(|c| c.log.display().to_string()).collect();
            bail!(
                "waiting for {what}: not within {} s; the last answer: {error}. See {}",
                limit.as_secs(),
                logs.join(", ")
            );
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks health endpoints, trusting the cluster's own authority and nothing else.
pub(super) struct Health {
    client: reqwest::Client,
}

impl Health {
    pub(super) fn new(authority: &Path) -> Result<Self> {
        let pem = std::fs::read(authority).with_context(|| format!("reading {}", authority.display()))?;
        let certificate = reqwest::Certificate::from_pem(&pem).context("reading the cluster's authority")?;
        let client = reqwest::Client::builder()
            .tls_certs_only([certificate])
            .no_proxy()
            .timeout(Duration::from_secs(4))
            .build()
            .context("making the client that asks after the components' health")?;
        Ok(Self { client })
    }

    /// An error unless the answer is 200.
    pub(super) async fn ask(&self, url: &str) -> Result<()> {
        let answer = self.client.get(url).send().await?;
        if answer.status().is_success() {
            return Ok(());
        }
        let status = answer.status();
        bail!("{status}: {}", answer.text().await.unwrap_or_default())
    }
}
