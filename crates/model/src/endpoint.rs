//! Endpoints: what is on a network, where, and under which names.

use crate::{EndpointName, Extra, MacAddr, NodeName, Record};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A container's attachment to a network: the value of a [`Key::Endpoint`](crate::Key::Endpoint).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Wire", into = "Wire")]
pub struct Endpoint {
    /// The container's name.
    pub name: EndpointName,
    /// Other names it answers to on this network.
    pub aliases: Vec<EndpointName>,
    /// Its IPv4 address.
    pub ipv4: Option<Ipv4Addr>,
    /// Its IPv6 address.
    pub ipv6: Option<Ipv6Addr>,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// The node it is on.
    pub node: NodeName,
    /// The identifier its engine (or `weft run`) gave the container.
    pub container: Option<String>,
    /// When it was attached.
    pub created: Timestamp,
    /// Fields of later versions.
    pub extra: Extra,
}

/// As it is written. Agents that know shorter names than these could not read the record, and would not have the
/// endpoint at all: they find names that they know, and the whole truth is beside them.
#[derive(Serialize, Deserialize)]
struct Wire {
    name: EndpointName,
    #[serde(default)]
    aliases: Vec<EndpointName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ipv4: Option<Ipv4Addr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ipv6: Option<Ipv6Addr>,
    mac: MacAddr,
    node: NodeName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    whole_name: Option<EndpointName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    all_aliases: Option<Vec<EndpointName>>,
    #[serde(flatten)]
    extra: Extra,
}

impl From<Wire> for Endpoint {
    fn from(wire: Wire) -> Self {
        Self {
            name: wire.whole_name.unwrap_or(wire.name),
            aliases: wire.all_aliases.unwrap_or(wire.aliases),
            ipv4: wire.ipv4,
            ipv6: wire.ipv6,
            mac: wire.mac,
            node: wire.node,
            container: wire.container,
            created: wire.created,
            extra: wire.extra,
        }
    }
}

impl From<Endpoint> for Wire {
    fn from(endpoint: Endpoint) -> Self {
        let narrow: Vec<_> = endpoint.aliases.iter().filter(|alias| alias.is_narrow()).cloned().collect();
        let narrowed = || endpoint.name.narrowed(endpoint.container.as_deref());
        let (name, whole_name) =
            if endpoint.name.is_narrow() { (endpoint.name, None) } else { (narrowed(), Some(endpoint.name)) };
        let some_are_wide = narrow.len() != endpoint.aliases.len();
        Self {
            name,
            whole_name,
            aliases: narrow,
            all_aliases: some_are_wide.then_some(endpoint.aliases),
            ipv4: endpoint.ipv4,
            ipv6: endpoint.ipv6,
            mac: endpoint.mac,
            node: endpoint.node,
            container: endpoint.container,
            created: endpoint.created,
            extra: endpoint.extra,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn agents_that_know_shorter_names_can_read_it() {
        let json = json!({
            "name": "web", "aliases": ["www"], "mac": "02:42:0a:00:00:02", "node": "host1",
            "created": "2026-11-22T00:00:00Z"
        });
        let mut endpoint: Endpoint = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&endpoint).unwrap(), json, "nothing is added without need");
        endpoint.name = "_web".parse().unwrap();
        endpoint.aliases = ["_sip._tcp", "www"].map(|alias| alias.parse().unwrap()).to_vec();
        let written: Value = serde_json::to_value(&endpoint).unwrap();
        assert_eq!((&written["name"], &written["aliases"]), (&json!("web"), &json!(["www"])));
        assert_eq!(serde_json::from_value::<Endpoint>(written).unwrap(), endpoint);
    }
}
