//! How large a packet fits through the overlay.

use crate::Network;
use std::net::IpAddr;

/// Options of a network that set its MTU: ours, and Docker's.
pub const MTU_OPTIONS: [&str; 2] = ["mtu", "com.docker.network.driver.mtu"];

/// Why a string is not an MTU.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid MTU {text:?}: expected a number from {least} to 65535")]
pub struct InvalidMtu {
    text: String,
    least: u32,
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
        let ipv6 = self.subnets.iter().any(|subnet| subnet.pool.addr().is_ipv6());
        let least = if ipv6 { MIN_IPV6_MTU } else { MIN_IPV4_MTU };
        match text.parse::<u32>() {
            Ok(mtu) if (least..=65535).contains(&mtu) => Ok(Some(mtu)),
            _ => Err(InvalidMtu { text: text.chars().take(40).collect(), least }),
        }
    }
}

/// The smallest MTU IPv4 works with (RFC 791).
pub const MIN_IPV4_MTU: u32 = 68;
/// The smallest MTU IPv6 works with (RFC 8200 section 5).
pub const MIN_IPV6_MTU: u32 = 1280;

/// The MTU, in bytes, of an overlay interface whose packets leave through an underlay device of MTU
/// `underlay` from the address `vtep`.
///
/// VXLAN wraps each frame in Ethernet (14 bytes), VXLAN (8), UDP (8) and IP (20, or 40 for IPv6) headers
/// (RFC 7348 section 5): 50 bytes, or 70.
pub fn overlay_mtu(underlay: u32, vtep: IpAddr) -> u32 {
    let overhead = if vtep.is_ipv4() { 50 } else { 70 };
    underlay.saturating_sub(overhead).max(MIN_IPV4_MTU)
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
    }
}
