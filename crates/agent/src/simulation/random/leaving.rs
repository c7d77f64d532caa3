//! Hosts that leave their cluster, and come back as another of that name.

use super::{World, verbs::lock};
use crate::simulation::eventually;
use rand::RngExt;

impl World {
    /// A host leaves, with all that is on its networks, at whatever it was asked; or it dies half-way. A new one of that
    /// name joins, or the one that it was goes on.
    pub(super) async fn leave(&mut self, node: usize) {
        let leaving = &self.nodes[node];
        if !leaving.is_running() || leaving.is_doomed() || self.cut_until[node].is_some() {
            return;
        }
        leaving.store.faults().heal();
        leaving.disk.set_full(false);
        // A new node would found another cluster in a store that has lost its own.
        let cluster = leaving.core().reporter.cluster();
        if self.cluster_in_store().await.is_none_or(|id| Some(id) != cluster) {
            return;
        }
        self.tell(format!("host{}: leaves", node + 1));
        if self.rng.random_bool(0.4) {
            let points = self.rng.random_range(0..60);
            self.tell(format!("host{}: dies {points} points from now", node + 1));
            self.nodes[node].kill_after(points);
        }
        lock(&self.ledger).give_up(node);
        let left = self.nodes[node].leave().await;
        self.tell(format!("host{}: has left: {left:?}", node + 1));
        self.verbs[node].clear();
        self.nodes[node].kill().await;
        lock(&self.ledger).give_up(node);
        if let Some(Ok(behind)) = left {
            assert!(behind.is_empty(), "{behind:?}");
            lock(&self.ledger).left(node);
        }
        self.nodes[node].start();
        let core = self.nodes[node].core();
        eventually("it knows its cluster", || core.reporter.cluster().is_some()).await;
    }
}
