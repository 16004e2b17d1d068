//! The tenants' disclosure logs (`footage/LOG.md`), as the operator writes them.
//!
//! One session for each tenant, and in it one append at a time. The Lease keeps other replicas away, and the log's own
//! conditional write keeps away what the Lease did not. The newest checkpoint is remembered in the tenant's namespace,
//! so that a bucket that was put back to an older state is noticed also after a restart.

mod follow;
mod histories;
mod keys;
mod lines;
mod memory;
mod open;
mod problem;
mod revision;
pub mod serve;
mod settings;
mod streams;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use camerafleet_crds::Tenant;
use camerafleet_footage::{
    ids::TenantId,
    log::{Entry, LOG_KEY, LogKey, MAX_BATCH, NewEntry, Snapshot, VaultSigner, Writer, origin},
    vault::Vault,
};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use tokio::sync::{Mutex as AsyncMutex, OnceCell, OwnedMutexGuard};

pub use follow::run;
pub use keys::key_created_id;
pub use problem::LogProblem;
pub use revision::{policy_revision, revision_line};
pub use settings::{LogStore, Who, read as read_settings};

use self::{
    histories::Histories,
    lines::Lines,
    memory::{CHECKPOINT, LOG_KEY_FIELD},
};
use crate::{
    config::LogArgs, context::Context, controllers::ingest::vault_target, identity, kube_api, vault::Target,
};

/// Opening a long log reads one object for each 256 entries.
const OPEN_TIMEOUT: Duration = Duration::from_secs(120);
/// The Tenant's other conditions wait for this one.
const LOOK_TIMEOUT: Duration = Duration::from_secs(15);
/// An append takes at most this long.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The sessions, by tenant.
pub struct Logs {
    args: LogArgs,
    cluster: OnceCell<String>,
    tenants: Mutex<HashMap<TenantId, Slot>>,
    histories: Mutex<Histories>,
    lines: Mutex<HashMap<TenantId, Arc<AsyncMutex<Lines>>>>,
}

type Slot = Arc<AsyncMutex<Option<Session>>>;

/// An open log.
struct Session {
    writer: Writer,
    /// The version of the settings that it was opened with.
    settings: String,
    /// The checkpoint that is remembered.
    remembered: Option<String>,
    /// The log's verifier key, as Vault has it.
    vkey: String,
}

/// A session in use, and Vault to sign with.
struct Entered {
    slot: OwnedMutexGuard<Option<Session>>,
    target: Target,
    vault: Vault,
    mount: String,
}

impl Logs {
    /// None is open yet.
    pub fn new(args: LogArgs) -> Self {
        let (tenants, histories, lines) = Default::default();
        Self { args, cluster: OnceCell::new(), tenants, histories, lines }
    }

    /// Opens a tenant's log, or looks whether it is still what it was.
    pub async fn check(&self, tenant: &Tenant, context: &Context) -> Result<(), LogProblem> {
        let mut entered = self.enter(tenant, context).await?;
        let session = entered.session()?;
        if let Some(seen) = session.writer.checkpoint() {
            limited(LOOK_TIMEOUT, session.writer.reader().after(seen)).await?;
        }
        session.remember(tenant, context).await
    }

    /// Logs what is not in the log yet. Returns each entry's index.
    pub async fn append(
        &self,
        tenant: &Tenant,
        entries: &[NewEntry],
        context: &Context,
    ) -> Result<Vec<u64>, LogProblem> {
        if let Some(known) = self.known(tenant, entries) {
            return Ok(known);
        }
        let mut entered = self.enter(tenant, context).await?;
        let (vault, mount) = (entered.vault.clone(), entered.mount.clone());
        let signer = VaultSigner { vault: &vault, mount: &mount };
        let mut indices = Vec::with_capacity(entries.len());
        let session = entered.session()?;
        for part in entries.chunks(MAX_BATCH) {
            match limited(TIMEOUT, session.writer.append(&signer, part)).await {
                Ok(part) => indices.extend(part),
                Err(problem) => {
                    // The next one begins anew, with a new login if that is what was missing.
                    if problem.is_denied() {
                        context.vault.forget(&entered.target).await;
                    }
                    *entered.slot = None;
                    return Err(problem);
                }
            }
        }
        session.remember(tenant, context).await?;
        Ok(indices)
    }

    /// What an entry says, proven to be in the log.
    pub async fn entry(&self, tenant: &Tenant, index: u64, context: &Context) -> Result<Entry, LogProblem> {
        let mut entered = self.enter(tenant, context).await?;
        let session = entered.session()?;
        let seen = session.writer.checkpoint().ok_or(LogProblem::NotOpen)?;
        let entry = limited(TIMEOUT, session.writer.reader().at(seen).entry(index)).await?;
        Ok(entry.record()?.entry.clone())
    }

    /// The log as it is now.
    pub async fn snapshot(&self, tenant: &Tenant, context: &Context) -> Result<Snapshot, LogProblem> {
        let mut entered = self.enter(tenant, context).await?;
        let session = entered.session()?;
        let seen = session.writer.checkpoint().ok_or(LogProblem::NotOpen)?;
        Ok(session.writer.reader().at(seen))
    }

    /// The newest checkpoint's note; none while the log is not open.
    pub async fn newest(&self, tenant: &Tenant) -> Option<String> {
        let slot = self.slot(tenant)?;
        let slot = slot.lock().await;
        Some(slot.as_ref()?.writer.checkpoint()?.note().to_owned())
    }

    fn lines_of(&self, tenant: &Tenant) -> Option<Arc<AsyncMutex<Lines>>> {
        let id = identity::of(tenant).and_then(|id| TenantId::parse(id).ok())?;
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(lines.entry(id).or_default()))
    }

    /// Whether the log has an entry with this id. It is opened for that.
    pub async fn has(&self, tenant: &Tenant, id: &str, context: &Context) -> Result<bool, LogProblem> {
        self.find(tenant, id, context).await.map(|index| index.is_some())
    }

    /// The index of the entry with this id.
    pub async fn find(
        &self,
        tenant: &Tenant,
        id: &str,
        context: &Context,
    ) -> Result<Option<u64>, LogProblem> {
        if let Some(slot) = self.slot(tenant)
            && let Ok(slot) = slot.try_lock()
            && let Some(session) = slot.as_ref()
        {
            return Ok(session.writer.find(id));
        }
        let mut entered = self.enter(tenant, context).await?;
        Ok(entered.session()?.writer.find(id))
    }

    /// All the entries' indices, if all of them are in the open log and its checkpoint is remembered: then nobody is
    /// asked anything. While somebody else is at the log, the caller waits for it as for any append.
    fn known(&self, tenant: &Tenant, entries: &[NewEntry]) -> Option<Vec<u64>> {
        let slot = self.slot(tenant)?;
        let slot = slot.try_lock().ok()?;
        let session = slot.as_ref()?;
        let newest = session.writer.checkpoint().map(|checkpoint| checkpoint.note());
        if session.remembered.as_deref() != newest {
            return None;
        }
        entries.iter().map(|entry| session.writer.find(&entry.id)).collect()
    }

    fn slot(&self, tenant: &Tenant) -> Option<Slot> {
        let id = identity::of(tenant).and_then(|id| TenantId::parse(id).ok())?;
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(tenants.entry(id).or_default()))
    }

    /// The tenant is gone.
    pub fn forget(&self, tenant: &Tenant) {
        if let Some(id) = identity::of(tenant).and_then(|id| TenantId::parse(id).ok()) {
            self.tenants.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            self.lines.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        }
    }

    async fn enter(&self, tenant: &Tenant, context: &Context) -> Result<Entered, LogProblem> {
        let slot = self.slot(tenant).ok_or(LogProblem::NotOpen)?;
        let slot = tokio::time::timeout(TIMEOUT, slot.lock_owned()).await.map_err(|_| LogProblem::Timeout)?;
        let settings = settings::read(&self.args, settings::Who::Writer, context).await?;
        let target = vault_target(tenant, context).await?;
        let vault = context.vault.get(&target).await?;
        let mount = context.vault.mount(&tenant.spec.namespace);
        let mut entered = Entered { slot, target, vault, mount };
        if entered.slot.as_ref().is_none_or(|session| session.settings != settings.version) {
            *entered.slot = None;
            *entered.slot = Some(self.open(tenant, &settings, &entered, context).await?);
        }
        Ok(entered)
    }

    async fn open(
        &self,
        tenant: &Tenant,
        settings: &LogStore,
        entered: &Entered,
        context: &Context,
    ) -> Result<Session, LogProblem> {
        let Entered { vault, mount, .. } = entered;
        let id = identity::of(tenant).and_then(|id| TenantId::parse(id).ok()).ok_or(LogProblem::NotOpen)?;
        let key =
            LogKey::new(self.origin(&id, context).await?, vault.create_signing_key(mount, LOG_KEY).await?)?;
        let remembered = CHECKPOINT.recall(tenant, context).await?;
        let seen = remembered.as_ref().map(|note| key.open(note.as_bytes())).transpose()?;
        let signer = VaultSigner { vault, mount };
        let (store, prefix) = (settings.client()?, &settings.config.prefix);
        let vkey = key.vkey();
        let opening = async {
            let mut writer = Writer::open(store, prefix, &id, key, &signer, seen).await?;
            let orphans = writer.sweep(&signer, context.now()).await?;
            Ok((writer, orphans))
        };
        let (writer, orphans) = limited(OPEN_TIMEOUT, opening).await?;
        tracing::info!(tenant = %id, entries = writer.checkpoint().map_or(0, |c| c.size()), orphans, "the log is open");
        Ok(Session { writer, settings: settings.version.clone(), remembered, vkey })
    }

    /// The name of a tenant's log.
    pub async fn origin(&self, tenant: &TenantId, context: &Context) -> Result<String, LogProblem> {
        let cluster = self.cluster.get_or_try_init(|| async {
            let api = Api::<Namespace>::all(context.client.clone());
            let namespace = kube_api::get(&api, "kube-system").await?;
            namespace.and_then(|n| n.metadata.uid).ok_or(LogProblem::NoCluster)
        });
        Ok(origin(cluster.await?, tenant))
    }
}

impl Session {
    /// Remembers the newest checkpoint, if it is another one than last time.
    async fn remember(&mut self, tenant: &Tenant, context: &Context) -> Result<(), LogProblem> {
        let note = self.writer.checkpoint().map(|checkpoint| checkpoint.note().to_owned());
        if let Some(note) = note.filter(|note| self.remembered.as_ref() != Some(note)) {
            // With the key, so that auditors have it from here and not from the bucket.
            let told = [(CHECKPOINT.key, note.clone()), (LOG_KEY_FIELD, self.vkey.clone())];
            CHECKPOINT.remember_all(told, tenant, context).await?;
            self.remembered = Some(note);
        }
        Ok(())
    }
}

impl Entered {
    fn session(&mut self) -> Result<&mut Session, LogProblem> {
        self.slot.as_mut().ok_or(LogProblem::NotOpen)
    }
}

async fn limited<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, camerafleet_footage::log::LogError>>,
) -> Result<T, LogProblem> {
    match tokio::time::timeout(limit, call).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(LogProblem::Timeout),
    }
}
