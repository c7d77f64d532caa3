//! Networks of an engine.

use crate::lenient::{if_any, or_default};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;
use std::{collections::BTreeMap, net::IpAddr};
use weft_api::docker::{CreateNetwork, Ipam, IpamConfig};
use weft_model::{
    ContainerId, EndpointId, IpNet, Ipv4Net, Ipv6Net, MacAddr, NetworkId, NetworkName, Timestamp,
};

/// A network of an engine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Network {
    /// The engine's id of it.
    pub id: NetworkId,
    /// Its name, unique in the engine but for races of old ones.
    pub name: NetworkName,
    /// When it was created.
    pub created: Timestamp,
    /// Its driver.
    #[serde(default, deserialize_with = "or_default")]
    pub driver: String,
    /// `local`, `global` or `swarm`.
    #[serde(default, deserialize_with = "or_default")]
    pub scope: String,
    /// Whether it has IPv4 addresses, where the engine says so.
    #[serde(rename = "EnableIPv4", default)]
    pub ipv4: Option<bool>,
    /// Whether it has IPv6 addresses.
    #[serde(rename = "EnableIPv6", default, deserialize_with = "or_default")]
    pub ipv6: bool,
    /// How it hands out addresses.
    #[serde(rename = "IPAM", default, deserialize_with = "or_default")]
    pub ipam: NetworkIpam,
    /// Without a way out.
    #[serde(default, deserialize_with = "or_default")]
    pub internal: bool,
    /// Whether containers can be put on it by hand, where that is a question at all.
    #[serde(default, deserialize_with = "or_default")]
    pub attachable: bool,
    /// Driver options.
    #[serde(default, deserialize_with = "or_default")]
    pub options: BTreeMap<String, String>,
    /// Labels.
    #[serde(default, deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
    /// Who is on it. Empty in lists.
    #[serde(rename = "Containers", default, deserialize_with = "members")]
    pub members: Vec<Member>,
}

/// How a network hands out addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkIpam {
    /// The IPAM driver.
    #[serde(default, deserialize_with = "or_default")]
    pub driver: String,
    /// Options of the IPAM driver.
    #[serde(default, deserialize_with = "or_default")]
    pub options: BTreeMap<String, String>,
    /// The pools.
    #[serde(rename = "Config", default, deserialize_with = "or_default")]
    pub pools: Vec<ConfiguredPool>,
}

/// A pool of a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConfiguredPool {
    /// The subnet; `None` for any.
    #[serde(default, deserialize_with = "if_any")]
    pub subnet: Option<IpNet>,
    /// The part of the subnet that addresses are handed out from.
    #[serde(rename = "IPRange", default, deserialize_with = "if_any")]
    pub ip_range: Option<IpNet>,
    /// The gateway's address.
    #[serde(default, deserialize_with = "gateway")]
    pub gateway: Option<IpAddr>,
    /// Addresses in use by something else, by name.
    #[serde(rename = "AuxiliaryAddresses", default, deserialize_with = "or_default")]
    pub aux_addresses: BTreeMap<String, IpAddr>,
}

/// Somebody on a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The container; `None` before it has joined.
    pub container: Option<ContainerId>,
    /// The container's name.
    pub name: String,
    /// Its Ethernet address.
    pub mac: Option<MacAddr>,
    /// Its IPv4 address.
    pub ipv4: Option<Ipv4Net>,
    /// Its IPv6 address.
    pub ipv6: Option<Ipv6Net>,
}

#[derive(Deserialize)]
struct WireMember {
    #[serde(rename = "EndpointID")]
    endpoint: EndpointId,
    #[serde(rename = "Name", default, deserialize_with = "or_default")]
    name: String,
    #[serde(rename = "MacAddress", default, deserialize_with = "if_any")]
    mac: Option<MacAddr>,
    #[serde(rename = "IPv4Address", default, deserialize_with = "if_any")]
    ipv4: Option<Ipv4Net>,
    #[serde(rename = "IPv6Address", default, deserialize_with = "if_any")]
    ipv6: Option<Ipv6Net>,
}

/// All networks of an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkList {
    /// Those that could be of weft, whatever their driver.
    pub networks: Vec<Network>,
    /// Those that cannot: Swarm's, whose ids are of another kind, and whatever else does not parse.
    pub foreign: Vec<ForeignNetwork>,
}

/// A network that cannot be one of weft's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignNetwork {
    /// Its name.
    pub name: String,
    /// Its driver.
    pub driver: String,
    /// What does not parse.
    pub why: String,
}

/// A network to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNetwork {
    /// Its name.
    pub name: NetworkName,
    /// Its driver.
    pub driver: String,
    /// The driver of its addresses.
    pub ipam_driver: String,
    /// Its pools, each with its subnet.
    pub pools: Vec<ConfiguredPool>,
    /// Driver options.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Without a way out.
    pub internal: bool,
    /// Whether containers can be put on it by hand, where that is a question at all.
    pub attachable: bool,
}

impl<'de> Deserialize<'de> for NetworkList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut list = Self::default();
        for value in Vec::<Value>::deserialize(deserializer)? {
            match Network::deserialize(&value) {
                Ok(network) => list.networks.push(network),
                Err(why) => list.foreign.push(ForeignNetwork::new(&value, why.to_string())),
            }
        }
        Ok(list)
    }
}

impl ForeignNetwork {
    fn new(value: &Value, why: String) -> Self {
        let text = |field| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { name: text("Name"), driver: text("Driver"), why }
    }
}

impl NewNetwork {
    pub(super) fn to_wire(&self) -> CreateNetwork {
        CreateNetwork {
            name: self.name.to_string(),
            check_duplicate: true,
            driver: self.driver.clone(),
            enable_ipv6: Some(self.has_family(|subnet| subnet.addr().is_ipv6())),
            ipam: Ipam {
                driver: self.ipam_driver.clone(),
                options: BTreeMap::new(),
                config: self.pools.iter().map(ConfiguredPool::to_wire).collect(),
            },
            internal: self.internal,
            attachable: self.attachable,
            options: self.options.clone(),
            labels: self.labels.clone(),
            ..CreateNetwork::default()
        }
    }

    fn has_family(&self, family: impl Fn(&IpNet) -> bool) -> bool {
        self.pools.iter().filter_map(|pool| pool.subnet.as_ref()).any(family)
    }
}

impl ConfiguredPool {
    fn to_wire(&self) -> IpamConfig {
        let text = |net: Option<IpNet>| net.map(|net| net.to_string()).unwrap_or_default();
        let aux = self.aux_addresses.iter().map(|(name, address)| (name.clone(), address.to_string()));
        IpamConfig {
            subnet: text(self.subnet),
            ip_range: text(self.ip_range),
            gateway: self.gateway.map(|address| address.to_string()).unwrap_or_default(),
            auxiliary_addresses: aux.collect(),
        }
    }
}

/// Old engines show a gateway of IPv6 that they chose with its prefix length.
fn gateway<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IpAddr>, D::Error> {
    let text: String = or_default(deserializer)?;
    let address = text.split_once('/').map_or(text.as_str(), |(address, _)| address);
    if address.is_empty() { Ok(None) } else { crate::lenient::parse(address).map(Some) }
}

/// By container id, or `ep-` and the endpoint's id before a container has joined it.
fn members<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Member>, D::Error> {
    let members: BTreeMap<String, WireMember> = or_default(deserializer)?;
    let member = |(key, wire): (String, WireMember)| {
        let container = match key.strip_prefix("ep-") {
            Some(_) => None,
            None => Some(crate::lenient::parse(&key)?),
        };
        let WireMember { endpoint, name, mac, ipv4, ipv6 } = wire;
        Ok(Member { endpoint, container, name, mac, ipv4, ipv6 })
    };
    members.into_iter().map(member).collect::<Result<_, D::Error>>().map_err(D::Error::custom)
}
