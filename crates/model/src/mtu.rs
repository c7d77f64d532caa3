//! How large a packet fits through the overlay.

use std::net::IpAddr;

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
