//! Endpoints.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
};
use weft_model::{
    EndpointId, EndpointName, IfName, IpNet, MacAddr, NetworkId, NetworkName, NodeName, OwnerKey,
    PortMapping, Traffic,
};

/// A container's attachment to a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// The container's name.
    pub name: EndpointName,
    /// Other names it answers to.
    #[serde(default)]
    pub aliases: Vec<EndpointName>,
    /// The network's id.
    pub network: NetworkId,
    /// The network's name.
    pub network_name: NetworkName,
    /// Its IPv4 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<Ipv4Addr>,
    /// Its IPv6 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<Ipv6Addr>,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// The node it is on.
    pub node: NodeName,
    /// The container's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// When it was attached.
    pub created: Timestamp,
    /// What has gone through it, of one on the host that is asked, where that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
}

impl Endpoint {
    /// The addresses that it has, IPv4 first.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + use<> {
        self.ipv4.map(IpAddr::V4).into_iter().chain(self.ipv6.map(IpAddr::V6))
    }
}

/// A network namespace to put on a network: the body of `POST /weft/v1/endpoints`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attach {
    /// The network's name, id, or a start of its id.
    pub network: String,
    /// The name it gets there.
    pub name: EndpointName,
    /// The namespace, as an absolute path on the node.
    pub netns: PathBuf,
    /// More names.
    #[serde(default)]
    pub aliases: Vec<EndpointName>,
    /// A certain IPv4 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<Ipv4Addr>,
    /// A certain IPv6 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<Ipv6Addr>,
    /// A certain Ethernet address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddr>,
    /// What the runtime whose container it is calls it: with it, the same endpoint is meant each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerKey>,
    /// The container's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The interface that it gets there; absent: the first `ethN` that is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<IfName>,
    /// Ports of the node that lead to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortMapping>,
}

/// What was put on a network: the answer to that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// The endpoint.
    #[serde(flatten)]
    pub endpoint: Endpoint,
    /// Its interface.
    pub interface: IfName,
    /// Its addresses in their subnets.
    pub subnets: Vec<AttachedSubnet>,
    /// Whether the namespace's default routes lead through this network, unless they do through one joined before.
    pub default_route: bool,
    /// How large its packets may be, in bytes, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
}

/// What a container runtime has attached with a key of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The key.
    pub owner: OwnerKey,
    /// The endpoint.
    pub endpoint: Endpoint,
}

/// An address in its subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedSubnet {
    /// The address, with the subnet's prefix length: `10.0.0.3/24`.
    pub address: IpNet,
    /// The way out, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
}
