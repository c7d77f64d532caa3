//! Choosing an address of a pool.

use ipnet::IpNet;
use std::{net::IpAddr, ops::RangeInclusive};
use weft_model::Subnet;

/// Which addresses of a pool are held by somebody.
pub trait TakenAddresses {
    /// Whether somebody holds `address`.
    fn is_taken(&self, address: IpAddr) -> bool;
}

impl<F: Fn(IpAddr) -> bool> TakenAddresses for F {
    fn is_taken(&self, address: IpAddr) -> bool {
        self(address)
    }
}

/// The next free address of `subnet` after `last`, which was handed out last; from the start of its range
/// where there is no `last`, and again from there when the range ends. The gateway, the auxiliary addresses
/// and the ends of the pool are never handed out. `None`: the range is full.
///
/// Looks at one more address than are taken, at most.
pub fn next_address(subnet: &Subnet, last: Option<IpAddr>, taken: &impl TakenAddresses) -> Option<IpAddr> {
    let range = hosts(subnet);
    let start = match last {
        Some(last) if range.contains(&number(last)) && last.is_ipv4() == subnet.pool.addr().is_ipv4() => {
            number(last)
        }
        _ => range.start().checked_sub(1).unwrap_or(*range.end()),
    };
    let after = start.saturating_add(1)..=*range.end();
    let again = *range.start()..=start;
    after.chain(again).map(|n| address(subnet.pool, n)).find(|&candidate| {
        let reserved = candidate == subnet.gateway
            || subnet.aux_addresses.values().any(|&aux| aux == candidate)
            || subnet.check_host("address", candidate).is_err();
        !reserved && !taken.is_taken(candidate)
    })
}

/// An address of `subnet` to look for a free one from, instead of the one handed out last: `chance` draws it, out of the
/// first 2³². Of an IPv6 pool that is a small part, in which Ethernet addresses that follow from them are distinct.
pub fn random_place(subnet: &Subnet, chance: u32) -> IpAddr {
    let range = hosts(subnet);
    let others = (range.end() - range.start()).min(u32::MAX.into());
    address(subnet.pool, range.start() + u128::from(chance) % (others + 1))
}

/// The addresses to hand out from, as numbers; the ends of the pool are among them.
fn hosts(subnet: &Subnet) -> RangeInclusive<u128> {
    let range = subnet.ip_range.unwrap_or(subnet.pool);
    number(range.network())..=number(range.broadcast())
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => u32::from(a).into(),
        IpAddr::V6(a) => a.into(),
    }
}

fn address(pool: IpNet, number: u128) -> IpAddr {
    match pool {
        // A number of an IPv4 pool came from 32 bits.
        IpNet::V4(_) => IpAddr::V4(u32::try_from(number).unwrap_or(u32::MAX).into()),
        IpNet::V6(_) => IpAddr::V6(number.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn subnet(pool: &str, range: Option<&str>) -> Subnet {
        let pool: IpNet = pool.parse().unwrap();
        Subnet {
            pool,
            gateway: Subnet::default_gateway(pool),
            vni: weft_model::Vni::FIRST_AUTOMATIC,
            ip_range: range.map(|r| r.parse().unwrap()),
            aux_addresses: Default::default(),
            extra: Default::default(),
        }
    }

    fn next(subnet: &Subnet, last: Option<&str>, taken: &[&str]) -> Option<String> {
        let taken: Vec<IpAddr> = taken.iter().map(|t| t.parse().unwrap()).collect();
        let last = last.map(|l| l.parse().unwrap());
        next_address(subnet, last, &|a| taken.contains(&a)).map(|a| a.to_string())
    }

    #[test]
    fn in_order_from_two() {
        let s = subnet("10.0.0.0/24", None);
        assert_eq!(next(&s, None, &[]).unwrap(), "10.0.0.2");
        assert_eq!(next(&s, Some("10.0.0.2"), &["10.0.0.2"]).unwrap(), "10.0.0.3");
        // Just released: not handed out again at once.
        assert_eq!(next(&s, Some("10.0.0.2"), &[]).unwrap(), "10.0.0.3");
        // Round the end.
        assert_eq!(next(&s, Some("10.0.0.254"), &[]).unwrap(), "10.0.0.2");
        // A cursor of somewhere else counts for nothing.
        assert_eq!(next(&s, Some("192.0.2.7"), &[]).unwrap(), "10.0.0.2");
        assert_eq!(next(&s, Some("::a00:2"), &[]).unwrap(), "10.0.0.2");
    }

    #[test]
    fn within_the_range_and_around_what_is_reserved() {
        let mut s = subnet("10.0.0.0/24", Some("10.0.0.64/30"));
        assert_eq!(next(&s, None, &[]).unwrap(), "10.0.0.64");
        s.aux_addresses.insert("router".into(), "10.0.0.65".parse().unwrap());
        assert_eq!(next(&s, Some("10.0.0.64"), &["10.0.0.64"]).unwrap(), "10.0.0.66");
        assert_eq!(next(&s, None, &["10.0.0.64", "10.0.0.66", "10.0.0.67"]), None);
    }

    #[test]
    fn the_other_family() {
        let s = subnet("fd00::/64", None);
        assert_eq!(next(&s, None, &[]).unwrap(), "fd00::2");
        assert_eq!(next(&s, Some("fd00::ffff:ffff:ffff:ffff"), &[]).unwrap(), "fd00::2");
    }

    proptest! {
        /// Every place is of the range, also of the widest, and leads to a free address.
        #[test]
        fn a_random_place_leads_to_a_free_address(length in 8u8..31, range in 0u8..4, chance in any::<u32>()) {
            for (pool, longest) in [("10.0.0.0", 30), ("fd00::", 126)] {
                let pool = format!("{pool}/{}", if longest == 126 { 4 * length } else { length });
                let within = format!("{}/{}", &pool[..pool.find('/').unwrap()], longest - range);
                for s in [subnet(&pool, None), subnet(&pool, (length < 26).then_some(within.as_str()))] {
                    let place = random_place(&s, chance);
                    prop_assert!(s.ip_range.unwrap_or(s.pool).contains(&place));
                    let free = next_address(&s, Some(place), &|_| false).unwrap();
                    prop_assert!(s.check_host("address", free).is_ok() && free != s.gateway);
                }
            }
        }

        /// Any order of takes and releases: never an address that is taken, never one that is reserved, full
        /// exactly when all are taken, and the one released last only when nothing else is left.
        #[test]
        fn exactly_the_capacity(
            length in 26u8..30,
            aux in 2u8..6,
            steps in prop::collection::vec(prop::option::of(0usize..64), 1..400),
        ) {
            let mut s = subnet(&format!("10.9.0.0/{length}"), None);
            s.aux_addresses.insert("aux".into(), IpAddr::from([10, 9, 0, aux]));
            let capacity = (1usize << (32 - length)) - 2 - 2;
            let (mut taken, mut last, mut released) = (BTreeSet::new(), None, None);
            for step in steps {
                match step {
                    None => match next_address(&s, last, &|a| taken.contains(&a)) {
                        Some(a) => {
                            prop_assert!(taken.len() < capacity);
                            prop_assert!(a != s.gateway && a != IpAddr::from([10, 9, 0, aux]));
                            prop_assert!(s.check_host("address", a).is_ok());
                            if released == Some(a) && last == Some(a) {
                                prop_assert_eq!(taken.len(), capacity - 1);
                            }
                            prop_assert!(taken.insert(a));
                            last = Some(a);
                        }
                        None => prop_assert_eq!(taken.len(), capacity),
                    },
                    Some(n) => if let Some(&a) = taken.iter().nth(n) {
                        taken.remove(&a);
                        released = Some(a);
                    },
                }
            }
        }
    }
}
