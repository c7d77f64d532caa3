//! Ranges of addresses as people write them, and whether they are public.

use ipnet::IpNet;
use std::net::IpAddr;

/// Why a text is not a range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCidr {
    /// `10.0.0.0/33`.
    #[error("the prefix is too long: {length} bits, where {family} has {most}")]
    TooLong {
        /// What was given.
        length: u32,
        /// "IPv4" or "IPv6".
        family: &'static str,
        /// The longest there is.
        most: u8,
    },
    /// `10.0.0.0`.
    #[error("the prefix length is missing: write {0}/{most}, or less than {most} for more than this address", most = longest(*.0))]
    NoPrefix(IpAddr),
    /// Anything else.
    #[error("expected an address and a prefix length, as 10.0.0.0/24 or fd00::/64")]
    Nonsense,
}

/// Reads a range as `ADDRESS/LENGTH` (RFC 4632 section 3.1). It may have host bits set.
///
/// # Errors
/// Says what is wrong with it.
pub fn cidr(text: &str) -> Result<IpNet, InvalidCidr> {
    if let Ok(net) = text.parse() {
        return Ok(net);
    }
    let (address, length) = text.split_once('/').map_or((text, None), |(a, length)| (a, Some(length)));
    let Ok(address) = address.parse::<IpAddr>() else { return Err(InvalidCidr::Nonsense) };
    let Some(length) = length else { return Err(InvalidCidr::NoPrefix(address)) };
    let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    match length.parse() {
        Ok(length) if digits && length > u32::from(longest(address)) => {
            let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
            Err(InvalidCidr::TooLong { length, family, most: longest(address) })
        }
        _ => Err(InvalidCidr::Nonsense),
    }
}

fn longest(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// IPv4 ranges that are nobody's on the Internet (IANA IPv4 Special-Purpose Address Registry, RFC 6890).
const SPECIAL_IPV4: [&str; 9] = [
    "10.0.0.0/8",
    "100.64.0.0/10",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
];
/// IPv6 ranges that are somebody's on the Internet: unicast (RFC 4291), but for documentation (RFC 3849, RFC 9637).
const GLOBAL_IPV6: &str = "2000::/3";
const DOCUMENTATION_IPV6: [&str; 2] = ["2001:db8::/32", "3fff::/20"];

/// Whether hosts on the Internet may have addresses of this range.
pub fn is_public(net: IpNet) -> bool {
    let within = |ranges: &[&str]| {
        ranges.iter().filter_map(|range| range.parse::<IpNet>().ok()).any(|range| range.contains(&net))
    };
    let overlaps =
        |range: &str| range.parse::<IpNet>().is_ok_and(|range| range.contains(&net) || net.contains(&range));
    match net {
        IpNet::V4(_) => !within(&SPECIAL_IPV4),
        IpNet::V6(_) => overlaps(GLOBAL_IPV6) && !within(&DOCUMENTATION_IPV6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(cidr("10.0.0.0/24"), Ok("10.0.0.0/24".parse().unwrap()));
        let why = |text: &str| cidr(text).unwrap_err().to_string();
        assert_eq!(why("10.0.0.0/33"), "the prefix is too long: 33 bits, where IPv4 has 32");
        assert_eq!(why("fd00::/129"), "the prefix is too long: 129 bits, where IPv6 has 128");
        assert!(why("10.0.0.0").starts_with("the prefix length is missing: write 10.0.0.0/32"));
        for nonsense in
            ["", "/", "10.0.0/24", "10.0.0.0/", "10.0.0.0/x", "10.0.0.0/+33", "10.0.0.0/99999999999"]
        {
            assert_eq!(cidr(nonsense), Err(InvalidCidr::Nonsense), "{nonsense}");
        }
    }

    #[test]
    fn whose_a_range_is() {
        let public = ["8.8.8.0/24", "172.0.0.0/8", "192.0.0.0/16", "11.0.0.0/8", "2a00::/32", "2000::/2"];
        assert!(public.iter().all(|net| is_public(net.parse().unwrap())));
        let own = ["10.0.0.0/8", "172.31.0.0/16", "100.64.3.0/24", "fd00::/64", "2001:db8:1::/48"];
        assert!(!own.iter().any(|net| is_public(net.parse().unwrap())));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9a-f:./+ ]{0,24}") {
            prop_assert_eq!(cidr(&text).ok(), text.parse().ok());
        }
    }
}
