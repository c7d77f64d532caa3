//! The cluster as the store describes it, parsed.

use imbl::{OrdMap, OrdSet};
use ipnet::IpNet;
use std::{collections::BTreeSet, net::IpAddr, ops::Deref, sync::Arc};
use weft_model::{
    AuthorityId, AuthorityRecord, Call, Claim, ClusterRecord, Cursor, Endpoint, EndpointId, Key,
    KeyFingerprint, Keyspace, Latest, Lineage, Liveness, Network, NetworkId, NetworkName, Node, NodeId,
    NodeName, PoolReservation, Rebuilt, Record, Revocation, Vni,
};
use weft_store::{Listing, Revision, SessionId, StoreEntry, Update};
use weft_trust::Disbelief;

pub use beliefs::Beliefs;
pub use own_keys::OwnKeys;

/// A record, and when it last changed.
#[derive(Debug, Clone)]
pub struct Stored<T> {
    record: Arc<T>,
    /// What a compare-and-set compares.
    pub modified: Revision,
}

impl<T> Deref for Stored<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.record
    }
}

/// Whether it is the same record, without a look into it where it is the same allocation.
impl<T: PartialEq> PartialEq for Stored<T> {
    fn eq(&self, other: &Self) -> bool {
        self.modified == other.modified
            && (Arc::ptr_eq(&self.record, &other.record) || self.record == other.record)
    }
}

/// The networks of a cluster.
pub type NetworkMap = OrdMap<NetworkId, Stored<Network>>;

/// The endpoints of one network.
pub type EndpointMap = OrdMap<EndpointId, Stored<Endpoint>>;

/// The claims on the addresses of one pool.
pub type Claims = OrdMap<IpAddr, Stored<Claim>>;

/// Everything the store says, as of one moment. Records that this version cannot read are set aside: another program's,
/// or a newer weft's. The rest goes on without them.
///
/// Two moments share what is the same in both: to clone one costs nothing, and to compare two costs as much as there is
/// between them (`OrdMap::diff`).
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    /// The networks.
    pub networks: NetworkMap,
    /// Their names.
    pub names: OrdMap<NetworkName, NetworkId>,
    /// Their VNIs.
    pub vnis: OrdMap<Vni, NetworkId>,
    /// The nodes, up or down.
    pub nodes: OrdMap<NodeName, Stored<Node>>,
    /// Those that are up, with the session that says so.
    pub live: OrdMap<NodeName, (Stored<Liveness>, Option<SessionId>)>,
    /// The calls to nodes, by the name of the node that is called.
    pub calls: OrdMap<NodeName, Stored<Call>>,
    /// The endpoint that each node took addresses for last.
    pub latest: OrdMap<NodeName, Stored<Latest>>,
    /// The endpoints on each network.
    pub endpoints: OrdMap<NetworkId, EndpointMap>,
    /// The same by their Ethernet addresses.
    macs: OrdMap<NetworkId, macs::Macs>,
    /// The addresses in use, by pool.
    pub claims: OrdMap<IpNet, Claims>,
    /// The address each pool handed out last.
    pub cursors: OrdMap<IpNet, IpAddr>,
    /// The pools that nodes keep for networks to come.
    pub reserved_pools: OrdMap<IpNet, Stored<PoolReservation>>,
    /// Changes whenever a pool is taken.
    pub lineage: Option<Stored<Lineage>>,
    /// That the store lost something, and was rebuilt.
    pub rebuilt: Option<Stored<Rebuilt>>,
    /// Which cluster it is; absent before an agent that writes it came.
    pub identity: Option<Stored<ClusterRecord>>,
    /// The ids of all encrypted networks that ever were there.
    encrypted: OrdSet<NetworkId>,
    /// Keys that cannot be read, and why.
    pub unreadable: OrdMap<String, String>,
    /// Nodes whose records are not believed, and why: they are not among the nodes, or as they were when they last were.
    pub unbelieved: OrdMap<NodeName, Disbelief>,
    /// Of those that an authority vouches for which is not believed: their records.
    pub strangers: OrdMap<NodeName, Arc<Node>>,
    /// What says that nodes are believed no more, whoever wrote it.
    pub revoked: OrdMap<NodeId, Stored<Revocation>>,
    /// What says that authorities are to be believed, whoever wrote it.
    pub authorities: OrdMap<AuthorityId, Stored<AuthorityRecord>>,
    /// Who is believed, and who is not any more, also if the store does not say so any more.
    pub beliefs: Beliefs,
    /// Keys of kinds that this version does not know, and records of a later format: the kind of each. They are in
    /// order.
    pub unknown: OrdMap<String, String>,
    /// The moment.
    pub revision: Revision,
}

impl Cluster {
    /// Reads everything anew.
    pub fn read(keyspace: &Keyspace, listing: &Listing) -> Self {
        Self::read_after(keyspace, listing, &Self::default())
    }

    /// The same, of a cluster that was `known`: whom that believes is believed, and what is not good is as it was known.
    pub fn read_after(keyspace: &Keyspace, listing: &Listing, known: &Self) -> Self {
        let (mut cluster, mut before) = (known.beginning(), known.lasting());
        cluster.revision = listing.revision;
        cluster.put_all(keyspace, &listing.entries, &mut before);
        cluster
    }

    /// Follows an update of the watch that gave this view. What a snapshot does not change is not parsed
    /// again.
    pub fn advance(&mut self, keyspace: &Keyspace, update: Update) {
        match update {
            Update::Events { events, revision } => {
                self.put_events(keyspace, &events);
                self.revision = revision;
            }
            Update::Snapshot(listing) => {
                let mut before = std::mem::take(self);
                *self = before.beginning();
                if listing.revision < before.revision {
                    // A store that went back may call other values by the same revision.
                    before = before.lasting();
                }
                self.revision = listing.revision;
                self.put_all(keyspace, &listing.entries, &mut before);
                let kept = |(id, endpoints): (NetworkId, EndpointMap)| {
                    let old = before.endpoints.get(&id).filter(|old| **old == endpoints);
                    (id, old.cloned().unwrap_or(endpoints))
                };
                self.endpoints = std::mem::take(&mut self.endpoints).into_iter().map(kept).collect();
            }
        }
    }

    fn put(&mut self, keyspace: &Keyspace, entry: &StoreEntry, before: &Self) {
        let key = match keyspace.parse(&entry.key) {
            Ok(key) => key,
            Err(error) => {
                let Some(kind) = error.unknown_kind() else { return self.set_aside(entry, &error) };
                self.unknown.insert(entry.key.clone(), kind.to_owned());
                return;
            }
        };
        if let Err(error) = self.put_record(keyspace, key, entry, before) {
            self.set_aside(entry, &error);
        } else {
            self.unreadable.remove(&entry.key);
            self.unknown.remove(&entry.key);
        }
    }

    fn set_aside(&mut self, entry: &StoreEntry, error: &dyn std::error::Error) {
        if is_of_later_format(entry) {
            self.unknown.insert(entry.key.clone(), "of a later format".to_owned());
        } else {
            self.unknown.remove(&entry.key);
        }
        self.unreadable.insert(entry.key.clone(), weft_model::chain(error));
    }

    fn put_record(
        &mut self,
        keyspace: &Keyspace,
        key: Key,
        entry: &StoreEntry,
        before: &Self,
    ) -> Result<(), weft_model::InvalidRecord> {
        match key {
            Key::Node(name) => self.put_node(name, entry, before)?,
            Key::Live(name) => {
                let live = stored(entry, before.live.get(&name).map(|(live, _)| live))?;
                self.live.insert(name, (live, entry.session.clone()));
            }
            Key::Call(name) => {
                let call = stored(entry, before.calls.get(&name))?;
                self.calls.insert(name, call);
            }
            Key::Latest(name) => {
                let latest = stored(entry, before.latest.get(&name))?;
                self.latest.insert(name, latest);
            }
            Key::Network(id) | Key::EncryptedNetwork(id) => {
                let network = stored(entry, before.networks.get(&id))?;
                self.put_network(keyspace, (&key, id), network)?;
            }
            Key::Name(name) => {
                self.names.insert(name, Record::from_json(&entry.value)?);
            }
            Key::Vni(vni) => {
                self.vnis.insert(vni, Record::from_json(&entry.value)?);
            }
            Key::Claim(pool, address) => {
                let claim = stored(entry, before.claims.get(&pool).and_then(|pool| pool.get(&address)))?;
                self.claims.entry(pool).or_default().insert(address, claim);
            }
            Key::Cursor(pool) => {
                self.cursors.insert(pool, Cursor::from_json(&entry.value)?.last);
            }
            Key::PoolReservation(pool) => {
                let hold = stored(entry, before.reserved_pools.get(&pool))?;
                self.reserved_pools.insert(pool, hold);
            }
            Key::Endpoint(network, id) => {
                let old = before.endpoints.get(&network).and_then(|network| network.get(&id));
                let endpoint = stored(entry, old)?;
                self.put_endpoint(network, id, endpoint);
            }
            // What cannot be read is as good as lost, and is put back.
            Key::Lineage => {
                self.lineage = None;
                self.lineage = Some(stored(entry, before.lineage.as_ref())?);
            }
            Key::Rebuilt => {
                self.rebuilt = None;
                self.rebuilt = Some(stored(entry, before.rebuilt.as_ref())?);
            }
            Key::Revoked(id) => self.put_revocation(id, entry, before)?,
            Key::Authority(id) => self.put_authority(id, entry, before)?,
            Key::Cluster => {
                self.identity = None;
                self.identity = Some(stored(entry, before.identity.as_ref())?);
            }
        }
        Ok(())
    }

    fn delete(&mut self, keyspace: &Keyspace, path: &str) {
        self.unreadable.remove(path);
        self.unknown.remove(path);
        let Ok(key) = keyspace.parse(path) else { return };
        match key {
            Key::Node(name) => {
                self.nodes.remove(&name);
                self.unbelieved.remove(&name);
                self.strangers.remove(&name);
            }
            Key::Live(name) => drop(self.live.remove(&name)),
            Key::Call(name) => drop(self.calls.remove(&name)),
            Key::Latest(name) => drop(self.latest.remove(&name)),
            Key::Network(id) | Key::EncryptedNetwork(id) => self.delete_network(&key, id),
            Key::Name(name) => drop(self.names.remove(&name)),
            Key::Vni(vni) => drop(self.vnis.remove(&vni)),
            Key::Cursor(pool) => drop(self.cursors.remove(&pool)),
            Key::PoolReservation(pool) => drop(self.reserved_pools.remove(&pool)),
            Key::Lineage => self.lineage = None,
            Key::Rebuilt => self.rebuilt = None,
            Key::Cluster => self.identity = None,
            Key::Revoked(id) => drop(self.revoked.remove(&id)),
            Key::Authority(id) => drop(self.authorities.remove(&id)),
            Key::Claim(pool, address) => {
                if let Some(claims) = self.claims.get_mut(&pool) {
                    claims.remove(&address);
                    if claims.is_empty() {
                        self.claims.remove(&pool);
                    }
                }
            }
            Key::Endpoint(network, id) => self.delete_endpoint(network, id),
        }
    }

    /// The store is another by now, which counts anew.
    pub fn forget_revisions(&mut self) {
        let forgotten = |(name, latest)| (name, Stored { modified: Revision::default(), ..latest });
        self.latest = std::mem::take(&mut self.latest).into_iter().map(forgotten).collect();
    }

    /// Whether the node's agent holds a session.
    pub fn is_up(&self, node: &NodeName) -> bool {
        self.live.contains_key(node)
    }

    /// The node whose record says that it has this key. Where several say so, none of them.
    pub fn node_with_key(&self, key: &KeyFingerprint) -> Option<(&NodeName, &Node)> {
        let mut found = self.nodes.iter().filter(|(_, node)| node.fingerprint.as_ref() == Some(key));
        let (name, node) = found.next()?;
        found.next().is_none().then_some((name, node))
    }

    /// The endpoints on a network.
    pub fn endpoints_of(
        &self,
        network: &NetworkId,
    ) -> impl Iterator<Item = (&EndpointId, &Stored<Endpoint>)> {
        self.endpoints.get(network).into_iter().flat_map(|endpoints| endpoints.iter())
    }

    /// Every endpoint with its network.
    pub fn all_endpoints(&self) -> impl Iterator<Item = (&NetworkId, &EndpointId, &Stored<Endpoint>)> {
        self.endpoints.iter().flat_map(|(network, all)| all.iter().map(move |(id, e)| (network, id, e)))
    }

    /// The endpoint `id`, on any network.
    pub fn endpoint(&self, id: &EndpointId) -> Option<(&NetworkId, &Stored<Endpoint>)> {
        self.endpoints.iter().find_map(|(network, all)| all.get(id).map(|endpoint| (network, endpoint)))
    }

    /// The endpoint `id` on `network`.
    pub fn endpoint_on(&self, network: &NetworkId, id: &EndpointId) -> Option<&Stored<Endpoint>> {
        self.endpoints.get(network)?.get(id)
    }

    /// The claim on `address` of `pool`.
    pub fn claim(&self, pool: IpNet, address: IpAddr) -> Option<&Stored<Claim>> {
        self.claims.get(&pool)?.get(&address)
    }

    /// Whether somebody holds `address` of `pool`.
    pub fn is_claimed(&self, pool: IpNet, address: IpAddr) -> bool {
        self.claim(pool, address).is_some()
    }

    /// Every pool of every network, and those that are kept for one.
    pub fn pools(&self) -> BTreeSet<IpNet> {
        let networks = self.networks.values().flat_map(|network| network.subnets.iter());
        networks.map(|subnet| subnet.pool).chain(self.reserved_pools.keys().copied()).collect()
    }

    /// The state that the store says it is in.
    pub fn state(&self) -> Lineage {
        self.lineage.as_deref().cloned().unwrap_or_default()
    }

    /// How often the store was rebuilt.
    pub fn times_rebuilt(&self) -> u64 {
        self.rebuilt.as_ref().map_or(0, |rebuilt| rebuilt.times)
    }

    /// The network that has `pool`.
    pub fn network_with(&self, pool: IpNet) -> Option<(NetworkId, &Stored<Network>)> {
        let has = |network: &Network| network.subnets.iter().any(|subnet| subnet.pool == pool);
        self.networks.iter().find(|(_, network)| has(network)).map(|(id, network)| (*id, network))
    }
}

/// The record of `entry`: the one parsed before, if it has not changed since.
fn stored<T: Record>(
    entry: &StoreEntry,
    before: Option<&Stored<T>>,
) -> Result<Stored<T>, weft_model::InvalidRecord> {
    match before.filter(|before| before.modified == entry.modified) {
        Some(before) => Ok(Stored { record: Arc::clone(&before.record), modified: before.modified }),
        None => Ok(Stored { record: Arc::new(T::from_json(&entry.value)?), modified: entry.modified }),
    }
}

/// Whether it says so itself: a record that older versions cannot read has a `format` above 1.
fn is_of_later_format(entry: &StoreEntry) -> bool {
    #[derive(serde::Deserialize)]
    struct Marked {
        format: u64,
    }
    let brace = entry.value.first() == Some(&b'{');
    brace && serde_json::from_slice::<Marked>(&entry.value).is_ok_and(|marked| marked.format > 1)
}

mod beliefs;
mod believed;
mod keys;
mod macs;
mod networks;
mod own_keys;
mod unreadable;
mod written;

#[cfg(test)]
mod tests;
