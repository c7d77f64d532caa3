//! Flows of packets that the kernel follows (conntrack): what address translation it decided on with the first packet
//! holds for all that come after.

use crate::{
    NetlinkError,
    nft::{Attributes, answers, message},
    transport::{Transport, attributes},
};
use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP};
use netlink_sys::protocols::NETLINK_NETFILTER;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::{Duration, Instant},
};

// The numbers have their names in include/uapi/linux/netfilter/nfnetlink.h and nfnetlink_conntrack.h.
const IPCTNL_MSG_CT_NEW: u16 = 1 << 8;
const IPCTNL_MSG_CT_GET: u16 = IPCTNL_MSG_CT_NEW | 1;
const IPCTNL_MSG_CT_DELETE: u16 = IPCTNL_MSG_CT_NEW | 2;
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_ID: u16 = 12;
const CTA_ZONE: u16 = 18;
const CTA_FILTER: u16 = 25;
const CTA_FILTER_ORIG_FLAGS: u16 = 1;
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_SRC_PORT: u16 = 2;
const CTA_PROTO_DST_PORT: u16 = 3;
/// To compare the protocol alone (`net/netfilter/nf_internals.h`, the same in libnetfilter_conntrack).
const CTA_FILTER_F_CTA_PROTO_NUM: u32 = 1 << 3;

/// How often the flows are read before it is given up that their table stays as it is meanwhile.
const ATTEMPTS: usize = 4;

/// A flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// The protocol's number: 17 is UDP.
    pub protocol: u8,
    /// Where its packets are sent to.
    pub to: SocketAddr,
    /// Where the packets go after translation: the address that answers them.
    pub answered_by: SocketAddr,
    /// What the kernel knows it by.
    handle: Attributes,
}

/// The flows of the network namespace that its thread was in when it was opened.
pub struct Flows {
    transport: Transport,
    within: Duration,
    until: Instant,
}

impl Flows {
    /// Opens a socket. All that is done with it has to be done in the time `within`.
    ///
    /// # Errors
    /// When the kernel does not give one.
    pub fn open(within: Duration) -> Result<Self, NetlinkError> {
        let transport = Transport::open(NETLINK_NETFILTER)?;
        Ok(Self { transport, within, until: Instant::now() + within })
    }

    /// The flows of one protocol (17 is UDP), over IPv4 or IPv6, that `wanted` picks. Those that begin or end meanwhile
    /// may be missing.
    ///
    /// # Errors
    /// When the kernel refuses, knows of no flows ([`NetlinkError::is_unsupported`]), or takes too long.
    pub fn find(
        &mut self,
        protocol: u8,
        ipv4: bool,
        wanted: impl Fn(&Flow) -> bool,
    ) -> Result<Vec<Flow>, NetlinkError> {
        // Kernels before 5.8 do not know the filter, and tell of all protocols.
        let tuple = Attributes::default()
            .nest(CTA_TUPLE_PROTO, &Attributes::default().bytes(CTA_PROTO_NUM, &[protocol]));
        let flags = CTA_FILTER_F_CTA_PROTO_NUM.to_ne_bytes();
        let filter = Attributes::default()
            .nest(CTA_TUPLE_ORIG, &tuple)
            .nest(CTA_FILTER, &Attributes::default().bytes(CTA_FILTER_ORIG_FLAGS, &flags));
        let request = message(IPCTNL_MSG_CT_GET, NLM_F_DUMP, family(ipv4), &filter);
        let wanted = |flow: &Flow| flow.protocol == protocol && flow.to.is_ipv4() == ipv4 && wanted(flow);
        for _ in 0..ATTEMPTS {
            let mut found = Vec::new();
            self.transport.send(&request)?;
            let (within, until) = (self.within, self.until);
            let whole = answers(&mut self.transport, true, |kind, body| {
                found.extend((kind == IPCTNL_MSG_CT_NEW).then(|| flow(body)).flatten().filter(wanted));
                if Instant::now() > until { Err(NetlinkError::Timeout(within)) } else { Ok(()) }
            })?;
            if whole {
                return Ok(found);
            }
        }
        Err(NetlinkError::Interrupted(ATTEMPTS))
    }

    /// Forgets a flow: what is decided about its next packet is decided anew. One that has ended is no error.
    ///
    /// # Errors
    /// When the kernel refuses, or takes too long.
    pub fn forget(&mut self, flow: &Flow) -> Result<(), NetlinkError> {
        if Instant::now() > self.until {
            return Err(NetlinkError::Timeout(self.within));
        }
        let family = family(flow.to.is_ipv4());
        self.transport.send(&message(IPCTNL_MSG_CT_DELETE, NLM_F_ACK, family, &flow.handle))?;
        match answers(&mut self.transport, false, |_, _| Ok(())) {
            Err(error) if error.errno() == Some(rustix::io::Errno::NOENT.raw_os_error()) => Ok(()),
            result => result.map(drop),
        }
    }
}

/// `AF_INET` and `AF_INET6`.
fn family(ipv4: bool) -> u8 {
    if ipv4 { 2 } else { 10 }
}

/// Reads an entry; nothing if it is of a protocol without ports.
pub(crate) fn flow(body: &[u8]) -> Option<Flow> {
    let find = |wanted| attributes(body).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
    let (original, reply) = (find(CTA_TUPLE_ORIG)?, find(CTA_TUPLE_REPLY)?);
    let (protocol, _, to) = ends(original)?;
    let (_, answered_by, _) = ends(reply)?;
    let nested = NESTED | CTA_TUPLE_ORIG;
    let handle =
        [CTA_ZONE, CTA_ID].iter().fold(Attributes::default().bytes(nested, original), |handle, kind| {
            match find(*kind) {
                Some(value) => handle.bytes(*kind, value),
                None => handle,
            }
        });
    // IPv4 is not translated to IPv6 here, so an answer that says so is ignored.
    (to.is_ipv4() == answered_by.is_ipv4()).then_some(Flow { protocol, to, answered_by, handle })
}

/// `NLA_F_NESTED`.
const NESTED: u16 = 1 << 15;

/// Protocol, source and destination.
fn ends(tuple: &[u8]) -> Option<(u8, SocketAddr, SocketAddr)> {
    let within = |outer| attributes(tuple).find(move |(kind, _)| *kind == outer).map(|(_, value)| value);
    let (addresses, protocol) = (within(CTA_TUPLE_IP)?, within(CTA_TUPLE_PROTO)?);
    let port = |wanted| {
        let (_, value) = attributes(protocol).find(|(kind, _)| *kind == wanted)?;
        Some(u16::from_be_bytes(*value.first_chunk()?))
    };
    // CTA_IP_V4_SRC and _DST are 1 and 2, CTA_IP_V6_SRC and _DST 3 and 4.
    let address = |wanted: [u16; 2]| {
        let (_, value) = attributes(addresses).find(|(kind, _)| wanted.contains(kind))?;
        match value.len() {
            4 => Some(IpAddr::from(Ipv4Addr::from(*value.first_chunk::<4>()?))),
            16 => Some(IpAddr::from(Ipv6Addr::from(*value.first_chunk::<16>()?))),
            _ => None,
        }
    };
    let (_, number) = attributes(protocol).find(|(kind, _)| *kind == CTA_PROTO_NUM)?;
    let from = SocketAddr::new(address([1, 3])?, port(CTA_PROTO_SRC_PORT)?);
    let to = SocketAddr::new(address([2, 4])?, port(CTA_PROTO_DST_PORT)?);
    Some((*number.first()?, from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An end of a flow on each side.
    fn tuple(from: &str, to: &str) -> Attributes {
        let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
        let address = |tuple: Attributes, kinds: [u16; 2], ip| match ip {
            IpAddr::V4(ip) => tuple.bytes(kinds[0], &ip.octets()),
            IpAddr::V6(ip) => tuple.bytes(kinds[1], &ip.octets()),
        };
        let addresses = address(address(Attributes::default(), [1, 3], from.ip()), [2, 4], to.ip());
        let ports = Attributes::default()
            .bytes(CTA_PROTO_NUM, &[17])
            .bytes(CTA_PROTO_SRC_PORT, &from.port().to_be_bytes())
            .bytes(CTA_PROTO_DST_PORT, &to.port().to_be_bytes());
        Attributes::default().nest(CTA_TUPLE_IP, &addresses).nest(CTA_TUPLE_PROTO, &ports)
    }

    /// As [`flow`] gets it.
    fn body(attributes: &Attributes) -> Vec<u8> {
        message(0, 0, 0, attributes)[20..].to_vec()
    }

    fn entry(original: &Attributes, reply: &Attributes) -> Attributes {
        Attributes::default().nest(CTA_TUPLE_ORIG, original).nest(CTA_TUPLE_REPLY, reply)
    }

    #[test]
    fn reads_where_packets_go() {
        for (client, to, target) in [
            ("192.0.2.1:999", "192.0.2.2:53", "10.0.0.2:5353"),
            ("[2001:db8::1]:999", "[2001:db8::2]:53", "[fd00::2]:5353"),
        ] {
            let whole = body(&entry(&tuple(client, to), &tuple(target, client)).bytes(CTA_ID, &[1, 2, 3, 4]));
            let read = flow(&whole).unwrap();
            assert_eq!((read.protocol, read.to), (17, to.parse().unwrap()));
            assert_eq!(read.answered_by, target.parse().unwrap());
            assert_eq!(
                read.handle,
                Attributes::default().nest(CTA_TUPLE_ORIG, &tuple(client, to)).bytes(CTA_ID, &[1, 2, 3, 4])
            );
            // Cut off anywhere before what it is known by.
            for length in 0..whole.len() - 8 {
                assert_eq!(flow(&whole[..length]), None, "{length}");
            }
        }
    }

    #[test]
    fn what_later_kernels_say_beside_it_does_not_matter() {
        let (original, reply) =
            (tuple("192.0.2.1:999", "192.0.2.2:53"), tuple("10.0.0.2:5353", "192.0.2.1:999"));
        let unknown = Attributes::default().bytes(0x3ffe, &[1, 2, 3]).bytes(0, &[]);
        let beside = unknown.nest(CTA_TUPLE_ORIG, &original).bytes(0x3ffe, &[0; 40]);
        let beside = beside.nest(CTA_TUPLE_REPLY, &reply).bytes(CTA_ZONE, &[0, 7]);
        let read = flow(&body(&beside)).unwrap();
        assert_eq!(read.to, "192.0.2.2:53".parse().unwrap());
        let handle = Attributes::default().nest(CTA_TUPLE_ORIG, &original).bytes(CTA_ZONE, &[0, 7]);
        assert_eq!(read.handle, handle, "a flow of a zone is known by it");
    }

    #[test]
    fn what_makes_no_sense_is_no_flow() {
        let good = tuple("192.0.2.1:999", "192.0.2.2:53");
        let other_family = tuple("[fd00::2]:5353", "[2001:db8::1]:999");
        let without_ports = Attributes::default()
            .nest(CTA_TUPLE_IP, &Attributes::default().bytes(1, &[192, 0, 2, 1]).bytes(2, &[192, 0, 2, 2]))
            .nest(CTA_TUPLE_PROTO, &Attributes::default().bytes(CTA_PROTO_NUM, &[1]));
        let short = Attributes::default()
            .nest(CTA_TUPLE_IP, &Attributes::default().bytes(1, &[192, 0]).bytes(2, &[0; 5]))
            .nest(CTA_TUPLE_PROTO, &Attributes::default().bytes(CTA_PROTO_NUM, &[]));
        for bad in [&other_family, &without_ports, &short, &Attributes::default()] {
            assert_eq!(flow(&body(&entry(&good, bad))), None, "{bad:?}");
        }
        assert_eq!(flow(&body(&entry(&short, &good))), None);
        assert_eq!(flow(&body(&Attributes::default().nest(CTA_TUPLE_ORIG, &good))), None, "one way only");
        assert_eq!(flow(&[0xff; 64]), None);
    }
}
