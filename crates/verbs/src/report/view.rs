//! Networks, endpoints and nodes as users see them.

use jiff::Timestamp;
use std::{net::IpAddr, time::Duration};
use weft_model::{
    AuthorityId, Endpoint, EndpointId, EndpointName, Finding, IfName, IpNet, Network, NetworkId, NetworkName,
    Node, NodeId, NodeName, Traffic,
};
use weft_path::Path;

/// A network with the endpoints on it, of all nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkView {
    /// Its id.
    pub id: NetworkId,
    /// What the store says of it.
    pub network: Network,
    /// The endpoints on it, in order of their names.
    pub endpoints: Vec<(EndpointId, Endpoint)>,
}

/// How much of a network's pool is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolRoom {
    /// The pool.
    pub pool: IpNet,
    /// How many of its addresses are in use, the gateway and what is never handed out among them.
    pub in_use: u64,
    /// How many can be handed out.
    pub free: u64,
}

/// What a container is told that asks for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// Who asks.
    pub container: EndpointName,
    /// Where that is.
    pub node: NodeName,
    /// The networks it is on: their names are what weft knows.
    pub networks: Vec<NetworkName>,
    /// The addresses that weft answers with, perhaps none of a name that it knows. None: it does not know the name, and
    /// asks the name servers of that host, or the container's engine.
    pub addresses: Option<Vec<ResolvedAddress>>,
}

/// An address that a name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedAddress {
    /// The address.
    pub address: IpAddr,
    /// The network it is of.
    pub network: NetworkName,
    /// Who has it there, and where.
    pub endpoint: Option<(EndpointName, NodeName)>,
}

/// What has gone through an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointTraffic {
    /// Which.
    pub endpoint: EndpointId,
    /// The network it is on.
    pub network: NetworkName,
    /// What that is.
    pub traffic: Traffic,
}

/// What came of a packet that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinged {
    /// Where to.
    pub to: PingedPlace,
    /// How large it was, in bytes: an Ethernet frame without its header.
    pub size: u16,
    /// How long the answer took; absent if there was none.
    pub took: Option<Duration>,
    /// What the kernel said, if it did not send it or heard that nobody is there.
    pub why: Option<String>,
}

/// Where a packet was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PingedPlace {
    /// A node, the way that containers' packets go.
    Node {
        /// Which.
        name: NodeName,
        /// Where VXLAN packets for it go.
        address: IpAddr,
    },
    /// An endpoint.
    Endpoint {
        /// Which.
        name: EndpointName,
        /// Its address.
        address: IpAddr,
        /// Where it is.
        node: NodeName,
        /// Which endpoint of this node sent it.
        from: EndpointName,
    },
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

/// What was put on a network, as whoever asked for it may want to tell its container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// The endpoint.
    pub endpoint: EndpointView,
    /// Its interface.
    pub interface: IfName,
    /// Its addresses, each with its subnet's prefix length, and the gateway there, unless nothing leaves the network.
    pub addresses: Vec<(IpNet, Option<IpAddr>)>,
    /// Whether the default routes of its namespace lead through this network, unless they do through one that was joined
    /// before.
    pub default_route: bool,
    /// How large its packets may be, in bytes, once that is known.
    pub mtu: Option<u16>,
}

/// Whom a signed cluster believes who its nodes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityView {
    /// The authorities, the newest first: several while one is being replaced.
    pub believed: Vec<AuthorityId>,
    /// The nodes that have the key of the newest, as they say.
    pub holders: Vec<NodeName>,
    /// The nodes that have no certificate by the newest yet.
    pub behind: Vec<NodeName>,
}

/// What a node's agent says of itself when it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentView {
    /// Its node.
    pub name: NodeName,
    /// The installation.
    pub id: NodeId,
    /// Its version.
    pub version: String,
    /// When it started.
    pub since: Timestamp,
}

/// The way from one endpoint to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Where packets begin.
    pub from: EndpointView,
    /// Where they are to end.
    pub to: EndpointView,
    /// Whether packets that were sent came back; absent if none could be sent, and nothing that would keep them was found.
    pub passes: Option<bool>,
    /// What was found on the way, in the order in which packets come by; then what came of those that were sent.
    pub findings: Vec<Finding>,
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
    /// When it is given up, if it does not come back before.
    pub expires: Option<Timestamp>,
    /// How many endpoints it has.
    pub endpoints: usize,
    /// Whether it is the node that answers.
    pub this: bool,
    /// The path to it, as measured; absent where none is: to itself, and where either end does not measure.
    pub path: Option<Path>,
}
