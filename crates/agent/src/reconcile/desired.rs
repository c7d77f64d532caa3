//! What the data plane of this node should be: the journal's endpoints, and the endpoints they can reach.

use super::remotes::RemotesBySegment;
use crate::config::AgentConfig;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv6Addr, SocketAddr},
    path::Path,
};
use weft_model::{EndpointId, MacAddr, Network, NetworkId, NodeName, PortMapping, Vni};
use weft_plan::{Attachment, Carrier, Desired, Outer, Publish, Segment};
use weft_state::{
    cluster::Cluster,
    journal::{LocalEndpoint, LocalEndpoints, Owner},
    tunnel::OwnEnd,
};

/// The network that the packets of the overlay travel on, as this host is on it.
#[derive(Debug, Clone)]
pub(super) struct Below<'m> {
    /// The address that VXLAN packets come from, and encrypted ones.
    pub(super) vtep: IpAddr,
    /// The largest packet that leaves from there, in bytes.
    pub(super) underlay_mtu: u32,
    /// This host's end of the tunnels, if it can encrypt.
    pub(super) own_end: Option<OwnEnd>,
    /// How large a packet fits through each network, in bytes.
    pub(super) mtus: &'m BTreeMap<NetworkId, u32>,
}

/// The data plane for `endpoints`.
pub(super) fn desired(
    config: &AgentConfig,
    cluster: &Cluster,
    endpoints: &LocalEndpoints,
    below: &Below<'_>,
    remotes: &mut RemotesBySegment,
) -> Desired {
    // An endpoint that joined when the network was encrypted is on no other: whatever the store says by now.
    let local = endpoints.values().filter(|local| local.network.is_encrypted());
    let encrypted =
        local.flat_map(|local| local.network.segments().into_iter().map(|segment| segment.vni)).collect();
    let around = Around { config, cluster, below, encrypted };
    let mut desired = Desired { peers: Some(peers(&config.node_name, cluster)), ..Desired::default() };
    let ways_out = ways_out(endpoints);
    // One that is cut off comes last: its network may be gone, and its VNI another's.
    let (cut_off, working): (Vec<_>, Vec<_>) =
        endpoints.iter().partition(|(_, local)| local.fenced.is_some());
    for (id, local) in working.into_iter().chain(cut_off) {
        let Some(vni) = local.vni() else { continue };
        desired.segments.entry(vni).or_insert_with(|| around.segment(local, vni, remotes));
        desired.attachments.insert(*id, attachment(*id, local, vni, &ways_out));
        desired.publish.extend(publish(*id, local, &ways_out));
        // One endpoint that needs the way out makes it for the whole segment.
        if let Some(segment) = desired.segments.get_mut(&vni) {
            segment.egress |= has_way_out(local);
        }
    }
    for (id, local) in endpoints.iter() {
        if desired.attachments.get(id).is_some_and(Attachment::uses_gateway) {
            desired.segments.extend(around.across(local, &desired.segments, remotes));
        }
    }
    desired
}

/// Where the other hosts send from, also those that are down: they may be back before this is known.
pub(super) fn peers(me: &NodeName, cluster: &Cluster) -> BTreeSet<IpAddr> {
    let others = cluster.nodes.iter().filter(|(name, _)| *name != me);
    others.map(|(_, node)| node.vtep).collect()
}

/// Takes what was handed over to engines, or is not wanted any more, since `desired` was made, for the engines'.
pub(super) fn hand_over(desired: &mut Desired, endpoints: &LocalEndpoints) {
    for (id, attachment) in &mut desired.attachments {
        if let Outer::Engine { handed_over, .. } = &mut attachment.outer {
            let now = endpoints.get(id).map(|local| &local.owner);
            *handed_over |= now != Some(&Owner::Engine { handed_over: false });
        }
    }
}

/// What a segment follows from besides the endpoints that are here.
struct Around<'a> {
    config: &'a AgentConfig,
    cluster: &'a Cluster,
    below: &'a Below<'a>,
    /// The segments that are encrypted.
    encrypted: BTreeSet<Vni>,
}

impl Around<'_> {
    /// The segments of an endpoint's network that only other nodes have endpoints on. Its gateway leads there
    /// through this host, so they have to begin here.
    fn across(
        &self,
        local: &LocalEndpoint,
        present: &BTreeMap<Vni, Segment>,
        remotes: &mut RemotesBySegment,
    ) -> Vec<(Vni, Segment)> {
        let segments = local.network.segments().into_iter().map(|segment| segment.vni);
        segments
            .filter(|vni| !present.contains_key(vni))
            .map(|vni| (vni, Segment { egress: true, ..self.segment(local, vni, remotes) }))
            .filter(|(_, segment)| !segment.remotes.is_empty())
            .collect()
    }

    /// What carries the packets of a network, and where they come from. Nobody's address: without an end of the tunnels
    /// there is no device for them.
    fn carried(&self, network: &Network, vni: Vni) -> (Carrier, IpAddr) {
        if network.is_encrypted() || self.encrypted.contains(&vni) {
            let own = self.below.own_end.as_ref().map_or(Ipv6Addr::UNSPECIFIED, |own| own.address);
            return (Carrier::Tunnel, own.into());
        }
        (Carrier::Host, self.below.vtep)
    }

    fn segment(&self, local: &LocalEndpoint, vni: Vni, remotes: &mut RemotesBySegment) -> Segment {
        let Self { config, cluster, below, .. } = self;
        let network = (&local.network_id, &local.network);
        let subnets: Vec<_> = local.network.subnets.iter().filter(|subnet| subnet.vni == vni).collect();
        let gateways = subnets.iter().map(|subnet| subnet.gateway_net()).collect();
        let mtu = below.mtus.get(&local.network_id).copied();
        let none = MacAddr::for_ip(IpAddr::from([0, 0, 0, 0]));
        let (carrier, vtep) = self.carried(&local.network, vni);
        Segment {
            network: local.network_id,
            carrier,
            vtep,
            port: config.vxlan_port,
            mtu: mtu.unwrap_or_else(|| local.network.least_mtu()),
            gateways,
            gateway_mac: local.network.gateway_mac(vni).unwrap_or(none),
            egress: false,
            remotes: remotes.of(&config.node_name, cluster, network, vni),
        }
    }
}

/// The endpoint that the default route of each namespace leads through, for IPv4 and for the other family.
type WaysOut<'e> = BTreeMap<(&'e Path, bool), EndpointId>;

/// The network joined first is the way out, until it is left; then the next.
fn ways_out(endpoints: &LocalEndpoints) -> WaysOut<'_> {
    let mut candidates: Vec<_> =
        endpoints.iter().filter(|(_, local)| local.default_route && local.fenced.is_none()).collect();
    candidates.sort_by_key(|(id, local)| (local.endpoint.created, **id));
    let mut ways_out = WaysOut::new();
    for (id, local) in candidates {
        for (address, _) in local.subnets() {
            ways_out.entry((&local.netns, address.is_ipv4())).or_insert(*id);
        }
    }
    ways_out
}

fn leads_out(id: EndpointId, local: &LocalEndpoint, address: IpAddr, ways_out: &WaysOut<'_>) -> bool {
    ways_out.get(&(&local.netns, address.is_ipv4())) == Some(&id)
}

fn attachment(id: EndpointId, local: &LocalEndpoint, vni: Vni, ways_out: &WaysOut<'_>) -> Attachment {
    let leading = local.subnets().filter(|(address, _)| leads_out(id, local, *address, ways_out));
    let gateways = leading.map(|(_, subnet)| subnet.gateway);
    let ifname = local.ifname.clone();
    let outer = match local.owner {
        Owner::Engine { handed_over } => {
            let netns = local.netns.clone();
            Outer::Engine { ifname, netns, handed_over, routed: is_routed(local) }
        }
        Owner::Process(_) | Owner::Runtime(_) | Owner::Attached => Outer::Container {
            netns: local.netns.clone(),
            ifname,
            addresses: local.subnets().map(|(address, subnet)| subnet.net_of(address)).collect(),
            default_via: gateways.collect(),
        },
    };
    Attachment { vni, mac: local.endpoint.mac, up: local.fenced.is_none(), outer }
}

/// Whether an endpoint has packets leave its network through this host, or come in.
pub(crate) fn has_way_out(local: &LocalEndpoint) -> bool {
    local.default_route || is_routed(local)
}

/// Whether an engine has set routes through its gateway. Its containers leave through another network of the
/// engine's; here they only need to get to the network's other segments.
fn is_routed(local: &LocalEndpoint) -> bool {
    local.owner.is_engine() && !local.network.internal && local.network.segments().len() > 1
}

/// A process is published where it leads out, one family by one: a client over IPv4 gets to an IPv4 address.
fn publish<'l>(
    id: EndpointId,
    local: &'l LocalEndpoint,
    ways_out: &'l WaysOut<'_>,
) -> impl Iterator<Item = Publish> + 'l {
    let addresses =
        local.endpoint.addresses().filter(move |address| leads_out(id, local, *address, ways_out));
    addresses.flat_map(|address| {
        let same_family =
            move |port: &&PortMapping| port.host_ip.is_none_or(|ip| ip.is_ipv4() == address.is_ipv4());
        local.ports.iter().filter(same_family).map(move |port| Publish {
            protocol: port.protocol,
            host_ip: port.host_ip.filter(|ip| !ip.is_unspecified()),
            host_port: port.host_port.get(),
            target: SocketAddr::new(address, port.port.get()),
        })
    })
}
