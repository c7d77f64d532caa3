//! What most tests start from.

use serde_json::Value;
use std::time::Duration;
use weft_testbed::{Agent, Host, StoreServer, World, until};

/// How long something may take that usually takes milliseconds.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Agents that share a Consul, which is on the first host.
pub(crate) struct Cluster {
    pub(crate) agents: Vec<Agent>,
    pub(crate) store: StoreServer,
    pub(crate) world: World,
}

impl Cluster {
    /// An agent on each of `hosts` hosts, which know each other. `None`: the test is to be skipped.
    #[track_caller]
    pub(crate) fn up(hosts: usize) -> Option<Self> {
        Some(Self::up_on(World::up(hosts)?))
    }

    /// The same on hosts that are there.
    #[track_caller]
    pub(crate) fn up_on(world: World) -> Self {
        Self::up_with(world, &[])
    }

    /// The same with more `options` for each agent.
    #[track_caller]
    pub(crate) fn up_with(world: World, options: &[&str]) -> Self {
        let hosts = world.hosts().len();
        let store = world.host(1).consul();
        let cluster_store = format!("--cluster-store={}", store.url());
        let usual = [cluster_store.as_str(), "--cluster-advertise=eth0"];
        let start = |host: &Host| host.agent(&[&usual, options].concat());
        let agents = world.hosts().iter().map(start).collect();
        let cluster = Self { agents, store, world };
        for host in cluster.world.hosts() {
            until("every host knows every host", SOON, || {
                host.json(&["weft", "node", "ls", "--format", "json"]).as_array().map_or(0, Vec::len) == hosts
            });
        }
        cluster
    }

    #[track_caller]
    pub(crate) fn host(&self, number: usize) -> &Host {
        self.world.host(number)
    }

    /// Makes a network on host 1, and waits until all hosts have it.
    #[track_caller]
    pub(crate) fn create_network(&self, arguments: &[&str]) {
        self.host(1).run(&[&["weft", "network", "create"], arguments].concat());
        let name = arguments.last().expect("a network has a name");
        for host in self.world.hosts() {
            until("the network is on every host", SOON, || has_network(host, name));
        }
    }
}

/// Whether a host's agent lists a network.
pub(crate) fn has_network(host: &Host, name: &str) -> bool {
    let networks = host.json(&["weft", "network", "ls", "--format", "json"]);
    networks.as_array().is_some_and(|all| all.iter().any(|one| one["Name"] == name))
}

/// Runs a script of the shell's, which has to succeed.
#[track_caller]
pub(crate) fn sh(host: &Host, script: &str) {
    host.run(&["sh", "-ec", script]);
}

/// Starts `sleep` on a network, under `name`; `options` come before the command.
#[track_caller]
pub(crate) fn sleeper(host: &Host, network: &str, name: &str, options: &[&str]) {
    let run = ["weft", "run", "-d", "--net", network, "--name", name];
    host.run(&[&run, options, &["--", "sleep", "infinity"]].concat());
}

/// Runs a command beside a process.
#[track_caller]
pub(crate) fn exec(host: &Host, name: &str, command: &[&str]) -> String {
    host.run(&[&["weft", "exec", name, "--"], command].concat())
}

/// Pings from a process; one of three must be answered. The first may arrive before the other host has heard of the
/// sender, and cannot be answered then.
#[track_caller]
pub(crate) fn ping(host: &Host, name: &str, target: &str) {
    exec(host, name, &["ping", "-c3", "-i0.3", "-W2", target]);
}

/// The addresses of a network's endpoints as a host sees them, by name.
#[track_caller]
pub(crate) fn addresses(host: &Host, network: &str) -> Vec<(String, String)> {
    let inspected = host.json(&["weft", "network", "inspect", network]);
    let containers = inspected[0]["Containers"].as_object().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    containers.values().map(|one| (text(&one["Name"]), text(&one["IPv4Address"]))).collect()
}

/// Drops packets that a host sends, and those that it gets, by conditions of nft's, in a table that is not weft's.
pub(crate) fn cut(host: &Host, sent: &str, received: &str) {
    let chain = |hook: &str, condition: &str| {
        let rule = if condition.is_empty() { String::new() } else { format!("{condition} drop") };
        format!("chain {hook} {{ type filter hook {hook} priority 0\n {rule}\n }}\n")
    };
    let table = format!("table inet cut {{\n{}{}}}", chain("output", sent), chain("input", received));
    host.run(&["nft", &table]);
}

/// Lets what was cut pass again.
pub(crate) fn mend(host: &Host) {
    host.run(&["nft", "delete table inet cut"]);
}
