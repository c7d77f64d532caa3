//! Hearing what changes in the kernel's tables: in the namespace that listens, and in all that have a number there
//! ([`Socket::namespace_id`](crate::Socket::namespace_id)).

use crate::{
    Forward, NetlinkError, PROTOCOL,
    changes::hear,
    entry::{RTM_DELNEIGH, RTM_NEWNEIGH, TableEntry},
    transport::{HEADER, Header, attributes, messages},
};
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressMessage, AddressScope},
    link::{LinkAttribute, LinkMessage},
};
use netlink_sys::{
    AsyncSocket, AsyncSocketExt, TokioSocket,
    protocols::{NETLINK_NETFILTER, NETLINK_ROUTE},
};
use std::{io, net::IpAddr};
use weft_model::MacAddr;

/// Multicast groups of rtnetlink(7), by number: RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE,
/// RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, RTNLGRP_NSID (include/uapi/linux/rtnetlink.h).
const ROUTE_GROUPS: [u32; 7] = [1, 3, 5, 7, 9, 11, 28];
/// NFNLGRP_NFTABLES (include/uapi/linux/netfilter/nfnetlink.h).
const NFTABLES_GROUP: [u32; 1] = [7];
/// Room for what is not read yet, in bytes: thousands of entries can change at once.
const BUFFER: usize = 4 << 20;

/// What the kernel tells of, without the namespace that it happened in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notification {
    /// A static entry of a forwarding database was set, or is `gone`.
    Forward {
        /// The entry.
        entry: Forward,
        /// Whether it is there no more.
        gone: bool,
    },
    /// A permanent neighbour was set.
    Neighbour {
        /// The IP address.
        ip: IpAddr,
        /// The Ethernet address.
        mac: MacAddr,
    },
    /// A neighbour that may have been permanent is gone.
    NeighbourGone(IpAddr),
    /// A device, or an IPv4 address on it, may be other than it was.
    Link(String),
    /// A device is gone, with all that it held.
    LinkGone(String),
    /// Something else of this program's may be other than it was: an address, a route, a rule, a namespace.
    Else,
    /// There was more to tell than there was room for.
    Overrun,
}

/// Sockets on which the kernel tells of changes.
pub struct Notifications {
    routes: TokioSocket,
    rules: Option<TokioSocket>,
    /// The name of the table of rules to tell of.
    table: &'static str,
}

impl Notifications {
    /// Begins to listen, in the calling thread's network namespace, and to what is in nftables' `table`, if the kernel
    /// has nftables. Must be called within a runtime.
    ///
    /// # Errors
    /// When the kernel does not give a socket, or does not tell of other namespaces (before Linux 4.2, or without
    /// CAP_NET_BROADCAST).
    pub fn open(table: &'static str) -> Result<Self, NetlinkError> {
        let routes = listen(NETLINK_ROUTE, &ROUTE_GROUPS)?;
        routes
            .socket_ref()
            .set_listen_all_namespaces(true)
            .map_err(|source| NetlinkError::Socket { doing: "setsockopt", source })?;
        Ok(Self { routes, rules: listen(NETLINK_NETFILTER, &NFTABLES_GROUP).ok(), table })
    }

    /// Waits for the next news. Safe to cancel. Some may be of no interest: then there are none.
    pub async fn next(&mut self) -> Vec<Notification> {
        let rules = async {
            match &mut self.rules {
                Some(rules) => rules.recv_from_full().await,
                None => std::future::pending().await,
            }
        };
        // Both are cancel-safe: a datagram is taken as a whole or not at all.
        tokio::select! {
            heard = self.routes.recv_from_full() => heard.map_or_else(|e| missed(&e), |(datagram, _)| of_routes(&datagram)),
            heard = rules => heard.map_or_else(|e| missed(&e), |(datagram, _)| of_rules(&datagram, self.table)),
        }
    }
}

/// ENOBUFS, and whatever else keeps news from being read.
fn missed(_error: &io::Error) -> Vec<Notification> {
    vec![Notification::Overrun]
}

fn listen(protocol: isize, groups: &[u32]) -> Result<TokioSocket, NetlinkError> {
    let socket = hear(protocol, groups)?;
    // Best effort: without it more is missed, and looked for instead.
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(socket.socket_ref(), BUFFER);
    Ok(socket)
}

/// The news in a datagram of rtnetlink's.
pub(crate) fn of_routes(datagram: &[u8]) -> Vec<Notification> {
    let Ok(messages) = messages(datagram) else { return vec![Notification::Overrun] };
    messages.into_iter().filter_map(of_route_message).collect()
}

fn of_route_message(message: &[u8]) -> Option<Notification> {
    match Header::of(message)?.kind {
        kind @ (RTM_NEWNEIGH | RTM_DELNEIGH) => of_entry(&TableEntry::read(message)?, kind == RTM_DELNEIGH),
        _ => match NetlinkMessage::deserialize(message).ok()?.payload {
            NetlinkPayload::InnerMessage(message) => of_message(message),
            _ => None,
        },
    }
}

fn of_entry(entry: &TableEntry, gone: bool) -> Option<Notification> {
    if entry.is_forward() {
        // Those of a bridge's own come and go with its ports.
        let entry = entry.forward().filter(|entry| !entry.own)?;
        return Some(Notification::Forward { entry, gone });
    }
    if gone {
        return entry.gone().map(Notification::NeighbourGone);
    }
    entry.neighbour().map(|entry| Notification::Neighbour { ip: entry.ip, mac: entry.mac })
}

fn of_message(message: RouteNetlinkMessage) -> Option<Notification> {
    match message {
        RouteNetlinkMessage::DelLink(link) if link.header.interface_family == AddressFamily::Unspec => {
            Some(name_of(link).map_or(Notification::Else, Notification::LinkGone))
        }
        // A bridge tells of its ports once more.
        RouteNetlinkMessage::NewLink(link) | RouteNetlinkMessage::DelLink(link) => {
            Some(name_of(link).map_or(Notification::Else, Notification::Link))
        }
        RouteNetlinkMessage::NewAddress(address) | RouteNetlinkMessage::DelAddress(address) => {
            let news = label_of(&address).map_or(Notification::Else, Notification::Link);
            (!is_link_local(&address)).then_some(news)
        }
        RouteNetlinkMessage::NewRoute(route) | RouteNetlinkMessage::DelRoute(route) => {
            (u8::from(route.header.protocol) == PROTOCOL).then_some(Notification::Else)
        }
        RouteNetlinkMessage::DelNsId(_) => Some(Notification::Else),
        _ => None,
    }
}

fn name_of(link: LinkMessage) -> Option<String> {
    link.attributes.into_iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name),
        _ => None,
    })
}

/// The device that an IPv4 address is on: its label is that name, and a part after a colon (IFA_LABEL). IPv6 addresses
/// have none.
fn label_of(address: &AddressMessage) -> Option<String> {
    address.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Label(label) => label.split(':').next().map(ToOwned::to_owned),
        _ => None,
    })
}

/// The kernel gives every IPv6 device one that comes up, and tells of it more than once.
fn is_link_local(address: &AddressMessage) -> bool {
    address.header.scope == AddressScope::Link && address.header.family == AddressFamily::Inet6
}

/// The news in a datagram of nftables': whether something of `table` has changed. The name of the table is the first
/// attribute of each object (NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, NFTA_SET_TABLE).
pub(crate) fn of_rules(datagram: &[u8], table: &str) -> Vec<Notification> {
    const NFTA_TABLE: u16 = 1;
    /// After `struct nlmsghdr` comes `struct nfgenmsg`.
    const BODY: usize = HEADER + 4;
    let Ok(messages) = messages(datagram) else { return vec![Notification::Overrun] };
    let is_of_table = |message: &&[u8]| {
        let mut attributes = attributes(message.get(BODY..).unwrap_or_default());
        attributes.any(|(kind, name)| kind == NFTA_TABLE && name.strip_suffix(&[0]) == Some(table.as_bytes()))
    };
    messages.iter().find(|message| is_of_table(message)).map(|_| Notification::Else).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_counts_as_missed() {
        assert_eq!(of_routes(&[200, 0, 0, 0, 1]), [Notification::Overrun]);
        assert_eq!(of_rules(&[200, 0, 0, 0, 1], "weft"), [Notification::Overrun]);
        assert_eq!((of_routes(&[]), of_rules(&[], "weft")), (vec![], vec![]));
    }
}
