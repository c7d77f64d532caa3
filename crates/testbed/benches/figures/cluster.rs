//! What is measured: two hosts that share a store.

use crate::raw::milliseconds;
use serde_json::json;
use std::{
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};
use weft_testbed::{Agent, Answer, Host, StoreServer, World, until};

/// How long anything may take to become so.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Two agents on one store, which is Consul if nothing else is said.
pub(crate) struct Cluster {
    pub(crate) agents: [Agent; 2],
    store: StoreServer,
    world: World,
}

impl Cluster {
    /// A cluster on Consul whose nodes know each other; `None` if this machine cannot have one.
    pub(crate) fn up() -> Option<Self> {
        Self::up_on(Host::consul)
    }

    /// The same on a store that `start` starts on host 1.
    pub(crate) fn up_on(start: impl FnOnce(&Host) -> StoreServer) -> Option<Self> {
        let world = World::up(2)?;
        let store = start(world.host(1));
        let cluster_store = format!("--cluster-store={}", store.url());
        let agents = [1, 2].map(|host| world.host(host).agent(&[&cluster_store, "--cluster-advertise=eth0"]));
        for agent in &agents {
            until("both nodes are known", SOON, || {
                let nodes = agent.request("GET", "/weft/v1/nodes", None).json();
                nodes.as_array().is_some_and(|nodes| nodes.len() == 2)
            });
        }
        Some(Self { agents, store, world })
    }

    /// Host 1 or 2.
    pub(crate) fn host(&self, number: usize) -> &Host {
        self.world.host(number)
    }

    /// Where the store listens.
    pub(crate) fn store_address(&self) -> SocketAddr {
        let (_, address) = self.store.url().split_once("://").expect("a URL has a scheme");
        address.parse().expect("the store has an address")
    }

    /// Makes a network, and waits until both hosts have it.
    pub(crate) fn create_network(&self, name: &str) {
        let body = json!({"Name": name, "Driver": "overlay"});
        self.agents[0].request("POST", "/networks/create", Some(&body)).json();
        for agent in &self.agents {
            until("the network is known", SOON, || knows_network(agent, name));
        }
    }

    /// Removes a network.
    pub(crate) fn remove_network(&self, name: &str) {
        let answer = self.agents[0].request("DELETE", &format!("/networks/{name}"), None);
        assert_eq!(answer.status, 204, "{answer:?}");
    }

    /// Attaches host 1's namespace `name` to a network, under its name. Returns how long it took, in
    /// milliseconds.
    pub(crate) fn attach(&self, network: &str, name: &str) -> f64 {
        attach(&self.agents[0], network, name)
    }

    /// Detaches it.
    pub(crate) fn detach(&self, network: &str, name: &str) {
        detach(&self.agents[0], network, name);
    }

    /// How many keys the cluster has in the store.
    pub(crate) fn store_keys(&self) -> usize {
        let address = self.store_address().to_string();
        let keys = self.host(1).run(&[
            "consul",
            "kv",
            "get",
            "-http-addr",
            &address,
            "-keys",
            "-separator=",
            "weft/",
        ]);
        keys.lines().count()
    }
}

/// Attaches the namespace `name` of an agent's host to a network, under its name. Returns how long it took, in
/// milliseconds.
pub(crate) fn attach(agent: &Agent, network: &str, name: &str) -> f64 {
    let start = Instant::now();
    try_attach(agent, network, name).json();
    milliseconds(start.elapsed())
}

/// The same, of an agent that may refuse.
pub(crate) fn try_attach(agent: &Agent, network: &str, name: &str) -> Answer {
    let body = json!({"network": network, "name": name, "netns": format!("/run/netns/{name}")});
    agent.request("POST", "/weft/v1/endpoints", Some(&body))
}

/// Detaches it.
pub(crate) fn detach(agent: &Agent, network: &str, name: &str) {
    let answer = agent.request("DELETE", &format!("/weft/v1/endpoints/{network}/{name}"), None);
    assert_eq!(answer.status, 204, "{answer:?}");
}

/// The processor time that an agent has used, in seconds. The kernel says it in steps of 10 ms.
pub(crate) fn cpu_seconds(agent: &Agent) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", agent.pid())).unwrap_or_default();
    // After the name, which may hold anything, in user mode and in the kernel, in ticks of 10 ms (proc_pid_stat(5)).
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// The resident memory of an agent, in MiB.
pub(crate) fn memory(agent: &Agent) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
    kib.and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

/// Whether an agent knows a network.
pub(crate) fn knows_network(agent: &Agent, name: &str) -> bool {
    agent.request("GET", &format!("/networks/{name}"), None).status == 200
}
