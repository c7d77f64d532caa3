//! Many nodes in one process, on the store in memory and fake kernels, under virtual time.
//!
//! The core, the loop, membership, housekeeping and the names are the real ones. What can only go wrong between nodes is
//! tried here; what can only go wrong with a kernel or a store is tried on real ones, in `tests/`.
//!
//! [`random`] tries histories that a seed decides, and they are the same each time: [`turns`] says how. Two things are
//! real and could differ, but tell the nodes nothing: files, in a directory of the node's own, and the name servers, each
//! on a thread and on ports that the kernel chooses, which are asked when all is settled. The histories of engines
//! (`docker::follow`) are not exact: the door starts tasks of its own, in which tokio draws whose turn it is.

mod clock;
mod copied;
mod disk;
mod encrypted;
mod engines;
mod faults;
pub(crate) mod histories;
mod host;
mod ipam;
mod liar;
mod life;
mod moved;
mod networks;
mod node;
mod order;
mod other_store;
mod owned;
mod random;
mod read_only;
mod rebuild;
mod requests;
mod seeds;
mod signed;
mod transcript;
mod truth;
mod turns;
mod witness;

pub(crate) use node::Node;
pub(crate) use seeds::{seeds, try_all};
pub(crate) use transcript::Transcript;

use std::time::Duration;
use weft_store::MemoryStore;
use weft_verbs::{CreateNetwork, PoolRequest};

/// A cluster of `n` nodes, all of them up.
pub(crate) async fn cluster(n: usize) -> (MemoryStore, Vec<Node>) {
    let store = MemoryStore::new();
    let mut nodes = Vec::new();
    for number in 1..=n {
        let mut node = Node::new(number, &store);
        node.start();
        nodes.push(node);
    }
    for node in &nodes {
        node.joined(n).await;
    }
    (store, nodes)
}

/// A network called `name` in the first free pool.
pub(crate) fn network(name: &str) -> CreateNetwork {
    CreateNetwork {
        name: name.parse().unwrap(),
        pools: Vec::new(),
        ipv4: true,
        ipv6: false,
        internal: false,
        options: Default::default(),
        labels: Default::default(),
        id: None,
    }
}

/// A network called `name` in a certain pool.
pub(crate) fn network_in(name: &str, pool: &str) -> CreateNetwork {
    let pools = vec![PoolRequest { subnet: Some(pool.parse().unwrap()), ..PoolRequest::default() }];
    CreateNetwork { pools, ..network(name) }
}

/// Waits, in virtual time, until `condition` holds.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(120), async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "did not happen: {what}");
}
