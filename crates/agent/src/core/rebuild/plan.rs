//! What is to be written so that the store has what it lost: pure.

use crate::{
    config::AgentConfig,
    core::{
        allocator::{Ledger, is_leftover, keeper},
        endpoints::WHY,
    },
};
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use weft_model::{Claim, Endpoint, EndpointId, Extra, Key, Keyspace, Network, NetworkId, NodeName, Record};
use weft_state::{
    cluster::Cluster,
    journal::{LocalEndpoint, LocalEndpoints},
    loss::{Loss, behind},
};
use weft_store::{Condition, Txn};

/// What the store should have, and has.
pub(super) struct Comparison {
    /// What it had when this node last saw it whole.
    pub(super) remembered: Arc<Cluster>,
    /// What it says now.
    pub(super) stored: Arc<Cluster>,
    /// What that lacked at first, or at any time since.
    pub(super) loss: Loss,
    /// What this node has.
    pub(super) journal: LocalEndpoints,
}

/// How far the rebuild is.
pub(super) struct SoFar<'c> {
    /// Networks that are about to go.
    pub(super) back: &'c BTreeSet<NetworkId>,
    /// Networks that were put back in this rebuild.
    pub(super) found_again: &'c BTreeSet<NetworkId>,
    /// Whether networks that are about to go, and what other nodes that are up have not confirmed yet, are waited
    /// for.
    pub(super) patient: bool,
    /// The start of a transaction that takes pools.
    pub(super) lineage: Txn,
}

/// What there is to do about what is this node's own, and about networks.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// To be written. Of those that cannot be, the next look shows why.
    pub(super) txns: Vec<Txn>,
    /// Endpoints of this node whose addresses have gone to others, and to which.
    pub(super) cut_off: BTreeMap<EndpointId, String>,
    /// Whether there is something to wait for.
    pub(super) waits: bool,
}

impl Comparison {
    /// Compares what is this node's own.
    pub(super) fn own(&self, config: &AgentConfig, keyspace: &Keyspace, so_far: SoFar<'_>) -> Own {
        let mut planning = Planning { config, keyspace, compared: self, so_far, plan: Own::default() };
        planning.networks();
        planning.own_endpoints();
        planning.plan
    }

    /// What the nodes that are not there would write: where they are, and their endpoints as they were when they
    /// were last seen. Those are theirs to confirm, or to take back. Returns them, too.
    pub(super) fn rest(
        &self,
        keyspace: &Keyspace,
        restored: &BTreeSet<EndpointId>,
    ) -> (Vec<Txn>, BTreeSet<EndpointId>) {
        if !self.loss.is_any() {
            return Default::default();
        }
        let (known, stored) = (&self.remembered, &self.stored);
        let behind: BTreeSet<_> = behind(known, stored).collect();
        // A `live` record alone does not mean that a node is up. Where nothing else is lacking, what was removed since
        // stays removed.
        let times = stored.times_rebuilt();
        let absent = |node: &NodeName| {
            stored.live.get(node).is_none_or(|(live, _)| live.rebuilt < times)
                && (self.loss.endpoints || behind.contains(node))
        };
        let nodes = known.nodes.iter().filter(|(name, _)| absent(name) && !stored.nodes.contains_key(*name));
        let nodes = nodes.map(|(name, node)| {
            let key = keyspace.path(&Key::Node(name.clone()));
            Txn::new().put(key, node.to_json(), Condition::Absent)
        });
        let mut txns: Vec<Txn> = nodes.collect();
        let mut ids = BTreeSet::new();
        let was_removed =
            |node: &NodeName, id| stored.nodes.get(node).is_some_and(|n| n.removed.contains(id));
        for (network, id, endpoint) in known.all_endpoints().filter(|(_, _, e)| absent(&e.node)) {
            if stored.endpoint(id).is_none()
                && !was_removed(&endpoint.node, id)
                && !restored.contains(id)
                && let Some(txn) = self.endpoint(keyspace, *network, *id, endpoint)
            {
                txns.push(txn);
                ids.insert(*id);
            }
        }
        (Txn::bundles(&Txn::new(), txns), ids)
    }

    fn endpoint(
        &self,
        keyspace: &Keyspace,
        network: NetworkId,
        id: EndpointId,
        endpoint: &Endpoint,
    ) -> Option<Txn> {
        let there = self.stored.networks.get(&network)?;
        let key = keyspace.path(&Key::Endpoint(network, id));
        let mut txn = Txn::new()
            .check(keyspace.path(&there.key(network)), Condition::Unchanged(there.modified))
            .put(key, endpoint.to_json(), Condition::Absent);
        for address in endpoint.addresses() {
            let pool = there.subnet_of(address)?.pool;
            match self.stored.claim(pool, address) {
                Some(claim) if claim.endpoint == id => {}
                Some(_) => return None,
                None => {
                    let claim = self.remembered.claim(pool, address).filter(|claim| claim.endpoint == id)?;
                    txn = Ledger::new(keyspace).claim(txn, (pool, address), claim, Condition::Absent);
                }
            }
        }
        Some(txn)
    }
}

struct Planning<'l> {
    config: &'l AgentConfig,
    keyspace: &'l Keyspace,
    compared: &'l Comparison,
    so_far: SoFar<'l>,
    plan: Own,
}

impl Planning<'_> {
    fn path(&self, key: &Key) -> String {
        self.keyspace.path(key)
    }

    /// Networks, with their ids and VNIs: all that are remembered, or those that this node serves.
    fn networks(&mut self) {
        let compared = self.compared;
        let served = compared.journal.values().filter(|local| local.fenced.is_none());
        let mut missing: BTreeMap<NetworkId, &Network> =
            served.map(|local| (local.network_id, &local.network)).collect();
        if self.compared.loss.networks {
            let known = compared.remembered.networks.iter();
            // A node that removes a network that was put back remembers more than this one does.
            let lost =
                known.filter(|(id, network)| !network.removing && !self.so_far.found_again.contains(*id));
            missing.extend(lost.map(|(id, network)| (*id, &**network)));
        }
        missing.retain(|id, _| !compared.stored.networks.contains_key(id));
        let mut restored = Vec::new();
        for (id, network) in missing {
            match in_the_way(&compared.stored, id, network) {
                Some(obstacle) => self.plan.waits |= self.goes(&obstacle),
                None => restored.push(self.network(id, network)),
            }
        }
        // Each bundle takes pools: only the first can be carried out on what was seen.
        let mut bundles = Txn::bundles(&self.so_far.lineage, restored).into_iter();
        self.plan.txns.extend(bundles.next());
        self.plan.waits |= bundles.next().is_some();
    }

    /// Whether what is in the way is about to go.
    fn goes(&self, obstacle: &Obstacle) -> bool {
        self.so_far.patient && obstacle.network.is_some_and(|id| self.so_far.back.contains(&id))
    }

    fn network(&self, id: NetworkId, network: &Network) -> Txn {
        let restored = Network { removing: false, ..network.clone() };
        let mut txn = Txn::new().put(self.path(&restored.key(id)), restored.to_json(), Condition::Absent);
        // What is there is its own: another's would be in the way.
        if !self.compared.stored.names.contains_key(&network.name) {
            txn = txn.put(self.path(&Key::Name(network.name.clone())), id.to_json(), Condition::Absent);
        }
        for vni in network.segments().into_iter().map(|segment| segment.vni) {
            if !self.compared.stored.vnis.contains_key(&vni) {
                txn = txn.put(self.path(&Key::Vni(vni)), id.to_json(), Condition::Absent);
            }
        }
        if network.is_encrypted() {
            txn = Ledger::new(self.keyspace).keep_pools(txn, id, network, Condition::Always);
        }
        txn
    }

    /// This node's endpoints: every claim is made anew, so that others know that it is no relic.
    fn own_endpoints(&mut self) {
        let mut confirmations = Vec::new();
        for (id, local) in self.compared.journal.iter().filter(|(_, local)| local.fenced.is_none()) {
            let confirmation = match self.was_removed(*id, local) {
                true => Confirmation::CutOff(WHY.to_owned()),
                false => self.confirmation(*id, local),
            };
            match confirmation {
                Confirmation::Done => {}
                Confirmation::Waits => self.plan.waits = true,
                Confirmation::Write(txn) => confirmations.push(txn),
                Confirmation::CutOff(why) => drop(self.plan.cut_off.insert(*id, why)),
            }
        }
        self.plan.txns.extend(Txn::bundles(&Txn::new(), confirmations));
    }

    /// Whether somebody took it off its network while this node was away.
    fn was_removed(&self, id: EndpointId, local: &LocalEndpoint) -> bool {
        let stored = &self.compared.stored;
        let me = stored.nodes.get(&self.config.node_name);
        stored.endpoint_on(&local.network_id, &id).is_none() && me.is_some_and(|me| me.removed.contains(&id))
    }

    fn confirmation(&self, id: EndpointId, local: &LocalEndpoint) -> Confirmation {
        let (stored, times) = (&self.compared.stored, self.compared.stored.times_rebuilt());
        let Some(network) = stored.networks.get(&local.network_id) else {
            // It is about to be put back, unless it cannot be.
            return match in_the_way(stored, local.network_id, &local.network) {
                Some(obstacle) if !self.goes(&obstacle) => Confirmation::CutOff(obstacle.why),
                _ => Confirmation::Waits,
            };
        };
        if network.removing && self.so_far.patient {
            return Confirmation::Waits;
        }
        let key = self.path(&Key::Endpoint(local.network_id, id));
        let ours = stored.endpoint_on(&local.network_id, &id);
        let mut confirmed = ours.is_some_and(|ours| **ours == local.endpoint);
        let mut txn = Txn::new()
            .check(self.path(&network.key(local.network_id)), Condition::Unchanged(network.modified))
            .put(key, local.endpoint.to_json(), Condition::as_seen(ours.map(|ours| ours.modified)));
        for (address, subnet) in local.subnets() {
            let claim = stored.claim(subnet.pool, address);
            match claim {
                Some(claim) if claim.endpoint != id => {
                    // So is one to come, for now: what is there keeps its address.
                    let leftover = is_leftover(claim, &self.config.node_name, &self.compared.journal);
                    if claim.rebuilt >= times && !leftover {
                        return Confirmation::CutOff(format!(
                            "address {address} went to an endpoint of node {} when the store was rebuilt",
                            claim.node
                        ));
                    }
                    if self.so_far.patient && stored.is_up(&claim.node) && claim.node != self.config.node_name
                    {
                        return Confirmation::Waits;
                    }
                    // Without any other sign that the store went back, it is rather this node that is behind.
                    if !(self.compared.loss.endpoints || self.compared.loss.latest || leftover) {
                        return Confirmation::CutOff(format!(
                            "address {address} is an endpoint's of node {} in the store",
                            claim.node
                        ));
                    }
                    if let Some(relic) = stored.endpoint_on(&local.network_id, &claim.endpoint) {
                        let key = self.path(&Key::Endpoint(local.network_id, claim.endpoint));
                        txn = txn.delete(key, Condition::Unchanged(relic.modified));
                    }
                    confirmed = false;
                }
                Some(claim) => confirmed &= claim.rebuilt >= times,
                None => confirmed = false,
            }
            let own = Claim {
                node: self.config.node_name.clone(),
                endpoint: id,
                rebuilt: times,
                extra: claim.map_or_else(Extra::new, |claim| claim.extra.clone()),
            };
            let condition = Condition::as_seen(claim.map(|claim| claim.modified));
            txn = Ledger::new(self.keyspace).claim(txn, (subnet.pool, address), &own, condition);
        }
        if confirmed { Confirmation::Done } else { Confirmation::Write(txn) }
    }
}

enum Confirmation {
    Done,
    Waits,
    Write(Txn),
    CutOff(String),
}

/// What keeps a network from being put back.
struct Obstacle {
    /// The network that is in its place, if it is one.
    network: Option<NetworkId>,
    why: String,
}

/// Somebody may have created another network in its place.
fn in_the_way(cluster: &Cluster, id: NetworkId, network: &Network) -> Option<Obstacle> {
    let another = |other: &NetworkId| *other != id;
    if cluster.has_unreadable_network(&id) {
        let why = format!(
            "the store lost its network {}, and has a record there that cannot be read",
            network.name
        );
        return Some(Obstacle { network: None, why });
    }
    let named = cluster.names.get(&network.name).copied().filter(another);
    let named = named.map(|id| (Some(id), "its name".to_owned()));
    let numbered = || {
        let vnis = network.segments().into_iter().map(|segment| segment.vni);
        let taken = vnis.filter_map(|vni| Some((cluster.vnis.get(&vni).copied().filter(another)?, vni)));
        taken.map(|(id, vni)| (Some(id), format!("VNI {vni}"))).next()
    };
    let placed = || {
        // Those that are kept for this very network are not in its way.
        let kept = |pool: &IpNet| {
            cluster.reserved_pools.get(pool).is_some_and(|hold| keeper(id).as_ref() == Some(&hold.node))
        };
        let pools: BTreeSet<IpNet> = cluster.pools().into_iter().filter(|pool| !kept(pool)).collect();
        let overlap = |pool: &IpNet| pools.iter().find(|other| other.contains(pool) || pool.contains(*other));
        let pool = network.subnets.iter().find_map(|subnet| overlap(&subnet.pool))?;
        Some((cluster.network_with(*pool).map(|(id, _)| id), format!("pool {pool}")))
    };
    let (other, what) = named.or_else(placed).or_else(numbered)?;
    let why = format!("the store lost its network {}, and another has {what} by now", network.name);
    Some(Obstacle { network: other, why })
}
