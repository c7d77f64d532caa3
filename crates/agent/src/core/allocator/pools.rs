//! What a new network gets: pools, gateways, VNIs.

use super::refusal::PoolError;
use ipnet::IpNet;
use std::{collections::BTreeSet, net::IpAddr};
use weft_ipam::{AddressPool, free_pool, free_vni, next_address, random_ula};
use weft_model::{Extra, InUse, NodeName, PoolReservation, Subnet, VNI_OPTIONS, Vni, is_default};
use weft_state::{cluster::Cluster, env::Env};
use weft_verbs::{CreateNetwork, Error, PoolRequest};

/// What the choice depends on besides the request.
pub(super) struct Surroundings<'a> {
    pub(super) cluster: &'a Cluster,
    /// Where this host's routes lead, the default routes excluded.
    pub(super) routes: &'a [IpNet],
    /// Where default subnets come from.
    pub(super) default_pools: &'a [AddressPool],
    pub(super) env: &'a Env,
    /// The node that may have reserved the requested pools.
    pub(super) holder: Option<&'a NodeName>,
}

/// Chooses the subnets of a new network: what the request names, and free ones for the rest.
pub(super) fn choose(request: &CreateNetwork, around: &Surroundings<'_>) -> Result<Vec<Subnet>, Error> {
    let mut chosen = Vec::new();
    for pool in &request.pools {
        chosen.push((around.requested(pool, &chosen)?, pool.clone()));
    }
    let has =
        |ipv4: bool, chosen: &[(IpNet, PoolRequest)]| chosen.iter().any(|(p, _)| p.addr().is_ipv4() == ipv4);
    if request.ipv4 && !has(true, &chosen) {
        chosen.push((around.free_ipv4(&chosen)?, PoolRequest::default()));
    }
    if request.ipv6 && !has(false, &chosen) {
        chosen.push((around.free_ipv6(&chosen)?, PoolRequest::default()));
    }
    if chosen.is_empty() {
        return Err(Error::invalid("a network without IPv4 and IPv6 has no addresses: allow one of them"));
    }
    let vnis = around.vnis(request, &chosen)?;
    chosen.into_iter().zip(vnis).map(|((pool, request), vni)| subnet(pool, request, vni)).collect()
}

fn subnet(pool: IpNet, request: PoolRequest, vni: Vni) -> Result<Subnet, Error> {
    let gateway = request.gateway.unwrap_or_else(|| {
        let first = Subnet::default_gateway(pool);
        // An auxiliary address may hold the usual place of the gateway.
        let aux: BTreeSet<IpAddr> = request.aux_addresses.values().copied().collect();
        pool.hosts().find(|host| *host >= first && !aux.contains(host)).unwrap_or(first)
    });
    let PoolRequest { ip_range, aux_addresses, .. } = request;
    let subnet = Subnet { pool, gateway, vni, ip_range, aux_addresses, extra: Extra::new() };
    subnet.check().map_err(Error::invalid)?;
    if let Some((name, _)) = subnet.aux_addresses.iter().find(|(_, aux)| **aux == gateway) {
        return Err(Error::invalid(format!("aux-address {name}={gateway} is the gateway's; choose another")));
    }
    if let Some(range) = subnet.ip_range
        && next_address(&subnet, None, &|_| false).is_none()
    {
        return Err(Error::invalid(format!(
            "ip-range {range} has no address for a container: all of it is the gateway's, an aux-address, or an end of \
             the subnet; choose a larger one"
        )));
    }
    Ok(subnet)
}

impl Surroundings<'_> {
    pub(super) fn requested(
        &self,
        request: &PoolRequest,
        chosen: &[(IpNet, PoolRequest)],
    ) -> Result<IpNet, Error> {
        let Some(pool) = request.subnet else {
            return Err(Error::invalid(
                "a gateway, ip-range or aux-address needs the subnet it lies in: add --subnet",
            ));
        };
        Subnet::check_pool(pool).map_err(Error::invalid)?;
        let overlaps = |other: &IpNet| other.contains(&pool) || pool.contains(other);
        if let Some((other, _)) = chosen.iter().find(|(other, _)| overlaps(other)) {
            return Err(Error::invalid(format!("subnets {other} and {pool} of one network overlap")));
        }
        if let Some((network, subnet)) =
            self.cluster.networks.values().find_map(|n| Some((n, n.overlapping(pool)?)))
        {
            return Err(
                PoolError::OfNetwork { pool, other: subnet.pool, network: network.name.clone() }.into()
            );
        }
        let held_for_it = |held: &IpNet, reservation: &PoolReservation| {
            *held == pool && self.holder == Some(&reservation.node)
        };
        let held = self
            .cluster
            .reserved_pools
            .iter()
            .find(|(held, reservation)| overlaps(held) && !held_for_it(held, reservation));
        if let Some((held, reservation)) = held {
            return Err(PoolError::Reserved { pool, other: *held, node: reservation.node.clone() }.into());
        }
        if self.holder.is_some() {
            // The host's routes were looked at when it was held.
            return Ok(pool);
        }
        if let Some(route) = self.routes.iter().find(|route| overlaps(route)) {
            return Err(PoolError::Routed { pool, other: *route }.into());
        }
        if let Some((node, used)) = self.used_by_others().find(|(_, used)| used.overlaps(&pool)) {
            return Err(
                PoolError::UsedByNode { pool, other: used.net, node: node.clone(), what: used.what }.into()
            );
        }
        Ok(pool)
    }

    fn taken(&self, chosen: &[(IpNet, PoolRequest)]) -> Vec<IpNet> {
        let cluster = self.cluster.pools().into_iter();
        let used = self.used_by_others().map(|(_, used)| used.net).filter(|net| !is_default(net));
        cluster
            .chain(used)
            .chain(self.routes.iter().copied())
            .chain(chosen.iter().map(|(pool, _)| *pool))
            .collect()
    }

    /// What the nodes say that they use, and where they are, which those of an earlier version do not say.
    fn used_by_others(&self) -> impl Iterator<Item = (&NodeName, InUse)> {
        self.cluster.nodes.iter().flat_map(|(name, node)| {
            let there = InUse::vital(node.vtep.into(), "its own address");
            node.uses.iter().cloned().chain([there]).map(move |used| (name, used))
        })
    }

    pub(super) fn free_ipv4(&self, chosen: &[(IpNet, PoolRequest)]) -> Result<IpNet, Error> {
        let mut pools: Vec<AddressPool> =
            self.default_pools.iter().copied().filter(AddressPool::is_ipv4).collect();
        if pools.is_empty() {
            pools.push(AddressPool::default_ipv4());
        }
        Ok(free_pool(&pools, &self.taken(chosen)).map_err(PoolError::from)?)
    }

    pub(super) fn free_ipv6(&self, chosen: &[(IpNet, PoolRequest)]) -> Result<IpNet, Error> {
        let pools: Vec<AddressPool> = self.default_pools.iter().copied().filter(|p| !p.is_ipv4()).collect();
        if pools.is_empty() {
            return Ok(self.env.random(|rng| random_ula(rng)));
        }
        Ok(free_pool(&pools, &self.taken(chosen)).map_err(PoolError::from)?)
    }

    /// A VNI for each pool. The first IPv4 pool and the first IPv6 pool share one, and so on: a container has
    /// one interface for both.
    fn vnis(&self, request: &CreateNetwork, chosen: &[(IpNet, PoolRequest)]) -> Result<Vec<Vni>, Error> {
        let segment_of = |at: usize| {
            let ipv4 = chosen[at].0.addr().is_ipv4();
            chosen[..at].iter().filter(|(pool, _)| pool.addr().is_ipv4() == ipv4).count()
        };
        let segments: Vec<usize> = (0..chosen.len()).map(segment_of).collect();
        let count = segments.iter().max().map_or(0, |max| max + 1);
        let mut vnis = self.requested_vnis(request, count)?;
        while vnis.len() < count {
            let taken = |vni: Vni| vnis.contains(&vni) || self.cluster.vnis.contains_key(&vni);
            let vni = free_vni(taken).map_err(PoolError::from)?;
            vnis.push(vni);
        }
        Ok(segments.into_iter().map(|segment| vnis[segment]).collect())
    }

    fn requested_vnis(&self, request: &CreateNetwork, count: usize) -> Result<Vec<Vni>, Error> {
        let Some(text) = VNI_OPTIONS.iter().find_map(|option| request.options.get(*option)) else {
            return Ok(Vec::new());
        };
        let mut vnis: Vec<Vni> = Vec::new();
        for part in text.split(',') {
            let vni = part.trim().parse().map_err(Error::invalid)?;
            if vni == Vni::PROBES {
                return Err(PoolError::VniReserved.into());
            }
            if vnis.contains(&vni) {
                return Err(Error::invalid(format!("VNI {vni} is given twice")));
            }
            if let Some(id) = self.cluster.vnis.get(&vni) {
                let owner = self.cluster.networks.get(id).map_or_else(|| id.short(), |n| n.name.to_string());
                return Err(PoolError::VniInUse { vni, network: owner }.into());
            }
            vnis.push(vni);
        }
        if vnis.len() > count {
            return Err(Error::invalid(format!("{} VNIs are given for {count} subnets", vnis.len())));
        }
        Ok(vnis)
    }
}
