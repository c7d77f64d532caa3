//! What should be, spelled out as kernel objects.

use crate::{
    ALIAS_PREFIX, Attachment, Carrier, Desired, Far, Kind, Link, Namespace, Netns, Outer, Port, Route,
    Segment,
};
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};
use weft_model::{EndpointId, IfName, MacAddr, NetworkId, Vni};

/// The host's end of an uplink. The same on each: they are link-local, and each link is its own.
const HOST_V4: Ipv4Addr = Ipv4Addr::new(169, 254, 77, 1);
const HOST_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
/// The bridge's link-local address, the same on every node as its Ethernet address is.
const BRIDGE_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
/// The segment's end of an uplink.
pub(crate) const SEGMENT_V4: Ipv4Addr = Ipv4Addr::new(169, 254, 77, 2);
const SEGMENT_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);

/// The objects that should be, by namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// What should be in each namespace: those of the segments exist for it, those of containers must.
    pub namespaces: BTreeMap<Netns, Namespace>,
    /// Which links are the two ends of a veth pair.
    pub pairs: Vec<Pair>,
    /// Links whose other ends have been handed over to engines.
    pub handed_over: Vec<HandedOver>,
}

/// A veth pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The end in the segment.
    pub inner: (Netns, IfName),
    /// The end in the host or a container.
    pub outer: (Netns, IfName),
}

/// A veth pair of which an engine has one end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedOver {
    /// The end in the segment.
    pub inner: (Netns, IfName),
    /// The alias of both ends, which stays when the engine moves or renames its own.
    pub alias: String,
}

impl Target {
    /// Everything that `desired` asks for. An attachment to a segment that is not there is left out.
    pub fn of(desired: &Desired) -> Self {
        let mut target = Self::default();
        target.namespaces.insert(Netns::Host, Namespace::default());
        if let Some(probe) = &desired.probe {
            target.namespaces.insert(Netns::Segment(Vni::PROBES), probe.namespace());
        }
        if let Some(tunnel) = &desired.tunnel {
            target.namespaces.insert(Netns::Tunnel, tunnel.namespace());
        }
        for (&vni, segment) in &desired.segments {
            let mut namespace = segment_namespace(vni, segment);
            // Without tunnels its packets go nowhere.
            if segment.carrier == Carrier::Tunnel && desired.tunnel.is_none() {
                namespace.links.remove(&IfName::vxlan());
            }
            target.namespaces.insert(Netns::Segment(vni), namespace);
        }
        for (id, attachment) in &desired.attachments {
            if let Some(segment) = desired.segments.get(&attachment.vni) {
                target.attach(id, attachment, segment);
            }
        }
        for vni in needs_uplink(desired) {
            target.connect(vni, &desired.segments[&vni]);
        }
        target
    }

    fn at(&mut self, netns: &Netns) -> &mut Namespace {
        self.namespaces.entry(netns.clone()).or_default()
    }

    /// An endpoint: a port of the segment's bridge, and the other end of the pair where it belongs.
    fn attach(&mut self, id: &EndpointId, attachment: &Attachment, segment: &Segment) {
        let alias = alias_of(id);
        let mut port = Link::new(Kind::Veth, alias.clone(), None, segment.mtu);
        // An engine decides about its own end alone.
        port.up = attachment.up || matches!(attachment.outer, Outer::Container { .. });
        port.port = Some(Port::CONTAINER);
        // An entry for the gateway's would take the bridge's own away (`fdb_add_entry`, net/bridge/br_fdb.c). It is
        // refused where an endpoint joins, but an older agent may have let it in.
        port.local_fdb.extend(Some(attachment.mac).filter(|mac| *mac != segment.gateway_mac));
        let inner = (Netns::Segment(attachment.vni), IfName::port(id));

        let mut far = Link::new(Kind::Veth, alias.clone(), Some(attachment.mac), segment.mtu);
        let outer = match &attachment.outer {
            Outer::Container { netns, ifname, addresses, default_via } => {
                far.up = attachment.up;
                // A link that goes down loses its IPv6 addresses and all routes (`addrconf_ifdown`).
                far.addresses = addresses.iter().filter(|a| attachment.up || is_v4(a)).copied().collect();
                let outer = (Netns::Container(netns.clone()), ifname.clone());
                self.prepare_container(&outer, &far, if attachment.up { default_via } else { &[] });
                outer
            }
            Outer::Engine { ifname, handed_over: false, .. } => (Netns::Host, ifname.clone()),
            Outer::Engine { handed_over: true, netns, .. } => {
                port.far = Some(Far { netns: netns.clone(), mtu: segment.mtu });
                self.at(&inner.0).links.insert(inner.1.clone(), port);
                self.handed_over.push(HandedOver { inner, alias });
                return;
            }
        };
        self.insert_pair(inner, port, outer, far);
    }

    /// What the link `far` needs around it in a container.
    fn prepare_container(&mut self, outer: &(Netns, IfName), far: &Link, default_via: &[IpAddr]) {
        let container = self.namespaces.entry(outer.0.clone()).or_insert_with(Namespace::of_container);
        container.links.entry(IfName::loopback()).and_modify(|loopback| loopback.up = true);
        container.routes.extend(default_via.iter().map(|&via| Route {
            to: default_route(via),
            via,
            dev: outer.1.clone(),
            onlink: false,
        }));
        if !far.addresses.iter().all(is_v4) {
            // Engines switch IPv6 off in the containers they did not give such an address.
            container.sysctls.insert(link_sysctl("ipv6", &outer.1, "disable_ipv6"), "0".to_owned());
        }
    }

    /// The way out of a segment: a veth pair to the host, and routes over it on both sides.
    fn connect(&mut self, vni: Vni, segment: &Segment) {
        let v4 = segment.gateways.iter().any(is_v4);
        let v6 = segment.gateways.iter().any(|g| !is_v4(g));
        // Ends know each other by their alias, and a network can have several segments.
        let alias = format!("{} vni {vni}", alias_of(&segment.network));
        let [near_mac, far_mac] = [SEGMENT_V4, HOST_V4].map(MacAddr::from);
        let mut near = Link::new(Kind::Veth, alias, Some(near_mac), segment.mtu);
        near.up = true;
        let mut far = Link { mac: Some(far_mac), ..near.clone() };
        let inner = (Netns::Segment(vni), IfName::segment_uplink());
        let outer = (Netns::Host, IfName::uplink(vni));
        let route = |to, via, dev: &IfName| Route { to, via, dev: dev.clone(), onlink: true };

        // Each host's containers leave through its own gateway.
        self.at(&inner.0).gate = true;
        if v4 {
            near.addresses.insert(IpAddr::V4(SEGMENT_V4).into());
            far.addresses.insert(IpAddr::V4(HOST_V4).into());
            // Each end knows the other: a host with a strict `rp_filter` answers no ARP request from an
            // address that it has no route to (`arp_process`, net/ipv4/arp.c).
            near.neighbours.insert(HOST_V4.into(), far_mac);
            far.neighbours.insert(SEGMENT_V4.into(), near_mac);
            let inside = self.at(&inner.0);
            inside.sysctls.insert("ipv4/ip_forward".to_owned(), "1".to_owned());
            inside.routes.insert(route(default_route(HOST_V4.into()), HOST_V4.into(), &inner.1));
            let host = self.at(&Netns::Host);
            host.sysctls.insert("ipv4/ip_forward".to_owned(), "1".to_owned());
            // Published ports answer on 127.0.0.1 too: such packets leave the host here, translated.
            host.sysctls.insert(link_sysctl("ipv4", &outer.1, "route_localnet"), "1".to_owned());
        }
        if v6 {
            near.addresses.insert(link_local(SEGMENT_V6));
            far.addresses.insert(link_local(HOST_V6));
            near.neighbours.insert(HOST_V6.into(), far_mac);
            far.neighbours.insert(SEGMENT_V6.into(), near_mac);
            let inside = self.at(&inner.0);
            inside.sysctls.insert("ipv6/conf/all/forwarding".to_owned(), "1".to_owned());
            inside.routes.insert(route(default_route(HOST_V6.into()), HOST_V6.into(), &inner.1));
            let host = self.at(&Netns::Host);
            host.sysctls.insert("ipv6/conf/all/forwarding".to_owned(), "1".to_owned());
            // Some hosts have IPv6 switched off by default.
            host.sysctls.insert(link_sysctl("ipv6", &outer.1, "disable_ipv6"), "0".to_owned());
        }
        for gateway in &segment.gateways {
            let via: IpAddr = if is_v4(gateway) { SEGMENT_V4.into() } else { SEGMENT_V6.into() };
            self.at(&Netns::Host).routes.insert(route(gateway.trunc(), via, &outer.1));
        }
        self.insert_pair(inner, near, outer, far);
    }

    fn insert_pair(&mut self, inner: (Netns, IfName), near: Link, outer: (Netns, IfName), far: Link) {
        self.at(&inner.0).links.insert(inner.1.clone(), near);
        self.at(&outer.0).links.insert(outer.1.clone(), far);
        self.pairs.push(Pair { inner, outer });
    }
}

impl Namespace {
    /// Forgets a link and what depends on it.
    pub(crate) fn forget(&mut self, name: &IfName) {
        self.links.remove(name);
        if *name == IfName::bridge() {
            for port in self.links.values_mut() {
                port.port = None;
                port.local_fdb.clear();
            }
        }
        self.routes.retain(|route| route.dev != *name);
        self.sysctls.retain(|key, _| sysctl_link(key) != Some(name.as_str()));
    }
}

/// Kernel parameters that are 0 in a segment's namespace. Where Docker or Kubernetes run they are 1 in every new
/// one, and each bridged frame takes the way of a routed packet (`br_nf_pre_routing`,
/// `net/bridge/br_netfilter_hooks.c`) to meet rules that are not there. They come with a module that may not be
/// loaded, or only later: what is not there need not be set.
pub const BRIDGE_NETFILTER: [&str; 3] =
    ["bridge/bridge-nf-call-arptables", "bridge/bridge-nf-call-ip6tables", "bridge/bridge-nf-call-iptables"];

fn segment_namespace(vni: Vni, segment: &Segment) -> Namespace {
    let mut namespace = Namespace::default();
    let alias = alias_of(&segment.network);
    let mut bridge = Link::new(Kind::Bridge, alias.clone(), Some(segment.gateway_mac), segment.mtu);
    bridge.up = true;
    bridge.addresses = segment.gateways.iter().copied().collect();
    if !segment.gateways.iter().all(is_v4) {
        // Links made after this neither make up addresses of their own nor believe routers: all that this
        // namespace needs to know it is told. 1 is IN6_ADDR_GEN_MODE_NONE (include/uapi/linux/if_link.h).
        namespace.sysctls.insert("ipv6/conf/default/addr_gen_mode".to_owned(), "1".to_owned());
        namespace.sysctls.insert("ipv6/conf/default/accept_ra".to_owned(), "0".to_owned());
        // Without one, the bridge could not ask for the neighbours of packets it forwards (`ndisc_send_ns`).
        bridge.addresses.insert(link_local(BRIDGE_V6));
    }
    namespace.links.insert(IfName::bridge(), bridge);
    namespace.sysctls.extend(BRIDGE_NETFILTER.map(|key| (key.to_owned(), "0".to_owned())));

    let kind = Kind::Vxlan { vni, vtep: segment.vtep, port: segment.port, carrier: segment.carrier };
    let mut vxlan = Link::new(kind, alias, None, segment.mtu);
    vxlan.up = true;
    vxlan.port = Some(Port::VXLAN);
    vxlan.fdb = segment.remotes.fdb.clone();
    vxlan.neighbours = segment.remotes.neighbours.clone();
    namespace.links.insert(IfName::vxlan(), vxlan);
    namespace
}

/// The segments that need a way to the host: all of a network that has an endpoint here which sends packets
/// through its gateway. All, because its segments reach each other through the host.
fn needs_uplink(desired: &Desired) -> BTreeSet<Vni> {
    let leaving: BTreeSet<NetworkId> = desired
        .attachments
        .values()
        .filter(|attachment| attachment.uses_gateway())
        .filter_map(|attachment| desired.segments.get(&attachment.vni))
        .map(|segment| segment.network)
        .collect();
    desired
        .segments
        .iter()
        .filter(|(_, segment)| segment.egress && leaving.contains(&segment.network))
        .map(|(&vni, _)| vni)
        .collect()
}

fn alias_of(owner: &impl std::fmt::Display) -> String {
    format!("{ALIAS_PREFIX}{owner}")
}

fn is_v4(net: &IpNet) -> bool {
    net.addr().is_ipv4()
}

fn default_route(via: IpAddr) -> IpNet {
    match via {
        IpAddr::V4(_) => ipnet::Ipv4Net::default().into(),
        IpAddr::V6(_) => ipnet::Ipv6Net::default().into(),
    }
}

fn link_local(address: Ipv6Addr) -> IpNet {
    ipnet::Ipv6Net::new_assert(address, 64).into()
}

/// The kernel parameter `key` of one link.
pub(crate) fn link_sysctl(family: &str, link: &IfName, key: &str) -> String {
    format!("{family}/conf/{link}/{key}")
}

/// The link that a kernel parameter belongs to, if it belongs to one.
pub(crate) fn sysctl_link(path: &str) -> Option<&str> {
    let link = path.split('/').nth(2).filter(|_| path.contains("/conf/"))?;
    (link != "all" && link != "default").then_some(link)
}
