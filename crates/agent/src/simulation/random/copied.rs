//! Hosts that are copied while they run.

use super::World;
use rand::RngExt;
use std::time::Duration;
use tokio::time::timeout;
use weft_model::{Incarnation, Liveness, Record};
use weft_store::Store;

impl World {
    /// A copy of a host is started while the host is up: as a clone of the whole machine or of its files, under its name
    /// or another. It has to see that it is one, whatever else goes on.
    pub(super) async fn copy_a_host(&mut self, node: usize) {
        let original = &self.nodes[node];
        if !original.is_running() || original.is_doomed() || self.cut_until[node].is_some() {
            return;
        }
        // A node that does not reach the store cannot answer, and is down sooner or later.
        original.store.faults().heal();
        // While nobody is up as the node, a clone cannot be told from a reboot.
        let run = original.core().access.identity().incarnation();
        let key = format!("weft/v1/live/host{}", node + 1);
        let is_in = async {
            while !self.is_up_as(&key, run).await {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        if timeout(Duration::from_secs(30), is_in).await.is_err() {
            return;
        }
        let whole = self.rng.random_bool(0.5);
        let what = if whole { "its machine is cloned" } else { "its files are copied" };
        self.tell(format!("host{}: {what}, and the copy is started", node + 1));
        let mut copy = self.nodes[node].copied(|machine| match (whole, &mut machine.lock) {
            (false, Some(lock)) => lock.inode += 1000,
            _ => machine.boot_id = Some("the copy's".to_owned()),
        });
        if self.rng.random_bool(0.5) {
            copy.call("host9");
        }
        let failure = timeout(Duration::from_secs(90), copy.failure()).await;
        assert!(failure.is_ok(), "a copy of host{} is in the cluster", node + 1);
        copy.kill().await;
    }

    /// Whether the store says that this run of an agent is up.
    async fn is_up_as(&self, key: &str, run: Incarnation) -> bool {
        let Ok(Some(entry)) = self.store.get(key).await else { return false };
        Liveness::from_json(&entry.value).is_ok_and(|live| live.incarnation == Some(run))
    }
}
