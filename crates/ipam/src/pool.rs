//! Choosing a pool for a network that asks for none.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::{fmt, net::Ipv6Addr, str::FromStr};

/// Where default subnets come from: subnets of `size` bits of prefix cut out of `base`, in order. Docker's
/// `--default-address-pool base=10.0.0.0/8,size=24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressPool {
    base: IpNet,
    size: u8,
}

/// Why a string is not an address pool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid address pool {given:?}: {why}; expected base=CIDR,size=BITS, as base=10.0.0.0/8,size=24")]
pub struct InvalidAddressPool {
    given: String,
    why: &'static str,
}

/// Every subnet of every address pool is in use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no free subnet left in {searched}: each overlaps a network of the cluster, or what one of its hosts uses; \
     give one with --subnet, or more of them to the agent with --default-address-pool"
)]
pub struct NoFreePool {
    searched: String,
}

impl AddressPool {
    /// Where IPv4 subnets come from by default: `10.0.0.0/24`, `10.0.1.0/24` and so on, as Docker's overlay.
    pub fn default_ipv4() -> Self {
        Self { base: Ipv4Net::new_assert([10, 0, 0, 0].into(), 8).into(), size: 24 }
    }

    /// What its subnets are cut out of.
    pub fn base(&self) -> IpNet {
        self.base
    }

    /// Whether its subnets are IPv4.
    pub fn is_ipv4(&self) -> bool {
        self.base.addr().is_ipv4()
    }

    fn subnets(&self) -> impl Iterator<Item = IpNet> + use<> {
        // The size was checked against the base when the pool was made.
        self.base.subnets(self.size).into_iter().flatten()
    }
}

impl FromStr for AddressPool {
    type Err = InvalidAddressPool;

    fn from_str(text: &str) -> Result<Self, InvalidAddressPool> {
        let fail = |why| InvalidAddressPool { given: text.chars().take(80).collect(), why };
        let (mut base, mut size) = (None, None);
        for part in text.split(',') {
            match part.split_once('=') {
                Some(("base", value)) => base = value.parse::<IpNet>().ok(),
                Some(("size", value)) => size = value.parse::<u8>().ok(),
                _ => return Err(fail("only base and size can be given")),
            }
        }
        let base = base.ok_or_else(|| fail("the base is missing or not a subnet"))?;
        let size = size.ok_or_else(|| fail("the size is missing or not a number"))?;
        if base.trunc() != base {
            return Err(fail("the base has host bits set"));
        }
        if size < base.prefix_len() {
            return Err(fail("the size is larger than the base"));
        }
        if size > base.max_prefix_len() - 2 {
            return Err(fail("subnets of that size have no room for a gateway and a container"));
        }
        Ok(Self { base, size })
    }
}

impl fmt::Display for AddressPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "base={},size={}", self.base, self.size)
    }
}

/// The first subnet of `pools` that overlaps none of `taken`: the cluster's pools, and this host's routes.
///
/// # Errors
/// [`NoFreePool`] if there is none.
pub fn free_pool(pools: &[AddressPool], taken: &[IpNet]) -> Result<IpNet, NoFreePool> {
    let free = |subnet: &IpNet| !taken.iter().any(|t| t.contains(subnet) || subnet.contains(t));
    pools.iter().flat_map(AddressPool::subnets).find(free).ok_or_else(|| NoFreePool {
        searched: pools.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "),
    })
}

/// A unique local IPv6 subnet, `fdxx:xxxx:xxxx::/64`, with 40 random bits (RFC 4193 section 3.2).
pub fn random_ula(rng: &mut (impl rand::Rng + ?Sized)) -> IpNet {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes[1..6]);
    bytes[0] = 0xfd;
    Ipv6Net::new_assert(Ipv6Addr::from(bytes), 64).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn starts_where_docker_does_and_skips_what_is_taken() {
        let pools = [AddressPool::default_ipv4()];
        assert_eq!(free_pool(&pools, &[]), Ok(net("10.0.0.0/24")));
        let taken = [net("10.0.0.0/24"), net("10.0.1.128/25"), net("10.0.2.0/23")];
        assert_eq!(free_pool(&pools, &taken), Ok(net("10.0.4.0/24")));
        assert!(free_pool(&pools, &[net("10.0.0.0/8")]).unwrap_err().to_string().contains("size=24"));
    }

    #[test]
    fn reads_dockers_flag() {
        let pool: AddressPool = "base=172.30.0.0/16,size=26".parse().unwrap();
        assert_eq!(free_pool(&[pool], &[net("172.30.0.0/26")]), Ok(net("172.30.0.64/26")));
        for bad in
            ["", "base=10.0.0.0/8", "base=10.0.0.1/8,size=24", "base=10.0.0.0/24,size=8", "size=24,base=x"]
        {
            assert!(bad.parse::<AddressPool>().is_err(), "{bad}");
        }
        assert!("base=10.0.0.0/8,size=31".parse::<AddressPool>().is_err());
    }

    #[test]
    fn unique_local() {
        let ula = random_ula(&mut rand::rng());
        assert!(net("fd00::/8").contains(&ula));
        assert_eq!(ula.trunc(), ula);
    }

    proptest! {
        #[test]
        fn reading_any_pool_does_not_panic(text in ".{0,60}") {
            let _ = text.parse::<AddressPool>();
        }

        #[test]
        fn what_is_chosen_overlaps_nothing(taken in prop::collection::vec((0u8..16, 16u8..28), 0..12)) {
            let taken: Vec<IpNet> = taken
                .into_iter()
                .map(|(b, len)| IpNet::from(Ipv4Net::new_assert([10, 0, b, 0].into(), len)).trunc())
                .collect();
            if let Ok(pool) = free_pool(&[AddressPool::default_ipv4()], &taken) {
                prop_assert!(taken.iter().all(|t| !t.contains(&pool) && !pool.contains(t)));
            }
        }
    }
}
