//! Our networks in the engine's words.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};
use weft_api::docker;
use weft_model::{Endpoint, EndpointId, Network, Subnet, VNI_OPTIONS};
use weft_verbs::{NetworkView, NodeView, PoolRoom};

/// A network as lists show it: like the engine, without the containers on it.
pub fn summary(view: &NetworkView) -> docker::Network {
    let network = &view.network;
    let has = |ipv4: bool| network.subnets.iter().any(|subnet| subnet.pool.addr().is_ipv4() == ipv4);
    docker::Network {
        name: network.name.to_string(),
        id: view.id.to_string(),
        created: network.created,
        scope: "global".to_owned(),
        driver: "weft".to_owned(),
        enable_ipv4: has(true),
        enable_ipv6: has(false),
        ipam: docker::Ipam {
            driver: "weft".to_owned(),
            options: BTreeMap::new(),
            config: network.subnets.iter().map(config).collect(),
        },
        internal: network.internal,
        attachable: true,
        ingress: false,
        config_from: docker::ConfigReference::default(),
        config_only: false,
        containers: BTreeMap::new(),
        options: options(network),
        labels: network.labels.clone(),
        peers: Vec::new(),
        status: None,
    }
}

/// A network with the endpoints on it, of all nodes, and the room in its pools.
pub fn full(view: &NetworkView, nodes: &[NodeView], room: &[PoolRoom]) -> docker::Network {
    let mut containers = BTreeMap::new();
    let mut called: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (_, endpoint) in &view.endpoints {
        called.entry(&endpoint.name).or_default().insert(&endpoint.node);
    }
    for (id, endpoint) in &view.endpoints {
        let others = called.get(&endpoint.name).into_iter().flatten().filter(|node| **node != &endpoint.node);
        let mut entry = network_endpoint(&view.network, id, endpoint);
        entry.name_also_on = others.map(ToString::to_string).collect();
        let key = endpoint.container.clone().filter(|container| !containers.contains_key(container));
        containers.insert(key.unwrap_or_else(|| format!("ep-{id}")), entry);
    }
    let on_it: BTreeSet<_> = view.endpoints.iter().map(|(_, endpoint)| &endpoint.node).collect();
    let peers = nodes.iter().filter(|node| on_it.contains(&node.name));
    let peers =
        peers.map(|n| docker::PeerInfo { name: n.name.to_string(), ip: n.node.advertise.to_string() });
    let status =
        docker::NetworkStatus { ipam: docker::IpamStatus { subnets: room.iter().map(subnet).collect() } };
    docker::Network { containers, peers: peers.collect(), status: Some(status), ..summary(view) }
}

fn subnet(room: &PoolRoom) -> (String, docker::SubnetStatus) {
    let PoolRoom { pool, in_use, free } = *room;
    (pool.to_string(), docker::SubnetStatus { ips_in_use: in_use, dynamic_ips_available: free })
}

/// As given, and the VNIs: where Docker shows them, since the devices in the kernel are named after them.
fn options(network: &Network) -> BTreeMap<String, String> {
    let mut options = network.options.clone();
    if !VNI_OPTIONS.iter().any(|option| options.contains_key(*option)) {
        let vnis: Vec<_> = network.segments().iter().map(|segment| segment.vni.to_string()).collect();
        options.insert(VNI_OPTIONS[1].to_owned(), vnis.join(","));
    }
    options
}

fn config(subnet: &Subnet) -> docker::IpamConfig {
    docker::IpamConfig {
        subnet: subnet.pool.to_string(),
        ip_range: subnet.ip_range.map(|range| range.to_string()).unwrap_or_default(),
        gateway: subnet.gateway.to_string(),
        auxiliary_addresses: subnet.aux_addresses.iter().map(|(k, v)| (k.clone(), v.to_string())).collect(),
    }
}

fn network_endpoint(network: &Network, id: &EndpointId, endpoint: &Endpoint) -> docker::NetworkEndpoint {
    // With the prefix length, as the engine writes it.
    let address = |address: Option<IpAddr>| {
        let address = address.map(|ip| match network.subnet_of(ip) {
            Some(subnet) => subnet.net_of(ip).to_string(),
            None => ip.to_string(),
        });
        address.unwrap_or_default()
    };
    docker::NetworkEndpoint {
        name: endpoint.name.to_string(),
        endpoint_id: id.to_string(),
        mac_address: endpoint.mac.to_string(),
        ipv4_address: address(endpoint.ipv4.map(IpAddr::V4)),
        ipv6_address: address(endpoint.ipv6.map(IpAddr::V6)),
        name_also_on: Vec::new(),
    }
}
