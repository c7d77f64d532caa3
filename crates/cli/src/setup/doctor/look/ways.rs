//! Which way packets take to the other nodes.

use crate::setup::{doctor::facts::Way, facts::Agent, look::sysctl};
use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket},
};
use weft_api::v1;
use weft_netlink::{NetlinkError, Socket};

/// To each of them that is up. Sends nothing.
pub(super) fn look(agent: &Agent) -> Vec<Way> {
    let interfaces = interfaces().unwrap_or_default();
    let others = agent.nodes.iter().filter(|node| !node.this && node.up);
    let way = |node: &v1::Node| {
        let from = source(node.vtep).map(|from| {
            let interface = interfaces.get(&from).cloned();
            (from, interface.unwrap_or_else(|| "another interface".to_owned()))
        });
        Way { node: node.name.clone(), to: node.vtep, from: from.map_err(|error| error.to_string()) }
    };
    others.map(way).collect()
}

/// The address that the kernel would send from: connecting a UDP socket only looks for a route.
fn source(to: IpAddr) -> io::Result<IpAddr> {
    let any: IpAddr = match to {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect((to, 9))?;
    Ok(socket.local_addr()?.ip())
}

/// The interface that each address of this host is on.
fn interfaces() -> Result<BTreeMap<IpAddr, String>, NetlinkError> {
    let mut socket = Socket::open()?;
    let names: BTreeMap<u32, String> =
        socket.links()?.into_iter().map(|link| (link.index, link.name)).collect();
    let addresses = socket.addresses()?.into_iter();
    Ok(addresses.filter_map(|one| Some((one.net.addr(), names.get(&one.link)?.clone()))).collect())
}

/// Whether an interface takes packets only from where answers to them go: the greater of two settings counts
/// (Documentation/networking/ip-sysctl.rst, `rp_filter`).
pub(super) fn strict(interface: &str) -> bool {
    let of = |name: &str| sysctl(&format!("net/ipv4/conf/{name}/rp_filter")).unwrap_or(0);
    of("all").max(of(interface)) == 1
}
