//! What should not become more however often something is done and undone.

use crate::{agent::Agent, engine::Engine};
use std::{fs, time::Duration};

const FILES: &str = "file descriptors of the agent";
/// How many more of them are no leak.
const IDLE: usize = 4;

/// How much there is of what an agent makes, on its host and in one container there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceCounts([(&'static str, usize); 6]);

impl ResourceCounts {
    /// Counts now. `container` is one of `engine`, which is on the agent's host.
    #[track_caller]
    pub fn of(agent: &Agent, engine: &Engine, container: &str) -> Self {
        let lines = |command: &[&str]| engine.host().run(command).lines().count();
        let process = engine.docker(&format!("inspect -f {{{{.State.Pid}}}} {container}"));
        let namespace = format!("--net=/proc/{process}/ns/net");
        let inside = |command: &[&str]| lines(&[&["nsenter", &namespace], command].concat());
        Self([
            (FILES, entries(agent, "fd")),
            ("network devices of the host", lines(&["ip", "-oneline", "link"])),
            ("network devices of the container", inside(&["ip", "-oneline", "link"])),
            ("network namespaces", lines(&["ip", "netns"])),
            ("lines of the host's nftables rules", lines(&["nft", "list", "ruleset"])),
            ("lines of the container's nftables rules", inside(&["nft", "list", "ruleset"])),
        ])
    }

    /// Each count by itself.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.0.iter().copied()
    }

    /// How many there may be later without any having been left. Connections to the store that are idle are kept for
    /// a while: a few more file descriptors say nothing.
    pub fn bounds(&self) -> impl Iterator<Item = usize> {
        self.0.iter().map(|(what, count)| count + if *what == FILES { IDLE } else { 0 })
    }

    /// What there is more of than before.
    pub fn grown_since(&self, before: &Self) -> Vec<String> {
        let pairs = self.0.iter().zip(&before.0).zip(before.bounds());
        let grown = pairs.filter(|(((_, now), _), bound)| now > bound);
        grown.map(|(((what, now), (_, before)), _)| format!("{before} {what} became {now}")).collect()
    }
}

impl Agent {
    /// How many threads it has now.
    pub fn threads(&self) -> usize {
        entries(self, "task")
    }

    /// How long it has run on a core so far, with the children that it has waited for.
    pub fn cpu_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        // The name is in parentheses, and can have anything in it. In ticks of 10 ms: utime, stime, cutime, cstime
        // (proc_pid_stat(5); CLK_TCK is 100 on Linux).
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
        let ticks = fields.skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
        Duration::from_millis(10 * ticks)
    }

    /// How much memory it has now, in KiB.
    pub fn memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
        resident.and_then(|kib| kib.parse().ok()).unwrap_or_default()
    }
}

fn entries(agent: &Agent, what: &str) -> usize {
    fs::read_dir(format!("/proc/{}/{what}", agent.pid())).map_or(0, Iterator::count)
}
