//! Endpoints.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
};
use weft_model::{EndpointId, EndpointName, MacAddr, NetworkId, NetworkName, NodeName, Traffic};

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
}
