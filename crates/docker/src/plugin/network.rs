//! Networks, as the network driver is told about them.

use crate::lenient::{if_any, or_default};
use serde::{Deserialize, Deserializer};
use std::{collections::BTreeMap, net::IpAddr};
use weft_model::{IpNet, NetworkId};

/// `CreateNetwork`: neither its name nor its labels are told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WireCreateNetwork")]
pub struct CreateNetwork {
    /// The engine's id of it.
    pub network: NetworkId,
    /// Its pools, those of IPv4 first.
    pub pools: Vec<PoolData>,
    /// What was given with `-o`.
    pub options: BTreeMap<String, String>,
    /// Whether it was created with `--internal`.
    pub internal: bool,
}

/// `AllocateNetwork` and `FreeNetwork`, which Swarm's managers call. Their ids are of another kind.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SwarmNetwork {
    /// Swarm's id of it.
    #[serde(rename = "NetworkID")]
    pub network: String,
}

/// `DeleteNetwork`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct NetworkRef {
    /// The engine's id of the network.
    #[serde(rename = "NetworkID")]
    pub network: NetworkId,
}

/// A pool of a network to create.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PoolData {
    /// The driver that keeps its addresses: [`DRIVER`](super::DRIVER), or another IPAM driver.
    #[serde(default, deserialize_with = "or_default")]
    pub address_space: String,
    /// The subnet.
    pub pool: IpNet,
    /// The gateway's address.
    #[serde(default, deserialize_with = "address_of_net")]
    pub gateway: Option<IpAddr>,
    /// Addresses in use by something else, by name.
    #[serde(default, deserialize_with = "addresses_of_nets")]
    pub aux_addresses: BTreeMap<String, IpAddr>,
}

/// `DiscoverNew` and `DiscoverDelete`: something of Swarm.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Discovery {
    /// 1: a node; 2 and 3: keys for the built-in overlay.
    #[serde(default, deserialize_with = "or_default")]
    pub discovery_type: u64,
}

#[derive(Deserialize)]
struct WireCreateNetwork {
    #[serde(rename = "NetworkID")]
    network: NetworkId,
    #[serde(rename = "Options", default, deserialize_with = "or_default")]
    options: WireOptions,
    #[serde(rename = "IPv4Data", default, deserialize_with = "or_default")]
    ipv4: Vec<PoolData>,
    #[serde(rename = "IPv6Data", default, deserialize_with = "or_default")]
    ipv6: Vec<PoolData>,
}

/// `libnetwork/netlabel/labels.go`.
#[derive(Default, Deserialize)]
struct WireOptions {
    #[serde(rename = "com.docker.network.generic", default, deserialize_with = "or_default")]
    generic: BTreeMap<String, String>,
    #[serde(rename = "com.docker.network.internal", default, deserialize_with = "or_default")]
    internal: bool,
}

impl TryFrom<WireCreateNetwork> for CreateNetwork {
    type Error = String;
    fn try_from(wire: WireCreateNetwork) -> Result<Self, String> {
        let family = |data: &PoolData| data.pool.addr().is_ipv4();
        if let Some(odd) = wire.ipv4.iter().find(|d| !family(d)).or(wire.ipv6.iter().find(|d| family(d))) {
            return Err(format!("pool {} is given as one of the other family", odd.pool));
        }
        let pools = wire.ipv4.into_iter().chain(wire.ipv6).collect();
        let WireOptions { generic, internal } = wire.options;
        Ok(Self { network: wire.network, pools, options: generic, internal })
    }
}

/// `10.0.0.1/24`: the prefix length is the pool's.
fn address_of_net<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IpAddr>, D::Error> {
    let net: Option<IpNet> = if_any(deserializer)?;
    Ok(net.map(|net| net.addr()))
}

fn addresses_of_nets<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, IpAddr>, D::Error> {
    let nets: BTreeMap<String, IpNet> = or_default(deserializer)?;
    Ok(nets.into_iter().map(|(name, net)| (name, net.addr())).collect())
}
