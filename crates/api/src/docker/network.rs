//! Networks, as listed and inspected.

use super::null::or_default;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its id, 64 hexadecimal digits.
    pub id: String,
    /// When it was created.
    pub created: Timestamp,
    /// `global`: the whole cluster has it.
    pub scope: String,
    /// `weft`.
    pub driver: String,
    /// Whether it has IPv4 addresses.
    #[serde(rename = "EnableIPv4", default)]
    pub enable_ipv4: bool,
    /// Whether it has IPv6 addresses.
    #[serde(rename = "EnableIPv6", default)]
    pub enable_ipv6: bool,
    /// Its pools.
    #[serde(rename = "IPAM")]
    pub ipam: Ipam,
    /// Without a way out.
    #[serde(default)]
    pub internal: bool,
    /// Always true: containers of every node can be put on it.
    #[serde(default)]
    pub attachable: bool,
    /// Swarm's routing mesh: never.
    #[serde(default)]
    pub ingress: bool,
    /// Always empty.
    #[serde(default)]
    pub config_from: ConfigReference,
    /// Never.
    #[serde(default)]
    pub config_only: bool,
    /// The endpoints on it, on all nodes, by container id, or `ep-` and the endpoint's id where there is no container.
    /// Empty in lists.
    #[serde(default, deserialize_with = "or_default")]
    pub containers: BTreeMap<String, NetworkEndpoint>,
    /// Driver options.
    #[serde(default, deserialize_with = "or_default")]
    pub options: BTreeMap<String, String>,
    /// Labels.
    #[serde(default, deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
    /// The nodes that have endpoints on it. Absent in lists.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<PeerInfo>,
    /// How much of it is in use, as engines say from API 1.52 on. Absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<NetworkStatus>,
}

/// How much of a network is in use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkStatus {
    /// Of its addresses.
    #[serde(rename = "IPAM")]
    pub ipam: IpamStatus,
}

/// How much of each pool is in use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IpamStatus {
    /// By subnet, as `10.0.0.0/24`.
    #[serde(deserialize_with = "or_default")]
    pub subnets: BTreeMap<String, SubnetStatus>,
}

/// How much of a pool is in use. More than 2⁶⁴ count as that many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SubnetStatus {
    /// Addresses that somebody holds, and those that are never handed out.
    #[serde(rename = "IPsInUse")]
    pub ips_in_use: u64,
    /// Addresses that can be handed out.
    #[serde(rename = "DynamicIPsAvailable")]
    pub dynamic_ips_available: u64,
}

/// How a network hands out addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ipam {
    /// `default` or `weft`, which are the same here.
    #[serde(deserialize_with = "or_default")]
    pub driver: String,
    /// Options of the address driver.
    #[serde(deserialize_with = "or_default")]
    pub options: BTreeMap<String, String>,
    /// The pools.
    #[serde(deserialize_with = "or_default")]
    pub config: Vec<IpamConfig>,
}

/// A pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IpamConfig {
    /// The subnet, as `10.0.0.0/24`.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub subnet: String,
    /// The part of the subnet that addresses are handed out from.
    #[serde(rename = "IPRange", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub ip_range: String,
    /// The gateway's address.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub gateway: String,
    /// Addresses in use by something else, by name.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub auxiliary_addresses: BTreeMap<String, String>,
}

/// Where a network took its configuration from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ConfigReference {
    /// The name of a `ConfigOnly` network.
    #[serde(deserialize_with = "or_default")]
    pub network: String,
}

/// An endpoint of a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkEndpoint {
    /// The container's name.
    pub name: String,
    /// The endpoint's id.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: String,
    /// Its Ethernet address.
    pub mac_address: String,
    /// Its address with the subnet's prefix length, or empty.
    #[serde(rename = "IPv4Address")]
    pub ipv4_address: String,
    /// Its address with the subnet's prefix length, or empty.
    #[serde(rename = "IPv6Address")]
    pub ipv6_address: String,
    /// Other hosts with a container of the same name, which is said of nothing else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub name_also_on: Vec<String>,
}

/// A node that has endpoints on a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PeerInfo {
    /// The node's name.
    pub name: String,
    /// The address it advertises.
    #[serde(rename = "IP")]
    pub ip: String,
}
