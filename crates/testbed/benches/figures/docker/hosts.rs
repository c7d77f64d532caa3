//! Two hosts with an engine each.

use crate::{cluster::SOON, raw::milliseconds};
use serde_json::{Value, json};
use std::time::Instant;
use weft_testbed::{Agent, Answer, Engine, Host, Release, StoreServer, World, until};

/// Whether weft's or Swarm's networks are measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Weft,
    Swarm,
}

impl Kind {
    /// As the table has it.
    pub(crate) fn of(self, figure: &str) -> String {
        match self {
            Self::Weft => format!("docker: {figure}"),
            Self::Swarm => format!("… Swarm: {figure}"),
        }
    }
}

/// The hosts, and what joins them.
pub(crate) struct Hosts {
    pub(crate) kind: Kind,
    pub(crate) engines: [Engine; 2],
    pub(crate) agents: Vec<Agent>,
    pub(crate) store: Option<StoreServer>,
    world: World,
}

impl Hosts {
    /// With an agent each, and a real Consul.
    pub(crate) fn with_weft() -> Option<Self> {
        let mut hosts = Self::up(Kind::Weft)?;
        let store = hosts.world.host(1).consul();
        let cluster_store = format!("--cluster-store={}", store.url());
        for host in hosts.world.hosts() {
            hosts.agents.push(host.agent(&[&cluster_store, "--cluster-advertise=eth0"]));
        }
        hosts.store = Some(store);
        let agents = &hosts.agents;
        until("both nodes are known", SOON, || {
            let nodes = |agent: &Agent| agent.request("GET", "/weft/v1/nodes", None).json();
            agents.iter().all(|agent| nodes(agent).as_array().is_some_and(|nodes| nodes.len() == 2))
        });
        Some(hosts)
    }

    /// As one Swarm.
    pub(crate) fn with_swarm() -> Option<Self> {
        let hosts = Self::up(Kind::Swarm)?;
        let [one, two] = &hosts.engines;
        one.docker(&format!("swarm init --advertise-addr {}", one.host().address()));
        let token = one.docker("swarm join-token -q manager");
        let (here, there) = (two.host().address(), one.host().address());
        two.docker(&format!("swarm join --advertise-addr {here} --token {token} {there}:2377"));
        until("both nodes are ready", SOON, || two.docker("node ls").matches("Ready").count() == 2);
        Some(hosts)
    }

    fn up(kind: Kind) -> Option<Self> {
        let world = World::up(2)?;
        let engines = [1, 2].map(|host| world.host(host).engine(Release::Newest));
        Some(Self { kind, engines, agents: Vec::new(), store: None, world })
    }

    /// Host 1 or 2.
    pub(crate) fn host(&self, number: usize) -> &Host {
        self.world.host(number)
    }

    /// What to ask the engine for, to have a network across hosts.
    pub(crate) fn network(&self, name: &str) -> Value {
        match self.kind {
            Kind::Weft => json!({"Name": name, "Driver": "weft", "IPAM": {"Driver": "weft"}}),
            Kind::Swarm => json!({"Name": name, "Driver": "overlay", "Attachable": true}),
        }
    }

    /// Makes a network across hosts; where it shows on the other host before it is used, waits for that.
    pub(crate) fn create_network(&self, name: &str) {
        ok(&self.engines[0].request("POST", "/networks/create", Some(&self.network(name))));
        until("the network is there", SOON, || self.knows_network(1, name));
    }

    /// Whether an engine lists a network.
    pub(crate) fn knows_network(&self, engine: usize, name: &str) -> bool {
        self.engines[engine].request("GET", &format!("/networks/{name}"), None).status == 200
    }
}

/// Asks an engine for something, and says how long it took.
pub(crate) fn timed(engine: &Engine, method: &str, path: &str, body: Option<&Value>) -> f64 {
    let start = Instant::now();
    let answer = engine.request(method, path, body);
    let took = milliseconds(start.elapsed());
    ok(&answer);
    took
}

/// Puts a container on a network, and says how long it took.
pub(crate) fn connect(engine: &Engine, network: &str, container: &str) -> f64 {
    let body = json!({"Container": container});
    timed(engine, "POST", &format!("/networks/{network}/connect"), Some(&body))
}

/// Takes a container off a network, and says how long it took.
pub(crate) fn disconnect(engine: &Engine, network: &str, container: &str) -> f64 {
    let body = json!({"Container": container});
    timed(engine, "POST", &format!("/networks/{network}/disconnect"), Some(&body))
}

pub(crate) fn ok(answer: &Answer) {
    assert!((200..300).contains(&answer.status), "{answer:?}");
}
