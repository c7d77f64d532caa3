//! Networks, endpoints and nodes as users see them.

use jiff::Timestamp;
use weft_model::{AuthorityId, Endpoint, EndpointId, Network, NetworkId, NetworkName, Node, NodeName};

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
}
