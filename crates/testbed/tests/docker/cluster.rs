//! What most tests start from.

use std::{thread, time::Duration};
use weft_testbed::{Agent, Engine, Host, Release, StoreServer, World, until};

/// How long something may take that usually takes milliseconds.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// What a test makes its network with, before the network's name.
pub(crate) const CREATE: &str = "network create -d weft --ipam-driver weft";

/// Hosts with an engine and an agent each, which share a Consul on the first of them.
pub(crate) struct Cluster {
    pub(crate) agents: Vec<Agent>,
    pub(crate) engines: Vec<Engine>,
    pub(crate) store: StoreServer,
    pub(crate) world: World,
}

impl Cluster {
    /// A host for each of `releases`. `None`: the test is to be skipped.
    #[track_caller]
    pub(crate) fn up(releases: &[Release]) -> Option<Self> {
        let world = World::up(releases.len())?;
        let (engines, store, agents) = thread::scope(|scope| {
            let hosts = world.hosts().iter().zip(releases);
            let starting: Vec<_> =
                hosts.map(|(host, release)| scope.spawn(|| host.engine(*release))).collect();
            let store = world.host(1).consul();
            let agents: Vec<_> = world.hosts().iter().map(|host| start_agent(host, &store)).collect();
            let engines = starting.into_iter().map(|one| one.join().expect("an engine starts")).collect();
            (engines, store, agents)
        });
        let cluster = Self { agents, engines, store, world };
        for host in cluster.world.hosts() {
            until("every host knows every host", SOON, || {
                let nodes = host.json(&["weft", "node", "ls", "--format", "json"]);
                nodes.as_array().map_or(0, Vec::len) == releases.len()
            });
        }
        Some(cluster)
    }

    /// Makes a network on the first engine, from `arguments` that end in its name, and waits until every engine
    /// has it.
    #[track_caller]
    pub(crate) fn create_network(&self, arguments: &str) {
        self.engines[0].docker(&format!("{CREATE} {arguments}"));
        let name = arguments.split_whitespace().next_back().expect("a network has a name");
        for engine in &self.engines {
            until("the network is in every engine", SOON, || has_network(engine, name));
        }
    }
}

/// An agent as the guide starts it. It is told nothing about Docker.
#[track_caller]
pub(crate) fn start_agent(host: &Host, store: &StoreServer) -> Agent {
    host.agent(&["--cluster-advertise=eth0", &format!("--cluster-store={}", store.url())])
}

/// Whether an engine has a network of weft's.
#[track_caller]
pub(crate) fn has_network(engine: &Engine, name: &str) -> bool {
    let answer = engine.request("GET", &format!("/networks/{name}"), None);
    answer.status == 200 && answer.json()["Driver"] == "weft"
}

/// Starts a shell that waits, on a network, under `name`; `options` are the network's or docker's.
#[track_caller]
pub(crate) fn waiter(engine: &Engine, network: &str, name: &str, options: &str) {
    engine.docker(&format!("run -itd --net {network} --name {name} {options} busybox"));
}

/// The address that a container has on a network, as its engine knows it.
#[track_caller]
pub(crate) fn address(engine: &Engine, network: &str, container: &str) -> String {
    engine.docker(&format!("inspect -f {{{{.NetworkSettings.Networks.{network}.IPAddress}}}} {container}"))
}

/// Pings from a container; one of three must be answered. The first may arrive before the other host has heard of the
/// sender, and cannot be answered then.
#[track_caller]
pub(crate) fn ping(engine: &Engine, container: &str, target: &str) {
    engine.docker(&format!("exec {container} ping -c3 -i0.3 -W2 {target}"));
}

/// Waits until the host has heard of a container by its name. The engine tells it a moment after the start.
#[track_caller]
pub(crate) fn until_known(host: &Host, name: &str) {
    until("the cluster knows the container's name", SOON, || {
        host.run(&["weft", "endpoint", "ls"]).contains(name)
    });
}

/// The addresses that a container gets for a name, sorted; none if it does not resolve.
#[track_caller]
pub(crate) fn resolves(engine: &Engine, container: &str, name: &str) -> Vec<String> {
    let asked = engine.host().output(&["docker", "exec", container, "nslookup", "-type=a", name]);
    let answer = String::from_utf8_lossy(&asked.stdout).into_owned();
    // "Address:" once for the server, then for each answer.
    let addresses = answer.lines().filter_map(|line| line.strip_prefix("Address: "));
    let mut addresses: Vec<_> = addresses.map(|address| address.trim().to_owned()).collect();
    addresses.sort();
    addresses
}
