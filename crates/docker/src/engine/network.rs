//! Networks of an engine.

use crate::{
    brief::brief,
    lenient::{if_any, or_default, parse},
};
use serde::{Deserialize, Deserializer};
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
    /// The containers on it. Empty in lists.
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

/// An endpoint on a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The container; `None` before it has joined, and after it has left.
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
    /// Those that could be weft's, of any driver.
    pub networks: Vec<Network>,
    /// Those that cannot: Swarm's, whose ids are of another kind, and all others that do not parse.
    pub foreign: Vec<ForeignNetwork>,
}

/// A network that cannot be one of weft's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignNetwork {
    /// Its name.
    pub name: String,
    /// Its driver.
    pub driver: String,
    /// The engine's id of it, if it is of our kind.
    pub id: Option<NetworkId>,
    /// Its subnets, as far as they can be read.
    pub subnets: Vec<IpNet>,
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
                Err(why) => list.foreign.push(ForeignNetwork::new(&value, brief(why))),
            }
        }
        Ok(list)
    }
}

impl ForeignNetwork {
    fn new(value: &Value, why: String) -> Self {
        let text = |field| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let pools = value.pointer("/IPAM/Config").and_then(Value::as_array).into_iter().flatten();
        let subnets = pools.filter_map(|pool| pool.get("Subnet")?.as_str()?.parse().ok()).collect();
        Self { name: text("Name"), driver: text("Driver"), id: text("Id").parse().ok(), subnets, why }
    }
}

impl NewNetwork {
    pub(super) fn to_wire(&self) -> CreateNetwork {
        CreateNetwork {
            name: self.name.to_string(),
            check_duplicate: true,
            driver: self.driver.clone(),
            // Engines add a pool of IPv4 where nobody says no; those before API 1.48 always do.
            enable_ipv4: Some(self.has_pool(|subnet| subnet.addr().is_ipv4())).filter(|has| !has),
            enable_ipv6: Some(self.has_pool(|subnet| subnet.addr().is_ipv6())),
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

    fn has_pool(&self, which: impl Fn(IpNet) -> bool) -> bool {
        self.pools.iter().filter_map(|pool| pool.subnet).any(which)
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
    if address.is_empty() { Ok(None) } else { parse(address).map(Some) }
}

/// By container id, or `ep-` and the endpoint's id where no container has joined.
fn members<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Member>, D::Error> {
    let members: BTreeMap<String, WireMember> = or_default(deserializer)?;
    let member = |(key, wire): (String, WireMember)| {
        let WireMember { endpoint, name, mac, ipv4, ipv6 } = wire;
        Member { endpoint, container: key.parse().ok(), name, mac, ipv4, ipv6 }
    };
    Ok(members.into_iter().map(member).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn listed(networks: &Value) -> NetworkList {
        serde_json::from_value(networks.clone()).unwrap()
    }

    #[test]
    fn one_odd_network_does_not_hide_the_others() {
        let id = "a".repeat(64);
        let list = listed(&json!([
            {"Name": "ingress", "Id": "x3mz9yjk0qn2bvw8dn4kq7c5t", "Driver": "overlay", "Created": "2026-11-22T12:00:00Z"},
            {"Name": "overlay", "Id": id, "Driver": "weft", "Created": "2026-11-22T12:00:00Z", "IPAM": null},
            {"Name": "mine", "Id": id, "Driver": "weft", "Created": "2026-11-22T12:00:00Z",
             "IPAM": {"Config": [{"Subnet": "10.0.0.0/33"}]}},
            7
        ]));
        let names: Vec<&str> = list.networks.iter().map(|network| network.name.as_str()).collect();
        assert_eq!(names, ["overlay"]);
        let foreign: Vec<_> = list.foreign.iter().map(|f| (f.name.as_str(), f.driver.as_str())).collect();
        assert_eq!(foreign, [("ingress", "overlay"), ("mine", "weft"), ("", "")]);
        assert!(list.foreign[0].why.contains("invalid network id"), "{}", list.foreign[0].why);
    }

    #[test]
    fn a_gateway_with_its_prefix_length_is_an_address() {
        for text in ["fd00::1/64", "fd00::1"] {
            let pool: ConfiguredPool =
                serde_json::from_value(json!({"Subnet": "fd00::/64", "Gateway": text})).unwrap();
            assert_eq!(pool.gateway, Some("fd00::1".parse().unwrap()));
        }
    }

    #[test]
    fn what_is_on_its_way_is_a_member_without_a_container() {
        let id = "b".repeat(64);
        let network: Network = serde_json::from_value(json!({
            "Name": "n", "Id": "a".repeat(64), "Created": "2026-11-22T12:00:00Z",
            "Containers": {(format!("ep-{id}")): {"Name": "web", "EndpointID": id, "MacAddress": ""}}
        }))
        .unwrap();
        assert_eq!(network.members[0].container, None);
        assert_eq!((network.members[0].endpoint.to_string(), network.members[0].name.as_str()), (id, "web"));
    }

    #[test]
    fn what_is_sent_to_create_one() {
        let router = "10.0.0.5".parse().unwrap();
        let pool = ConfiguredPool {
            subnet: Some("10.0.0.0/24".parse().unwrap()),
            ip_range: Some("10.0.0.128/25".parse().unwrap()),
            gateway: Some("10.0.0.1".parse().unwrap()),
            aux_addresses: [("router".to_owned(), router)].into(),
        };
        let mut network = NewNetwork {
            name: "overlay".parse().unwrap(),
            driver: "weft".to_owned(),
            ipam_driver: "weft".to_owned(),
            pools: vec![pool],
            options: [("vni".to_owned(), "300".to_owned())].into(),
            labels: BTreeMap::new(),
            internal: true,
            attachable: false,
        };
        let expected = json!({
            "Name": "overlay", "CheckDuplicate": true, "Driver": "weft", "EnableIPv6": false,
            "IPAM": {"Driver": "weft", "Options": {}, "Config": [{
                "Subnet": "10.0.0.0/24", "IPRange": "10.0.0.128/25", "Gateway": "10.0.0.1",
                "AuxiliaryAddresses": {"router": "10.0.0.5"}
            }]},
            "Internal": true, "Attachable": false, "Ingress": false, "ConfigOnly": false,
            "Options": {"vni": "300"}, "Labels": {}
        });
        assert_eq!(serde_json::to_value(network.to_wire()).unwrap(), expected);
        network.pools[0] = ConfiguredPool { subnet: "fd00::/64".parse().ok(), ..ConfiguredPool::default() };
        let wire = network.to_wire();
        assert_eq!((wire.enable_ipv4, wire.enable_ipv6), (Some(false), Some(true)));
    }
}
