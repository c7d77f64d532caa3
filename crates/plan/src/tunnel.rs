//! Encrypted segments: their packets are born in a namespace that only a WireGuard device leads out of.
//!
//! VXLAN devices of encrypted networks have their UDP sockets in there. So there is no way for their packets but the
//! tunnel, and none for others' to them: not by a rule that could be flushed, or a route that could be lost.

use crate::{ALIAS_PREFIX, Kind, Link, Namespace, Route, target::link_sysctl};
use ipnet::{IpNet, Ipv6Net};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};
use weft_model::{IfName, TunnelKey};

/// What tunnels lead to: every address inside of them begins with `fd` (RFC 4193).
const EVERYBODY: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0), 8);
/// A route of ours has a gateway. Which it is does not matter: WireGuard finds the peer by the destination (`wg_xmit`,
/// drivers/net/wireguard/device.c).
const ANY_PEER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

/// What carries the packets of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    /// The host's network, in clear.
    Host,
    /// The tunnels, encrypted.
    Tunnel,
}

/// This host's end of the tunnels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tunnel {
    /// Its address in there: the source of the VXLAN packets of encrypted segments.
    pub address: Ipv6Addr,
    /// What others encrypt to, and where they send that.
    pub settings: TunnelSettings,
    /// The largest packet, in bytes, that fits in an encrypted one.
    pub mtu: u32,
    /// The other ends.
    pub peers: BTreeMap<TunnelKey, TunnelPeer>,
}

/// What a WireGuard device is set to. The secret half of the key is the datapath's to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TunnelSettings {
    /// The public half of its key.
    pub key: TunnelKey,
    /// Its UDP port.
    pub port: u16,
}

/// The other end of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TunnelPeer {
    /// What packets to it are encrypted to.
    pub key: TunnelKey,
    /// Its address in there, and the only one that its packets may come from.
    pub address: Ipv6Addr,
    /// Where it takes encrypted packets; absent where it has to begin.
    pub endpoint: Option<SocketAddr>,
    /// How often, in seconds, something is sent that keeps the way open; zero: nothing.
    pub keepalive: u16,
}

impl Tunnel {
    /// The namespace of the tunnels.
    pub(crate) fn namespace(&self) -> Namespace {
        let mut namespace = Namespace::default();
        let mut device = Link::new(Kind::WireGuard, format!("{ALIAS_PREFIX}tunnel"), None, self.mtu);
        device.up = true;
        device.tunnel = Some(self.settings);
        device.peers.clone_from(&self.peers);
        device.addresses.insert(IpAddr::V6(self.address).into());
        namespace.routes.insert(Route {
            to: IpNet::V6(EVERYBODY),
            via: ANY_PEER.into(),
            dev: IfName::tunnel(),
            onlink: true,
        });
        // What comes out of a tunnel is for this host or for nobody.
        for forwarding in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
            namespace.sysctls.insert(forwarding.to_owned(), "0".to_owned());
        }
        namespace.sysctls.insert(link_sysctl("ipv6", &IfName::tunnel(), "disable_ipv6"), "0".to_owned());
        namespace.links.insert(IfName::tunnel(), device);
        namespace
    }
}
