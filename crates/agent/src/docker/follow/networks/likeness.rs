//! One network as the engine describes it, and as the cluster does.

use jiff::SignedDuration;
use std::collections::BTreeSet;
use weft_docker::{
    engine::{self, ConfiguredPool, NewNetwork},
    plugin::DRIVER,
};
use weft_model::{IpNet, Network, asks_for_encryption};
use weft_verbs::{CreateNetwork, PoolRequest};

/// How long after each other two networks of one name are created at most if nobody knew of the first: the clocks of
/// two hosts may differ.
const RACE: SignedDuration = SignedDuration::from_secs(10);

/// What to ask of the core so that the cluster gets a network of the engine.
///
/// # Errors
/// Why it cannot.
pub(super) fn adoption(network: &engine::Network) -> Result<CreateNetwork, String> {
    if network.ipam.driver != DRIVER {
        return Err(format!(
            "its addresses are those of the driver {}: remove it, and create it with --ipam-driver {DRIVER}",
            network.ipam.driver
        ));
    }
    let pools = pools_of(network);
    Ok(CreateNetwork {
        name: network.name.clone(),
        ipv4: pools.iter().any(|pool| pool.addr().is_ipv4()),
        ipv6: pools.iter().any(|pool| pool.addr().is_ipv6()),
        pools: network.ipam.pools.iter().map(request).collect(),
        internal: network.internal,
        options: network.options.clone(),
        labels: network.labels.clone(),
        id: Some(network.id),
    })
}

/// What to ask of the engine so that it gets a network of the cluster.
pub(super) fn creation(network: &Network) -> NewNetwork {
    let pool = |subnet: &weft_model::Subnet| ConfiguredPool {
        subnet: Some(subnet.pool),
        ip_range: subnet.ip_range,
        gateway: Some(subnet.gateway),
        aux_addresses: subnet.aux_addresses.clone(),
    };
    NewNetwork {
        name: network.name.clone(),
        driver: DRIVER.to_owned(),
        ipam_driver: DRIVER.to_owned(),
        pools: network.subnets.iter().map(pool).collect(),
        options: network.options.clone(),
        labels: network.labels.clone(),
        internal: network.internal,
        attachable: false,
    }
}

/// What keeps the two from being one network; `None` if nothing does. Other options, labels and what addresses are
/// handed out from are the cluster's business: that the engine has others changes nothing for containers.
pub(super) fn difference(network: &engine::Network, cluster: &Network) -> Option<String> {
    if network.name != cluster.name {
        return Some(format!("the cluster calls it {}", cluster.name));
    }
    if is_open(network, cluster) {
        return Some("it was to be encrypted, and the cluster's is not".to_owned());
    }
    let (has, wanted) = (pools_of(network), subnets_of(cluster));
    if has != wanted {
        return Some(format!("it has {}, the cluster's {}", list(&has), list(&wanted)));
    }
    if network.internal != cluster.internal {
        let word = |internal| if internal { "is internal" } else { "is not" };
        return Some(format!("it {}, the cluster's {}", word(network.internal), word(cluster.internal)));
    }
    let gateway = |pool: &ConfiguredPool| {
        let subnet = cluster.subnets.iter().find(|subnet| Some(subnet.pool) == pool.subnet)?;
        let own = pool.gateway.filter(|own| *own != subnet.gateway)?;
        Some(format!("its gateway is {own}, the cluster's {}", subnet.gateway))
    };
    network.ipam.pools.iter().find_map(gateway)
}

/// Whether two networks of one name were created at once by engines that could not know of each other, and one can
/// stand for the other: containers have addresses of the same families, and a way out or none.
pub(super) fn raced(network: &engine::Network, cluster: &Network) -> bool {
    let families = |pools: BTreeSet<IpNet>| -> BTreeSet<bool> {
        pools.iter().map(|pool| pool.addr().is_ipv4()).collect()
    };
    network.name == cluster.name
        && network.ipam.driver == DRIVER
        && !is_open(network, cluster)
        && network.internal == cluster.internal
        && families(pools_of(network)) == families(subnets_of(cluster))
        && network.created.duration_since(cluster.created).abs() <= RACE
}

/// Whether the user asked for an encrypted network, and the cluster's is none.
fn is_open(network: &engine::Network, cluster: &Network) -> bool {
    asks_for_encryption(&network.options) && !cluster.is_encrypted()
}

/// The pools of an engine's network.
pub(super) fn pools_of(network: &engine::Network) -> BTreeSet<IpNet> {
    network.ipam.pools.iter().filter_map(|pool| pool.subnet).collect()
}

/// The pools of a network of the cluster.
pub(super) fn subnets_of(network: &Network) -> BTreeSet<IpNet> {
    network.subnets.iter().map(|subnet| subnet.pool).collect()
}

fn request(pool: &ConfiguredPool) -> PoolRequest {
    PoolRequest {
        subnet: pool.subnet,
        gateway: pool.gateway,
        ip_range: pool.ip_range,
        aux_addresses: pool.aux_addresses.clone(),
    }
}

fn list(pools: &BTreeSet<IpNet>) -> String {
    let pools: Vec<String> = pools.iter().map(ToString::to_string).collect();
    if pools.is_empty() { "no subnet".to_owned() } else { pools.join(", ") }
}
