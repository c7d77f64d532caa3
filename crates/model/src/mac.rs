//! Ethernet addresses.

use crate::NodeId;
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};

/// A unicast Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddr([u8; 6]);

/// Why a string is not an address a container can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMac {
    /// Not six pairs of hexadecimal digits.
    #[error("invalid MAC address {0:?}: expected six pairs of hexadecimal digits, as 02:42:0a:00:00:02")]
    Syntax(String),
    /// Multicast or all zeros.
    #[error("invalid MAC address {0}: an interface needs a unicast address")]
    NotUnicast(String),
}

impl MacAddr {
    /// An address from its six bytes, most significant first.
    ///
    /// # Errors
    /// [`InvalidMac::NotUnicast`] for a group address (IEEE 802: lowest bit of the first byte) and for zero.
    pub fn new(bytes: [u8; 6]) -> Result<Self, InvalidMac> {
        let mac = Self(bytes);
        if bytes[0] & 1 == 1 || bytes == [0; 6] {
            return Err(InvalidMac::NotUnicast(mac.to_string()));
        }
        Ok(mac)
    }

    /// The address Docker derives from an IPv4 address: `02:42` and its four bytes. From an IPv6 address, `02:42` and
    /// its last four bytes, changed by a hash of the others: addresses next to each other always differ, any other two
    /// nearly always. An IP address therefore always has the same MAC, and a neighbour entry that a container cached
    /// stays true when the address moves.
    pub fn for_ip(ip: IpAddr) -> Self {
        let [a, b, c, d] = match ip {
            IpAddr::V4(ip) => ip.octets(),
            IpAddr::V6(ip) => {
                let [upper @ .., a, b, c, d] = ip.octets();
                (fnv1a(&upper) ^ u32::from_be_bytes([a, b, c, d])).to_be_bytes()
            }
        };
        Self([0x02, 0x42, a, b, c, d])
    }

    /// The address of a node's probe device: the first bytes of its id, as an address that nobody else was given
    /// (IEEE 802: the second bit of the first byte says so).
    pub fn for_node(node: &NodeId) -> Self {
        let [first, b, c, d, e, f, ..] = *node.bytes();
        Self([first & !1 | 2, b, c, d, e, f])
    }

    /// The six bytes, most significant first.
    pub fn octets(self) -> [u8; 6] {
        self.0
    }
}

/// FNV-1a, 32 bits: the same on every node and in every version.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

impl From<Ipv4Addr> for MacAddr {
    fn from(ip: Ipv4Addr) -> Self {
        Self::for_ip(ip.into())
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MacAddr {
    type Err = InvalidMac;
    fn from_str(text: &str) -> Result<Self, InvalidMac> {
        let syntax = || InvalidMac::Syntax(text.chars().take(40).collect());
        let mut bytes = [0; 6];
        let mut pairs = text.split(':');
        for byte in &mut bytes {
            let pair = pairs.next().filter(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()));
            *byte = u8::from_str_radix(pair.ok_or_else(syntax)?, 16).map_err(|_| syntax())?;
        }
        if pairs.next().is_some() {
            return Err(syntax());
        }
        Self::new(bytes)
    }
}

impl TryFrom<String> for MacAddr {
    type Error = InvalidMac;
    fn try_from(text: String) -> Result<Self, InvalidMac> {
        text.parse()
    }
}

impl From<MacAddr> for String {
    fn from(mac: MacAddr) -> String {
        mac.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn as_docker_derives_it() {
        assert_eq!(MacAddr::from(Ipv4Addr::new(10, 0, 0, 2)).to_string(), "02:42:0a:00:00:02");
    }

    #[test]
    fn differs_wherever_an_ipv6_address_differs() {
        let addresses = ["fd00::9", "fd00::a", "fd00::1:9", "fd00::1:0:0:9", "fd00::2:0:0:9", "fd01::9"];
        let macs: BTreeSet<_> = addresses.iter().map(|a| MacAddr::for_ip(a.parse().unwrap())).collect();
        assert_eq!(macs.len(), addresses.len());
        // Nodes of all versions agree on it.
        assert_eq!(MacAddr::for_ip("fd00::1:2".parse().unwrap()).to_string(), "02:42:5d:e3:97:ba");
    }

    #[test]
    fn refuses_what_an_interface_cannot_have() {
        for bad in ["", "02:42", "02:42:0a:00:00:02:03", "0242.0a00.0002", "+2:42:0a:00:00:02"] {
            assert!(matches!(bad.parse::<MacAddr>(), Err(InvalidMac::Syntax(_))), "{bad}");
        }
        for bad in ["01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"] {
            assert!(matches!(bad.parse::<MacAddr>(), Err(InvalidMac::NotUnicast(_))), "{bad}");
        }
    }
}
