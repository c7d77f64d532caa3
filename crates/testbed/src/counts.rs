//! What should not become more however often something is done and undone.

use crate::{agent::Agent, engine::Engine};
use std::fs;

/// How much there is of what an agent makes, on its host and in one container there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts([(&'static str, usize); 6]);

impl Counts {
    /// Counts now. `container` is one of `engine`, which is on the agent's host.
    #[track_caller]
    pub fn of(agent: &Agent, engine: &Engine, container: &str) -> Self {
        let lines = |command: &[&str]| engine.host().run(command).lines().count();
        let process = engine.docker(&format!("inspect -f {{{{.State.Pid}}}} {container}"));
        let namespace = format!("--net=/proc/{process}/ns/net");
        let inside = |command: &[&str]| lines(&[&["nsenter", &namespace], command].concat());
        Self([
            ("file descriptors of the agent", entries(agent, "fd")),
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

    /// What there is more of than before.
    pub fn grown_since(&self, before: &Self) -> Vec<String> {
        let pairs = self.0.iter().zip(&before.0).filter(|((_, now), (_, before))| now > before);
        pairs.map(|((what, now), (_, before))| format!("{before} {what} became {now}")).collect()
    }
}

impl Agent {
    /// How many threads it has now.
    pub fn threads(&self) -> usize {
        entries(self, "task")
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
