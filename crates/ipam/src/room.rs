//! How much of a pool is in use.

use std::{collections::BTreeSet, net::IpAddr};
use weft_model::Subnet;

/// How many addresses of a pool are in use, and how many can be handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Those that somebody holds, and those that are never handed out: the gateway, the auxiliary ones, the ends.
    pub in_use: u64,
    /// Those that nobody holds, in the range that addresses come from.
    pub free: u64,
}

/// The room in `subnet`, of which addresses are `taken`. More than 2⁶⁴ count as that many.
pub fn room(subnet: &Subnet, taken: impl IntoIterator<Item = IpAddr>) -> Room {
    let (pool, range) = (subnet.pool, subnet.ip_range.unwrap_or(subnet.pool));
    let ends = [pool.network(), pool.broadcast()].into_iter();
    let never = ends.filter(|end| subnet.check_host("address", *end).is_err());
    let never = never.chain([subnet.gateway]).chain(subnet.aux_addresses.values().copied());
    let used: BTreeSet<IpAddr> = never.chain(taken).filter(|address| pool.contains(address)).collect();
    let bits = u32::from(range.max_prefix_len() - range.prefix_len());
    let size = 1_u128.checked_shl(bits).unwrap_or(u128::MAX);
    let gone = used.iter().filter(|address| range.contains(*address)).count() as u128;
    let most = |number: u128| u64::try_from(number).unwrap_or(u64::MAX);
    Room { in_use: most(used.len() as u128), free: most(size.saturating_sub(gone)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::next_address;
    use proptest::prelude::*;
    use std::{collections::BTreeMap, net::Ipv4Addr};
    use weft_model::{Extra, Vni};

    fn subnet(pool: &str, gateway: &str) -> Subnet {
        Subnet {
            pool: pool.parse().unwrap(),
            gateway: gateway.parse().unwrap(),
            vni: Vni::FIRST_AUTOMATIC,
            ip_range: None,
            aux_addresses: BTreeMap::new(),
            extra: Extra::new(),
        }
    }

    #[test]
    fn what_is_never_handed_out_is_in_use() {
        let whole = subnet("10.0.0.0/24", "10.0.0.1");
        assert_eq!(room(&whole, []), Room { in_use: 3, free: 253 });
        let taken = ["10.0.0.2", "10.0.0.1", "10.0.1.7"].map(|address| address.parse().unwrap());
        assert_eq!(room(&whole, taken), Room { in_use: 4, free: 252 });
        let part = Subnet {
            ip_range: "10.0.0.128/25".parse().ok(),
            aux_addresses: BTreeMap::from([("router".to_owned(), "10.0.0.130".parse().unwrap())]),
            ..whole
        };
        assert_eq!(room(&part, taken), Room { in_use: 5, free: 126 });
        let large = subnet("fd00::/48", "fd00::1");
        assert_eq!(room(&large, []).free, u64::MAX);
    }

    proptest! {
        #[test]
        fn as_many_are_free_as_can_be_handed_out(taken in prop::collection::btree_set(0_u32..16, 0..16)) {
            let subnet = subnet("10.0.0.0/28", "10.0.0.1");
            let mut taken: BTreeSet<IpAddr> =
                taken.into_iter().map(|last| Ipv4Addr::from(0x0a00_0000 + last).into()).collect();
            let told = room(&subnet, taken.iter().copied());
            let mut handed_out = 0;
            while let Some(next) = next_address(&subnet, None, &|address| taken.contains(&address)) {
                taken.insert(next);
                handed_out += 1;
            }
            prop_assert_eq!(told.free, handed_out);
        }
    }
}
