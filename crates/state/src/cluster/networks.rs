//! Networks, each under the kind of key that it belongs to. One that is encrypted cannot be made one in clear by writing a
//! record beside it, or in its place: ids are never used again.

use super::{Cluster, Stored};
use weft_model::{InvalidRecord, Key, Keyspace, Network, NetworkId, Record};

impl Cluster {
    pub(super) fn put_network(
        &mut self,
        keyspace: &Keyspace,
        (key, id): (&Key, NetworkId),
        network: Stored<Network>,
    ) -> Result<(), InvalidRecord> {
        let refused = |why: &str| Err(InvalidRecord::refused(Network::WHAT, why));
        if network.key(id) != *key {
            return refused(match key {
                Key::EncryptedNetwork(_) => {
                    "it is among the encrypted networks, and says that it is not encrypted"
                }
                _ => "it says that it is encrypted, and is not among the encrypted networks",
            });
        }
        if *key == Key::Network(id) && self.encrypted.contains(&id) {
            return refused("the network with this id is encrypted, and is not served in clear");
        }
        if network.is_encrypted() {
            network.check_encrypted().or_else(|error| refused(&error.to_string()))?;
            self.encrypted.insert(id);
        }
        let before = self.networks.insert(id, network);
        if before.is_some_and(|before| before.key(id) != *key) {
            let why = InvalidRecord::refused(
                Network::WHAT,
                "the network with this id is encrypted, and is not served in clear",
            );
            self.unreadable.insert(keyspace.path(&Key::Network(id)), weft_model::chain(&why));
        }
        Ok(())
    }

    pub(super) fn delete_network(&mut self, key: &Key, id: NetworkId) {
        if self.has_network(key, id) {
            self.networks.remove(&id);
        }
    }

    /// Whether the network is there, under that key.
    pub(super) fn has_network(&self, key: &Key, id: NetworkId) -> bool {
        self.networks.get(&id).is_some_and(|network| network.key(id) == *key)
    }
}
