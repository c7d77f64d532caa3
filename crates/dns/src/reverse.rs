//! Names of addresses: `2.0.0.10.in-addr.arpa` (RFC 1035 section 3.5), and nibbles under `ip6.arpa` (RFC
//! 3596 section 2.5).

use crate::wire::Reader;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address a name stands for, if it is the full name of one.
pub(crate) fn address_of(key: &[u8]) -> Option<IpAddr> {
    if let Some(labels) = key.strip_suffix(b"\x07in-addr\x04arpa") {
        ipv4(Reader::new(labels)).map(IpAddr::V4)
    } else {
        ipv6(Reader::new(key.strip_suffix(b"\x03ip6\x04arpa")?)).map(IpAddr::V6)
    }
}

fn ipv4(mut labels: Reader<'_>) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    for octet in octets.iter_mut().rev() {
        let digits = label(&mut labels)?;
        // One name an address: neither "02" nor "+2".
        if !digits.iter().all(u8::is_ascii_digit) || (digits.len() > 1 && digits[0] == b'0') {
            return None;
        }
        *octet = str::from_utf8(digits).ok()?.parse().ok()?;
    }
    (labels.remaining() == 0).then(|| octets.into())
}

fn ipv6(mut labels: Reader<'_>) -> Option<Ipv6Addr> {
    let mut address: u128 = 0;
    for shift in (0..128).step_by(4) {
        let &[digit] = label(&mut labels)? else { return None };
        address |= u128::from(char::from(digit).to_digit(16)?) << shift;
    }
    (labels.remaining() == 0).then(|| address.into())
}

fn label<'m>(labels: &mut Reader<'m>) -> Option<&'m [u8]> {
    let length = labels.u8()?;
    labels.bytes(length.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode;

    fn address(name: &str) -> Option<IpAddr> {
        address_of(&encode(name).unwrap())
    }

    #[test]
    fn full_names_of_addresses() {
        assert_eq!(address("2.0.0.10.in-addr.arpa"), Some("10.0.0.2".parse().unwrap()));
        let nibbles = format!("2.{}d.f.ip6.arpa", "0.".repeat(29));
        assert_eq!(address(&nibbles), Some("fd00::2".parse().unwrap()));
    }

    #[test]
    fn nothing_else() {
        for name in [
            "in-addr.arpa",
            "0.0.10.in-addr.arpa",
            "1.2.0.0.10.in-addr.arpa",
            "02.0.0.10.in-addr.arpa",
            "256.0.0.10.in-addr.arpa",
            "x.0.0.10.in-addr.arpa",
            "2.0.0.10.ip6.arpa",
            "2.0.0.10",
        ] {
            assert_eq!(address(name), None, "{name}");
        }
    }
}
