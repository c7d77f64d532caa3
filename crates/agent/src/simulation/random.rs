//! Random histories: several nodes, everything that can be asked of them, and everything that can go wrong,
//! in an order that a seed decides. When the faults stop, everything must come right by itself.
//!
//! `WEFT_SEEDS=17` tries one seed, `WEFT_SEEDS=0..10000` many. A seed decides all of it, to the order in which tasks
//! take turns: see [`turns`].

mod copied;
mod engine;
mod faults;
mod leaving;
mod ledger;
mod names;
mod others;
mod settled;
mod store;
mod verbs;

use super::{
    Node, Transcript, eventually,
    seeds::{self, seeds, try_all},
    turns::{self, Task},
};
use ledger::Ledger;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{Instant, sleep};
use weft_store::{MemoryStore, memory::Backup};

/// The seeds that are tried when nobody says which.
const SEEDS: Range<u64> = 0..2000;
/// Those that are tried twice.
const REPLAYED: Range<u64> = 0..50;
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
    verbs: Vec<Vec<Task<()>>>,
    ledger: Arc<Mutex<Ledger>>,
    containers: usize,
    /// Until when the nodes are cut off.
    cut_until: [Option<Instant>; NODES],
    /// What the store had earlier.
    backups: Vec<Backup>,
    /// How many of them were made before it was lost.
    lost_after: usize,
    record: Transcript,
}

#[test]
fn whatever_happens_it_comes_right() {
    try_all("whatever_happens", seeds(SEEDS), try_one);
}

/// For as long as one likes: `make soak`.
#[test]
#[ignore = "takes as long as it is told to"]
fn soak() {
    seeds::soak("whatever_happens", try_one);
}

fn try_one(seed: u64) {
    turns::run(seed, async { history(seed, Transcript::new(seeds::is_one())).await });
}

#[test]
fn a_seed_replays_exactly() {
    let told = |seed| {
        turns::run(seed, async {
            let record = Transcript::new(true);
            history(seed, record.clone()).await;
            record.lines()
        })
    };
    try_all("a_seed_replays_exactly", seeds(REPLAYED), |seed| {
        let (first, second) = (told(seed), told(seed));
        let differing = first.iter().zip(&second).find(|(first, second)| first != second);
        assert!(differing.is_none(), "not the same twice: {differing:#?}");
        assert_eq!(first.len(), second.len());
    });
}

async fn history(seed: u64, record: Transcript) {
    let mut world = World::new(seed, record);
    for node in &mut world.nodes {
        node.have_others();
        node.start();
    }
    // A new node would found another cluster in a store that has just been wiped, and stay apart.
    for node in &world.nodes {
        let core = node.core();
        eventually("its cluster is known", || core.reporter.cluster().is_some()).await;
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
}

impl World {
    fn new(seed: u64, record: Transcript) -> Self {
        let store = MemoryStore::new();
        let node = |number| Node::seeded(number, &store, seed, &record);
        let nodes: Vec<Node> = (1..=NODES).map(node).collect();
        Self {
            rng: StdRng::seed_from_u64(seed),
            store,
            nodes,
            verbs: (0..NODES).map(|_| Vec::new()).collect(),
            ledger: Arc::default(),
            containers: 0,
            cut_until: [None; NODES],
            backups: Vec::new(),
            lost_after: 0,
            record,
        }
    }

    async fn event(&mut self) {
        self.open_ways();
        let node = self.rng.random_range(0..NODES);
        match self.rng.random_range(0..103) {
            0..9 => self.create(node),
            9..27 => self.attach(node),
            27..40 => self.start_in_engine(node),
            40..48 => self.detach(node),
            48..54 => self.stop_in_engine(node),
            54..58 => self.remove_network(node),
            58..59 => self.give_up_node(node),
            59..61 => self.lose_a_node(node).await,
            61..64 => self.end_container(node),
            64..70 => self.kill_or_start(node).await,
            70..74 => self.kill_soon(node),
            74..75 => self.reboot(node).await,
            75..86 => self.disturb_store(node),
            86..89 => self.partition(),
            89..91 => self.copy_the_store(),
            91..92 => self.lose_the_store(),
            92..94 => self.move_clock(node),
            94..96 => self.fill_disk(node),
            96..97 => self.disturb_kernel(node),
            97 => self.other_store(node).await,
            98 => self.copy_a_host(node).await,
            99 => self.move_host(node),
            100..102 => self.take_off_while_away(node).await,
            102 => self.leave(node).await,
            _ => self.wait().await,
        }
    }

    /// Lets time pass in which sessions may end.
    async fn wait(&mut self) {
        let seconds = self.rng.random_range(5..60);
        self.tell(format!("{seconds} s pass"));
        sleep(Duration::from_secs(seconds)).await;
    }

    fn tell(&self, what: String) {
        self.record.tell(&what);
    }

    /// What must never be, not even for a moment.
    fn check(&self) {
        let seen = self.nodes.iter().flat_map(|node| node.seen.lock().unwrap().clone());
        let violations = self.ledger.lock().unwrap().violations.drain(..).chain(seen).collect::<Vec<_>>();
        let others = self.nodes.iter().filter_map(|node| node.spares_others().err());
        let violations: Vec<String> = violations.into_iter().chain(others).collect();
        assert!(violations.is_empty(), "{violations:#?}");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.record.text());
        }
    }
}
