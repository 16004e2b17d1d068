//! What the kernel says that processes and cores took.

use std::{collections::BTreeSet, fs, process::Command};

/// User and system time of a process since its start, seconds.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // Behind the name, which may hold anything; utime and stime are fields 14 and 15 (proc_pid_stat(5)).
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |field: usize| fields[field - 3].parse::<f64>().unwrap();
    (ticks(14) + ticks(15)) / ticks_per_second()
}

/// The system's part of it.
pub fn system_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let field = stat.rsplit(')').next().unwrap().split_whitespace().nth(15 - 3).unwrap();
    field.parse::<f64>().unwrap() / ticks_per_second()
}

/// Resident memory of a process, MiB.
pub fn rss_mib(pid: u32) -> f64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1_024.0
}

/// Busy and all time of a core since the machine's start, ticks.
pub fn core(n: usize) -> (f64, f64) {
    let stat = fs::read_to_string("/proc/stat").unwrap();
    let line = stat.lines().find_map(|line| line.strip_prefix(&format!("cpu{n} "))).unwrap();
    let ticks: Vec<f64> = line.split_whitespace().take(8).map(|field| field.parse().unwrap()).collect();
    let all: f64 = ticks.iter().sum();
    // All but idle and iowait.
    (all - ticks[3] - ticks[4], all)
}

/// All processes that this one began.
pub fn descendants() -> BTreeSet<u32> {
    let mut found = BTreeSet::from([std::process::id()]);
    loop {
        let before = found.len();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
            let parent =
                stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse().ok());
            if parent.is_some_and(|parent: u32| found.contains(&parent)) {
                found.insert(pid);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

/// This process and all that it begins run on one core, unless they are told otherwise.
pub fn pin(core: usize) {
    let pid = std::process::id().to_string();
    let pinned = Command::new("taskset").args(["-a", "-c", "-p", &core.to_string(), &pid]).output();
    assert!(pinned.expect("taskset (util-linux) is installed").status.success(), "there is no core {core}");
}

fn ticks_per_second() -> f64 {
    static TICKS: std::sync::OnceLock<f64> = std::sync::OnceLock::new();
    *TICKS.get_or_init(|| {
        let said = Command::new("getconf").arg("CLK_TCK").output().unwrap().stdout;
        String::from_utf8(said).unwrap().trim().parse().unwrap()
    })
}
