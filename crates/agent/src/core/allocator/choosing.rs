//! Which addresses an endpoint gets: those that were asked for, or the next that are free.

use super::{
    Allocator, Error,
    lost::Lost,
    pending::{ClaimKey, PendingAddresses},
    refusal::{AddressError, ClaimError},
};
use crate::core::{macs, refusal::Taken};
use ipnet::IpNet;
use std::{net::IpAddr, sync::PoisonError};
use weft_ipam::next_address;
use weft_model::{MacAddr, Network, NetworkId, Segment, Subnet};
use weft_state::cluster::{Cluster, Stored};
use weft_verbs::JoinOptions;

impl Allocator {
    /// Chooses one address of `pool`, which `network` has.
    pub(super) fn choose_from(
        &self,
        cluster: &Cluster,
        network: &Network,
        pool: IpNet,
        asked: Option<IpAddr>,
        lost: &Lost,
    ) -> Result<(ClaimKey, PendingAddresses<'_>), ClaimError> {
        let mut held = self.pending.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let busy = |pool: IpNet, address: IpAddr| {
            cluster.is_claimed(pool, address) || lost.contains(address) || held.contains(&(pool, address))
        };
        let subnet = network.subnets.iter().find(|subnet| subnet.pool == pool);
        let subnet = subnet.ok_or_else(|| Error::not_found("subnet", &pool.to_string()))?;
        let key = (pool, choose_in(cluster, subnet, asked, lost, &busy)?);
        held.insert(key);
        let in_order = lost.none_yet() && asked.is_none();
        Ok((key, PendingAddresses { pending: &self.pending, addresses: vec![key], in_order }))
    }

    /// Chooses addresses: in the segment that the asked ones lie in, or the first with room.
    pub(super) fn choose<'c>(
        &self,
        cluster: &'c Cluster,
        id: NetworkId,
        options: &JoinOptions,
        lost: &Lost,
    ) -> Result<(&'c Stored<Network>, PendingAddresses<'_>), ClaimError> {
        let network = cluster.networks.get(&id).ok_or_else(|| Error::not_found("network", &id.short()))?;
        if network.removing {
            return Err(Taken::Removing(network.name.clone()).into());
        }
        let asked: Vec<IpAddr> = options.addresses().collect();
        let mut held = self.pending.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let mut full = AddressError::NoSubnets(network.name.clone());
        let segments = network.segments();
        for segment in segments_for(network, &segments, &asked)? {
            let busy = |pool: IpNet, address: IpAddr| {
                cluster.is_claimed(pool, address) || lost.contains(address) || held.contains(&(pool, address))
            };
            let addresses: Result<Vec<_>, AddressError> = segment
                .subnets()
                .map(|subnet| {
                    let asked = asked.iter().copied().find(|a| subnet.pool.contains(a));
                    choose_in(cluster, subnet, asked, lost, &busy).map(|address| (subnet.pool, address))
                })
                .collect();
            match addresses {
                Ok(addresses) => {
                    held.extend(addresses.iter().copied());
                    let in_order = lost.none_yet();
                    return Ok((network, PendingAddresses { pending: &self.pending, addresses, in_order }));
                }
                Err(error) => full = error,
            }
        }
        Err(full.into())
    }
}

/// Chooses an address of `subnet`: the one that is asked for, or the next that is not `busy`.
fn choose_in(
    cluster: &Cluster,
    subnet: &Subnet,
    asked: Option<IpAddr>,
    lost: &Lost,
    busy: &impl Fn(IpNet, IpAddr) -> bool,
) -> Result<IpAddr, AddressError> {
    let pool = subnet.pool;
    let Some(address) = asked else {
        let last = lost.place_in(subnet).or_else(|| cluster.cursors.get(&pool).copied());
        // An address is passed over if the Ethernet address that belongs to it is taken.
        let network = cluster.network_with(pool);
        let busy = |address| {
            let mac = MacAddr::for_ip(address);
            busy(pool, address)
                || network.is_some_and(|(id, on)| macs::refuse_taken(cluster, id, on, mac).is_err())
        };
        return next_address(subnet, last, &busy).ok_or_else(|| {
            let used = cluster.claims.get(&pool).map_or(0, |claims| claims.len());
            let range = subnet.ip_range.unwrap_or(pool);
            AddressError::Full { range, used }
        });
    };
    subnet.check_host("address", address)?;
    if address == subnet.gateway {
        return Err(AddressError::Gateway { address, pool });
    }
    if let Some((name, _)) = subnet.aux_addresses.iter().find(|(_, aux)| **aux == address) {
        return Err(AddressError::Auxiliary { address, name: name.clone() });
    }
    if busy(pool, address) {
        return Err(AddressError::InUse { address, owner: owner(cluster, pool, address) });
    }
    Ok(address)
}

/// The segments to look in: the one that all asked addresses lie in, or all of them in order.
fn segments_for<'s, 'n>(
    network: &Network,
    segments: &'s [Segment<'n>],
    asked: &[IpAddr],
) -> Result<Vec<&'s Segment<'n>>, Error> {
    for address in asked {
        if network.subnet_of(*address).is_none() {
            let pools: Vec<String> = network.subnets.iter().map(|s| s.pool.to_string()).collect();
            return Err(Error::invalid(format!(
                "address {address} is in no subnet of network {} ({})",
                network.name,
                pools.join(", ")
            )));
        }
    }
    let fits = |segment: &&Segment<'_>| {
        asked.iter().all(|a| segment.subnets().any(|subnet| subnet.pool.contains(a)))
    };
    let fitting: Vec<_> = segments.iter().filter(fits).collect();
    if fitting.is_empty() && !asked.is_empty() {
        return Err(Error::invalid("the addresses asked for lie in different segments of the network"));
    }
    Ok(fitting)
}

/// Names the owner of an address, as a part of a sentence.
pub(super) fn owner(cluster: &Cluster, pool: IpNet, address: IpAddr) -> String {
    let Some(claim) = cluster.claim(pool, address) else { return String::new() };
    match cluster.endpoint(&claim.endpoint) {
        Some((_, endpoint)) => format!(" by {} on node {}", endpoint.name, endpoint.node),
        None => format!(" on node {}", claim.node),
    }
}
