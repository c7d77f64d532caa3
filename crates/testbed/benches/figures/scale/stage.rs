//! A cluster with one large network, which grows.

use super::{
    records::{self, POOL},
    store::Store,
};
use crate::{
    cluster::{Cluster, detach, try_attach},
    table::{Must, Reference, Table},
};
use serde_json::json;
use std::time::Duration;
use weft_model::NetworkId;
use weft_testbed::{Agent, until};

/// The network.
pub(crate) const NETWORK: &str = "large";
/// How long until agents have taken in what came all at once.
const PATIENCE: Duration = Duration::from_secs(120);
/// How many records are written at once.
const AT_ONCE: u32 = 64;

/// Two agents. The first one has an endpoint on the network, `first`, and a namespace for another, `second`. The
/// second one has none, and a namespace for one, `first`.
pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    /// How many endpoints were written past weft.
    pub(crate) endpoints: u32,
    store: Store,
    network: NetworkId,
}

impl Stage {
    /// A stage with the network, still small; `None` if this machine cannot have one.
    pub(crate) fn up(store: Store) -> Option<Self> {
        let cluster = store.cluster()?;
        let body = json!({"Name": NETWORK, "Driver": "overlay", "IPAM": {"Config": [{"Subnet": POOL}]}});
        let answer = cluster.agents[0].request("POST", "/networks/create", Some(&body)).json();
        let network = answer["Id"].as_str().and_then(|id| id.parse().ok()).expect("a network has an id");
        for (host, name) in [(1, "first"), (1, "second"), (2, "first")] {
            cluster.host(host).run(&["ip", "netns", "add", name]);
        }
        cluster.attach(NETWORK, "first");
        store.write(&cluster, &[records::node()]);
        Some(Self { cluster, endpoints: 0, store, network })
    }

    /// Lets the network grow while nobody looks: the agents are new when it is this large.
    pub(crate) fn grow(&mut self, to: u32) {
        for agent in &mut self.cluster.agents {
            agent.stop();
        }
        while self.endpoints < to {
            self.add((to - self.endpoints).min(AT_ONCE / 2));
        }
        for agent in &mut self.cluster.agents {
            agent.restart();
        }
        self.all_known();
        let agent = &self.cluster.agents[0];
        until("the agent attaches again", PATIENCE, || try_attach(agent, NETWORK, "second").status < 300);
        detach(agent, NETWORK, "second");
    }

    /// Adds endpoints in one transaction, as other nodes would.
    pub(crate) fn add(&mut self, count: u32) {
        let numbers = self.endpoints + 1..=self.endpoints + count;
        let records: Vec<_> = numbers.flat_map(|number| records::endpoint(self.network, number)).collect();
        self.store.write(&self.cluster, &records);
        self.endpoints += count;
    }

    /// Waits until both agents know all endpoints, the one that is always attached among them.
    pub(crate) fn all_known(&self) {
        for agent in &self.cluster.agents {
            until("all endpoints are known", PATIENCE, || known(agent) == u64::from(self.endpoints) + 1);
        }
    }

    /// Adds a figure of this stage.
    pub(crate) fn row(
        &self,
        table: &mut Table,
        what: impl Into<String>,
        figure: (f64, &str),
        reference: Option<Reference>,
        must: Must,
    ) {
        table.add(what.into() + self.store.suffix(), figure, reference, must);
    }
}

fn known(agent: &Agent) -> u64 {
    let status = agent.request("GET", "/weft/v1/status", None).json();
    status["counts"]["endpoints"].as_u64().unwrap_or_default()
}
