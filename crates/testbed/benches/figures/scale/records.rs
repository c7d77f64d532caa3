//! Endpoints on a node that has no agent, as their keys and values.

use jiff::Timestamp;
use std::net::Ipv4Addr;
use weft_model::{
    Claim, Endpoint, EndpointId, Extra, Key, Keyspace, MacAddr, NetworkId, Node, NodeId, NodeName, Record,
};

/// The network's pool. It has room for all of [`SIZES`](super::SIZES).
pub(crate) const POOL: &str = "10.200.0.0/16";
/// The address before the first one written, which leaves room for those that are attached.
const BASE: u32 = u32::from_be_bytes([10, 200, 4, 0]);

/// A key and its value.
pub(crate) type Written = (String, Vec<u8>);

/// The node that all of them are on. It is down, and not yet for long enough to be given up.
pub(crate) fn node() -> Written {
    let node = Node {
        id: NodeId::random(&mut rand::rng()),
        advertise: Ipv4Addr::new(192, 168, 77, 99).into(),
        vtep: Ipv4Addr::new(192, 168, 77, 99).into(),
        vxlan_port: 4789,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uses: Vec::new(),
        underlay_mtu: None,
        device_mtu: None,
        tunnel: None,
        signed: None,
        fingerprint: None,
        authority: false,
        down_since: Some(Timestamp::now()),
        removed: Vec::new(),
        extra: Extra::new(),
    };
    (Keyspace::new("").path(&Key::Node(name())), node.to_json())
}

/// Endpoint number `number` of a network, and the claim of its address.
pub(crate) fn endpoint(network: NetworkId, number: u32) -> [Written; 2] {
    let (keyspace, mut rng) = (Keyspace::new(""), rand::rng());
    let pool = POOL.parse().expect("a pool");
    let address = Ipv4Addr::from_bits(BASE + number);
    let id = EndpointId::random(&mut rng);
    let endpoint = Endpoint {
        name: format!("container-{number}").parse().expect("a container's name"),
        aliases: Vec::new(),
        ipv4: Some(address),
        ipv6: None,
        mac: MacAddr::for_ip(address.into()),
        node: name(),
        container: Some(EndpointId::random(&mut rng).to_string()),
        created: Timestamp::now(),
        extra: Extra::new(),
    };
    let claim = Claim { node: name(), endpoint: id, rebuilt: 0, extra: Extra::new() };
    [
        (keyspace.path(&Key::Endpoint(network, id)), endpoint.to_json()),
        (keyspace.path(&Key::Claim(pool, address.into())), claim.to_json()),
    ]
}

fn name() -> NodeName {
    "elsewhere".parse().expect("a node's name")
}
