//! What the node sees of this machine's files: all of it, but for a few paths that are fixed in the kubelet and in
//! CNI. There it sees the instance's own files, in the mount namespace that containerd and the kubelet share.

use std::{fmt::Write, fs, path::PathBuf};

use anyhow::{Context, Result};

use super::super::folders;
use crate::instance::Instance;

/// The kernel settings that the kubelet insists on. It reads these values from files of ours, and so leaves the
/// machine's alone (`setupKernelTunables` in its container manager).
const SYSCTLS: &[(&str, &str)] = &[
    ("vm/overcommit_memory", "1"),
    ("vm/panic_on_oom", "0"),
    ("kernel/panic", "10"),
    ("kernel/panic_on_oops", "1"),
    ("kernel/keys/root_maxkeys", "1000000"),
    ("kernel/keys/root_maxbytes", "25000000"),
];

/// Makes the folders and files, and the script that puts them in place and then becomes the program it is given.
pub(super) fn prepare(instance: Instance) -> Result<PathBuf> {
    let own = instance.state().join("view");
    let mut script =
        "# Run in a new mount namespace: what is mounted here is seen by the node alone.\n".to_owned();
    let mut bind = |from: &PathBuf, to: &str| {
        writeln!(script, "mount --bind '{}' '{to}'", from.display()).context("writing a script")
    };
    for fixed in folders::FIXED {
        let ours = own.join(fixed.trim_start_matches('/'));
        for folder in [&ours, &PathBuf::from(fixed)] {
            fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        }
        bind(&ours, fixed)?;
    }
    for (name, value) in SYSCTLS {
        let ours = own.join("sysctl").join(name.replace('/', "."));
        fs::create_dir_all(own.join("sysctl")).context("creating a folder")?;
        folders::write(&ours, &format!("{value}\n"), 0o444)?;
        bind(&ours, &format!("/proc/sys/{name}"))?;
    }
    script.push_str("exec \"$@\"\n");
    folders::write_config(instance, "view.sh", &script)
}
