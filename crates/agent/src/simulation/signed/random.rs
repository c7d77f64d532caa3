//! Random histories of hosts that sign their records, and of a liar who writes what he likes to their store, and hides what he
//! likes. Nobody ever follows him, and when he stops, everything comes right.
//!
//! The store checks nothing, as Consul and etcd do. The keys are not the seed's, but nothing depends on them: [`authorities`]
//! says why.

mod authorities;
mod changes;
mod ending;
mod liar;
mod looks;

use super::{Node, NodeRecord, address};
use crate::joining::become_authority;
use crate::simulation::{
    Transcript,
    clock::Clock,
    network_in,
    seeds::{self, seeds, try_all},
    turns,
    witness::ENCRYPTED,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    ops::Range,
    time::Duration,
};
use tokio::time::Instant;
use weft_model::{Key, Keyspace, NodeId, NodeName, Trust};
use weft_store::{MemoryStore, memory::Backup};
use weft_trust::Authority;

/// The seeds that are tried when nobody says which.
const SEEDS: Range<u64> = 0..100;
/// How many hosts there are at first, and at most.
const HOSTS: (usize, usize) = (3, 5);
/// How much happens in one history.
const EVENTS: usize = 16;
/// One network in clear, and one that is encrypted.
const NETWORKS: [&str; 2] = ["clear", "secret"];
/// How long a verb may take.
const VERB_DEADLINE: Duration = Duration::from_secs(90);

/// A cluster, and a liar.
struct World {
    rng: StdRng,
    seed: u64,
    record: Transcript,
    clock: Clock,
    store: MemoryStore,
    /// The first one lets the others in.
    hosts: Vec<Host>,
    /// Hosts that were let in so far, also those that were revoked.
    members: BTreeSet<NodeName>,
    revoked: BTreeMap<NodeId, Revoked>,
    authorities: authorities::Authorities,
    /// What was in the store, of what the liar is after.
    past: Vec<(String, Vec<u8>)>,
    backups: Vec<Backup>,
}

/// A host of the cluster.
struct Host {
    node: Node,
    id: NodeId,
    /// Where it is.
    at: IpAddr,
    /// Wherever it was.
    addresses: BTreeSet<IpAddr>,
    revoked: bool,
    /// Since when its agent runs, and hears of everything in time.
    well: Option<Instant>,
    /// Whether it hears of nothing in time from the store, whatever runs.
    disturbed: bool,
    /// The highest number of each node's statements that it has seen long enough ago to have it on its disk, or was told of.
    floor: BTreeMap<NodeName, u64>,
    /// The highest that this run of its agent has seen, and when.
    seen: BTreeMap<NodeName, (u64, Instant)>,
}

/// A host that was revoked.
struct Revoked {
    addresses: BTreeSet<IpAddr>,
    /// The hosts that know it, and since when.
    known: BTreeMap<usize, Instant>,
}

#[test]
fn whatever_a_liar_does_nobody_follows() {
    try_all("whatever_a_liar_does", seeds(SEEDS), try_one);
}

/// For as long as one likes.
#[test]
#[ignore = "takes as long as it is told to"]
fn soak_with_a_liar() {
    seeds::soak("whatever_a_liar_does", try_one);
}

fn try_one(seed: u64) {
    turns::run(seed, async {
        let mut world = World::new(seed).await;
        for _ in 0..EVENTS {
            world.event().await;
            let pause = world.rng.random_range(0..1500);
            world.pass(Duration::from_millis(pause * pause / 500)).await;
        }
        world.comes_right().await;
    });
}

impl World {
    /// A cluster of a few hosts, with an endpoint each on both networks.
    async fn new(seed: u64) -> Self {
        let record = Transcript::new(seeds::is_one());
        let mut world = Self {
            rng: StdRng::seed_from_u64(seed),
            seed,
            record,
            clock: Clock::new(),
            store: MemoryStore::new(),
            hosts: Vec::new(),
            members: BTreeSet::new(),
            revoked: BTreeMap::new(),
            authorities: authorities::Authorities::new(seed),
            past: Vec::new(),
            backups: Vec::new(),
        };
        world.found().await;
        for _ in 1..HOSTS.0 {
            world.join().await;
        }
        for index in 0..HOSTS.0 {
            world.attach(index).await;
        }
        world.remember().await;
        world
    }

    /// The first host, with its authority and the networks.
    async fn found(&mut self) {
        let mut host = self.host(1);
        host.node.credentials().hold(&self.authorities.next()).unwrap();
        become_authority(&host.node.config).unwrap();
        host.node.start();
        host.node.joined(1).await;
        let mut secret = network_in(NETWORKS[1], "10.0.1.0/24");
        secret.options.insert("encrypted".to_owned(), String::new());
        secret.options.insert("vni".to_owned(), ENCRYPTED.to_string());
        for request in [network_in(NETWORKS[0], "10.0.0.0/24"), secret] {
            host.node.core().networks.create(request).await.unwrap();
        }
        host.well = Some(Instant::now());
        self.hosts.push(host);
    }

    /// A host that was just set up.
    fn host(&mut self, number: usize) -> Host {
        let mut node = Node::seeded(number, &self.store, self.seed, &self.record);
        node.lawless = true;
        node.clock = self.clock.clone();
        node.trusts(Trust::Signed);
        self.members.insert(node.config.node_name.clone());
        let at = address(10 + u8::try_from(number).unwrap());
        let (floor, seen) = Default::default();
        Host {
            id: node.install(),
            node,
            at,
            addresses: BTreeSet::from([at]),
            revoked: false,
            well: None,
            disturbed: false,
            floor,
            seen,
        }
    }

    async fn event(&mut self) {
        let index = self.rng.random_range(0..self.hosts.len());
        match self.rng.random_range(0..100) {
            0..10 => self.kill_or_start(index).await,
            10..18 => self.move_host(index),
            18..26 => self.disturb(index),
            26..32 => self.join().await,
            32..35 => self.join_again(index).await,
            35..38 => self.expire(index),
            38..44 => self.rotate().await,
            44..54 => {
                self.tell(format!("{}: gets a certificate, if it can", self.name(index)));
                self.follow(index);
            }
            54..56 => self.finish().await,
            56..60 => self.revoke(index).await,
            60..63 => self.attach(index).await,
            63..65 => self.pass(Duration::from_secs(40)).await,
            65..80 => self.lie_of(index).await,
            80..86 => self.replay(index).await,
            86..92 => self.withhold().await,
            92..96 => self.lie_of_authorities().await,
            96..98 => self.lie_of_revoked(index).await,
            98 => self.put_in_clear().await,
            _ => self.show_the_past(index),
        }
        self.remember().await;
    }

    fn tell(&self, what: impl AsRef<str>) {
        self.record.tell(what.as_ref());
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.record.text());
        }
    }
}

fn path(key: &Key) -> String {
    Keyspace::new("weft").path(key)
}
