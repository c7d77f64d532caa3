//! The keys of the ledger in the store. Nothing but this module writes them (`--test architecture` says so).

use super::pending::ClaimKey;
use ipnet::IpNet;
use std::net::IpAddr;
use weft_model::{
    Claim, Cursor, EndpointId, Extra, Key, Keyspace, Latest, Network, NetworkId, NodeName, PoolReservation,
    Record,
};
use weft_state::journal::LocalEndpoints;
use weft_store::{Condition, Revision, Txn};

/// Adds writes of the ledger to transactions.
#[derive(Clone, Copy)]
pub(in crate::core) struct Ledger<'k> {
    keyspace: &'k Keyspace,
}

impl<'k> Ledger<'k> {
    pub(in crate::core) fn new(keyspace: &'k Keyspace) -> Self {
        Self { keyspace }
    }

    /// The path of the claim of an address.
    pub(super) fn path(self, (pool, address): ClaimKey) -> String {
        self.keyspace.path(&Key::Claim(pool, address))
    }

    /// Claims an address.
    pub(in crate::core) fn claim(self, txn: Txn, key: ClaimKey, claim: &Claim, as_seen: Condition) -> Txn {
        txn.put(self.path(key), claim.to_json(), as_seen)
    }

    /// Gives back a claimed address.
    pub(super) fn unclaim(self, txn: Txn, key: ClaimKey, modified: Revision) -> Txn {
        txn.delete(self.path(key), Condition::Unchanged(modified))
    }

    /// Notes which address of a pool was handed out last.
    pub(super) fn advance(self, txn: Txn, pool: IpNet, last: IpAddr) -> Txn {
        let cursor = Cursor { last, extra: Extra::new() };
        txn.put(self.keyspace.path(&Key::Cursor(pool)), cursor.to_json(), Condition::Always)
    }

    /// Forgets which address of a pool was handed out last.
    pub(in crate::core) fn rewind(self, txn: Txn, pool: IpNet) -> Txn {
        txn.delete(self.keyspace.path(&Key::Cursor(pool)), Condition::Always)
    }

    /// Notes the endpoint that `node` takes addresses for.
    pub(super) fn note_latest(self, txn: Txn, node: &NodeName, endpoint: EndpointId) -> Txn {
        let latest = Latest { endpoint, extra: Extra::new() };
        txn.put(self.keyspace.path(&Key::Latest(node.clone())), latest.to_json(), Condition::Always)
    }

    /// Reserves a pool.
    pub(super) fn reserve_pool(self, txn: Txn, pool: IpNet, reservation: &PoolReservation) -> Txn {
        let key = self.keyspace.path(&Key::PoolReservation(pool));
        txn.put(key, reservation.to_json(), Condition::Absent)
    }

    /// Keeps the pools of an encrypted network, for as long as it is there: an agent that cannot encrypt does not know the
    /// network, and is not to give its addresses to another.
    pub(in crate::core) fn keep_pools(
        self,
        txn: Txn,
        id: NetworkId,
        network: &Network,
        as_seen: Condition,
    ) -> Txn {
        let Some(node) = keeper(id) else { return txn };
        let reservation = PoolReservation { node, created: network.created, extra: Extra::new() };
        network.subnets.iter().fold(txn, |txn, subnet| {
            let key = self.keyspace.path(&Key::PoolReservation(subnet.pool));
            txn.put(key, reservation.to_json(), as_seen)
        })
    }

    /// Gives back a pool that was reserved, or takes it for a network.
    pub(in crate::core) fn end_reservation(self, txn: Txn, pool: IpNet, as_seen: Condition) -> Txn {
        txn.delete(self.keyspace.path(&Key::PoolReservation(pool)), as_seen)
    }
}

/// In whose name the pools of an encrypted network are kept. No node is called so: nobody takes them for its own, and lets
/// them go.
pub(in crate::core) fn keeper(network: NetworkId) -> Option<NodeName> {
    format!("encrypted-{}", network.short()).parse().ok()
}

/// Whether `claim` is for an endpoint that `node`, which has `endpoints`, once had.
pub(in crate::core) fn is_leftover(claim: &Claim, node: &NodeName, endpoints: &LocalEndpoints) -> bool {
    claim.node == *node && !endpoints.contains_key(&claim.endpoint)
}
