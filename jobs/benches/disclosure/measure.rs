//! Each run is a process of its own, so that its memory and its processor time are its own.

use std::{fs, process::Command, time::Instant};

use super::{
    Answer, Task,
    job::disclose,
    rivals::{copy, reencrypt, server_copy},
    stage::Stage,
};

/// A process of its own. What it wrote is taken away.
pub fn measure(stage: &Stage, what: &str, task: &Task) -> Answer {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), serde_json::to_vec(task).unwrap()).unwrap();
    let before = servers_cpu_seconds();
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--child", what]).arg(file.path()).output().unwrap();
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    fs::remove_dir_all(stage.s3.folder("footage").join("elm/t-1/packages")).unwrap();
    let mut answer: Answer = serde_json::from_slice(&output.stdout).unwrap();
    answer.servers_cpu_seconds = servers_cpu_seconds() - before;
    let load = fs::read_to_string("/proc/loadavg").unwrap();
    let load = load.split(' ').next().unwrap();
    eprintln!("{what}: {:.1} s, {:.0} MiB (load {load})", answer.seconds, answer.peak_mib);
    answer
}

pub async fn child(what: &str, file: &str) {
    let task: Task = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let started = Instant::now();
    match what {
        "sealed" | "clip" => disclose(task).await,
        "reencrypt" => reencrypt(task).await,
        "copy" => copy(task).await,
        _ => server_copy(task).await,
    }
    let seconds = started.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: f64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    let cpu_seconds = cpu_seconds("self").unwrap();
    let answer = Answer { seconds, cpu_seconds, servers_cpu_seconds: 0.0, peak_mib: peak / 1024.0 };
    println!("{}", serde_json::to_string(&answer).unwrap());
}

/// What a process has taken, in user and in system mode. Linux counts in hundredths.
pub fn cpu_seconds(process: &str) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = |n: usize| fields[n].parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

/// What store and Vault have taken: this process has no other children that last.
fn servers_cpu_seconds() -> f64 {
    let own = std::process::id().to_string();
    let is_ours = |process: &String| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").and_then(|(_, fields)| fields.split(' ').nth(1)) == Some(own.as_str())
    };
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let names = processes.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(is_ours).filter_map(|process| cpu_seconds(&process)).sum()
}
