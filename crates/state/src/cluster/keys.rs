//! How many keys there are: by that, [`Mark`](weft_store::Mark) tells whether one is gone that nobody told of.

use super::Cluster;
use weft_model::{Key, Keyspace};

impl Cluster {
    /// How many keys there are, with those that cannot be read.
    pub fn keys(&self, keyspace: &Keyspace) -> u64 {
        let of_nodes = self.nodes.len() + self.live.len() + self.calls.len() + self.latest.len();
        let of_nodes = of_nodes + self.revoked.len() + self.authorities.len();
        let of_networks = self.networks.len() + self.names.len() + self.vnis.len();
        let of_pools = self.cursors.len()
            + self.reserved_pools.len()
            + self.claims.values().map(|claims| claims.len()).sum::<usize>();
        let endpoints = self.endpoints.values().map(|endpoints| endpoints.len()).sum::<usize>();
        let of_store = [self.lineage.is_some(), self.rebuilt.is_some(), self.identity.is_some()];
        let of_store = of_store.into_iter().filter(|is_there| *is_there).count();
        let unknown = self.unknown.keys().filter(|key| !self.unreadable.contains_key(*key));
        // What could be read once is kept as it was then.
        let unread = self.unreadable.keys().chain(unknown);
        let unread = unread.filter(|key| !keyspace.parse(key).is_ok_and(|key| self.has(&key)));
        // What is not believed is there all the same.
        let unbelieved = self.unbelieved.keys().filter(|name| !self.nodes.contains_key(*name)).count();
        (of_nodes + unbelieved + of_networks + of_pools + endpoints + of_store + unread.count()) as u64
    }

    fn has(&self, key: &Key) -> bool {
        match key {
            Key::Node(name) => self.nodes.contains_key(name) || self.unbelieved.contains_key(name),
            Key::Live(name) => self.live.contains_key(name),
            Key::Call(name) => self.calls.contains_key(name),
            Key::Latest(name) => self.latest.contains_key(name),
            Key::Network(id) | Key::EncryptedNetwork(id) => self.has_network(key, *id),
            Key::Name(name) => self.names.contains_key(name),
            Key::Vni(vni) => self.vnis.contains_key(vni),
            Key::Cursor(pool) => self.cursors.contains_key(pool),
            Key::PoolReservation(pool) => self.reserved_pools.contains_key(pool),
            Key::Claim(pool, address) => self.is_claimed(*pool, *address),
            Key::Endpoint(network, id) => self.endpoint_on(network, id).is_some(),
            Key::Lineage => self.lineage.is_some(),
            Key::Rebuilt => self.rebuilt.is_some(),
            Key::Cluster => self.identity.is_some(),
            Key::Revoked(id) => self.revoked.contains_key(id),
            Key::Authority(id) => self.authorities.contains_key(id),
        }
    }
}
