//! Addresses: chosen from the view, claimed by compare-and-set together with the endpoint they are for.
//! One round trip where nobody else was after the same address; never a scan, unless the pool seems full.

use super::{
    Core, Error, JoinOptions, Kind, macs,
    pending::{ClaimKey, Held},
    races::Lost,
};
use ipnet::IpNet;
use jiff::Timestamp;
use std::{net::IpAddr, sync::PoisonError};
use weft_ipam::next_address;
use weft_model::{
    Claim, Cursor, Endpoint, EndpointId, EndpointName, Extra, Key, Latest, MacAddr, Network, NetworkId,
    NodeName, Record, Segment, Subnet,
};
use weft_state::{
    cluster::{Cluster, Stored},
    journal::LocalEndpoints,
};
use weft_store::{CommitError, Condition, Txn};

/// An endpoint that is to join a network.
pub(super) struct NewEndpoint<'a> {
    pub(super) id: EndpointId,
    pub(super) name: &'a EndpointName,
    pub(super) container: Option<String>,
    pub(super) created: Timestamp,
    pub(super) options: &'a JoinOptions,
}

/// What is about to be claimed, and for which endpoint.
struct Claiming<'p> {
    network: Stored<Network>,
    endpoint: Endpoint,
    held: Held<'p>,
    txn: Txn,
}

impl Core {
    /// Claims addresses on `network_id` and writes the endpoint, in one transaction.
    pub(super) async fn claim(
        &self,
        network_id: NetworkId,
        new: &NewEndpoint<'_>,
    ) -> Result<(Network, Endpoint), Error> {
        let mut lost = Lost::default();
        let mut attempts = self.access.attempts();
        loop {
            self.access.cluster_with_me().await?;
            let decided = self.access.decide(|cluster| self.claiming(cluster, network_id, new, &lost)).await;
            let (cluster, chosen) = match decided {
                Ok(decided) => decided,
                // Nothing is said to be taken because it was, a moment ago.
                Err(error) if error.kind == Kind::Conflict && lost.forget() => {
                    attempts.at_once()?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            match self.access.commit(chosen.txn).await {
                Ok(()) => return Ok(((*chosen.network).clone(), chosen.endpoint)),
                Err(CommitError::Store(error)) => return Err(error.into()),
                Err(CommitError::Conflict { keys }) => {
                    let claimed =
                        |key: &&ClaimKey| keys.contains(&self.access.path(&Key::Claim(key.0, key.1)));
                    let addresses = chosen.held.addresses.iter().filter(claimed).map(|(_, a)| *a);
                    let learnt = lost.add(addresses, &self.env);
                    // Another claim was faster: try another address at once. Anything else: look again first.
                    if learnt { attempts.at_once()? } else { attempts.again(&cluster).await? }
                }
            }
        }
    }

    fn claiming(
        &self,
        cluster: &Cluster,
        network_id: NetworkId,
        new: &NewEndpoint<'_>,
        lost: &Lost,
    ) -> Result<Claiming<'_>, Error> {
        let (network, held) = self.choose(cluster, network_id, new.options, lost)?;
        let endpoint = self.endpoint(new, &held.addresses);
        macs::refuse_taken(cluster, (network_id, network), endpoint.mac)?;
        let txn = self.joining_txn(cluster, network_id, network, (new, &endpoint), &held)?;
        Ok(Claiming { network: network.clone(), endpoint, held, txn })
    }

    fn endpoint(&self, new: &NewEndpoint<'_>, addresses: &[ClaimKey]) -> Endpoint {
        let ipv4 = addresses.iter().find_map(|(_, a)| if let IpAddr::V4(a) = a { Some(*a) } else { None });
        let ipv6 = addresses.iter().find_map(|(_, a)| if let IpAddr::V6(a) = a { Some(*a) } else { None });
        let first = ipv4.map(IpAddr::V4).or(ipv6.map(IpAddr::V6));
        let derived = first.map_or_else(|| MacAddr::for_ip(IpAddr::from([0, 0, 0, 0])), MacAddr::for_ip);
        Endpoint {
            name: new.name.clone(),
            aliases: new.options.aliases.clone(),
            ipv4,
            ipv6,
            mac: new.options.mac.unwrap_or(derived),
            node: self.access.node().clone(),
            container: new.container.clone(),
            created: new.created,
            extra: Extra::new(),
        }
    }

    fn joining_txn(
        &self,
        cluster: &Cluster,
        network_id: NetworkId,
        network: &Stored<Network>,
        (new, endpoint): (&NewEndpoint<'_>, &Endpoint),
        held: &Held<'_>,
    ) -> Result<Txn, Error> {
        let claim = self.own_claim(new.id);
        let key = self.access.path(&Key::Endpoint(network_id, new.id));
        let mut txn = self.while_member(cluster, network_id, network, new.id)?.put(
            key,
            endpoint.to_json(),
            Condition::Absent,
        );
        for (pool, address) in &held.addresses {
            txn = txn.put(self.access.path(&Key::Claim(*pool, *address)), claim.to_json(), Condition::Absent);
            // What was asked for is out of order: the others go on where they were.
            if held.in_order && !new.options.addresses().any(|asked| asked == *address) {
                let cursor = Cursor { last: *address, extra: Extra::new() };
                txn = txn.put(self.access.path(&Key::Cursor(*pool)), cursor.to_json(), Condition::Always);
            }
        }
        Ok(txn)
    }

    /// What is written under an address of this node's endpoint `id`.
    pub(super) fn own_claim(&self, id: EndpointId) -> Claim {
        Claim {
            node: self.access.node().clone(),
            endpoint: id,
            rebuilt: self.memory.times_dealt_with(),
            extra: Extra::new(),
        }
    }

    /// The start of a transaction that takes addresses on `network` for this node's endpoint `id`. A network that is
    /// being removed, or a node that was given up, has changed.
    pub(super) fn while_member(
        &self,
        cluster: &Cluster,
        network_id: NetworkId,
        network: &Stored<Network>,
        id: EndpointId,
    ) -> Result<Txn, Error> {
        let node = self.access.node();
        let me = self.access.registration(cluster).ok_or_else(|| {
            let message = format!("node {node} has not joined the cluster yet; try again in a moment");
            Error::new(Kind::Unavailable, message)
        })?;
        let latest = Latest { endpoint: id, extra: Extra::new() };
        Ok(Txn::new()
            .check(self.access.path(&Key::Network(network_id)), Condition::Unchanged(network.modified))
            .check(self.access.path(&Key::Node(node.clone())), Condition::Unchanged(me.modified))
            .put(self.access.path(&Key::Latest(node.clone())), latest.to_json(), Condition::Always))
    }

    /// Chooses one address of `pool`, which `network` has.
    pub(super) fn choose_from(
        &self,
        cluster: &Cluster,
        network: &Network,
        pool: IpNet,
        asked: Option<IpAddr>,
        lost: &Lost,
    ) -> Result<(ClaimKey, Held<'_>), Error> {
        let mut held = self.pending.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let busy = |pool: IpNet, address: IpAddr| {
            cluster.is_claimed(pool, address) || lost.contains(address) || held.contains(&(pool, address))
        };
        let subnet = network.subnets.iter().find(|subnet| subnet.pool == pool);
        let subnet = subnet.ok_or_else(|| Error::not_found("subnet", &pool.to_string()))?;
        let key = (pool, self.choose_in(cluster, subnet, asked, (lost, &busy))?);
        held.insert(key);
        let in_order = lost.none_yet();
        Ok((key, Held { pending: &self.pending, addresses: vec![key], in_order }))
    }

    /// Chooses addresses: in the segment that the asked ones lie in, or the first with room.
    fn choose<'c>(
        &self,
        cluster: &'c Cluster,
        id: NetworkId,
        options: &JoinOptions,
        lost: &Lost,
    ) -> Result<(&'c Stored<Network>, Held<'_>), Error> {
        let network = cluster.networks.get(&id).ok_or_else(|| Error::not_found("network", &id.short()))?;
        if network.removing {
            return Err(Error::conflict(format!("network {} is being removed", network.name)));
        }
        let asked: Vec<IpAddr> = options.addresses().collect();
        let mut held = self.pending.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let mut full = Error::conflict(format!("network {} has no subnets", network.name));
        let segments = network.segments();
        for segment in segments_for(network, &segments, &asked)? {
            let busy = |pool: IpNet, address: IpAddr| {
                cluster.is_claimed(pool, address) || lost.contains(address) || held.contains(&(pool, address))
            };
            let addresses: Result<Vec<_>, Error> = segment
                .subnets()
                .map(|subnet| {
                    let asked = asked.iter().copied().find(|a| subnet.pool.contains(a));
                    self.choose_in(cluster, subnet, asked, (lost, &busy))
                        .map(|address| (subnet.pool, address))
                })
                .collect();
            match addresses {
                Ok(addresses) => {
                    held.extend(addresses.iter().copied());
                    let in_order = lost.none_yet();
                    return Ok((network, Held { pending: &self.pending, addresses, in_order }));
                }
                Err(error) => full = error,
            }
        }
        Err(full)
    }

    fn choose_in(
        &self,
        cluster: &Cluster,
        subnet: &Subnet,
        asked: Option<IpAddr>,
        (lost, busy): (&Lost, &impl Fn(IpNet, IpAddr) -> bool),
    ) -> Result<IpAddr, Error> {
        let pool = subnet.pool;
        let Some(address) = asked else {
            let last = lost.place_in(subnet).or_else(|| cluster.cursors.get(&pool).copied());
            // An address is passed over if the Ethernet address that belongs to it is taken.
            let network = cluster.network_with(pool);
            let busy = |address| {
                let mac = MacAddr::for_ip(address);
                busy(pool, address) || network.is_some_and(|on| macs::refuse_taken(cluster, on, mac).is_err())
            };
            return next_address(subnet, last, &busy).ok_or_else(|| {
                let used = cluster.claims.get(&pool).map_or(0, |claims| claims.len());
                let range = subnet.ip_range.unwrap_or(pool);
                Error::conflict(format!(
                    "no free address left in {range}: {used} are in use; remove a container"
                ))
            });
        };
        subnet.check_host("address", address).map_err(Error::invalid)?;
        if address == subnet.gateway {
            return Err(Error::conflict(format!("address {address} is the gateway of subnet {pool}")));
        }
        if let Some((name, _)) = subnet.aux_addresses.iter().find(|(_, aux)| **aux == address) {
            return Err(Error::conflict(format!("address {address} is reserved for {name} (aux-address)")));
        }
        if busy(pool, address) {
            return Err(Error::conflict(format!(
                "address {address} is in use{}",
                owner(cluster, pool, address)
            )));
        }
        Ok(address)
    }

    /// Takes an endpoint of this node out of the store, with its addresses. One that is not there is no error; an
    /// address that another endpoint holds by now is left alone.
    pub(crate) async fn release(&self, id: EndpointId) -> Result<(), Error> {
        let mut attempts = self.access.attempts();
        loop {
            let cluster = self.access.cluster().await?;
            let Some(txn) = self.releasing(&cluster, id) else { return Ok(()) };
            match self.access.commit(txn).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Conflict { .. }) => attempts.again(&cluster).await?,
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
    }

    /// The transaction that removes an endpoint and every address claimed for it; `None` if nothing is there.
    pub(super) fn releasing(&self, cluster: &Cluster, id: EndpointId) -> Option<Txn> {
        let mut txn = Txn::new();
        let endpoint = cluster.endpoint(&id);
        if let Some((network, endpoint)) = endpoint {
            let key = self.access.path(&Key::Endpoint(*network, id));
            txn = txn.delete(key, Condition::Unchanged(endpoint.modified));
        }
        let own = |pool: &IpNet, address: &IpAddr, claim: &Stored<Claim>| {
            (claim.endpoint == id).then(|| (self.access.path(&Key::Claim(*pool, *address)), claim.modified))
        };
        let claims: Vec<_> = match endpoint.map(|(network, e)| (cluster.networks.get(network), e)) {
            // The usual case looks up the endpoint's own addresses only.
            Some((Some(network), endpoint)) => endpoint
                .addresses()
                .filter_map(|a| {
                    let pool = network.subnet_of(a)?.pool;
                    own(&pool, &a, cluster.claim(pool, a)?)
                })
                .collect(),
            _ => cluster
                .claims
                .iter()
                .flat_map(|(pool, claims)| claims.iter().filter_map(|(a, claim)| own(pool, a, claim)))
                .collect(),
        };
        for (key, modified) in claims {
            txn = txn.delete(key, Condition::Unchanged(modified));
        }
        (!txn.ops.is_empty()).then_some(txn)
    }
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

/// Whether `claim` is for an endpoint that `node`, which has `endpoints`, once had.
pub(super) fn is_leftover(claim: &Claim, node: &NodeName, endpoints: &LocalEndpoints) -> bool {
    claim.node == *node && !endpoints.contains_key(&claim.endpoint)
}

pub(super) fn owner(cluster: &Cluster, pool: IpNet, address: IpAddr) -> String {
    let Some(claim) = cluster.claim(pool, address) else { return String::new() };
    match cluster.endpoint(&claim.endpoint) {
        Some((_, endpoint)) => format!(" by {} on node {}", endpoint.name, endpoint.node),
        None => format!(" on node {}", claim.node),
    }
}
