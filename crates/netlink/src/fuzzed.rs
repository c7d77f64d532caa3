//! What the targets in `fuzz/` need of what is private otherwise: the kernel's answers, read without a socket.

use crate::{
    Address, Flow, Forward, Link, Neighbour, NetlinkError, Route, WireGuardDevice, address, conntrack,
    entry::TableEntry,
    link, nft, route,
    socket::{parse, refusal},
    transport::messages,
    wireguard,
};
use netlink_packet_core::NetlinkPayload;

/// Everything that can be read from a datagram, as an answer to each kind of request.
#[derive(Debug, Default)]
pub struct Heard {
    /// As a dump of links.
    pub links: Vec<Link>,
    /// As one of addresses.
    pub addresses: Vec<Address>,
    /// As one of routes.
    pub routes: Vec<Route>,
    /// As one of neighbours.
    pub neighbours: Vec<Neighbour>,
    /// As one of forwarding databases.
    pub forwards: Vec<Forward>,
    /// As what the kernel says when it refuses.
    pub refusals: Vec<String>,
    /// As the comments of nftables' tables.
    pub comments: Vec<String>,
    /// As a dump of flows.
    pub flows: Vec<Flow>,
    /// As what a WireGuard device is set to.
    pub tunnel: WireGuardDevice,
}

/// Where the attributes of netfilter's messages begin: after `struct nlmsghdr` and `struct nfgenmsg`.
const BODY: usize = 20;

/// Reads a datagram of the kernel's.
///
/// # Errors
/// [`NetlinkError::Malformed`] if a message is longer than it.
pub fn hear(datagram: &[u8]) -> Result<Heard, NetlinkError> {
    let messages = messages(datagram)?;
    let mut heard = Heard {
        comments: messages.iter().filter_map(|m| nft::comment(m)).collect(),
        neighbours: messages.iter().filter_map(|m| TableEntry::read(m)?.neighbour()).collect(),
        forwards: messages.iter().filter_map(|m| TableEntry::read(m)?.forward()).collect(),
        flows: messages.iter().filter_map(|m| conntrack::flow(m.get(BODY..)?)).collect(),
        ..Heard::default()
    };
    messages.iter().filter_map(|m| m.get(BODY..)).for_each(|body| wireguard::device(body, &mut heard.tunnel));
    for message in parse(messages) {
        match message.payload {
            NetlinkPayload::InnerMessage(message) => {
                heard.links.extend(link::link(message.clone()));
                heard.addresses.extend(address::address(message.clone()));
                heard.routes.extend(route::route(message));
            }
            NetlinkPayload::Error(error) => {
                heard.refusals.extend(refusal(&error).map(|refused| refused.to_string()));
            }
            _ => {}
        }
    }
    Ok(heard)
}
