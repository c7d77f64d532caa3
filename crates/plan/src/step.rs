//! What can be done to the kernel, one step at a time.

use crate::{
    Carrier, Far, Kind, Netns, OwnNetns, Port, Route, Ruleset, TunnelPeer, TunnelSettings,
    target::sysctl_link,
};
use ipnet::IpNet;
use serde::Serialize;
use std::{fmt, net::IpAddr};
use weft_model::{IfName, MacAddr, Vni};

/// The steps from what is to what should be, in the order they must be taken in, and what stands in the way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// What to do. Empty: the kernel is as it should be, as far as it is ours.
    pub steps: Vec<Step>,
    /// What cannot be done, because something of another's is in its netns.
    pub problems: Vec<Problem>,
}

/// Why a part of what should be cannot be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The namespace it concerns.
    pub netns: Netns,
    /// The link in there, if it concerns one alone.
    pub link: Option<IfName>,
    /// A sentence for a person: what, why, and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// One change. Taking one twice does no harm: to delete what is gone and to set what is set succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Step {
    /// Makes a namespace of ours.
    CreateNamespace(OwnNetns),
    /// Unmakes it, with everything in it.
    DeleteNamespace(OwnNetns),
    /// Makes a link, down and without addresses; a veth pair with both of its ends.
    CreateLink {
        /// Where.
        netns: Netns,
        /// Its name.
        name: IfName,
        /// What it is.
        kind: Kind,
        /// What the link is for.
        alias: String,
        /// Its Ethernet address, if not just any.
        mac: Option<MacAddr>,
        /// Its MTU in bytes.
        mtu: u32,
        /// The other end of a veth pair.
        peer: Option<Peer>,
    },
    /// Unmakes a link; the other end of a veth pair goes with it.
    DeleteLink(Netns, IfName),
    /// Changes a setting of a link.
    SetLink(Netns, IfName, Change),
    /// Adds something that a link holds, or replaces what it holds for the same address.
    Add(Netns, IfName, Entry),
    /// Removes something that a link holds.
    Delete(Netns, IfName, Entry),
    /// Adds a route.
    AddRoute(Netns, Route),
    /// Removes a route.
    DeleteRoute(Netns, Route),
    /// Sets a kernel parameter.
    SetSysctl {
        /// Where.
        netns: Netns,
        /// Its path under `/proc/sys/net`.
        key: String,
        /// Its value.
        value: String,
    },
    /// Keeps what comes from other hosts from the gateway of a segment, but for answers of ARP and ND.
    SetGate(Vni),
    /// Replaces our nftables table as a whole, at once.
    SetRuleset(Ruleset),
    /// Removes our nftables table.
    DeleteRuleset,
}

/// The far end of a veth pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// Where it is born.
    pub netns: Netns,
    /// Its name.
    pub name: IfName,
    /// Its Ethernet address, if not just any.
    pub mac: Option<MacAddr>,
}

/// A setting of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Up or down.
    Up(bool),
    /// MTU in bytes.
    Mtu(u32),
    /// Of the other end of a pair, which an engine has.
    Far(Far),
    /// Ethernet address.
    Mac(MacAddr),
    /// What the link is for.
    Alias(String),
    /// A port of the segment's bridge, with these settings.
    Port(Port),
    /// What a WireGuard device is set to.
    Tunnel(TunnelSettings),
}

/// What a link can hold many of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Entry {
    /// An address, used at once (without duplicate address detection: the store decided which endpoint has it).
    Address(IpNet),
    /// Where a VXLAN device sends the frames to an Ethernet address.
    Fdb(MacAddr, IpAddr),
    /// A neighbour that need not be asked for; a VXLAN device answers for it.
    Neighbour(IpAddr, MacAddr),
    /// An Ethernet address behind a port of the bridge.
    LocalFdb(MacAddr),
    /// The other end of a tunnel.
    Peer(TunnelPeer),
}

impl Step {
    /// The namespace it is taken in.
    pub fn netns(&self) -> Netns {
        match self {
            Step::CreateNamespace(own) | Step::DeleteNamespace(own) => (*own).into(),
            Step::CreateLink { netns, .. } | Step::SetSysctl { netns, .. } => netns.clone(),
            Step::DeleteLink(netns, _)
            | Step::SetLink(netns, ..)
            | Step::Add(netns, ..)
            | Step::Delete(netns, ..)
            | Step::AddRoute(netns, _)
            | Step::DeleteRoute(netns, _) => netns.clone(),
            Step::SetGate(vni) => Netns::Segment(*vni),
            Step::SetRuleset(_) | Step::DeleteRuleset => Netns::Host,
        }
    }

    /// What is done, in a word or two: for counting.
    pub fn kind(&self) -> &'static str {
        match self {
            Step::CreateNamespace(_) => "create_namespace",
            Step::DeleteNamespace(_) => "delete_namespace",
            Step::CreateLink { .. } => "create_link",
            Step::DeleteLink(..) => "delete_link",
            Step::SetLink(..) => "set_link",
            Step::Add(..) => "add_entry",
            Step::Delete(..) => "delete_entry",
            Step::AddRoute(..) => "add_route",
            Step::DeleteRoute(..) => "delete_route",
            Step::SetSysctl { .. } => "set_sysctl",
            Step::SetGate(_) => "set_gate",
            Step::SetRuleset(_) => "set_ruleset",
            Step::DeleteRuleset => "delete_ruleset",
        }
    }

    /// The link it is about, if it is about one.
    pub fn link(&self) -> Option<&str> {
        match self {
            Step::CreateLink { name, .. }
            | Step::DeleteLink(_, name)
            | Step::SetLink(_, name, _)
            | Step::Add(_, name, _)
            | Step::Delete(_, name, _) => Some(name.as_str()),
            Step::AddRoute(_, route) | Step::DeleteRoute(_, route) => Some(route.dev.as_str()),
            Step::SetSysctl { key, .. } => sysctl_link(key),
            Step::CreateNamespace(_)
            | Step::DeleteNamespace(_)
            | Step::SetGate(_)
            | Step::SetRuleset(_)
            | Step::DeleteRuleset => None,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::CreateNamespace(own) => write!(f, "{own}: create the namespace"),
            Step::DeleteNamespace(own) => write!(f, "{own}: delete the namespace"),
            Step::CreateLink { netns, name, kind, mac, mtu, peer, .. } => {
                write!(f, "{netns}: create {kind} {name}")?;
                mac.map_or(Ok(()), |mac| write!(f, " address {mac}"))?;
                write!(f, " mtu {mtu}")?;
                let Some(peer) = peer else { return Ok(()) };
                write!(f, " peer {} in {}", peer.name, peer.netns)?;
                peer.mac.map_or(Ok(()), |mac| write!(f, " address {mac}"))
            }
            Step::DeleteLink(netns, name) => write!(f, "{netns}: delete link {name}"),
            Step::SetLink(netns, name, change) => write!(f, "{netns}: set {name} {change}"),
            Step::Add(netns, name, entry) => write!(f, "{netns}: set {entry} on {name}"),
            Step::Delete(netns, name, entry) => write!(f, "{netns}: delete {entry} from {name}"),
            Step::AddRoute(netns, route) => write!(f, "{netns}: add route {route}"),
            Step::DeleteRoute(netns, route) => write!(f, "{netns}: delete route {route}"),
            Step::SetSysctl { netns, key, value } => {
                write!(f, "{netns}: set sysctl net.{} = {value}", key.replace('/', "."))
            }
            Step::SetGate(_) => write!(f, "{}: keep what vxlan0 brings from the gateway", self.netns()),
            Step::SetRuleset(ruleset) => write!(f, "host: set {ruleset}"),
            Step::DeleteRuleset => write!(f, "host: delete nftables table inet weft"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Bridge => f.write_str("bridge"),
            Kind::Vxlan { vni, vtep, port, carrier } => {
                write!(f, "vxlan id {vni} local {vtep} port {port}")?;
                f.write_str(if *carrier == Carrier::Tunnel { " in weft-tunnel" } else { "" })
            }
            Kind::WireGuard => f.write_str("wireguard"),
            Kind::Veth => f.write_str("veth"),
            Kind::Loopback => f.write_str("loopback"),
            Kind::Other(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = |on| if on { "on" } else { "off" };
        match self {
            Change::Up(true) => f.write_str("up"),
            Change::Up(false) => f.write_str("down"),
            Change::Mtu(mtu) => write!(f, "mtu {mtu}"),
            Change::Far(far) => write!(f, "peer mtu {} in {}", far.mtu, far.netns.display()),
            Change::Mac(mac) => write!(f, "address {mac}"),
            Change::Alias(alias) => write!(f, "alias {alias:?}"),
            Change::Port(port) => write!(
                f,
                "master br0 learning {} flood {} mcast_flood {} bcast_flood {}",
                on(port.learning),
                on(port.unicast_flood),
                on(port.multicast_flood),
                on(port.broadcast_flood)
            ),
            Change::Tunnel(TunnelSettings { key, port }) => write!(f, "public key {key} port {port}"),
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::Address(net) => write!(f, "address {net}"),
            Entry::Fdb(mac, vtep) => write!(f, "fdb {mac} dst {vtep}"),
            Entry::Neighbour(ip, mac) => write!(f, "neighbour {ip} lladdr {mac}"),
            Entry::LocalFdb(mac) => write!(f, "fdb {mac} master static"),
            Entry::Peer(peer) => {
                write!(f, "peer {} allowed-ips {}/128", peer.key, peer.address)?;
                peer.endpoint.map_or(Ok(()), |endpoint| write!(f, " endpoint {endpoint}"))
            }
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} via {} dev {}", self.destination(), self.via, self.dev)?;
        f.write_str(if self.onlink { " onlink" } else { "" })
    }
}
