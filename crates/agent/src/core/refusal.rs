//! Why a name, an Ethernet address or a network cannot be had: something in the cluster has it, or is in the way.

use weft_model::{EndpointName, MacAddr, NetworkName, NodeName};
use weft_verbs::Error;

/// What is in the way.
#[derive(Debug, thiserror::Error)]
pub(super) enum Taken {
    /// Another network is called so.
    #[error("network with name {0} already exists")]
    NetworkName(NetworkName),
    /// The network is about to go.
    #[error("network {0} is being removed")]
    Removing(NetworkName),
    /// Something under one of its keys in the store is not of this version.
    #[error("key {key} in the store is in the way, and cannot be read: {why}; remove it, or upgrade weft")]
    Unreadable { key: String, why: String },
    /// Another endpoint of this node is called so there.
    #[error("this node has an endpoint {name} on network {network} already; choose another name")]
    EndpointName { name: EndpointName, network: NetworkName },
    /// The container is on the network.
    #[error("{name} is on network {network} already")]
    Joined { name: EndpointName, network: NetworkName },
    /// The network's gateway has the Ethernet address.
    #[error("the Ethernet address {mac} is that of a gateway of network {network}: choose another, or none")]
    GatewayMac { mac: MacAddr, network: NetworkName },
    /// An endpoint has the Ethernet address.
    #[error("the Ethernet address {mac} is in use by {name} on node {node}")]
    Mac { mac: MacAddr, name: EndpointName, node: NodeName },
}

impl From<Taken> for Error {
    fn from(error: Taken) -> Self {
        Self::conflict(error)
    }
}
