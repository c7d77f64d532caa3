//! Telling everybody on a link which Ethernet address an IP address has now: a host that has talked to it before has
//! the old one in its neighbour table, and uses it for up to 40 s.

use crate::packet::LinkAddress;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, sendto, socket_with};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};
use weft_model::MacAddr;

const BROADCAST: [u8; 6] = [0xff; 6];
/// All nodes: ff02::1 (RFC 2464, section 7).
const ALL_NODES: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];

/// Announces `ip` at `mac` on the link with this number, of the calling thread's network namespace. Hosts that do not
/// know `ip` yet ignore it.
///
/// # Errors
/// When the kernel does not send it.
pub fn announce(link: u32, ip: IpAddr, mac: MacAddr) -> io::Result<()> {
    let socket = socket_with(AddressFamily::PACKET, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    sendto(&socket, &frame(ip, mac), SendFlags::empty(), &LinkAddress::new(link, 0)?)?;
    Ok(())
}

fn frame(ip: IpAddr, mac: MacAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => arp(ip, mac),
        IpAddr::V6(ip) => advertisement(ip, mac),
    }
}

/// An ARP announcement (RFC 5227, section 3): a request for one's own address.
fn arp(ip: Ipv4Addr, mac: MacAddr) -> Vec<u8> {
    let (ip, mac) = (ip.octets(), mac.octets());
    // Ethernet and IPv4, addresses of 6 and 4 bytes, a request (RFC 826).
    let head = [0, 1, 8, 0, 6, 4, 0, 1];
    [&BROADCAST[..], &mac, &[8, 6], &head, &mac, &ip, &[0; 6], &ip].concat()
}

/// An unsolicited neighbour advertisement (RFC 4861, section 7.2.6), which overrides what is known.
fn advertisement(ip: Ipv6Addr, mac: MacAddr) -> Vec<u8> {
    let to = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).octets();
    let (ip, mac) = (ip.octets(), mac.octets());
    // Type 136, the override flag; then the target, and its link-layer address as an option.
    let message = |sum: [u8; 2]| [&[136, 0][..], &sum, &[0x20, 0, 0, 0], &ip, &[2, 1], &mac].concat();
    let body = message([0, 0]);
    // The pseudo-header (RFC 8200, section 8.1) has the body's length, and 58 for ICMPv6.
    let sum = checksum(&[&ip[..], &to, &[0, 0, 0, 32, 0, 0, 0, 58], &body].concat());
    // Version 6, the body's length, ICMPv6, and 255 hops, as it must be.
    let head = [0x60, 0, 0, 0, 0, 32, 58, 255];
    [&ALL_NODES[..], &mac, &[0x86, 0xdd], &head, &ip, &to, &message(sum)].concat()
}

/// The Internet checksum (RFC 1071) of an even number of bytes.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let pairs = bytes.chunks_exact(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let mut sum: u32 = pairs.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let [_, _, high, low] = (!sum).to_be_bytes();
    [high, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arp_announcement_is_a_request_for_ones_own_address() {
        let frame = frame("10.0.0.2".parse().unwrap(), "02:42:0a:00:00:02".parse().unwrap());
        let expected = "ffffffffffff02420a0000020806000108000604000102420a0000020a0000020000000000000a000002";
        assert_eq!(frame.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), expected);
    }

    #[test]
    fn an_advertisement_adds_up() {
        let frame = frame("fd00::2".parse().unwrap(), "02:42:0a:00:00:02".parse().unwrap());
        assert_eq!(frame.len(), 14 + 40 + 32);
        let (addresses, body) = (&frame[22..54], &frame[54..]);
        // With the sum in it, the sum is nothing.
        assert_eq!(checksum(&[addresses, &[0, 0, 0, 32, 0, 0, 0, 58], body].concat()), [0, 0]);
    }
}
