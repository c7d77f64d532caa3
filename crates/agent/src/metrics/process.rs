//! The process itself, under the names that every client of Prometheus gives it.

use jiff::Timestamp;
use prometheus_client::{
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};
use rustix::param::{clock_ticks_per_second, page_size};

/// What the kernel says of this process now. What it does not say is left out.
pub(super) fn metrics(started: Timestamp) -> Registry {
    let mut registry = Registry::with_prefix("process");
    let start = ConstGauge::new(started.as_duration().as_secs_f64());
    registry.register_with_unit("start_time", "When it started, in seconds since 1970", Unit::Seconds, start);
    if let Some((cpu, resident)) = std::fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(stat) {
        let help = "CPU time it used";
        registry.register_with_unit("cpu", help, Unit::Seconds, ConstCounter::new(cpu));
        let help = "Memory it has";
        registry.register_with_unit("resident_memory", help, Unit::Bytes, ConstGauge::new(resident));
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        let open = i64::try_from(open.count()).unwrap_or(i64::MAX);
        registry.register("open_fds", "File descriptors it has open", ConstGauge::new(open));
    }
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    if let Some(most) = most.and_then(|most| i64::try_from(most).ok()) {
        registry.register("max_fds", "File descriptors it may have open", ConstGauge::new(most));
    }
    registry
}

/// CPU time in seconds and resident memory in bytes, of `/proc/PID/stat` (proc_pid_stat(5)).
fn stat(text: &str) -> Option<(f64, i64)> {
    // The name may have spaces and brackets in it; what follows the last bracket has neither.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    // Field 3 is the first here: utime and stime are 14 and 15, rss is 24.
    let field = |number: usize| fields.get(number - 3)?.parse::<u32>().ok();
    let ticks = u32::try_from(clock_ticks_per_second()).ok()?;
    let cpu = (f64::from(field(14)?) + f64::from(field(15)?)) / f64::from(ticks);
    Some((cpu, i64::from(field(24)?) * i64::try_from(page_size()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_it_is_called() {
        let text =
            "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 9 0 5 1000 42 18446744073709551615";
        let (cpu, resident) = stat(text).unwrap();
        assert!((cpu - 200.0 / clock_ticks_per_second() as f64).abs() < 1e-9, "{cpu}");
        assert_eq!(resident, 42 * i64::try_from(page_size()).unwrap());
        for bad in ["", "7 (a", "7 (a) S 1", "7 (a) S x x x x x x x x x x x x x x x x x x x x x x"] {
            assert_eq!(stat(bad), None);
        }
    }
}
