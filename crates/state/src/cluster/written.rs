//! The cluster as it would be written, key by key: all of it, or what is different from an earlier moment.

use super::Cluster;
use crate::changes::{changes, nested_changes};
use imbl::OrdMap;
use std::sync::LazyLock;
use weft_model::{Cursor, Extra, Key, Network, NodeId, NodeName, Record, Revocation};
use weft_store::Revision;

/// A cluster without a record: what is different from it is everything.
static NOTHING: LazyLock<Cluster> = LazyLock::new(Cluster::default);

impl Cluster {
    /// Every record that was read, under its key. What could not be read is not among them.
    pub fn records(&self) -> impl Iterator<Item = (Key, Vec<u8>)> + '_ {
        self.changes_since(&NOTHING).filter_map(|(key, json)| Some((key, json?)))
    }

    /// What was written since `before`, under its key, and `None` for what was deleted. It costs as much as there is
    /// between the two. A record of which only the revision is another is among them.
    pub fn changes_since<'c>(
        &'c self,
        before: &'c Self,
    ) -> impl Iterator<Item = (Key, Option<Vec<u8>>)> + 'c {
        let nodes =
            flat(&before.nodes, &self.nodes).map(|(name, node)| (Key::Node(name.clone()), json(node)));
        let live = flat(&before.live, &self.live)
            .map(|(name, live)| (Key::Live(name.clone()), json(live.map(|(live, _)| live))));
        let latest = flat(&before.latest, &self.latest)
            .map(|(name, latest)| (Key::Latest(name.clone()), json(latest)));
        let networks = networks(before, self);
        let names = flat(&before.names, &self.names)
            .map(|(name, id)| (Key::Name(name.clone()), id.map(Record::to_json)));
        let vnis = flat(&before.vnis, &self.vnis).map(|(vni, id)| (Key::Vni(*vni), id.map(Record::to_json)));
        let claims = nested(&before.claims, &self.claims)
            .map(|(pool, address, claim)| (Key::Claim(pool, address), json(claim)));
        let cursors = flat(&before.cursors, &self.cursors).map(|(pool, last)| {
            let cursor = last.map(|last| Cursor { last: *last, extra: Extra::new() }.to_json());
            (Key::Cursor(*pool), cursor)
        });
        let reservations = flat(&before.reserved_pools, &self.reserved_pools)
            .map(|(pool, hold)| (Key::PoolReservation(*pool), json(hold)));
        let endpoints = nested(&before.endpoints, &self.endpoints)
            .map(|(network, id, endpoint)| (Key::Endpoint(network, id), json(endpoint)));
        let lineage = one(Key::Lineage, &before.lineage, &self.lineage);
        let rebuilt = one(Key::Rebuilt, &before.rebuilt, &self.rebuilt);
        let identity = one(Key::Cluster, &before.identity, &self.identity);
        let revoked = flat(&before.revoked, &self.revoked)
            .map(|(id, revocation)| (Key::Revoked(*id), json(revocation)));
        let authorities = flat(&before.authorities, &self.authorities)
            .map(|(id, authority)| (Key::Authority(*id), json(authority)));
        let nodes = nodes.chain(revoked).chain(authorities);
        let of_networks = networks.chain(names).chain(vnis).chain(claims).chain(cursors).chain(reservations);
        let of_all = lineage.into_iter().chain(rebuilt).chain(identity);
        nodes.chain(live).chain(latest).chain(of_networks).chain(endpoints).chain(of_all)
    }

    /// When each node that took an address since `before` did so last.
    pub fn latest_since<'c>(&'c self, before: &'c Self) -> impl Iterator<Item = (&'c NodeName, Revision)> {
        flat(&before.latest, &self.latest).filter_map(|(name, latest)| Some((name, latest?.modified)))
    }

    /// The nodes that are believed no more since `before`.
    pub fn barred_since<'c>(
        &'c self,
        before: &'c Self,
    ) -> impl Iterator<Item = (&'c NodeId, &'c Revocation)> {
        flat(&before.beliefs.barred, &self.beliefs.barred)
            .filter_map(|(id, revocation)| Some((id, revocation?)))
    }

    /// The numbers of statements that went up since `before`.
    pub fn serials_since<'c>(&'c self, before: &'c Self) -> impl Iterator<Item = (&'c NodeName, u64)> {
        flat(&before.beliefs.serials, &self.beliefs.serials)
            .filter_map(|(name, serial)| Some((name, *serial?)))
    }
}

/// A network that is another by now may be under another kind of key.
fn networks<'c>(before: &'c Cluster, now: &'c Cluster) -> impl Iterator<Item = (Key, Option<Vec<u8>>)> + 'c {
    changes(&before.networks, &now.networks).flat_map(|change| {
        let id = *change.key;
        let key = |network: Option<&super::Stored<Network>>| network.map(|network| network.key(id));
        let (old, new) = (key(change.old), key(change.new));
        let gone = old.filter(|old| Some(old) != new.as_ref()).map(|old| (old, None));
        gone.into_iter().chain(new.map(|new| (new, json(change.new))))
    })
}

fn json<T: Record>(record: Option<&super::Stored<T>>) -> Option<Vec<u8>> {
    record.map(|record| record.to_json())
}

/// What is different between two maps: the new value, or `None` for a key that is gone.
fn flat<'c, K: Ord, V: PartialEq>(
    before: &'c OrdMap<K, V>,
    now: &'c OrdMap<K, V>,
) -> impl Iterator<Item = (&'c K, Option<&'c V>)> {
    changes(before, now).map(|change| (change.key, change.new))
}

/// The same for maps in a map.
fn nested<'c, K: Ord + Copy, I: Ord + Copy, V: PartialEq>(
    before: &'c OrdMap<K, OrdMap<I, V>>,
    now: &'c OrdMap<K, OrdMap<I, V>>,
) -> impl Iterator<Item = (K, I, Option<&'c V>)> {
    nested_changes(before, now).map(|(outer, change)| (*outer, *change.key, change.new))
}

/// The same for a record of which there is one.
fn one<T: Record + PartialEq>(
    key: Key,
    before: &Option<super::Stored<T>>,
    now: &Option<super::Stored<T>>,
) -> Option<(Key, Option<Vec<u8>>)> {
    (before != now).then(|| (key, json(now.as_ref())))
}
