//! How much of a network's pools is in use.

use super::Networks;
use weft_ipam::{Room, room};
use weft_model::{NetworkId, Subnet};
use weft_verbs::PoolRoom;

impl Networks {
    /// How much of each of its pools is in use.
    pub(crate) fn room(&self, id: NetworkId) -> Vec<PoolRoom> {
        let cluster = self.access.known();
        let Some(network) = cluster.networks.get(&id) else { return Vec::new() };
        let of = |subnet: &Subnet| {
            let claimed =
                cluster.claims.get(&subnet.pool).into_iter().flat_map(|claims| claims.keys().copied());
            let Room { in_use, free } = room(subnet, claimed);
            PoolRoom { pool: subnet.pool, in_use, free }
        };
        network.subnets.iter().map(of).collect()
    }
}
