//! How large a packet fits through the overlay.

use crate::Network;
use std::net::{IpAddr, Ipv6Addr};

/// Options of a network that set its MTU: ours, and Docker's.
pub const MTU_OPTIONS: [&str; 2] = ["mtu", "com.docker.network.driver.mtu"];

/// Why a string is not an MTU.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid MTU {text:?}: expected a number from {least} to 65535")]
pub struct InvalidMtu {
    text: String,
    least: u32,
}

/// Why a new network cannot have the MTU that it asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedMtu {
    /// It is none.
    #[error(transparent)]
    Invalid(#[from] InvalidMtu),
    /// Less than what every host must take.
    #[error("an MTU of {asked} is too small: {least} is the least")]
    TooSmall {
        /// What it asks for.
        asked: u32,
        /// The least.
        least: u32,
    },
    /// More than what fits through the hosts' network.
    #[error(
        "an MTU of {asked} does not fit through the hosts' network: the way from this host to the others carries packets of \
         {underlay} bytes, which leaves {most}. Ask for that or less, or leave it out: then weft takes what fits on all hosts"
    )]
    TooLarge {
        /// What it asks for.
        asked: u32,
        /// What fits.
        most: u32,
        /// The underlay's.
        underlay: u32,
    },
}

impl Network {
    /// The MTU that the network asks for, in bytes; `None` if it takes what fits.
    ///
    /// # Errors
    /// If it asks for one that its pools cannot work with.
    pub fn requested_mtu(&self) -> Result<Option<u32>, InvalidMtu> {
        let Some(text) = MTU_OPTIONS.iter().find_map(|option| self.options.get(*option)) else {
            return Ok(None);
        };
        let least = self.least_mtu();
        match text.parse::<u32>() {
            Ok(mtu) if (least..=65535).contains(&mtu) => Ok(Some(mtu)),
            _ => Err(InvalidMtu { text: text.chars().take(40).collect(), least }),
        }
    }

    /// Checks what a new network asks for, on a host whose underlay carries packets of `underlay` bytes from `vtep`, if
    /// that is known. What is in the store already may have been made by a version, or on a host, that allowed more.
    ///
    /// # Errors
    /// [`RefusedMtu`] says why not.
    pub fn check_requested_mtu(&self, underlay: Option<u32>, vtep: IpAddr) -> Result<(), RefusedMtu> {
        let Some(asked) = self.requested_mtu()? else { return Ok(()) };
        let least = self.least_found_mtu();
        if asked < least {
            return Err(RefusedMtu::TooSmall { asked, least });
        }
        match underlay {
            Some(underlay) if asked > self.mtu_through(underlay, vtep) => {
                Err(RefusedMtu::TooLarge { asked, most: self.mtu_through(underlay, vtep), underlay })
            }
            _ => Ok(()),
        }
    }

    /// The MTU of its interfaces, in bytes, on a host whose underlay carries packets of `underlay` bytes from the address
    /// `vtep`.
    pub fn mtu_through(&self, underlay: u32, vtep: IpAddr) -> u32 {
        if self.is_encrypted() {
            return overlay_mtu(tunnel_mtu(underlay, vtep), Ipv6Addr::UNSPECIFIED.into());
        }
        overlay_mtu(underlay, vtep)
    }

    /// The least MTU that it is given, or may ask for when it is created, in bytes.
    pub fn least_found_mtu(&self) -> u32 {
        self.least_mtu().max(MIN_REQUESTED_MTU)
    }

    /// The least MTU that its pools work with, in bytes.
    pub fn least_mtu(&self) -> u32 {
        let ipv6 = self.subnets.iter().any(|subnet| subnet.pool.addr().is_ipv6());
        if ipv6 { MIN_IPV6_MTU } else { MIN_IPV4_MTU }
    }
}

/// The smallest MTU IPv4 works with (RFC 791).
pub const MIN_IPV4_MTU: u32 = 68;
/// The smallest that a new network may ask for: a packet of this size every host takes (RFC 1122 section 3.3.2).
pub const MIN_REQUESTED_MTU: u32 = 576;
/// The smallest MTU IPv6 works with (RFC 8200 section 5).
pub const MIN_IPV6_MTU: u32 = 1280;

/// The MTU, in bytes, of an overlay interface whose packets leave through an underlay device of MTU
/// `underlay` from the address `vtep`.
///
/// VXLAN wraps each frame in Ethernet (14 bytes), VXLAN (8), UDP (8) and IP (20, or 40 for IPv6) headers
/// (RFC 7348 section 5): 50 bytes, or 70.
pub fn overlay_mtu(underlay: u32, vtep: IpAddr) -> u32 {
    underlay.saturating_sub(overhead(vtep)).max(MIN_IPV4_MTU)
}

/// The reverse: what an underlay has to carry for a packet of `overlay` bytes.
pub fn underlay_mtu(overlay: u32, vtep: IpAddr) -> u32 {
    overlay.saturating_add(overhead(vtep))
}

/// What VXLAN adds to a packet, in bytes.
fn overhead(vtep: IpAddr) -> u32 {
    if vtep.is_ipv4() { 50 } else { 70 }
}

/// The largest packet, in bytes, that an encrypted one carries, whose packets leave through an underlay device of MTU
/// `underlay` from the address `vtep`.
///
/// WireGuard's header and authentication take 32 bytes (whitepaper, section 5.4.6), UDP 8, and IP 20, or 40 for IPv6. Inside
/// there is IPv6, which needs 1280 bytes (RFC 8200 section 5).
pub fn tunnel_mtu(underlay: u32, vtep: IpAddr) -> u32 {
    let overhead = if vtep.is_ipv4() { 60 } else { 80 };
    underlay.saturating_sub(overhead).max(MIN_IPV6_MTU)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_room_for_the_headers() {
        assert_eq!(overlay_mtu(1500, "192.0.2.1".parse().unwrap()), 1450);
        assert_eq!(overlay_mtu(1500, "2001:db8::1".parse().unwrap()), 1430);
        assert_eq!(overlay_mtu(9000, "192.0.2.1".parse().unwrap()), 8950);
        assert_eq!(overlay_mtu(0, "192.0.2.1".parse().unwrap()), MIN_IPV4_MTU);
        let network = |options: &str| -> Network {
            let json = format!(
                r#"{{"name":"n","subnets":[],"options":{options},"created":"2026-11-30T00:00:00Z"}}"#
            );
            serde_json::from_str(&json).unwrap()
        };
        let encrypted = network(r#"{"encrypted":""}"#);
        assert_eq!(encrypted.mtu_through(1500, "192.0.2.1".parse().unwrap()), 1370);
        assert_eq!(encrypted.mtu_through(1500, "2001:db8::1".parse().unwrap()), 1350);
        assert_eq!(network("{}").mtu_through(1500, "192.0.2.1".parse().unwrap()), 1450);
    }
}
