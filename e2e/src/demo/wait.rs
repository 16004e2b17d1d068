//! Waiting, always with a bound and with a word on what for.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use camerafleet_crds::Camera;
use kube::{Api, Client};

use super::TENANT;

const POLL: Duration = Duration::from_millis(500);

/// Asks until there is an answer; an error of the question counts as none yet.
pub async fn until<T>(what: &str, limit: Duration, ask: impl AsyncFn() -> Result<Option<T>>) -> Result<T> {
    let started = Instant::now();
    loop {
        let last = match tokio::time::timeout(Duration::from_secs(15), ask()).await {
            Ok(Ok(Some(answer))) => return Ok(answer),
            Ok(Ok(None)) => String::new(),
            Ok(Err(error)) => format!(": {error:#}"),
            Err(_) => ": no answer".to_owned(),
        };
        if started.elapsed() >= limit {
            bail!("waited {} s in vain until {what}{last}", limit.as_secs());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until these cameras' condition Ready is True with the reason Recording.
pub async fn recording(client: &Client, cameras: &[&str]) -> Result<()> {
    for camera in cameras {
        state(client, camera, "Recording", Duration::from_secs(120)).await?;
    }
    Ok(())
}

/// Waits until a camera's Ready has this reason.
pub async fn state(client: &Client, camera: &str, reason: &str, limit: Duration) -> Result<Camera> {
    let api = Api::<Camera>::namespaced(client.clone(), TENANT);
    let what = format!("the camera {camera} says {reason}");
    let found = until(&what, limit, async || {
        let camera = api.get(camera).await?;
        let ready = ready(&camera);
        match ready {
            Some((found, _)) if found == reason => Ok(Some(camera)),
            Some((found, message)) => bail!("it says {found}: {message}"),
            None => Ok(None),
        }
    });
    found.await
}

/// Ready's reason and message.
pub fn ready(camera: &Camera) -> Option<(String, String)> {
    let conditions = &camera.status.as_ref()?.conditions;
    conditions.iter().find(|c| c.type_ == "Ready").map(|c| (c.reason.clone(), c.message.clone()))
}
