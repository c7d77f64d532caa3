//! What goes wrong.

use super::{NODES, World, verbs::lock};
use jiff::SignedDuration;
use rand::RngExt;
use std::time::Duration;
use tokio::time::sleep;
use weft_datapath::Faults;
use weft_plan::{Netns, Observed, Step};
use weft_store::{MemoryStore, Store};

impl World {
    /// Kills an agent at whatever it is doing, or starts it again.
    pub(super) async fn kill_or_start(&mut self, node: usize) {
        if self.nodes[node].is_running() {
            self.tell(format!("host{}: killed", node + 1));
            self.go_away(&[node]);
            self.verbs[node].clear();
            self.nodes[node].kill().await;
        } else {
            self.tell(format!("host{}: started", node + 1));
            self.nodes[node].start();
        }
    }

    /// Starts an agent with a store that nobody uses, as a typo in its URL would, and has it back.
    pub(super) async fn other_store(&mut self, node: usize) {
        // A node that has nothing would found another cluster in a store that has lost its own.
        if self.cluster_in_store().await.is_none() {
            return;
        }
        self.tell(format!("host{}: started with another store", node + 1));
        self.go_away(&[node]);
        self.verbs[node].clear();
        self.nodes[node].kill().await;
        let other = MemoryStore::new();
        let (own, name) = self.nodes[node].turn_to(&other, "elsewhere");
        self.nodes[node].start();
        let seconds = self.rng.random_range(1..10);
        sleep(Duration::from_secs(seconds)).await;
        let had_something = !self.nodes[node].core().endpoints.here().is_empty();
        let written = other.list("").await.unwrap().entries;
        assert!(!had_something || written.is_empty(), "written to another's store: {written:?}");
        self.tell(format!("host{}: started with its own store", node + 1));
        self.nodes[node].kill().await;
        self.nodes[node].turn_to(&own, &name);
        self.nodes[node].start();
    }

    /// The host loses its power, and comes back without its agent: the disk is as it was, the kernel new.
    pub(super) async fn reboot(&mut self, node: usize) {
        self.tell(format!("host{}: loses its power", node + 1));
        self.go_away(&[node]);
        self.verbs[node].clear();
        self.nodes[node].kill().await;
        for netns in self.nodes[node].containers() {
            lock(&self.ledger).ended(node, netns);
        }
        self.nodes[node].kernel.kernel(|kernel| {
            *kernel = Observed::default();
            kernel.namespaces.insert(Netns::Host, Default::default());
        });
        self.nodes[node].have_others();
        self.nodes[node].count_boot();
    }

    /// The node is cut off, given up, and others take the addresses it had; then it finds its way back.
    pub(super) async fn lose_a_node(&mut self, node: usize) {
        self.tell(format!("host{}: is cut off", node + 1));
        self.nodes[node].store.faults().set_unavailable(true);
        self.store.expire_all_sessions();
        // The others join again.
        sleep(Duration::from_secs(3)).await;
        self.give_up_node(node);
        sleep(Duration::from_secs(1)).await;
        for _ in 0..12 {
            self.attach((node + 1) % NODES);
            sleep(Duration::from_millis(100)).await;
        }
        self.tell(format!("host{}: is back", node + 1));
        self.nodes[node].store.faults().set_unavailable(false);
    }

    /// The node is cut off, and somebody takes what it has off its networks; then it finds its way back.
    pub(super) async fn take_off_while_away(&mut self, node: usize) {
        self.tell(format!("host{}: is cut off", node + 1));
        self.go_away(&[node]);
        self.nodes[node].store.faults().set_unavailable(true);
        self.store.expire_all_sessions();
        // The others join again.
        sleep(Duration::from_secs(3)).await;
        self.take_off(node);
        sleep(Duration::from_secs(1)).await;
        if self.rng.random_bool(0.3) {
            self.kill_or_start(node).await;
        }
        self.tell(format!("host{}: is back", node + 1));
        self.nodes[node].store.faults().set_unavailable(false);
    }

    /// Has an agent die a little later, in the middle of something.
    pub(super) fn kill_soon(&mut self, node: usize) {
        if self.nodes[node].is_running() {
            let points = self.rng.random_range(0..60);
            self.tell(format!("host{}: dies {points} points from now", node + 1));
            self.go_away(&[node]);
            self.nodes[node].kill_after(points);
        }
    }

    /// Puts a node's clock forwards, or backwards, by anything from a second to a month.
    pub(super) fn move_clock(&mut self, node: usize) {
        let magnitude = self.rng.random_range(0.0..(30.0 * 86400.0_f64).ln()).exp();
        let seconds = if self.rng.random_bool(0.5) { magnitude } else { -magnitude };
        self.tell(format!("host{}: its clock jumps by {seconds:.0} s", node + 1));
        self.nodes[node].clock.jump(SignedDuration::from_secs_f64(seconds));
    }

    /// A node's disk is full, or has room again.
    pub(super) fn fill_disk(&mut self, node: usize) {
        let full = self.rng.random_bool(0.5);
        self.tell(format!("host{}: its disk {}", node + 1, if full { "is full" } else { "has room" }));
        self.nodes[node].disk.set_full(full);
    }

    /// A node's host gets another address of the hosts' network.
    pub(super) fn move_host(&mut self, node: usize) {
        let address = [192, 168, 77, self.rng.random_range(100..200)];
        self.tell(format!("host{}: is at {} now", node + 1, std::net::Ipv4Addr::from(address)));
        self.nodes[node].move_to(address.into());
    }

    pub(super) fn disturb_kernel(&mut self, node: usize) {
        let (rng, kernel) = (&mut self.rng, &self.nodes[node].kernel);
        let what = match rng.random_range(0..3) {
            0 => {
                let steps = (0..20).map(|_| rng.random_bool(0.5)).collect();
                kernel.fail(Faults { observe: rng.random_range(0..4), steps });
                "the kernel refuses some"
            }
            1 => {
                kernel.kernel(|kernel| {
                    let all = kernel.namespaces.iter().filter(|(place, _)| **place != Netns::Host);
                    let links = all.flat_map(|(place, n)| n.links.keys().map(|l| (place.clone(), l.clone())));
                    let links: Vec<_> = links.filter(|(_, link)| link.as_str() != "lo").collect();
                    if !links.is_empty() {
                        let (place, link) = links[rng.random_range(0..links.len())].clone();
                        kernel.take(&Step::DeleteLink(place, link)).unwrap();
                    }
                });
                "somebody deletes a link"
            }
            _ => {
                kernel.kernel(|kernel| {
                    let first = kernel.namespaces.keys().find_map(Netns::own);
                    if let Some(own) = first {
                        kernel.take(&Step::DeleteNamespace(own)).unwrap();
                    }
                });
                "somebody deletes a namespace"
            }
        };
        self.tell(format!("host{}: {what}", node + 1));
    }

    /// Nothing goes wrong any more, and whatever was asked is answered.
    pub(super) async fn calm(&mut self) {
        self.tell("all faults end".to_owned());
        for node in &mut self.nodes {
            node.store.faults().heal();
            node.kernel.fail(Faults::default());
            node.disk.set_full(false);
            node.spare();
            if !node.is_running() {
                node.start();
            }
        }
        for verbs in &mut self.verbs {
            for verb in verbs.drain(..) {
                verb.await;
            }
        }
        self.check();
    }
}
