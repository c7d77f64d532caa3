//! Random histories: several nodes, everything that can be asked of them, and everything that can go wrong,
//! in an order that a seed decides. When the faults stop, everything must come right by itself.
//!
//! `WEFT_SEEDS=17` tries one seed, `WEFT_SEEDS=0..10000` many. A seed decides what happens when; tasks that
//! are ready in the same instant may still take turns differently.

mod engine;
mod faults;
mod ledger;
mod settled;
mod verbs;

use super::{Node, Replay, seeds};
use ledger::Ledger;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{task::JoinSet, time::sleep};
use weft_store::MemoryStore;

/// The seeds that are tried when nobody says which.
const SEEDS: Range<u64> = 0..200;
const NODES: usize = 3;
/// How much happens in one history.
const EVENTS: usize = 60;
/// How long a verb may take, whatever goes wrong.
const VERB_DEADLINE: Duration = Duration::from_secs(90);

/// A cluster to which things happen.
struct World {
    rng: StdRng,
    store: MemoryStore,
    nodes: Vec<Node>,
    /// The verbs under way, by the node that carries them out: they end with its agent.
    verbs: Vec<JoinSet<()>>,
    ledger: Arc<Mutex<Ledger>>,
    containers: usize,
    /// What happened, to be shown when it went wrong.
    history: Vec<String>,
}

#[test]
fn whatever_happens_it_comes_right() {
    for seed in seeds(SEEDS) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let _replay = Replay { seed, test: "whatever_happens_it_comes_right" };
        runtime.block_on(history(seed));
    }
}

async fn history(seed: u64) {
    let mut world = World::new(seed);
    for node in &mut world.nodes {
        node.start();
    }
    for _ in 0..EVENTS {
        world.event().await;
        let pause = world.rng.random_range(0..1000);
        sleep(Duration::from_millis(pause * pause / 500)).await;
        world.check();
    }
    world.calm().await;
    world.clean_up_engines().await;
    world.settle().await;
    world.clear_up().await;
    world.history.clear();
}

impl World {
    fn new(seed: u64) -> Self {
        let store = MemoryStore::new();
        let nodes: Vec<Node> = (1..=NODES).map(|number| Node::seeded(number, &store, seed)).collect();
        Self {
            rng: StdRng::seed_from_u64(seed),
            store,
            nodes,
            verbs: (0..NODES).map(|_| JoinSet::new()).collect(),
            ledger: Arc::default(),
            containers: 0,
            history: Vec::new(),
        }
    }

    async fn event(&mut self) {
        let node = self.rng.random_range(0..NODES);
        match self.rng.random_range(0..100) {
            0..10 => self.create(node),
            10..30 => self.attach(node),
            30..45 => self.start_in_engine(node),
            45..54 => self.detach(node),
            54..60 => self.stop_in_engine(node),
            60..64 => self.remove_network(node),
            64..65 => self.give_up_node(node),
            65..67 => self.lose_a_node(node).await,
            67..70 => self.end_container(node),
            70..80 => self.kill_or_start(node).await,
            80..81 => self.reboot(node).await,
            81..96 => self.disturb_store(node),
            _ => self.disturb_kernel(node),
        }
    }

    fn tell(&mut self, what: String) {
        self.history.push(what);
    }

    /// What must never be, not even for a moment.
    fn check(&self) {
        let seen = self.nodes.iter().flat_map(|node| node.seen.lock().unwrap().clone());
        let violations: Vec<String> = self.ledger.lock().unwrap().violations.drain(..).chain(seen).collect();
        assert!(violations.is_empty(), "{violations:#?}");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{:#?}", self.history);
        }
    }
}
