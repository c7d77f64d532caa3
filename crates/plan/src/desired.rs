//! What should be.

use crate::{Carrier, Probe, Remotes, Tunnel};
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
    /// The addresses that the cluster's other hosts send VXLAN packets from. Absent while nobody knows: then packets are
    /// taken from anywhere.
    pub peers: Option<BTreeSet<IpAddr>>,
    /// The tunnels, where a segment is encrypted.
    pub tunnel: Option<Tunnel>,
    /// The device that paths are measured through, where there is somebody to measure them to.
    pub probe: Option<Probe>,
}

/// A bridge and a VXLAN device in the namespace `weft-<vni>`, and the way out of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// The network it belongs to: segments of one network may talk to each other, through their gateways.
    pub network: NetworkId,
    /// What carries its VXLAN packets.
    pub carrier: Carrier,
    /// The source of its VXLAN packets: the address this node advertises, or its address inside of the tunnels.
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
    pub remotes: Remotes,
}

/// A veth pair between a segment's bridge and a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// The segment it is on.
    pub vni: Vni,
    /// The Ethernet address of its outer end.
    pub mac: MacAddr,
    /// Down while the endpoint is fenced.
    pub up: bool,
    /// The end that is not in the segment.
    pub outer: Outer,
}

/// The end of a veth pair that the endpoint's packets come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outer {
    /// In a container's network namespace, set up there.
    Container {
        /// The namespace, as a path that can be opened.
        netns: PathBuf,
        /// The name of the interface in there.
        ifname: IfName,
        /// Its addresses with the pools' prefix lengths.
        addresses: Vec<IpNet>,
        /// The gateways its default routes lead to; empty on internal networks, and where the container's
        /// default routes lead elsewhere.
        default_via: Vec<IpAddr>,
    },
    /// In the host's namespace, for a container engine that takes it from there and sets it up.
    Engine {
        /// The name it waits under.
        ifname: IfName,
        /// The network namespace that the engine takes it to, as a path that can be opened.
        netns: PathBuf,
        /// Whether the engine was told of it. From then on it is the engine's, which moves and renames it, or
        /// loses it with the container's namespace, and the inner end is all that is ours: it is not made
        /// again, since the engine would not take another.
        handed_over: bool,
        /// Whether the engine was given routes through the gateway to the network's other segments.
        routed: bool,
    },
}

impl Desired {
    /// Turns off `egress` for networks with a pool that must not have a route on this host. For the whole network: its
    /// segments reach each other through the host.
    pub fn close_ways_out(&mut self, must_not: impl Fn(IpNet) -> bool) {
        let clashes = |segment: &&Segment| segment.gateways.iter().any(|gateway| must_not(gateway.trunc()));
        let closed: BTreeSet<NetworkId> =
            self.segments.values().filter(clashes).map(|segment| segment.network).collect();
        for segment in self.segments.values_mut().filter(|segment| closed.contains(&segment.network)) {
            segment.egress = false;
        }
    }
}

impl Attachment {
    /// Whether it sends packets through the gateway of its segment.
    pub fn uses_gateway(&self) -> bool {
        match &self.outer {
            Outer::Container { default_via, .. } => !default_via.is_empty(),
            Outer::Engine { routed, .. } => *routed,
        }
    }

    /// Whether the outer end is an engine's by now.
    pub fn is_handed_over(&self) -> bool {
        matches!(self.outer, Outer::Engine { handed_over: true, .. })
    }
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
