//! What is said between netavark and its plugin. Fields that weft has no use for are kept as they are.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU16,
};
use weft_model::{EndpointName, IfName, IpNet, MacAddr, PortMapping, Protocol};

/// A network, as Podman keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Network {
    pub(super) name: String,
    pub(super) id: String,
    #[serde(default)]
    pub(super) internal: bool,
    #[serde(default)]
    pub(super) ipv6_enabled: bool,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub(super) subnets: Vec<Subnet>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) options: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) ipam_options: BTreeMap<String, String>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

/// A pool of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subnet {
    pub(super) subnet: IpNet,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) gateway: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lease_range: Option<LeaseRange>,
}

/// The part of a pool that addresses are handed out from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LeaseRange {
    #[serde(default)]
    pub(super) start_ip: Option<IpAddr>,
    #[serde(default)]
    pub(super) end_ip: Option<IpAddr>,
}

/// A container to put on a network, or to take off it.
#[derive(Debug, Deserialize)]
pub(super) struct Container {
    pub(super) container_id: String,
    pub(super) container_name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) port_mappings: Vec<Ports>,
    pub(super) network: Network,
    pub(super) network_options: NetworkOptions,
}

/// A container to take off a network: what tells it from others, and no more.
#[derive(Debug, Deserialize)]
pub(super) struct Ended {
    pub(super) container_id: String,
    pub(super) network: EndedOn,
}

/// The network.
#[derive(Debug, Deserialize)]
pub(super) struct EndedOn {
    pub(super) id: String,
}

/// How it is to be there.
#[derive(Debug, Deserialize)]
pub(super) struct NetworkOptions {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) aliases: Vec<EndpointName>,
    pub(super) interface_name: IfName,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) static_ips: Vec<IpAddr>,
    #[serde(default)]
    pub(super) static_mac: Option<MacAddr>,
}

/// Ports of the host that lead to it: `range` of them, which follow each other.
#[derive(Debug, Deserialize)]
pub(super) struct Ports {
    container_port: u16,
    host_port: u16,
    #[serde(default)]
    host_ip: String,
    protocol: String,
    #[serde(default)]
    range: u16,
}

impl Ports {
    /// One by one.
    ///
    /// # Errors
    /// If there is no such port, or weft does not carry its protocol.
    pub(super) fn each(&self) -> anyhow::Result<Vec<PortMapping>> {
        let host_ip = match self.host_ip.as_str() {
            "" => None,
            text => Some(text.parse().map_err(|error| anyhow::anyhow!("published on {text:?}: {error}"))?),
        };
        let port = |first: u16, n: u16| {
            first
                .checked_add(n)
                .and_then(NonZeroU16::new)
                .ok_or_else(|| anyhow::anyhow!("there are no {} ports from {first} on", self.range.max(1)))
        };
        let mut each = Vec::new();
        for protocol in self.protocol.split(',') {
            let protocol = match protocol {
                "tcp" => Protocol::Tcp,
                "udp" => Protocol::Udp,
                other => anyhow::bail!("weft publishes ports of tcp and udp, not of {other:?}"),
            };
            for n in 0..self.range.max(1) {
                let (host_port, port) = (port(self.host_port, n)?, port(self.container_port, n)?);
                each.push(PortMapping { host_ip, host_port, port, protocol });
            }
        }
        Ok(each)
    }
}

/// What became of it.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    pub(super) dns_server_ips: [Ipv4Addr; 1],
    pub(super) dns_search_domains: Vec<String>,
    pub(super) interfaces: BTreeMap<IfName, Interface>,
}

/// Its interface.
#[derive(Debug, Serialize)]
pub(super) struct Interface {
    pub(super) mac_address: MacAddr,
    pub(super) subnets: Vec<Address>,
}

/// An address of it.
#[derive(Debug, Serialize)]
pub(super) struct Address {
    pub(super) ipnet: IpNet,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gateway: Option<IpAddr>,
}

/// What the plugin is.
#[derive(Debug, Serialize)]
pub(super) struct Info {
    pub(super) version: &'static str,
    pub(super) api_version: &'static str,
}

/// What went wrong.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    pub(super) error: String,
}

/// Netavark 1 writes null for what is absent.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
