//! Which of an interface's addresses to advertise.

use std::net::IpAddr;
use weft_netlink::Address;

/// The best of the addresses of an interface: IPv4 before IPv6, as long as it can be used and is good beyond the link;
/// those that stay before those that come and go (temporary ones, and the virtual addresses that are moved from host to
/// host, which have all bits as their prefix); the kernel's order otherwise. The one `so_far` is kept as long as it is
/// there and can be used: what comes and goes beside it changes nothing. Only one of its own family takes its place: in
/// the moment between two leases an interface has nothing but IPv6 addresses, where the other hosts would not be reached.
pub(super) fn choose(addresses: &[Address], so_far: Option<IpAddr>) -> Option<IpAddr> {
    let usable = addresses.iter().filter(|address| address.global && !address.unusable);
    let same_family = |ip: IpAddr| so_far.is_none_or(|so_far| so_far.is_ipv4() == ip.is_ipv4());
    let is_good = |ip: IpAddr| !ip.is_loopback() && same_family(ip);
    let usable: Vec<_> = usable.filter(|address| is_good(address.net.addr())).collect();
    if let Some(kept) = usable.iter().find(|address| Some(address.net.addr()) == so_far) {
        return Some(kept.net.addr());
    }
    let rank = |address: &&&Address| {
        let ipv6 = address.net.addr().is_ipv6();
        let is_whole = address.net.prefix_len() == address.net.max_prefix_len();
        (ipv6, ipv6 && address.secondary, is_whole, address.secondary)
    };
    // Of equals the first.
    usable.iter().min_by_key(rank).map(|address| address.net.addr())
}

/// The address that the kernel sends from, or, if that is a temporary one (RFC 8981, which it prefers with
/// `net.ipv6.conf.*.use_tempaddr` at 2), one that stays and is beside it: best the one it was made for, which has its
/// prefix.
pub(super) fn that_stays(chosen: IpAddr, addresses: &[Address]) -> IpAddr {
    let Some(its) = addresses.iter().find(|address| address.net.addr() == chosen) else { return chosen };
    if chosen.is_ipv4() || !its.secondary {
        return chosen;
    }
    let stay = addresses.iter().filter(|other| other.link == its.link && !other.secondary);
    let (same, others): (Vec<Address>, Vec<Address>) = stay
        .filter(|other| other.net.addr().is_ipv6())
        .partition(|other| other.net.trunc() == its.net.trunc());
    choose(&same, None).or_else(|| choose(&others, None)).unwrap_or(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(net: &str) -> Address {
        Address { link: 1, net: net.parse().unwrap(), global: true, secondary: false, unusable: false }
    }

    fn chosen(addresses: &[Address], so_far: Option<&str>) -> Option<String> {
        choose(addresses, so_far.map(|text| text.parse().unwrap())).map(|ip| ip.to_string())
    }

    #[test]
    fn one_that_stays() {
        let virtual_one = address("192.0.2.9/32");
        let second = Address { secondary: true, ..address("192.0.2.8/24") };
        let (first, temporary) =
            (address("192.0.2.1/24"), Address { secondary: true, ..address("2001:db8::aaaa/64") });
        let stable = address("2001:db8::1/64");
        let deprecated = Address { unusable: true, ..address("2001:db8::2/64") };
        let link_local = Address { global: false, ..address("fe80::1/64") };
        let is = |addresses: &[Address], expected: &str| {
            assert_eq!(chosen(addresses, None).as_deref(), Some(expected))
        };
        is(&[virtual_one, second, first], "192.0.2.1");
        is(&[link_local, deprecated, temporary, stable], "2001:db8::1");
        is(&[stable, virtual_one], "192.0.2.9");
        is(&[virtual_one, second], "192.0.2.8");
        is(&[temporary, deprecated], "2001:db8::aaaa");
        is(&[virtual_one], "192.0.2.9");
        assert_eq!(chosen(&[link_local, deprecated], None), None);
    }

    #[test]
    fn of_a_temporary_address_the_one_it_was_made_for() {
        let temporary = Address { secondary: true, ..address("2001:db8::aaaa/64") };
        let (other, stable) = (address("fd00::1/64"), address("2001:db8::1/64"));
        let (elsewhere, ipv4) = (Address { link: 2, ..address("2001:db8::2/64") }, address("192.0.2.1/24"));
        let old = Address { unusable: true, ..address("2001:db8::9/64") };
        let is = |addresses: &[Address], expected: &str| {
            assert_eq!(that_stays(temporary.net.addr(), addresses).to_string(), expected)
        };
        is(&[temporary, elsewhere, ipv4, other, old, stable], "2001:db8::1");
        is(&[temporary, elsewhere, ipv4, old, other], "fd00::1");
        is(&[temporary, elsewhere, ipv4, old], "2001:db8::aaaa");
        is(&[], "2001:db8::aaaa");
        // What the kernel sends from is what stays, or what its route says.
        let second = Address { secondary: true, ..address("192.0.2.8/24") };
        for kernels in [other, second] {
            assert_eq!(that_stays(kernels.net.addr(), &[stable, ipv4, kernels]), kernels.net.addr());
        }
    }

    #[test]
    fn it_is_kept_while_it_is_there() {
        let (first, other) =
            (address("192.0.2.1/24"), Address { secondary: true, ..address("192.0.2.8/24") });
        assert_eq!(chosen(&[first, other], Some("192.0.2.8")).as_deref(), Some("192.0.2.8"));
        assert_eq!(chosen(&[first], Some("192.0.2.8")).as_deref(), Some("192.0.2.1"));
        let deprecated = Address { unusable: true, ..other };
        assert_eq!(chosen(&[first, deprecated], Some("192.0.2.8")).as_deref(), Some("192.0.2.1"));
    }

    #[test]
    fn the_other_family_does_not_take_its_place() {
        let (ipv4, ipv6) = (address("192.0.2.1/24"), address("2001:db8::1/64"));
        assert_eq!(chosen(&[ipv6], Some("192.0.2.8")), None);
        assert_eq!(chosen(&[ipv6, ipv4], Some("192.0.2.8")).as_deref(), Some("192.0.2.1"));
        assert_eq!(chosen(&[ipv4, ipv6], Some("2001:db8::8")).as_deref(), Some("2001:db8::1"));
    }

    proptest! {
        #[test]
        fn it_is_one_of_them_and_stays(
            all in proptest::collection::vec((0u32.., 1u8..=32, any::<[bool; 3]>()), 0..8),
        ) {
            let address = |(ip, length, [global, secondary, unusable]): (u32, u8, [bool; 3])| Address {
                link: 1,
                net: ipnet::IpNet::new(std::net::Ipv4Addr::from(ip).into(), length).unwrap(),
                global,
                secondary,
                unusable,
            };
            let all: Vec<Address> = all.into_iter().map(address).collect();
            let first = choose(&all, None);
            prop_assert!(first.is_none_or(|ip| all.iter().any(|a| a.net.addr() == ip && a.global && !a.unusable)));
            prop_assert_eq!(choose(&all, first), first);
        }
    }
}
