//! What the core tells the doors.

use jiff::Timestamp;
use std::{collections::BTreeMap, net::IpAddr, path::PathBuf, time::Duration};
use weft_model::{Endpoint, EndpointId, Network, NetworkId, NetworkName, Node, NodeId, NodeName};

/// A network with everybody on it, on any node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkView {
    /// Its id.
    pub id: NetworkId,
    /// What the store says of it.
    pub network: Network,
    /// Who is on it, in order of their names.
    pub endpoints: Vec<(EndpointId, Endpoint)>,
}

/// An endpoint with the network it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointView {
    /// Its id.
    pub id: EndpointId,
    /// What the store says of it.
    pub endpoint: Endpoint,
    /// The id of its network.
    pub network: NetworkId,
    /// The name of its network.
    pub network_name: NetworkName,
}

/// A node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeView {
    /// Its name.
    pub name: NodeName,
    /// What the store says of it.
    pub node: Node,
    /// Whether its agent holds a session.
    pub up: bool,
    /// Since when it is up, or down, as far as anybody knows.
    pub since: Option<Timestamp>,
    /// How many endpoints it has.
    pub endpoints: usize,
    /// Whether it is the node that answers.
    pub this: bool,
}

/// How this node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its name.
    pub node: NodeName,
    /// Its installation.
    pub id: NodeId,
    /// When the agent started.
    pub started: Timestamp,
    /// The address it advertises.
    pub advertise: IpAddr,
    /// Where it receives VXLAN packets.
    pub vtep: IpAddr,
    /// The UDP port it receives them on.
    pub vxlan_port: u16,
    /// Where its files are.
    pub data_dir: PathBuf,
    /// The store.
    pub store: StoreStatus,
    /// The container engine whose driver this node is; absent before it was looked for, or if it is to be left
    /// alone.
    pub engine: Option<EngineStatus>,
    /// How much there is of what: "networks", "endpoints", "nodes", "processes" …
    pub counts: BTreeMap<&'static str, usize>,
    /// The last round of the loop; absent before the first.
    pub round: Option<Round>,
    /// What somebody should look at, one sentence each: an endpoint that is fenced, a key that cannot be
    /// read, a port that a firewall closes.
    pub problems: Vec<String>,
}

/// How the store is, as seen from this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreStatus {
    /// [`Store::describe`](weft_store::Store::describe).
    pub description: String,
    /// Since when it is as it is.
    pub since: Timestamp,
    /// Why it is out of reach; absent while all is well.
    pub error: Option<String>,
}

/// How the container engine of this host is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStatus {
    /// Where it is asked.
    pub address: String,
    /// Its version, or why it does not answer.
    pub version: Result<String, String>,
    /// Since when it answers, or does not.
    pub since: Timestamp,
    /// What somebody should look at, one sentence each: a network that only one of engine and cluster has.
    pub problems: Vec<String>,
}

/// One round of the loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// When it ended.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// How many steps it carried out.
    pub steps: usize,
    /// The steps that failed, and why.
    pub failures: Vec<String>,
}
