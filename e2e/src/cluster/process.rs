//! The components as processes: started so that they outlive us, recorded so that they can be found again, and
//! stopped without ever hitting another process that was given the same number.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

use super::folders;
use crate::{instance::Instance, tools::Tools};

/// Every component, in the order they are stopped in: etcd last, as the API server hangs for minutes without it.
pub(super) const COMPONENTS: &[&str] = &[
    "kubelet",
    "containerd",
    "kube-router",
    "kube-proxy",
    "kube-scheduler",
    "kube-controller-manager",
    "kube-apiserver",
    "etcd",
];

/// A process that cannot be confused with a later one of the same number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pid: i32,
    /// In clock ticks since the machine's start.
    started: u64,
    /// Which start of the machine.
    boot: String,
}

impl Identity {
    /// Who has this number now; nobody, if it has ended (a zombie has).
    pub(super) fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (state, started) = state_and_start(&stat)?;
        if matches!(state, 'Z' | 'X') {
            return None;
        }
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(Self { pid, started, boot: boot.trim().to_owned() })
    }

    pub(super) fn is_alive(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// Signals this process and no other: the handle is opened first, and then what it is a handle of is checked.
    fn signal(&self, signal: Signal) {
        let Some(pid) = Pid::from_raw(self.pid) else {
            return;
        };
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else {
            return;
        };
        if self.is_alive() {
            // It may end by itself at this very moment.
            let _ = pidfd_send_signal(handle, signal);
        }
    }

    async fn ended_within(&self, limit: Duration) -> bool {
        let started = Instant::now();
        while self.is_alive() {
            if started.elapsed() > limit {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }
}

/// The third and the 22nd field of /proc/<pid>/stat; the second is a name that may hold spaces and parentheses.
fn state_and_start(stat: &str) -> Option<(char, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let started = fields.nth(18)?.parse().ok()?;
    Some((state, started))
}

/// A component that was just started, while we wait for it to be ready.
pub(super) struct Running {
    pub(super) name: &'static str,
    pub(super) log: PathBuf,
    child: Child,
}

impl Running {
    /// An error if it has ended, with the end of its log.
    pub(super) fn check(&mut self) -> Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => bail!(
                "{} ended while it started ({status}). The end of {}:\n{}",
                self.name,
                self.log.display(),
                end_of(&self.log)
            ),
            Err(error) => Err(error).with_context(|| format!("asking after {}", self.name)),
        }
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }
}

/// Which namespaces a component runs in, besides the instance's network namespace.
pub(super) enum Mounts {
    /// This machine's.
    Machine,
    /// A new mount namespace, made ready by this script.
    New(PathBuf),
    /// The one of this process.
    Of(u32),
}

/// Starts a component in the instance's network namespace, in a session of its own and with its own log.
pub(super) fn start(
    instance: Instance,
    tools: &Tools,
    name: &'static str,
    mounts: &Mounts,
    arguments: &[String],
) -> Result<Running> {
    let log = instance.logs().join(format!("{name}.log"));
    let file = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
    let also = file.try_clone().with_context(|| format!("opening {}", log.display()))?;
    // setsid, nsenter and unshare each become the next program, so the child's number is the component's.
    // nsenter and not `ip netns exec`, which would hide /sys/fs/cgroup.
    let mut command = Command::new("setsid");
    command.arg("nsenter").arg(format!("--net={}", super::network::path(instance).display()));
    match mounts {
        Mounts::Machine => command.arg("--"),
        Mounts::Of(pid) => command.arg(format!("--mount=/proc/{pid}/ns/mnt")).arg("--"),
        // Slave, so that a namespace file that is removed on the machine also goes here, and is not kept alive.
        Mounts::New(script) => command
            .args(["--", "unshare", "--mount", "--propagation", "slave", "--", "sh", "-eu"])
            .arg(script),
    };
    let child = command
        .arg(tools.bin(name))
        .args(arguments)
        // A caller's proxy or Go settings must not reach the cluster.
        .env_clear()
        .env("PATH", path_variable(tools))
        .env("HOME", instance.state())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(also)
        .spawn()
        .with_context(|| format!("starting {name}"))?;
    record(instance, name, &child)?;
    Ok(Running { name, log, child })
}

fn path_variable(tools: &Tools) -> String {
    let bin = tools.bin_dir().display();
    format!("{bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
}

fn record(instance: Instance, name: &str, child: &Child) -> Result<()> {
    // One that has already ended needs no record; waiting for it will say so.
    let Some(identity) = child.id().and_then(|pid| Identity::of(pid.cast_signed())) else {
        return Ok(());
    };
    let text = serde_json::to_string(&identity).context("recording a process")?;
    folders::write(&record_file(instance, name), &text, 0o644)
}

fn record_file(instance: Instance, name: &str) -> PathBuf {
    folders::pids(instance).join(format!("{name}.json"))
}

/// The component as it was recorded, whether or not it still runs.
pub(super) fn recorded(instance: Instance, name: &str) -> Option<Identity> {
    let text = fs::read_to_string(record_file(instance, name)).ok()?;
    serde_json::from_str(&text).ok()
}

/// Stops a recorded component: asks it, and kills it if it is still there after `grace`.
pub(super) async fn stop(instance: Instance, name: &str, grace: Duration) -> Result<()> {
    if let Some(identity) = recorded(instance, name) {
        identity.signal(Signal::TERM);
        if !identity.ended_within(grace).await {
            kill(std::slice::from_ref(&identity)).await.with_context(|| format!("stopping {name}"))?;
        }
    }
    let _ = fs::remove_file(record_file(instance, name));
    Ok(())
}

/// Kills processes at once and waits until they are gone.
pub(super) async fn kill(processes: &[Identity]) -> Result<()> {
    for process in processes {
        process.signal(Signal::KILL);
    }
    for process in processes {
        if !process.ended_within(Duration::from_secs(10)).await {
            bail!(
                "process {0} is still there 10 s after it was killed; see `cat /proc/{0}/stack`, then try again",
                process.pid
            );
        }
    }
    Ok(())
}

/// Every process in the namespace that this file names.
pub(super) fn in_network_namespace(namespace: &Path) -> Vec<Identity> {
    use std::os::unix::fs::MetadataExt;
    let Ok(wanted) = fs::metadata(namespace) else {
        return Vec::new();
    };
    let same = |pid: i32| {
        fs::metadata(format!("/proc/{pid}/ns/net"))
            .is_ok_and(|found| found.ino() == wanted.ino() && found.dev() == wanted.dev())
    };
    let Ok(listing) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    listing
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&pid| same(pid))
        .filter_map(Identity::of)
        .collect()
}

/// The last lines of a log.
pub(super) fn end_of(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_parentheses_do_not_confuse() {
        let rest = "S 1 2 2 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2";
        for name in ["etcd", "a) b", "((x)"] {
            assert_eq!(state_and_start(&format!("12 ({name}) {rest}")), Some(('S', 987_654)));
        }
        assert_eq!(state_and_start(""), None);
    }

    #[tokio::test]
    async fn a_number_used_again_is_left_alone() -> Result<()> {
        let mut child = Command::new("sleep").arg("60").kill_on_drop(true).spawn()?;
        let pid = child.id().context("no pid")?.cast_signed();
        let real = Identity::of(pid).context("no process")?;
        let stale = Identity { started: real.started - 1, ..real.clone() };
        kill(&[stale]).await?;
        assert!(real.is_alive());
        kill(std::slice::from_ref(&real)).await?;
        assert!(!real.is_alive());
        child.wait().await?;
        Ok(())
    }
}
