//! Networks and their subnets.

use crate::{Extra, MacAddr, NetworkName, Record, Vni};
use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, net::IpAddr};

/// A layer-2 segment, or several, under one name: the value of a [`Key::Network`](crate::Key::Network).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Its name, unique in the cluster.
    pub name: NetworkName,
    /// Its pools, in the order they were given.
    pub subnets: Vec<Subnet>,
    /// Without a way out: no gateway route, no published ports, no names from outside.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub internal: bool,
    /// Driver options (`-o`), as given.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// Labels, as given.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// When it was created.
    pub created: Timestamp,
    /// Set while the network is being removed: no endpoint can be added any more. Any node that sees this finishes a
    /// removal that stopped half-way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removing: bool,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Record for Network {
    const WHAT: &'static str = "network";
}

/// A range of addresses of a network, with the segment it lives on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedSubnet")]
pub struct Subnet {
    /// The subnet, without host bits.
    pub pool: IpNet,
    /// The address every node's bridge holds in it.
    pub gateway: IpAddr,
    /// The segment.
    pub vni: Vni,
    /// The part of the pool to hand out from, if not all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_range: Option<IpNet>,
    /// Addresses of the pool in use by something that is not a container, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub aux_addresses: BTreeMap<String, IpAddr>,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Why a subnet is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSubnet {
    /// `10.0.0.1/24` is an address, not a subnet.
    #[error("invalid subnet {given}: it has host bits set; did you mean {meant}?")]
    HostBits {
        /// What was given.
        given: IpNet,
        /// The subnet it lies in.
        meant: IpNet,
    },
    /// No room for a gateway and a container.
    #[error("subnet {0} is too small: it needs room for a gateway and a container")]
    TooSmall(IpNet),
    /// Multicast, loopback, link-local, unspecified.
    #[error("subnet {0} cannot be used for containers: it is multicast, loopback, link-local or reserved")]
    Reserved(IpNet),
    /// Something given for the subnet lies elsewhere.
    #[error("{what} {address} is not in subnet {pool}")]
    Outside {
        /// "gateway", "ip-range" or "aux-address".
        what: &'static str,
        /// The address or range.
        address: String,
        /// The subnet.
        pool: IpNet,
    },
    /// The first or last address of an IPv4 subnet.
    #[error("{what} {address} is the network or broadcast address of subnet {pool}")]
    NotAHost {
        /// "gateway" or "aux-address".
        what: &'static str,
        /// The address.
        address: IpAddr,
        /// The subnet.
        pool: IpNet,
    },
}

#[derive(Deserialize)]
struct UncheckedSubnet {
    pool: IpNet,
    gateway: IpAddr,
    vni: Vni,
    #[serde(default)]
    ip_range: Option<IpNet>,
    #[serde(default)]
    aux_addresses: BTreeMap<String, IpAddr>,
    #[serde(flatten)]
    extra: Extra,
}

impl TryFrom<UncheckedSubnet> for Subnet {
    type Error = InvalidSubnet;
    fn try_from(s: UncheckedSubnet) -> Result<Self, InvalidSubnet> {
        let subnet = Subnet {
            pool: s.pool,
            gateway: s.gateway,
            vni: s.vni,
            ip_range: s.ip_range,
            aux_addresses: s.aux_addresses,
            extra: s.extra,
        };
        subnet.check().map(|()| subnet)
    }
}

impl Subnet {
    /// Checks that a pool can carry containers at all.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn check_pool(pool: IpNet) -> Result<(), InvalidSubnet> {
        if pool.addr() != pool.network() {
            return Err(InvalidSubnet::HostBits { given: pool, meant: pool.trunc() });
        }
        // An IPv4 subnet loses its first and last address; IPv6 only the first (the anycast address of its
        // routers, RFC 4291 section 2.6.1).
        let widest = if pool.addr().is_ipv4() { 29 } else { 126 };
        if pool.prefix_len() > widest.max(pool.max_prefix_len() - 2) {
            return Err(InvalidSubnet::TooSmall(pool));
        }
        let reserved = match pool {
            IpNet::V4(p) => {
                let a = p.network();
                let class_e = a.octets()[0] >= 240;
                a.is_multicast() || a.is_loopback() || a.is_link_local() || a.octets()[0] == 0 || class_e
            }
            IpNet::V6(p) => {
                let a = p.network();
                let link_local = a.segments()[0] & 0xffc0 == 0xfe80;
                a.is_multicast() || a.is_loopback() || link_local || a.is_unspecified()
            }
        };
        if reserved { Err(InvalidSubnet::Reserved(pool)) } else { Ok(()) }
    }

    /// Checks the subnet as a whole.
    ///
    /// # Errors
    /// Says which part of it does not fit.
    pub fn check(&self) -> Result<(), InvalidSubnet> {
        Self::check_pool(self.pool)?;
        self.check_host("gateway", self.gateway)?;
        if let Some(range) = self.ip_range
            && !self.pool.contains(&range)
        {
            let address = range.to_string();
            return Err(InvalidSubnet::Outside { what: "ip-range", address, pool: self.pool });
        }
        self.aux_addresses.values().try_for_each(|&a| self.check_host("aux-address", a))
    }

    /// Checks that `address` is one that a machine on this subnet can have.
    ///
    /// # Errors
    /// Says why not, calling it `what`.
    pub fn check_host(&self, what: &'static str, address: IpAddr) -> Result<(), InvalidSubnet> {
        if !self.pool.contains(&address) {
            return Err(InvalidSubnet::Outside { what, address: address.to_string(), pool: self.pool });
        }
        let last = self.pool.addr().is_ipv4() && address == self.pool.broadcast();
        if address == self.pool.network() || last {
            return Err(InvalidSubnet::NotAHost { what, address, pool: self.pool });
        }
        Ok(())
    }

    /// The first address after the network's: the gateway where none is given.
    pub fn default_gateway(pool: IpNet) -> IpAddr {
        match pool.network() {
            IpAddr::V4(a) => IpAddr::V4((u32::from(a) + 1).into()),
            IpAddr::V6(a) => IpAddr::V6((u128::from(a) + 1).into()),
        }
    }

    /// The gateway as the bridge holds it: its address with the pool's prefix length.
    pub fn gateway_net(&self) -> IpNet {
        self.net_of(self.gateway)
    }

    /// `address` with the pool's prefix length.
    pub fn net_of(&self, address: IpAddr) -> IpNet {
        // A prefix length taken from a pool of the same family is always in range.
        IpNet::new(address, self.pool.prefix_len()).unwrap_or_else(|_| address.into())
    }
}

/// The subnets of a network that share one VNI, and so one bridge on each node: an IPv4 pool, an IPv6 pool,
/// or one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'n> {
    /// The identifier on the wire.
    pub vni: Vni,
    /// Its IPv4 subnet.
    pub ipv4: Option<&'n Subnet>,
    /// Its IPv6 subnet.
    pub ipv6: Option<&'n Subnet>,
}

impl<'n> Segment<'n> {
    /// Its subnets, IPv4 first.
    pub fn subnets(&self) -> impl Iterator<Item = &'n Subnet> + use<'n> {
        self.ipv4.into_iter().chain(self.ipv6)
    }
}

impl Network {
    /// The network's segments, in the order of their first subnets.
    pub fn segments(&self) -> Vec<Segment<'_>> {
        let mut segments: Vec<Segment<'_>> = Vec::new();
        for subnet in &self.subnets {
            let at = segments.iter().position(|s| s.vni == subnet.vni).unwrap_or_else(|| {
                segments.push(Segment { vni: subnet.vni, ipv4: None, ipv6: None });
                segments.len() - 1
            });
            let place =
                if subnet.pool.addr().is_ipv4() { &mut segments[at].ipv4 } else { &mut segments[at].ipv6 };
            place.get_or_insert(subnet);
        }
        segments
    }

    /// The Ethernet address of the gateway of segment `vni`, the same on every host.
    pub fn gateway_mac(&self, vni: Vni) -> Option<MacAddr> {
        self.subnets.iter().find(|subnet| subnet.vni == vni).map(|subnet| MacAddr::for_ip(subnet.gateway))
    }

    /// The subnet `address` lies in.
    pub fn subnet_of(&self, address: IpAddr) -> Option<&Subnet> {
        self.subnets.iter().find(|s| s.pool.contains(&address))
    }

    /// The first subnet of the network that overlaps `pool`.
    pub fn overlapping(&self, pool: IpNet) -> Option<&Subnet> {
        self.subnets.iter().find(|s| s.pool.contains(&pool) || pool.contains(&s.pool))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(json: &str) -> Result<Subnet, String> {
        serde_json::from_str(json).map_err(|e| e.to_string())
    }

    #[test]
    fn a_subnet_that_makes_no_sense_cannot_be_read() {
        assert!(subnet(r#"{"pool":"10.0.0.0/24","gateway":"10.0.0.1","vni":256}"#).is_ok());
        let why = |json| subnet(json).unwrap_err();
        assert!(why(r#"{"pool":"10.0.0.1/24","gateway":"10.0.0.1","vni":256}"#).contains("10.0.0.0/24?"));
        assert!(why(r#"{"pool":"10.0.0.0/31","gateway":"10.0.0.1","vni":256}"#).contains("too small"));
        assert!(why(r#"{"pool":"224.0.0.0/24","gateway":"224.0.0.1","vni":256}"#).contains("multicast"));
        assert!(why(r#"{"pool":"10.0.0.0/24","gateway":"10.0.1.1","vni":256}"#).contains("not in subnet"));
        assert!(why(r#"{"pool":"10.0.0.0/24","gateway":"10.0.0.255","vni":256}"#).contains("broadcast"));
        assert!(why(r#"{"pool":"10.0.0.0/24","gateway":"10.0.0.1","vni":0}"#).contains("invalid VNI"));
    }

    #[test]
    fn pools_of_both_families_share_a_segment() {
        let network: Network = serde_json::from_str(
            r#"{"name":"n","created":"2026-11-22T00:00:00Z","subnets":[
                {"pool":"10.0.0.0/24","gateway":"10.0.0.1","vni":256},
                {"pool":"10.0.1.0/24","gateway":"10.0.1.1","vni":257},
                {"pool":"fd00::/64","gateway":"fd00::1","vni":256}]}"#,
        )
        .unwrap();
        let segments = network.segments();
        assert_eq!(segments.len(), 2);
        assert!(segments[0].ipv4.is_some() && segments[0].ipv6.is_some());
        assert!(segments[1].ipv6.is_none());
    }
}
