//! The links of a namespace: which are ours, and what they are.

use super::carriers::Numbers;
use std::collections::HashMap;
use weft_model::{EndpointId, IfName, Vni};
use weft_netlink::LinkKind;
use weft_plan::{ALIAS_PREFIX, Carrier, Kind, Link, Namespace, Netns, Port};

/// The links of a namespace by their numbers, for what comes in other tables.
pub(super) struct KnownLinks {
    pub(super) ours: HashMap<u32, IfName>,
    names: HashMap<u32, String>,
}

impl KnownLinks {
    /// The link of ours with this number.
    pub(super) fn of<'n>(&self, namespace: &'n mut Namespace, index: u32) -> Option<&'n mut Link> {
        namespace.links.get_mut(self.ours.get(&index)?)
    }

    /// Fills in a link of ours, beside what is wanted of it.
    pub(super) fn fill(
        &self,
        namespace: &mut Namespace,
        want: &Namespace,
        index: u32,
        with: impl FnOnce(&mut Link, Option<&Link>),
    ) {
        let Some(name) = self.ours.get(&index) else { return };
        if let Some(link) = namespace.links.get_mut(name) {
            with(link, want.links.get(name));
        }
    }

    /// The name of the link that a route leads through.
    pub(super) fn name(&self, route: &weft_netlink::Route) -> Option<&String> {
        self.names.get(&route.link?)
    }
}

/// A namespace with its links alone.
pub(super) fn links(
    netns: &Netns,
    want: &Namespace,
    found: Vec<weft_netlink::Link>,
    numbers: Numbers,
) -> (Namespace, KnownLinks) {
    let mut namespace = Namespace::default();
    let bridge = found.iter().find(|link| link.name == IfName::bridge().as_str()).map(|link| link.index);
    let names = found.iter().map(|link| (link.index, link.name.clone())).collect();
    let mut ours = HashMap::new();
    for found in found {
        let Ok(name) = found.name.parse::<IfName>() else { continue };
        if is_ours(netns, &found) {
            ours.insert(found.index, name.clone());
            namespace.links.insert(name, link(found, bridge, numbers));
        } else if want.links.contains_key(&name) {
            namespace.foreign_links.insert(name);
        }
    }
    (namespace, KnownLinks { ours, names })
}

/// Whether weft made a link: in a segment's namespace, which is marked as a whole, by its name; elsewhere by
/// its name and its alias.
fn is_ours(netns: &Netns, link: &weft_netlink::Link) -> bool {
    let owner = link.alias.as_deref().and_then(|alias| alias.strip_prefix(ALIAS_PREFIX));
    let endpoint = owner.and_then(|owner| owner.parse::<EndpointId>().ok());
    match netns {
        Netns::Host => {
            let vni = link.name.strip_prefix("weft-").and_then(|vni| vni.parse::<Vni>().ok());
            let waiting = endpoint.is_some_and(|id| link.name == IfName::for_engine(&id).as_str());
            vni.is_some() && owner.is_some() || waiting
        }
        Netns::Tunnel => link.name == IfName::tunnel().as_str(),
        Netns::Segment(_) => match link.name.as_str() {
            "br0" | "vxlan0" | "uplink0" => true,
            name => name.len() == 13 && name.starts_with('p') && link.kind == LinkKind::Veth,
        },
        Netns::Container(_) => endpoint.is_some() || link.kind == LinkKind::Loopback,
    }
}

fn link(found: weft_netlink::Link, bridge: Option<u32>, numbers: Numbers) -> Link {
    let carrier = numbers.carrier(&found);
    let port = found.port.filter(|_| found.controller.is_some() && found.controller == bridge);
    Link {
        alias: found.alias,
        mac: found.mac,
        up: found.up,
        port: port.map(|port| Port {
            learning: port.learning,
            unicast_flood: port.unicast_flood,
            multicast_flood: port.multicast_flood,
            broadcast_flood: port.broadcast_flood,
        }),
        ..Link::new(kind(found.kind, carrier), String::new(), None, found.mtu)
    }
}

fn kind(found: LinkKind, carrier: Option<Carrier>) -> Kind {
    match found {
        LinkKind::Loopback => Kind::Loopback,
        LinkKind::Veth => Kind::Veth,
        LinkKind::Bridge { stp: false, multicast_snooping: false } => Kind::Bridge,
        LinkKind::Bridge { .. } => Kind::Other("bridge with STP or multicast snooping".to_owned()),
        LinkKind::Vxlan(vxlan) => {
            let ours = !vxlan.learning && vxlan.proxy;
            match (Vni::try_from(vxlan.vni), vxlan.local, carrier) {
                (Ok(vni), Some(vtep), Some(carrier)) if ours => {
                    Kind::Vxlan { vni, vtep, port: vxlan.port, carrier }
                }
                _ => Kind::Other("vxlan with other settings".to_owned()),
            }
        }
        LinkKind::Other(kind) if kind == "wireguard" => Kind::WireGuard,
        LinkKind::Other(kind) => Kind::Other(kind),
    }
}
