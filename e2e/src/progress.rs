//! Long work says what it is doing and how long it took.

use std::{
    future::Future,
    io::Write,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

static QUIET: AtomicBool = AtomicBool::new(false);

/// From now on nothing is said: tests speak through their results.
pub fn quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Runs `work`, printing its name when it starts and its duration when it ends.
pub async fn step<T>(name: &str, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let started = Instant::now();
    say(&format!("  … {name}"));
    let result = work.await;
    let took = started.elapsed().as_secs_f32();
    match &result {
        Ok(_) => say(&format!("  ✓ {name} ({took:.1} s)")),
        Err(_) => say(&format!("  ✗ {name} ({took:.1} s)")),
    }
    result
}

/// Prints a line at once, also into a pipe.
pub fn say(line: &str) {
    if QUIET.load(Ordering::Relaxed) {
        return;
    }
    let mut out = std::io::stdout().lock();
    // A closed pipe is no reason to stop the work.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
