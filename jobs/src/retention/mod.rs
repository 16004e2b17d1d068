//! Deletes footage that is due, and destroys the keys that the operator named for it.
//!
//! A run reads everything anew and keeps nothing: one that was killed anywhere is finished by the next. It
//! decides by the same rules as the operator (`footage::retention`), on what it reads itself. Each of its
//! calls is under a timeout, and listings are read page by page.
//!
//! It deletes nothing, and says why, if its RetentionPolicy is not the one it was made for, if its clock disagrees with
//! the API server's or the store's, or if it cannot tell what is held: where the holds or the log of them cannot be read,
//! or the log knows of one that the cluster has lost.

mod census;
mod clock;
mod copy;
mod ended;
mod error;
mod holds;
mod keys;
mod limit;
mod log;
mod policy;
mod report;
mod session;
mod setup;
mod sweep;
mod versions;

use std::{sync::Arc, time::Duration};

use camerafleet_footage::{
    retention::{JobConfig, Outcome, OverLimit, RunSummary, VaultAccess, listing::Place, may_hold_due},
    vault::Vault,
};
use jiff::Timestamp;
use object_store::{ObjectStore, list::PaginatedListStore};
use tokio::time::Instant;

pub use clock::StoreClock;
pub use error::JobError;
pub use policy::{Answer, Declared, KubePolicy, PolicySource};
pub use report::{CameraReport, Report};
pub use setup::{read_config, read_log_store, read_store, read_versions, report_termination};
pub use versions::Versions;

use policy::Checked;
use session::Session;
use versions::Kept;

/// One call takes at most this long.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// What a run works with.
pub struct Job<P> {
    /// What the operator says.
    pub config: JobConfig,
    /// The tenant's bucket, with the retention role's credential.
    pub store: Arc<dyn ObjectStore>,
    /// The same, where no more than the first name of a folder is wanted.
    pub pages: Arc<dyn PaginatedListStore>,
    /// The bucket of the tenant's log, with a credential that only reads; none if the operator gave none.
    pub log_store: Option<Arc<dyn ObjectStore>>,
    /// Requests about versions; none where the bucket is known to keep none.
    pub versions: Option<Versions>,
    /// The store's clock.
    pub store_clock: StoreClock,
    /// The RetentionPolicy.
    pub policy: P,
    /// How to get at the keys.
    pub keys: Keys,
    /// The clock.
    pub now: fn() -> Timestamp,
    /// The run's name, which names its report.
    pub run: String,
    /// After so long no further epoch is begun.
    pub time_limit: Duration,
}

/// How to get at the keys.
pub enum Keys {
    /// A login with the pod's projected token, once a key is due.
    Login {
        /// Where the token is.
        token_file: std::path::PathBuf,
    },
    /// A session that is there.
    Session(Vault),
}

/// Runs once. What went wrong is in the report, too.
pub async fn run<P: PolicySource>(job: &Job<P>) -> Report {
    let mut report = Report::new(RunSummary::started((job.now)()));
    let result = match Checked::read(job).await {
        Ok(checked) => match clock::check_store(job).await {
            Ok(()) => work(job, checked, &mut report).await,
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    if let Err(error) = result {
        report.failed(&error);
    }
    report.settle();
    report.summary.finished_at = (job.now)();
    if report.is_worth_keeping()
        && let Err(error) = report::put(job, &report).await
    {
        report.failed(&error);
    }
    report
}

async fn work<P: PolicySource>(
    job: &Job<P>,
    mut policy: Checked,
    report: &mut Report,
) -> Result<(), JobError> {
    let place = place(&job.config);
    let started = Instant::now();
    let mut session = Session::default();
    let begun = holds::read(job).await?;
    let versions = match &job.versions {
        Some(versions) => match versions.kept().await? {
            Kept::Yes => Some(versions),
            Kept::No => None,
            Kept::Unknown => {
                report.versions_unknown();
                None
            }
        },
        None => None,
    };
    let (epochs, foreign) = match versions {
        Some(versions) => versions.epochs(&place).await?,
        None => place
            .epochs(&*job.store)
            .await
            .map_err(|source| JobError::Store { doing: "list the policy's epochs".to_owned(), source })?,
    };
    report.summary.foreign_objects += foreign;
    copy::copy(job, &place, &epochs, &begun, &mut session, started, report).await;
    let counted = policy.most;
    let mut over = match counted {
        Some(most) => limit::over(job, &place, &epochs, most, &begun).await?,
        None => OverLimit::default(),
    };
    let (mut is_safe, mut looked) = (false, true);
    for epoch in &epochs {
        if !may_hold_due(epoch, policy.terms.keep_for, (job.now)()) && !over.reaches(epoch) {
            // The others are younger still. Only the oldest of them says what is stored.
            if report.summary.oldest_footage_time.is_none() {
                let oldest = place.oldest(&*job.store, &*job.pages, epoch).await;
                report.summary.oldest_footage_time = oldest.map_err(|source| JobError::Store {
                    doing: "look for the oldest footage".to_owned(),
                    source,
                })?;
            }
            break;
        }
        if started.elapsed() > job.time_limit {
            report.left_over();
            looked = false;
            break;
        }
        if !is_safe {
            holds::none_is_lost(job, &begun, &mut session).await?;
            is_safe = true;
        }
        // The policy may have been changed since: what counts is what it says now.
        policy = Checked::read(job).await?;
        if policy.most != counted {
            over = OverLimit::default();
        }
        let terms = sweep::Terms { policy: &policy, begun: &begun, over: &over };
        if let Err(error) = sweep::sweep(job, &place, epoch, terms, versions, report).await {
            // Nor is anything else deleted while it is not known what is held. The other epochs' footage is due all the same.
            if error.is_about_holds() {
                return Err(error);
            }
            // What it says of objects that stay is what it found of them.
            looked &= matches!(error, JobError::NotDeleted { .. });
            report.failed(&error);
        }
    }
    report.summary.looked = looked;
    if !policy.intents.is_empty() {
        if !is_safe {
            holds::none_is_lost(job, &begun, &mut session).await?;
        }
        keys::destroy(job, &place, &begun, &mut session, report).await?;
    }
    ended::clear(job, &mut session).await?;
    let gone = policy.terms.retired && looked && report.summary.oldest_footage_time.is_none();
    census::take(job, &place, &epochs, started, gone).await
}

fn place(config: &JobConfig) -> Place {
    Place {
        prefix: config.store.prefix.clone(),
        tenant: config.tenant.clone(),
        policy: config.policy.clone(),
    }
}

/// The program's exit code: 0 all done, 1 something is left for the next run, 3 it refused to delete anything.
/// (2 is clap's, for arguments that make no sense, and also what a missing file or credential gives.)
pub fn exit_code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Done => 0,
        Outcome::Incomplete => 1,
        Outcome::Refused => 3,
    }
}

impl Keys {
    async fn session(&self, access: &VaultAccess) -> Result<Vault, JobError> {
        match self {
            Self::Session(vault) => Ok(vault.clone()),
            Self::Login { token_file } => setup::login(access, token_file).await,
        }
    }
}
