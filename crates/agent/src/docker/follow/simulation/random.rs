//! Random histories: what users do with three engines and the cluster, and what goes wrong meanwhile, in an order
//! that a seed decides. When the faults stop, every engine and the cluster must agree by themselves.
//!
//! `WEFT_SEEDS=17` tries one seed, `WEFT_SEEDS=0..1000` many.

use super::{Host, users::of_weft};
use crate::simulation::{network, network_in, seeds, try_all};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{ops::Range, sync::Arc, thread, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use weft_docker::engine::NewNetwork;
use weft_model::ContainerId;
use weft_store::MemoryStore;

/// The seeds that are tried when nobody says which.
const SEEDS: Range<u64> = 0..60;
const HOSTS: usize = 3;
/// How much happens in one history.
const EVENTS: usize = 60;
/// How long it may take after the last fault.
const PATIENCE: Duration = Duration::from_secs(240);
/// Few, so that requests meet.
const NETWORKS: [&str; 4] = ["a", "b", "c", "d"];

pub(super) struct World {
    rng: StdRng,
    pub(super) store: MemoryStore,
    pub(super) hosts: Vec<Host>,
    /// What users are waiting for.
    requests: JoinSet<()>,
    containers: usize,
    history: Vec<String>,
}

#[test]
fn whatever_happens_engines_and_cluster_agree() {
    try_all("engines_and_cluster_agree", seeds(SEEDS), |seed| {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(history(seed));
    });
}

async fn history(seed: u64) {
    let store = MemoryStore::new();
    let mut world = World {
        rng: StdRng::seed_from_u64(seed),
        hosts: (1..=HOSTS).map(|number| Host::new(number, &store, seed)).collect(),
        store,
        requests: JoinSet::new(),
        containers: 0,
        history: Vec::new(),
    };
    world.hosts.iter_mut().for_each(Host::start);
    for _ in 0..EVENTS {
        world.event().await;
        let pause = world.rng.random_range(0..1000);
        sleep(Duration::from_millis(pause * pause / 500)).await;
    }
    world.calm().await;
    world.eventually(World::agrees).await;
    world.clear_up().await;
    world.eventually(World::is_bare).await;
}

impl Drop for World {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.history.join("\n"));
        }
    }
}

impl World {
    fn tell(&mut self, host: usize, what: &str) {
        self.history.push(format!("host{}: {what}", host + 1));
    }

    async fn event(&mut self) {
        let host = self.rng.random_range(0..HOSTS);
        match self.rng.random_range(0..100) {
            0..14 => self.create_in_engine(host),
            14..22 => self.remove_in_engine(host),
            22..28 => self.create_in_cluster(host),
            28..32 => self.remove_in_cluster(host),
            32..50 => self.start_container(host),
            50..60 => self.change_container(host),
            60..72 => self.kill_or_start_engine(host).await,
            72..82 => self.kill_or_start_agent(host).await,
            82..92 => self.disturb_engine(host),
            _ => self.disturb_store(host),
        }
    }

    fn any_network(&mut self) -> &'static str {
        NETWORKS[self.rng.random_range(0..NETWORKS.len())]
    }

    /// A subnet of the network's own, or whatever is free.
    fn any_pool(&mut self, name: &str) -> Option<String> {
        let range = usize::from(name.as_bytes()[0]) - usize::from(b'a');
        let subnet = self.rng.random_range(0..4);
        self.rng.random_bool(0.4).then(|| format!("10.{}.{subnet}.0/24", 100 + range))
    }

    fn create_in_engine(&mut self, host: usize) {
        let name = self.any_network();
        let pool = self.any_pool(name);
        self.tell(host, &format!("docker network create {name}, subnet {pool:?}"));
        let wanted = match self.rng.random_bool(0.05) {
            true => NewNetwork {
                driver: "bridge".to_owned(),
                ipam_driver: "default".to_owned(),
                ..of_weft(name, Some("172.18.0.0/16"))
            },
            false => of_weft(name, pool.as_deref()),
        };
        let engine = Arc::clone(&self.hosts[host].engine);
        self.requests.spawn(async move { drop(engine.create_network(&wanted).await) });
    }

    fn remove_in_engine(&mut self, host: usize) {
        let name = self.any_network();
        self.tell(host, &format!("docker network rm {name}"));
        let engine = Arc::clone(&self.hosts[host].engine);
        let Some(id) = engine.state().named(name).map(|network| network.id) else { return };
        self.requests.spawn(async move { drop(engine.remove_network(id).await) });
    }

    fn create_in_cluster(&mut self, host: usize) {
        if !self.hosts[host].node.is_running() {
            return;
        }
        let name = self.any_network();
        let pool = self.any_pool(name);
        self.tell(host, &format!("weft network create {name}, subnet {pool:?}"));
        let core = self.hosts[host].core();
        let request = pool.map_or_else(|| network(name), |pool| network_in(name, &pool));
        let node_lives = self.hosts[host].lives();
        self.requests.spawn(async move {
            tokio::select! {
                _ = core.networks.create(request) => {}
                () = node_lives => {}
            }
        });
    }

    fn remove_in_cluster(&mut self, host: usize) {
        if !self.hosts[host].node.is_running() {
            return;
        }
        let name = self.any_network();
        self.tell(host, &format!("weft network rm {name}"));
        let core = self.hosts[host].core();
        let node_lives = self.hosts[host].lives();
        self.requests.spawn(async move {
            tokio::select! {
                _ = core.networks.remove(name) => {}
                () = node_lives => {}
            }
        });
    }

    fn start_container(&mut self, host: usize) {
        self.containers += 1;
        let (name, network) = (format!("c{}", self.containers), self.any_network());
        self.tell(host, &format!("docker run --name {name} --net {network}"));
        let engine = Arc::clone(&self.hosts[host].engine);
        if !engine.state().up {
            return;
        }
        let id = engine.create_container(&name, network, "alias");
        self.requests.spawn(async move { drop(engine.start_container(id).await) });
    }

    fn change_container(&mut self, host: usize) {
        let engine = Arc::clone(&self.hosts[host].engine);
        let containers: Vec<ContainerId> = engine.state().containers.keys().copied().collect();
        if containers.is_empty() || !engine.state().up {
            return;
        }
        let id = containers[self.rng.random_range(0..containers.len())];
        match self.rng.random_range(0..6) {
            0 => {
                self.tell(host, &format!("docker stop {}", id.short()));
                self.requests.spawn(async move { engine.stop_container(id).await });
            }
            1 => {
                self.tell(host, &format!("docker rm -f {}", id.short()));
                self.requests.spawn(async move { engine.remove_container(id).await });
            }
            2 => {
                self.tell(host, &format!("docker start {}", id.short()));
                self.requests.spawn(async move { drop(engine.start_container(id).await) });
            }
            3 => {
                self.tell(host, &format!("docker network disconnect {}", id.short()));
                self.requests.spawn(async move { drop(engine.disconnect(id).await) });
            }
            4 => {
                let network = self.any_network();
                self.tell(host, &format!("docker network connect {network} {}", id.short()));
                self.requests.spawn(async move { drop(engine.connect(id, network).await) });
            }
            _ => {
                self.containers += 1;
                self.tell(host, &format!("docker rename {} c{}", id.short(), self.containers));
                engine.rename_container(id, &format!("c{}", self.containers));
            }
        }
    }

    async fn kill_or_start_engine(&mut self, host: usize) {
        let engine = Arc::clone(&self.hosts[host].engine);
        let up = engine.state().up;
        if up {
            self.tell(host, "the engine is killed");
            engine.kill();
            if self.rng.random_bool(0.1) {
                self.tell(host, "the engine's files are removed");
                engine.wipe();
            }
        } else {
            let live_restore = self.rng.random_bool(0.5);
            self.tell(host, &format!("the engine starts, live-restore {live_restore}"));
            engine.start(live_restore).await;
        }
    }

    async fn kill_or_start_agent(&mut self, host: usize) {
        if self.hosts[host].node.is_running() {
            self.tell(host, "the agent is killed");
            self.hosts[host].kill().await;
        } else {
            self.tell(host, "the agent starts");
            self.hosts[host].start();
        }
    }

    fn disturb_engine(&mut self, host: usize) {
        let number = self.rng.random_range(1..6);
        let engine = Arc::clone(&self.hosts[host].engine);
        match self.rng.random_range(0..3) {
            0 => {
                self.tell(host, &format!("{number} events are lost"));
                engine.state().lost_events = number;
            }
            1 => {
                self.tell(host, &format!("{number} questions are refused"));
                engine.state().refusals = number;
            }
            _ => {
                self.tell(host, "the events break");
                engine.break_events();
            }
        }
    }

    fn disturb_store(&mut self, host: usize) {
        let delay = Duration::from_millis(self.rng.random_range(0..5000));
        let faults = self.hosts[host].node.store.faults();
        let what = match self.rng.random_range(0..6) {
            0 => {
                faults.set_unavailable(true);
                "the store is out of reach".to_owned()
            }
            1 => {
                faults.heal();
                "the store is as it should be".to_owned()
            }
            2 => {
                faults.set_delay(delay);
                format!("the store takes {delay:?}")
            }
            3 => {
                faults.set_watch_delay(delay);
                format!("watches take {delay:?}")
            }
            4 => {
                faults.lose_answers(2);
                "answers get lost".to_owned()
            }
            _ => {
                faults.break_watches();
                "the watches break".to_owned()
            }
        };
        self.tell(host, &what);
    }

    /// Nothing goes wrong any more, and whatever was asked is answered.
    async fn calm(&mut self) {
        self.history.push("all faults end".to_owned());
        for host in &mut self.hosts {
            host.node.store.faults().heal();
            if !host.node.is_running() {
                host.start();
            }
            host.engine.start(true).await;
            let mut state = host.engine.state();
            (state.lost_events, state.refusals) = (0, 0);
        }
        let answered = async { while self.requests.join_next().await.is_some() {} };
        assert!(timeout(PATIENCE, answered).await.is_ok(), "not everything that was asked is answered");
    }

    pub(super) async fn eventually(&self, holds: impl AsyncFn(&Self) -> Result<(), String>) {
        let began = Instant::now();
        while let Err(why) = holds(self).await {
            assert!(began.elapsed() < PATIENCE, "still so after {PATIENCE:?}: {why}");
            sleep(Duration::from_millis(500)).await;
        }
    }
}

impl Host {
    /// Ends when the agent that runs now is killed.
    fn lives(&self) -> impl Future<Output = ()> + Send + 'static {
        let shared = self.shared.as_ref().map(Arc::downgrade);
        async move {
            while shared.as_ref().is_some_and(|shared| shared.strong_count() > 0) {
                sleep(Duration::from_millis(10)).await;
            }
        }
    }
}
