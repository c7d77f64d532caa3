//! What is to be written so that the store has what it lost: pure.

use crate::{
    cluster::{Cluster, Stored},
    config::AgentConfig,
    journal::{LocalEndpoint, LocalEndpoints},
};
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};
use weft_model::{
    Claim, Cursor, Endpoint, EndpointId, Epoch, Extra, Key, Keyspace, Network, NetworkId, Record,
};
use weft_store::{Condition, MAX_OPS, Txn};

/// What the store should have, and has.
pub(super) struct Loss {
    /// What it had when this node last saw it whole.
    pub(super) remembered: Arc<Cluster>,
    /// What it says now.
    pub(super) remains: Arc<Cluster>,
    /// Networks it has again that this node saw removed.
    pub(super) removed: BTreeSet<NetworkId>,
    /// What this node has.
    pub(super) journal: LocalEndpoints,
    /// The last rebuild that this node did its part of.
    pub(super) dealt_with: u64,
}

/// What there is to do.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// To be written. Of those that cannot be, the next look shows why.
    pub(super) txns: Vec<Txn>,
    /// Endpoints of this node whose addresses are somebody else's by now, and whose.
    pub(super) cut_off: BTreeMap<EndpointId, String>,
    /// Whether there is something to wait for.
    pub(super) waits: bool,
}

/// Compares. While it is `patient`, what other nodes that are up have not confirmed yet is waited for.
pub(super) fn plan(config: &AgentConfig, keyspace: &Keyspace, loss: &Loss, patient: bool) -> Plan {
    let mut planning = Planning { config, keyspace, loss, patient, plan: Plan::default() };
    // Who has seen more than the store has knows all that is missing. Otherwise others have put it back, or are about
    // to, and know better than a node that was away what there was last.
    let has_less = loss.remains.pools_taken() < loss.remembered.pools_taken();
    planning.removed();
    planning.networks(has_less);
    if has_less {
        planning.nodes();
        planning.endpoints_of_others();
    }
    planning.own_endpoints();
    if has_less && planning.plan.txns.is_empty() && !planning.plan.waits {
        planning.epoch();
    }
    planning.plan
}

struct Planning<'l> {
    config: &'l AgentConfig,
    keyspace: &'l Keyspace,
    loss: &'l Loss,
    patient: bool,
    plan: Plan,
}

impl Planning<'_> {
    fn path(&self, key: &Key) -> String {
        self.keyspace.path(key)
    }

    /// Networks that were removed go again, in the two steps of every removal: from the first on nobody can join.
    fn removed(&mut self) {
        for (id, network) in
            self.loss.removed.iter().filter_map(|id| self.loss.remains.networks.get_key_value(id))
        {
            let key = self.path(&Key::Network(*id));
            let unchanged = Condition::Unchanged(network.modified);
            if self.loss.remains.endpoints.contains_key(id) {
                // Who is on it may be a relic, too.
                self.plan.waits |= self.patient;
            } else if network.removing {
                let rest = self.of_network(network).into_iter();
                let txn = Txn::new().delete(key, unchanged);
                self.plan.txns.push(rest.fold(txn, |txn, key| txn.delete(key, Condition::Always)));
            } else {
                let marked = Network { removing: true, ..(**network).clone() };
                self.plan.txns.push(Txn::new().put(key, marked.to_json(), unchanged));
            }
        }
    }

    /// The keys that go with a network.
    fn of_network(&self, network: &Network) -> Vec<String> {
        let vnis = network.segments().into_iter().map(|segment| Key::Vni(segment.vni)).collect::<Vec<_>>();
        let cursors = network.subnets.iter().map(|subnet| Key::Cursor(subnet.pool));
        let keys = [Key::Name(network.name.clone())].into_iter().chain(vnis).chain(cursors);
        keys.map(|key| self.path(&key)).collect()
    }

    /// Networks, with their ids and VNIs: all that are remembered, or those that this node serves.
    fn networks(&mut self, all: bool) {
        let loss = self.loss;
        let served = loss.journal.values().filter(|local| local.fenced.is_none());
        let mut missing: BTreeMap<NetworkId, &Network> =
            served.map(|local| (local.network_id, &local.network)).collect();
        if all {
            let known = loss.remembered.networks.iter().filter(|(_, network)| !network.removing);
            missing.extend(known.map(|(id, network)| (*id, &**network)));
        }
        missing.retain(|id, _| !loss.remains.networks.contains_key(id));
        let obstacles: Vec<Obstacle> =
            missing.values().filter_map(|network| in_the_way(&loss.remains, network)).collect();
        self.plan.waits |= obstacles.iter().any(|obstacle| self.goes(obstacle));
        missing.retain(|_, network| in_the_way(&loss.remains, network).is_none());
        let mut txns: Vec<Txn> = Vec::new();
        for (id, network) in missing {
            let network = self.network(id, network);
            let room = txns.last().is_some_and(|txn| txn.weight() + network.weight() <= MAX_OPS);
            if !room {
                txns.push(self.next_epoch(loss.remains.pools_taken().saturating_add(1)));
            }
            txns.last_mut().into_iter().for_each(|txn| txn.ops.extend_from_slice(&network.ops));
        }
        // Each of them takes pools: only the first can be carried out on what was seen.
        self.plan.waits |= txns.len() > 1;
        self.plan.txns.extend(txns.into_iter().take(1));
    }

    /// Whether what is in the way is about to go.
    fn goes(&self, obstacle: &Obstacle) -> bool {
        self.patient && obstacle.network.is_some_and(|id| self.loss.removed.contains(&id))
    }

    fn network(&self, id: NetworkId, network: &Network) -> Txn {
        let restored = Network { removing: false, ..network.clone() };
        let mut txn = Txn::new()
            .put(self.path(&Key::Name(network.name.clone())), id.to_json(), Condition::Absent)
            .put(self.path(&Key::Network(id)), restored.to_json(), Condition::Absent);
        for segment in network.segments() {
            txn = txn.put(self.path(&Key::Vni(segment.vni)), id.to_json(), Condition::Absent);
        }
        for subnet in &network.subnets {
            if let Some(last) = self.loss.remembered.cursors.get(&subnet.pool) {
                let cursor = Cursor { last: *last, extra: Extra::new() };
                txn = txn.put(self.path(&Key::Cursor(subnet.pool)), cursor.to_json(), Condition::Always);
            }
        }
        txn
    }

    /// Like whoever takes a pool: of two at once, one fails.
    fn next_epoch(&self, taken: u64) -> Txn {
        let (epoch, condition) = match &self.loss.remains.epoch {
            Some(epoch) => ((**epoch).clone(), Condition::Unchanged(epoch.modified)),
            None => (Epoch::default(), Condition::Absent),
        };
        Txn::new().put(self.path(&Key::Epoch), Epoch { created: taken, ..epoch }.to_json(), condition)
    }

    /// The last thing to be put back: until it is, whoever looks sees that the store has lost something.
    fn epoch(&mut self) {
        let txn = self.next_epoch(self.loss.remembered.pools_taken());
        self.plan.txns.push(txn);
    }

    /// The other nodes: where they are is known, also of those that are down.
    fn nodes(&mut self) {
        let loss = self.loss;
        let missing =
            loss.remembered.nodes.iter().filter(|(name, _)| {
                **name != self.config.node_name && !loss.remains.nodes.contains_key(name)
            });
        let nodes: Vec<Txn> = missing
            .map(|(name, node)| {
                Txn::new().put(self.path(&Key::Node(name.clone())), node.to_json(), Condition::Absent)
            })
            .collect();
        self.together(nodes);
    }

    /// The endpoints of other nodes, as they were when they were last seen. They are theirs to confirm, or to take
    /// back.
    fn endpoints_of_others(&mut self) {
        let loss = self.loss;
        let others = loss.remembered.all_endpoints().filter(|(network, id, endpoint)| {
            endpoint.node != self.config.node_name
                && loss.remains.networks.contains_key(network)
                && loss.remains.endpoint(id).is_none()
        });
        let endpoints: Vec<Txn> = others
            .filter_map(|(network, id, endpoint)| self.endpoint_of_another(*network, *id, endpoint))
            .collect();
        self.together(endpoints);
    }

    fn endpoint_of_another(&self, network: NetworkId, id: EndpointId, endpoint: &Endpoint) -> Option<Txn> {
        let loss = self.loss;
        let key = self.path(&Key::Endpoint(network, id));
        let mut txn = Txn::new().put(key, endpoint.to_json(), Condition::Absent);
        for address in endpoint.addresses() {
            let pool = loss.remains.networks.get(&network)?.subnet_of(address)?.pool;
            match claim_of(&loss.remains, pool, address) {
                Some(claim) if claim.endpoint == id => {}
                Some(_) => return None,
                None => {
                    let claim =
                        claim_of(&loss.remembered, pool, address).filter(|claim| claim.endpoint == id)?;
                    txn = txn.put(self.path(&Key::Claim(pool, address)), claim.to_json(), Condition::Absent);
                }
            }
        }
        Some(txn)
    }

    /// This node's endpoints: every claim is made anew, so that others know that it is no relic.
    fn own_endpoints(&mut self) {
        let mut confirmations = Vec::new();
        for (id, local) in self.loss.journal.iter().filter(|(_, local)| local.fenced.is_none()) {
            match self.confirmation(*id, local) {
                Confirmation::Done => {}
                Confirmation::Waits => self.plan.waits = true,
                Confirmation::Write(txn) => confirmations.push(txn),
                Confirmation::CutOff(why) => drop(self.plan.cut_off.insert(*id, why)),
            }
        }
        self.together(confirmations);
    }

    fn confirmation(&self, id: EndpointId, local: &LocalEndpoint) -> Confirmation {
        let (remains, times) = (&self.loss.remains, self.loss.remains.times_rebuilt());
        let Some(network) = remains.networks.get(&local.network_id) else {
            // It is about to be put back, unless it cannot be.
            return match in_the_way(remains, &local.network) {
                Some(obstacle) if !self.goes(&obstacle) => Confirmation::CutOff(obstacle.why),
                _ => Confirmation::Waits,
            };
        };
        let key = self.path(&Key::Endpoint(local.network_id, id));
        let stored = remains.endpoints.get(&local.network_id).and_then(|all| all.get(&id));
        let mut confirmed = stored.is_some_and(|stored| **stored == local.endpoint);
        let mut txn = Txn::new()
            .check(self.path(&Key::Network(local.network_id)), Condition::Unchanged(network.modified))
            .put(key, local.endpoint.to_json(), unchanged(stored.map(|stored| stored.modified)));
        for (address, subnet) in local.subnets() {
            let claim = claim_of(remains, subnet.pool, address);
            match claim {
                Some(claim) if claim.endpoint != id => {
                    if claim.rebuilt >= times {
                        return Confirmation::CutOff(format!(
                            "address {address} went to an endpoint of node {} when the store was rebuilt",
                            claim.node
                        ));
                    }
                    if self.patient && remains.is_up(&claim.node) && claim.node != self.config.node_name {
                        return Confirmation::Waits;
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
            let condition = unchanged(claim.map(|claim| claim.modified));
            txn = txn.put(self.path(&Key::Claim(subnet.pool, address)), own.to_json(), condition);
        }
        if confirmed { Confirmation::Done } else { Confirmation::Write(txn) }
    }

    /// As few transactions as possible: what is written by none of the others cannot be in their way.
    fn together(&mut self, parts: Vec<Txn>) {
        let mut keys: BTreeSet<String> = BTreeSet::new();
        let mut current = Txn::new();
        for mut part in parts {
            if current.weight() + part.weight() > MAX_OPS {
                self.plan.txns.push(std::mem::take(&mut current));
                keys.clear();
            }
            // What several of them check is checked once.
            part.ops.retain(|op| !keys.contains(op.key()));
            keys.extend(part.ops.iter().map(|op| op.key().to_owned()));
            current.ops.extend(part.ops);
        }
        if !current.ops.is_empty() {
            self.plan.txns.push(current);
        }
    }
}

enum Confirmation {
    Done,
    Waits,
    Write(Txn),
    CutOff(String),
}

fn claim_of(cluster: &Cluster, pool: IpNet, address: IpAddr) -> Option<&Stored<Claim>> {
    cluster.claims.get(&pool)?.get(&address)
}

fn unchanged(modified: Option<weft_store::Revision>) -> Condition {
    modified.map_or(Condition::Absent, Condition::Unchanged)
}

/// What keeps a network from being put back.
struct Obstacle {
    /// The network that is in its place, if it is one.
    network: Option<NetworkId>,
    why: String,
}

/// Somebody may have created another network in its place.
fn in_the_way(cluster: &Cluster, network: &Network) -> Option<Obstacle> {
    let obstacle = |network: Option<NetworkId>, what: String, name: &str| {
        let why = format!("the store lost its network {name}, and another has {what} by now");
        Obstacle { network, why }
    };
    let named = cluster.names.get(&network.name).map(|id| (Some(*id), "its name".to_owned()));
    let numbered = || {
        let vnis = network.segments().into_iter().map(|segment| segment.vni);
        vnis.filter_map(|vni| Some((Some(*cluster.vnis.get(&vni)?), format!("VNI {vni}")))).next()
    };
    let placed = || {
        let pools = cluster.pools();
        let overlap = |pool: &IpNet| pools.iter().find(|other| other.contains(pool) || pool.contains(*other));
        let pool = network.subnets.iter().find_map(|subnet| overlap(&subnet.pool))?;
        Some((cluster.network_with(*pool).map(|(id, _)| id), format!("pool {pool}")))
    };
    let found = named.or_else(placed).or_else(numbered);
    found.map(|(id, what)| obstacle(id, what, network.name.as_str()))
}
