//! What is in the kernel that is ours, or stands in our way.

use crate::{
    ALIAS_PREFIX, BRIDGE_NETFILTER, Carrier, Desired, Fdb, Neighbours, Netns, RulesetMark, Target,
    TunnelPeer, TunnelSettings,
};
use ipnet::IpNet;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::PathBuf,
};
use weft_model::{IfName, MacAddr, TunnelKey, Vni};

/// The kernel's state, as far as it is ours: read in one go, and stale as soon as it is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Observed {
    /// The namespaces that exist: the host's, every segment's of ours, and those of the containers that
    /// should be attached.
    pub namespaces: BTreeMap<Netns, Namespace>,
    /// Namespaces that must be left alone, with the reason: another's, or impossible to read just now.
    pub blocked: BTreeMap<Netns, String>,
    /// The nftables table of ours in the host.
    pub ruleset: Option<RulesetMark>,
}

impl Observed {
    /// The namespaces of which it does not show all that a plan for `target` has to know, since it was read for another.
    ///
    /// It shows all segments that there are. A link of another's that stands in the way in the host shows when ours is
    /// to be made; but in a container nothing is made unseen, since another may have come under its path.
    pub fn lacks(&self, target: &Target) -> BTreeSet<Netns> {
        let shown = |netns: &Netns, want: &Namespace| {
            let Some(have) = self.namespaces.get(netns) else {
                return netns.own().is_some() || self.blocked.contains_key(netns);
            };
            let made = |link: &IfName| !matches!(netns, Netns::Container(_)) || have.links.contains_key(link);
            let known =
                |route: &Route| have.routes.contains(route) || have.foreign_routes.contains_key(&route.to);
            // These may be missing from the kernel as well.
            let optional = |key: &String| BRIDGE_NETFILTER.contains(&key.as_str());
            want.links.keys().all(made)
                && want.routes.iter().all(known)
                && want.sysctls.keys().all(|key| optional(key) || have.sysctls.contains_key(key))
        };
        let unseen = target.namespaces.iter().filter(|(netns, want)| !shown(netns, want));
        unseen.map(|(netns, _)| netns.clone()).collect()
    }

    /// Takes over what another look has shown of `netns`: where it shows nothing there is nothing.
    pub fn renew(&mut self, netns: &BTreeSet<Netns>, mut seen: Self) {
        for netns in netns {
            self.namespaces.remove(netns);
            self.blocked.remove(netns);
            self.namespaces.extend(seen.namespaces.remove_entry(netns));
            self.blocked.extend(seen.blocked.remove_entry(netns));
        }
        if netns.contains(&Netns::Host) {
            self.ruleset = seen.ruleset;
        }
    }

    /// Keeps what is as it should be once, not twice: to compare them again then costs as much as has changed.
    pub fn share(&mut self, desired: &Desired) {
        for (vni, segment) in &desired.segments {
            let namespace = self.namespaces.get_mut(&Netns::Segment(*vni));
            let Some(link) = namespace.and_then(|found| found.links.get_mut(&IfName::vxlan())) else {
                continue;
            };
            if link.fdb == segment.remotes.fdb {
                link.fdb.clone_from(&segment.remotes.fdb);
            }
            if link.neighbours == segment.remotes.neighbours {
                link.neighbours.clone_from(&segment.remotes.neighbours);
            }
        }
    }
}

/// The objects in one network namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Namespace {
    /// Links of ours.
    pub links: BTreeMap<IfName, Link>,
    /// Links of others whose names we need.
    pub foreign_links: BTreeSet<IfName>,
    /// Routes of ours.
    pub routes: BTreeSet<Route>,
    /// Destinations we need that others have routes to, with the name of the device these lead through.
    pub foreign_routes: BTreeMap<IpNet, String>,
    /// Kernel parameters by their path under `/proc/sys/net`; absent: the kernel does not have it.
    pub sysctls: BTreeMap<String, String>,
    /// As a segment's: whether what comes from other hosts is kept from the gateway. In a target, where it has to be.
    pub gate: bool,
}

impl Namespace {
    /// A container's, as the kernel makes it: with its loopback device down.
    pub fn of_container() -> Self {
        let loopback = Link { alias: None, ..Link::new(Kind::Loopback, String::new(), None, 65536) };
        Self { links: BTreeMap::from([(IfName::loopback(), loopback)]), ..Self::default() }
    }
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// What it is.
    pub kind: Kind,
    /// What the link is for: `weft <network or endpoint id>`.
    pub alias: Option<String>,
    /// Its Ethernet address; in a target, absent where any will do.
    pub mac: Option<MacAddr>,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// The other end of a pair, where that is an engine's by now; in what is there, absent if it is not where it should be.
    pub far: Option<Far>,
    /// Whether it is administratively up.
    pub up: bool,
    /// Its settings as a port of the segment's bridge; absent: it is not one.
    pub port: Option<Port>,
    /// Its addresses, without link-local ones that the kernel gave it.
    pub addresses: BTreeSet<IpNet>,
    /// As a VXLAN device: where the frames to an Ethernet address go.
    pub fdb: Fdb,
    /// Its permanent neighbours; a VXLAN device answers for them.
    pub neighbours: Neighbours,
    /// As a port of a bridge: the Ethernet addresses behind it. As a bridge: its own, which it takes frames for, unless
    /// somebody has put it behind a port.
    pub local_fdb: BTreeSet<MacAddr>,
    /// As a WireGuard device: what it is set to; absent: it has no key yet.
    pub tunnel: Option<TunnelSettings>,
    /// As a WireGuard device: the other ends.
    pub peers: BTreeMap<TunnelKey, TunnelPeer>,
    /// As a WireGuard device: those that have been sent something, and have never answered. Nobody wants any.
    pub silent: BTreeSet<TunnelKey>,
}

/// The end of a pair that an engine has, under any name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Far {
    /// The network namespace of the container, as a path that can be opened.
    pub netns: PathBuf,
    /// Its MTU in bytes.
    pub mtu: u32,
}

impl Link {
    /// A link as the kernel makes it, when nothing else has been done to it.
    pub fn new(kind: Kind, alias: String, mac: Option<MacAddr>, mtu: u32) -> Self {
        let local_fdb = mac.into_iter().filter(|_| kind == Kind::Bridge).collect();
        Self {
            kind,
            alias: Some(alias),
            mac,
            mtu,
            far: None,
            up: false,
            port: None,
            addresses: BTreeSet::new(),
            fdb: Fdb::default(),
            neighbours: Neighbours::new(),
            local_fdb,
            tunnel: None,
            peers: BTreeMap::new(),
            silent: BTreeSet::new(),
        }
    }

    /// Whether its alias says that it is ours.
    pub fn is_ours(alias: Option<&str>) -> bool {
        alias.is_some_and(|alias| alias.starts_with(ALIAS_PREFIX))
    }
}

/// What a link is. A change of kind needs another link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A bridge that neither speaks STP nor listens to IGMP.
    Bridge,
    /// A VXLAN device as ours are: without learning, answering ARP and ND itself.
    Vxlan {
        /// The network identifier.
        vni: Vni,
        /// The source address of its packets.
        vtep: IpAddr,
        /// The UDP port.
        port: u16,
        /// What carries its packets: where its UDP socket is.
        carrier: Carrier,
    },
    /// A WireGuard device, whose UDP socket is in the host's namespace.
    WireGuard,
    /// An end of a veth pair.
    Veth,
    /// The loopback device, which every namespace is born with. Only whether it is up is weft's business.
    Loopback,
    /// Anything else, under a name of ours: "vxlan with learning", "dummy".
    Other(String),
}

/// How a bridge treats frames at one of its ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Port {
    /// Whether it learns the source addresses of what comes in.
    pub learning: bool,
    /// Whether frames to an unknown address go out here.
    pub unicast_flood: bool,
    /// Whether multicast goes out here: neighbour solicitations are.
    pub multicast_flood: bool,
    /// Whether broadcast goes out here: ARP requests are.
    pub broadcast_flood: bool,
}

impl Port {
    /// As the kernel makes it (`new_nbp`, `net/bridge/br_if.c`).
    pub const FRESH: Port =
        Port { learning: true, unicast_flood: true, multicast_flood: true, broadcast_flood: true };
    /// The VXLAN device's: frames to addresses that are not known here go there.
    pub const VXLAN: Port = Port { learning: false, ..Self::FRESH };
    /// A container's: it gets what is for it, and the questions to all.
    pub const CONTAINER: Port = Port { learning: false, unicast_flood: false, ..Self::FRESH };
}

/// A route in the main table. All of ours have a gateway.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Route {
    /// Where to; `0.0.0.0/0` or `::/0` is the default route.
    pub to: IpNet,
    /// The next hop.
    pub via: IpAddr,
    /// The interface.
    pub dev: IfName,
    /// Whether the next hop counts as reachable there though no address of the interface covers it.
    pub onlink: bool,
}

impl Route {
    /// Where to, as `ip route` writes it.
    pub fn destination(&self) -> String {
        if self.to.prefix_len() == 0 { "default".to_owned() } else { self.to.to_string() }
    }
}
