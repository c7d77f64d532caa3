//! Endpoints: who is on a network, where, and under which names.

use crate::{EndpointName, Extra, MacAddr, NodeName, Record};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A container's attachment to a network: the value of a [`Key::Endpoint`](crate::Key::Endpoint).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The container's name.
    pub name: EndpointName,
    /// Other names it answers to on this network.
    #[serde(default)]
    pub aliases: Vec<EndpointName>,
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
    /// The identifier its engine (or `weft run`) gave the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// When it was attached.
    pub created: Timestamp,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Record for Endpoint {
    const WHAT: &'static str = "endpoint";
}

impl Endpoint {
    /// Its addresses, IPv4 first.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.ipv4.map(IpAddr::V4).into_iter().chain(self.ipv6.map(IpAddr::V6))
    }
}
