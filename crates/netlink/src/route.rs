//! Routes of the main table.

use crate::{NetlinkError, Request, Socket};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    route::{
        RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric, RouteProtocol,
        RouteScope, RouteType,
    },
};
use std::net::IpAddr;

/// The protocol number that routes of ours carry, so that they are told from others' (`ip route show proto
/// 119`). Numbers above 4 are user space's to choose (rtnetlink(7)); no routing daemon is known to use this.
pub const PROTOCOL: u8 = 119;

/// The table in which the kernel keeps the host's own addresses (RT_TABLE_LOCAL, `linux/rtnetlink.h`).
const LOCAL: u32 = 255;

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub to: IpNet,
    /// The next hop.
    pub via: Option<IpAddr>,
    /// The number of the link, of one that leads through one link.
    pub link: Option<u32>,
    /// Whether the next hop counts as reachable over the link, even if none of the link's subnets contains it.
    pub onlink: bool,
    /// What made the route.
    pub protocol: u8,
    /// Whether it says that what is there is on the link itself. A route of another table than the main one does not: it
    /// is for some packets only.
    pub direct: bool,
}

impl Socket {
    /// The routes of the main table made by `protocol`, or all of them.
    ///
    /// # Errors
    /// When the kernel refuses, or does not let them be read in one piece.
    pub fn routes(&mut self, protocol: Option<u8>) -> Result<Vec<Route>, NetlinkError> {
        let mut message = RouteMessage::default();
        message.header.protocol = protocol.map_or(RouteProtocol::Unspec, RouteProtocol::from);
        message.attributes.push(RouteAttribute::Table(MAIN));
        let wanted = |route: &Route| protocol.is_none_or(|protocol| route.protocol == protocol);
        self.dump_routes(&message, |object| route(object).filter(wanted))
    }

    /// The routes of all tables that rules may lead to (ip-rule(8)), but for that of the host's own addresses: where VPNs
    /// and hosts with several ways out have theirs.
    ///
    /// # Errors
    /// When the kernel refuses, or does not let them be read in one piece.
    pub fn routes_of_all_tables(&mut self) -> Result<Vec<Route>, NetlinkError> {
        let wanted = |object| {
            let (table, route) = route_and_table(object)?;
            (table != LOCAL).then_some(route)
        };
        self.dump_routes(&RouteMessage::default(), wanted)
    }

    /// The routes of both families.
    fn dump_routes(
        &mut self,
        asked: &RouteMessage,
        wanted: impl Fn(RouteNetlinkMessage) -> Option<Route>,
    ) -> Result<Vec<Route>, NetlinkError> {
        let mut routes = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut message = asked.clone();
            message.header.address_family = family;
            match self.dump(&RouteNetlinkMessage::GetRoute(message), &wanted) {
                Ok(found) => routes.extend(found),
                // The family is switched off altogether (ipv6.disable=1), or its table has never been used.
                Err(e) if matches!(e.errno(), Some(ENOENT | EOPNOTSUPP | EAFNOSUPPORT)) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(routes)
    }

    /// The route that packets to `address` take, as it is in the table; nothing if there is none.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub fn route_to(&mut self, address: IpAddr) -> Result<Option<Route>, NetlinkError> {
        match self.way(address, RouteFlags::FibMatch)? {
            Ok(answer) => Ok(answer.and_then(route)),
            Err(ENETUNREACH) => Ok(None),
            // There is one, which has packets go nowhere. The kernel does not say which.
            Err(_) => {
                let routes = self.routes(None)?.into_iter().filter(|route| route.to.contains(&address));
                Ok(routes.max_by_key(|route| route.to.prefix_len()))
            }
        }
    }

    /// The number of the link that packets to `address` leave through, whichever table says so, and the MTU that the
    /// route has been given itself (`ip route add … mtu`); nothing if they go nowhere.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub fn way_to(&mut self, address: IpAddr) -> Result<Option<(u32, Option<u32>)>, NetlinkError> {
        let Ok(Some(answer)) = self.way(address, RouteFlags::empty())? else { return Ok(None) };
        let Some(link) = link(&answer) else { return Ok(None) };
        if mtu(&answer).is_none() {
            return Ok(Some((link, None)));
        }
        // What a router on the way has said of one address is there, too, and is forgotten within ten minutes (mtu_expires,
        // `Documentation/networking/ip-sysctl.rst`). The table does not have it.
        let in_table = self.way(address, RouteFlags::FibMatch)?;
        Ok(Some((link, in_table.ok().flatten().as_ref().and_then(mtu))))
    }

    /// What the kernel says of the way to `address`, or the error number with which it says that packets go nowhere:
    /// ENETUNREACH without a route, and what each type of route without a way has (`fib_props`,
    /// `net/ipv4/fib_semantics.c`), EOPNOTSUPP without IPv6. So all that it refuses to tell is no way.
    fn way(
        &mut self,
        address: IpAddr,
        flags: RouteFlags,
    ) -> Result<Result<Option<RouteNetlinkMessage>, i32>, NetlinkError> {
        let mut message = RouteMessage::default();
        message.header.address_family = family(address);
        message.header.destination_prefix_length = if address.is_ipv4() { 32 } else { 128 };
        message.header.flags = flags;
        message.attributes.push(RouteAttribute::Destination(address.into()));
        match self.get(RouteNetlinkMessage::GetRoute(message)) {
            Ok(answer) => Ok(Ok(answer)),
            Err(NetlinkError::Refused { errno, .. }) => Ok(Err(errno)),
            Err(error) => Err(error),
        }
    }
}

fn attributes(message: &RouteNetlinkMessage) -> &[RouteAttribute] {
    match message {
        RouteNetlinkMessage::NewRoute(message) => &message.attributes,
        _ => &[],
    }
}

fn link(message: &RouteNetlinkMessage) -> Option<u32> {
    attributes(message).iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    })
}

fn mtu(message: &RouteNetlinkMessage) -> Option<u32> {
    let metrics = attributes(message).iter().filter_map(|attribute| match attribute {
        RouteAttribute::Metrics(metrics) => Some(metrics),
        _ => None,
    });
    metrics.flatten().find_map(|metric| match metric {
        RouteMetric::Mtu(mtu) if *mtu > 0 => Some(*mtu),
        _ => None,
    })
}

const ENOENT: i32 = rustix::io::Errno::NOENT.raw_os_error();
const EOPNOTSUPP: i32 = rustix::io::Errno::OPNOTSUPP.raw_os_error();
const EAFNOSUPPORT: i32 = rustix::io::Errno::AFNOSUPPORT.raw_os_error();
const ENETUNREACH: i32 = rustix::io::Errno::NETUNREACH.raw_os_error();

/// Adds a route of ours.
pub fn add_route(to: IpNet, via: IpAddr, link: u32, onlink: bool) -> Request {
    let mut message = message(to, via, link);
    if onlink {
        message.header.flags = RouteFlags::Onlink;
    }
    Request::new(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_EXCL)
}

/// Removes a route of ours.
pub fn delete_route(to: IpNet, via: IpAddr, link: u32) -> Request {
    Request::new(RouteNetlinkMessage::DelRoute(message(to, via, link)), 0)
}

fn message(to: IpNet, via: IpAddr, link: u32) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family(to.addr());
    message.header.destination_prefix_length = to.prefix_len();
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::from(PROTOCOL);
    message.header.scope = RouteScope::Universe;
    message.header.kind = RouteType::Unicast;
    if to.prefix_len() > 0 {
        message.attributes.push(RouteAttribute::Destination(to.addr().into()));
    }
    message.attributes.push(RouteAttribute::Gateway(via.into()));
    message.attributes.push(RouteAttribute::Oif(link));
    message
}

fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

fn ip(address: RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some(ip.into()),
        RouteAddress::Inet6(ip) => Some(ip.into()),
        _ => None,
    }
}

const MAIN: u32 = RouteHeader::RT_TABLE_MAIN as u32;

/// A route of the main table.
pub(crate) fn route(message: RouteNetlinkMessage) -> Option<Route> {
    let (table, route) = route_and_table(message)?;
    (table == MAIN).then_some(route)
}

fn route_and_table(message: RouteNetlinkMessage) -> Option<(u32, Route)> {
    let RouteNetlinkMessage::NewRoute(message) = message else { return None };
    let header = message.header;
    let (mut to, mut via, mut link, mut table) = (None, None, None, u32::from(header.table));
    let mut farther = false;
    for attribute in message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => to = ip(address),
            RouteAttribute::Gateway(address) => via = ip(address),
            RouteAttribute::Oif(index) => link = Some(index),
            RouteAttribute::Table(number) => table = number,
            // A next hop of the other family, several, or a tunnel's end.
            RouteAttribute::Via(_) | RouteAttribute::MultiPath(_) | RouteAttribute::Encap(_) => {
                farther = true;
            }
            _ => {}
        }
    }
    let to = match (to, header.address_family) {
        (Some(to), _) => IpNet::new(to, header.destination_prefix_length).ok()?,
        (None, AddressFamily::Inet) => Ipv4Net::default().into(),
        (None, AddressFamily::Inet6) => Ipv6Net::default().into(),
        _ => return None,
    };
    let onlink = header.flags.contains(RouteFlags::Onlink);
    // One that has packets go nowhere is told with the loopback device, if it is of IPv6 or has a next hop of its own
    // (`ip nexthop add … blackhole`).
    let leads = header.kind == RouteType::Unicast;
    let link = link.filter(|_| leads);
    let direct = table == MAIN && link.is_some() && via.is_none() && !farther;
    Some((table, Route { to, via, link, onlink, protocol: header.protocol.into(), direct }))
}
