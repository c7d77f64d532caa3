//! Addresses of network interfaces.

use crate::{NetlinkError, Request, Socket};
use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope},
};
use std::net::IpAddr;

/// An address of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The number of the link.
    pub link: u32,
    /// The address with its prefix length.
    pub net: IpNet,
    /// Whether it is good beyond the link (RT_SCOPE_UNIVERSE).
    pub global: bool,
    /// Whether the kernel prefers another of the link's to it: an IPv4 address that came second to its subnet, or an IPv6
    /// address that is only for a while (IFA_F_SECONDARY and IFA_F_TEMPORARY, which are one; RFC 8981).
    pub secondary: bool,
    /// Whether it cannot be used: not yet, or not any more (IFA_F_TENTATIVE, IFA_F_DADFAILED, IFA_F_DEPRECATED; RFC 4862).
    pub unusable: bool,
}

impl Socket {
    /// All addresses of the namespace.
    ///
    /// # Errors
    /// When the kernel refuses, or does not let them be read in one piece.
    pub fn addresses(&mut self) -> Result<Vec<Address>, NetlinkError> {
        self.dump(&RouteNetlinkMessage::GetAddress(AddressMessage::default()), address)
    }
}

/// Gives a link an address, which is good at once: without duplicate address detection (RFC 4862 section
/// 5.4). One that it has already is kept.
pub fn add_address(link: u32, net: IpNet) -> Request {
    let mut message = message(link, net);
    if net.addr().is_ipv6() {
        message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
    }
    Request::new(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_REPLACE)
}

/// Takes an address from a link.
pub fn delete_address(link: u32, net: IpNet) -> Request {
    Request::new(RouteNetlinkMessage::DelAddress(message(link, net)), 0)
}

fn message(link: u32, net: IpNet) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = link;
    message.header.prefix_len = net.prefix_len();
    message.header.family = if net.addr().is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    // Of a point-to-point link, ADDRESS would be the other end; here both are ours.
    message.attributes.push(AddressAttribute::Local(net.addr()));
    message.attributes.push(AddressAttribute::Address(net.addr()));
    message
}

pub(crate) fn address(message: RouteNetlinkMessage) -> Option<Address> {
    let RouteNetlinkMessage::NewAddress(message) = message else { return None };
    let (mut local, mut address): (Option<IpAddr>, Option<IpAddr>) = (None, None);
    let mut flags = AddressFlags::from_bits_retain(message.header.flags.bits().into());
    for attribute in message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(ip),
            AddressAttribute::Address(ip) => address = Some(ip),
            // All of them, where the header has room for eight.
            AddressAttribute::Flags(all) => flags = all,
            _ => {}
        }
    }
    let net = IpNet::new(local.or(address)?, message.header.prefix_len).ok()?;
    let global = message.header.scope == AddressScope::Universe;
    let unusable = AddressFlags::Tentative | AddressFlags::Dadfailed | AddressFlags::Deprecated;
    // An optimistic address is tentative and can be used all the same (RFC 4429).
    let unusable = flags.intersects(unusable) && !flags.contains(AddressFlags::Optimistic);
    let secondary = flags.contains(AddressFlags::Secondary);
    Some(Address { link: message.header.index, net, global, secondary, unusable })
}
