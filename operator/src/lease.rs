//! One leader, by a Lease: held for 15 s, renewed every 2 s, given up by exiting the process when it could not
//! be renewed for 10 s, so that the next holder never writes beside this one.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{Api, Client, ResourceExt, api::PostParams};

use crate::{error::Error, kube_api::call};

/// The Lease's name.
pub const NAME: &str = "camerafleet-operator";
/// How long a Lease holds after its last renewal.
const DURATION: Duration = Duration::from_secs(15);
/// A holder that could not renew for this long stops: well before [`DURATION`] is over.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// The pause between two tries.
const RETRY: Duration = Duration::from_secs(2);

/// The Lease, and what this process saw of it. Expiry is told from this process's own monotonic clock: how
/// long the record has not changed, never from times that another machine wrote.
pub struct Leadership {
    api: Api<Lease>,
    identity: String,
    seen: Option<(String, Instant)>,
}

impl Leadership {
    /// Nothing is held yet.
    pub fn new(client: Client, namespace: &str, identity: &str) -> Self {
        Self { api: Api::namespaced(client, namespace), identity: identity.to_owned(), seen: None }
    }

    /// Waits until this process holds the Lease.
    pub async fn acquire(&mut self) {
        loop {
            match self.attempt().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "could not take the Lease; trying again"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Renews until that fails for too long, then returns: the process must end at once.
    pub async fn hold(&mut self) -> &'static str {
        let mut renewed = Instant::now();
        loop {
            tokio::time::sleep(RETRY).await;
            let left = RENEW_DEADLINE.saturating_sub(renewed.elapsed());
            match tokio::time::timeout(left, self.attempt()).await {
                Ok(Ok(true)) => renewed = Instant::now(),
                Ok(Ok(false)) => return "another replica holds the Lease",
                Ok(Err(error)) => tracing::warn!(%error, "could not renew the Lease; trying again"),
                Err(_) => return "the Lease could not be renewed in time",
            }
            if renewed.elapsed() >= RENEW_DEADLINE {
                return "the Lease could not be renewed in time";
            }
        }
    }

    /// Lets go, so that the next replica need not wait. Only after everything that writes has ended.
    pub async fn release(&mut self) -> Result<(), Error> {
        let Some(mut lease) = call("read the Lease", self.api.get_opt(NAME)).await? else { return Ok(()) };
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() != Some(&self.identity) {
            return Ok(());
        }
        spec.holder_identity = None;
        call("release the Lease", self.api.replace(NAME, &PostParams::default(), &lease)).await?;
        Ok(())
    }

    /// Takes or renews; whether this process holds it now.
    async fn attempt(&mut self) -> Result<bool, Error> {
        let Some(mut lease) = call("read the Lease", self.api.get_opt(NAME)).await? else {
            let lease = Lease { metadata: named(), spec: Some(self.spec(0)) };
            return accepted(call("create the Lease", self.api.create(&PostParams::default(), &lease)).await);
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.filter(|h| !h.is_empty());
        let transitions = spec.lease_transitions.unwrap_or(0);
        let next = match holder {
            Some(holder) if holder == self.identity => {
                LeaseSpec { acquire_time: spec.acquire_time, ..self.spec(transitions) }
            }
            Some(_) if !self.unchanged_for(&lease, DURATION) => return Ok(false),
            _ => self.spec(transitions + 1),
        };
        lease.spec = Some(next);
        // The resourceVersion that was read goes along: of two that try, one is told of the conflict.
        accepted(call("renew the Lease", self.api.replace(NAME, &PostParams::default(), &lease)).await)
    }

    fn unchanged_for(&mut self, lease: &Lease, span: Duration) -> bool {
        let version = lease.resource_version().unwrap_or_default();
        match &self.seen {
            Some((seen, since)) if *seen == version => since.elapsed() >= span,
            _ => {
                self.seen = Some((version, Instant::now()));
                false
            }
        }
    }

    fn spec(&self, transitions: i32) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(15),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }
}

fn named() -> k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
    k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
        name: Some(NAME.to_owned()),
        ..Default::default()
    }
}

/// A conflict says that another one was first.
fn accepted(result: Result<Lease, Error>) -> Result<bool, Error> {
    match result {
        Ok(_) => Ok(true),
        Err(error) if error.is_conflict() => Ok(false),
        Err(error) => Err(error),
    }
}
