//! What should be.

use ipnet::IpNet;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};
use weft_model::{EndpointId, IfName, MacAddr, NetworkId, Protocol, Vni};

/// The data plane this node should have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Desired {
    /// The segments that this node has endpoints on, and those of their networks that they lead to.
    pub segments: BTreeMap<Vni, Segment>,
    /// This node's endpoints.
    pub attachments: BTreeMap<EndpointId, Attachment>,
    /// Ports of this host that lead to its endpoints.
    pub publish: BTreeSet<Publish>,
}

/// A bridge and a VXLAN device in the namespace `weft-<vni>`, and the way out of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// The network it belongs to: segments of one network may talk to each other, through their gateways.
    pub network: NetworkId,
    /// The source of its VXLAN packets: the address this node advertises.
    pub vtep: IpAddr,
    /// The UDP port for VXLAN, the same on all nodes.
    pub port: u16,
    /// The MTU of the bridge, the VXLAN device and the containers' interfaces, in bytes.
    pub mtu: u32,
    /// The pools' gateways with their prefix lengths, held by the bridge on every node.
    pub gateways: Vec<IpNet>,
    /// The bridge's Ethernet address, the same on every node.
    pub gateway_mac: MacAddr,
    /// Whether containers may leave through the gateway: there is an uplink to the host then, a route to the
    /// pools in the host, and masquerading.
    pub egress: bool,
    /// The endpoints on other nodes.
    pub remotes: BTreeMap<MacAddr, Remote>,
}

/// An endpoint on another node: one FDB entry, and a neighbour entry for each address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remote {
    /// The other node's VTEP.
    pub vtep: IpAddr,
    /// The endpoint's addresses.
    pub addresses: BTreeSet<IpAddr>,
}

/// A veth pair between a segment's bridge and a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// The segment it is on.
    pub vni: Vni,
    /// The container's network namespace, as a path that can be opened.
    pub netns: PathBuf,
    /// The name of the interface in there.
    pub ifname: IfName,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// Its addresses with the pools' prefix lengths.
    pub addresses: Vec<IpNet>,
    /// The gateways its default routes lead to; empty on internal networks, and where the container's
    /// default routes lead elsewhere.
    pub default_via: Vec<IpAddr>,
    /// Down while the endpoint is fenced.
    pub up: bool,
}

/// A port of this host that leads to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Publish {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The host's address it is limited to; all of them if absent.
    pub host_ip: Option<IpAddr>,
    /// The host's port.
    pub host_port: u16,
    /// The endpoint's address and port.
    pub target: SocketAddr,
}
