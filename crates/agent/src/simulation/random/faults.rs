//! What goes wrong.

use super::{NODES, World, verbs::lock};
use rand::RngExt;
use std::time::Duration;
use tokio::time::sleep;
use weft_datapath::Faults;
use weft_plan::{Observed, Place, Step};

impl World {
    /// Kills an agent at whatever it is doing, or starts it again.
    pub(super) async fn kill_or_start(&mut self, node: usize) {
        if self.nodes[node].is_running() {
            self.tell(format!("host{}: killed", node + 1));
            self.verbs[node].shutdown().await;
            self.nodes[node].kill().await;
        } else {
            self.tell(format!("host{}: started", node + 1));
            self.nodes[node].start();
        }
    }

    /// The host loses its power, and comes back without its agent: the disk is as it was, the kernel new.
    pub(super) async fn reboot(&mut self, node: usize) {
        self.tell(format!("host{}: loses its power", node + 1));
        self.verbs[node].shutdown().await;
        self.nodes[node].kill().await;
        for netns in self.nodes[node].containers() {
            lock(&self.ledger).ended(node, netns);
        }
        self.nodes[node].kernel.kernel(|kernel| {
            *kernel = Observed::default();
            kernel.places.insert(Place::Host, Default::default());
        });
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

    pub(super) fn disturb_store(&mut self, node: usize) {
        let number = self.rng.random_range(1..4);
        let faults = self.nodes[node].store.faults();
        let what = match self.rng.random_range(0..9) {
            0 => {
                faults.set_unavailable(true);
                "the store is out of reach"
            }
            1 => {
                faults.set_unavailable(false);
                faults.set_delay(Duration::ZERO);
                faults.set_watch_delay(Duration::ZERO);
                "the store is as it should be"
            }
            2 => {
                faults.set_delay(Duration::from_millis(self.rng.random_range(0..5000)));
                "the store is slow"
            }
            3 => {
                faults.set_watch_delay(Duration::from_millis(self.rng.random_range(0..5000)));
                "watches are slow"
            }
            4 => {
                faults.lose_answers(number);
                "answers get lost"
            }
            5 => {
                faults.lose_changes(number);
                "changes get lost"
            }
            6 => {
                faults.break_watches();
                "the watches break"
            }
            7 => {
                self.store.compact();
                "the store forgets its history"
            }
            _ => {
                self.store.expire_all_sessions();
                "all sessions end"
            }
        };
        self.tell(format!("host{}: {what}", node + 1));
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
                    let all = kernel.places.iter().filter(|(place, _)| **place != Place::Host);
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
                    let first = kernel.places.keys().find_map(|place| match place {
                        Place::Segment(vni) => Some(*vni),
                        _ => None,
                    });
                    if let Some(vni) = first {
                        kernel.take(&Step::DeleteNamespace(vni)).unwrap();
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
            let faults = node.store.faults();
            faults.set_unavailable(false);
            faults.set_delay(Duration::ZERO);
            faults.set_watch_delay(Duration::ZERO);
            faults.lose_answers(0);
            faults.lose_changes(0);
            node.kernel.fail(Faults::default());
            if !node.is_running() {
                node.start();
            }
        }
        for verbs in &mut self.verbs {
            while verbs.join_next().await.is_some() {}
        }
        self.check();
    }
}
