//! What the figures were measured on.

use std::{fs, thread, time::Duration};

/// How long to look at how busy the machine is.
const LOOK: Duration = Duration::from_secs(2);

/// The machine, and how much of it others use at the moment.
pub(crate) fn describe() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let before = busy_and_all();
    thread::sleep(LOOK);
    let after = busy_and_all();
    let busy = 100.0 * (after.0 - before.0) / (after.1 - before.1);
    format!(
        "Linux {}, {cores} cores, {busy:.0} % of them busy with other things before it began",
        kernel.trim()
    )
}

/// Time that the processors were busy, and all their time, in ticks (proc_stat(5)).
fn busy_and_all() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = stat.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = first.split_whitespace().skip(1).filter_map(|number| number.parse().ok()).collect();
    // The fourth is idle, the fifth waits for disks; from the ninth on, what is in others already.
    let all: f64 = ticks.iter().take(8).sum();
    let idle: f64 = ticks.iter().skip(3).take(2).sum();
    (all - idle, all)
}
