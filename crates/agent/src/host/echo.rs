//! An echo asked for, as `ping` does it (RFC 792, RFC 4443), from the network namespace that the thread is in.

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, ipproto, recv, send, socket_with,
    sockopt::{
        Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, Timeout, set_ip_mtu_discover, set_ipv6_mtu_discover,
        set_socket_timeout,
    },
};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

/// Octets of ICMP's header, with identifier and sequence number.
const HEADER: usize = 8;
/// What an echo carries at least, to be told from others.
const NONCE: usize = 8;

/// What differs between ICMP and ICMPv6.
struct Family {
    /// Octets of the IP header before it.
    ip_header: usize,
    request: u8,
    reply: u8,
}

const V4: Family = Family { ip_header: 20, request: 8, reply: 0 };
const V6: Family = Family { ip_header: 40, request: 128, reply: 129 };

/// Sends one packet of `size` octets in all, which nobody may take apart, and waits until it is answered; how long it took.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] if nothing comes back `within`; else what the kernel says, as that nobody has the address.
pub(super) fn echo(to: IpAddr, size: u16, within: Duration) -> io::Result<Duration> {
    let (family, address_family, protocol) = match to {
        IpAddr::V4(_) => (V4, AddressFamily::INET, ipproto::ICMP),
        IpAddr::V6(_) => (V6, AddressFamily::INET6, ipproto::ICMPV6),
    };
    let socket = socket_with(address_family, SocketType::RAW, SocketFlags::CLOEXEC, Some(protocol))?;
    match to {
        IpAddr::V4(_) => set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::PROBE)?,
        IpAddr::V6(_) => set_ipv6_mtu_discover(&socket, Ipv6PathMtuDiscovery::PROBE)?,
    }
    connect(&socket, &SocketAddr::new(to, 0))?;
    let request = request(&family, size, rand::random());
    let start = Instant::now();
    send(&socket, &request, SendFlags::empty())?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    while let Some(left) = within.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
        set_socket_timeout(&socket, Timeout::Recv, Some(left))?;
        match recv(&socket, &mut buffer, RecvFlags::empty()) {
            Ok((_, length)) => {
                let received = buffer.get(..length).unwrap_or_default();
                if answers(&family, received, &request) {
                    return Ok(start.elapsed());
                }
            }
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// The smallest packet that [`echo`] sends, in octets.
pub(crate) fn smallest(to: IpAddr) -> u16 {
    let ip_header = if to.is_ipv4() { V4.ip_header } else { V6.ip_header };
    u16::try_from(ip_header + HEADER + NONCE).unwrap_or(u16::MAX)
}

/// The ICMP packet, which is told from others by `nonce`. The kernel fills the checksum of ICMPv6 in (RFC 3542 section 3.1).
fn request(family: &Family, size: u16, nonce: u64) -> Vec<u8> {
    let mut packet = vec![0; usize::from(size).saturating_sub(family.ip_header).max(HEADER + NONCE)];
    packet[0] = family.request;
    packet[HEADER..HEADER + NONCE].copy_from_slice(&nonce.to_be_bytes());
    packet[4..6].copy_from_slice(&nonce.to_be_bytes()[..2]);
    if family.request == V4.request {
        let sum = checksum(&packet);
        packet[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    packet
}

/// Whether what came in is the answer: all that was sent, with another type.
fn answers(family: &Family, received: &[u8], request: &[u8]) -> bool {
    let packet = match family.request == V4.request {
        // A raw socket for IPv4 shows the header, which says how long it is in words of four octets.
        true => received.first().map(|first| usize::from(first & 0xf) * 4).and_then(|at| received.get(at..)),
        false => Some(received),
    };
    packet.is_some_and(|packet| packet.first() == Some(&family.reply) && packet.get(4..) == request.get(4..))
}

/// RFC 1071.
fn checksum(packet: &[u8]) -> u16 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low));
    let mut sum: u32 = packet.chunks(2).map(word).sum();
    while let high @ 1.. = sum >> 16 {
        sum = (sum & 0xffff) + high;
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_request_is_as_long_as_it_should_be_and_adds_up() {
        for size in [0, 36, 37, 1450, u16::MAX] {
            let packet = request(&V4, size, 0x0102_0304_0506_0708);
            assert_eq!(
                packet.len() + V4.ip_header,
                usize::from(size.max(smallest(Ipv4Addr::LOCALHOST.into())))
            );
            assert_eq!(checksum(&packet), 0, "a right checksum makes the sum of all zero");
        }
    }

    #[test]
    fn only_its_own_answer_is_one() {
        let request = request(&V4, 100, 7);
        let answer = |nonce, kind| {
            let mut packet = super::request(&V4, 100, nonce);
            packet[0] = kind;
            [vec![0x45; 20], packet].concat()
        };
        assert!(answers(&V4, &answer(7, 0), &request));
        assert!(!answers(&V4, &answer(8, 0), &request), "another's");
        assert!(!answers(&V4, &answer(7, 8), &request), "the request itself");
        assert!(!answers(&V4, &answer(7, 0)[..60], &request), "a part of it");
    }

    proptest! {
        #[test]
        fn nothing_that_comes_in_makes_it_panic(received: Vec<u8>, is_ipv4: bool) {
            let family = if is_ipv4 { V4 } else { V6 };
            let request = request(&family, 100, 7);
            prop_assert!(!answers(&family, &received, &request));
        }
    }
}
