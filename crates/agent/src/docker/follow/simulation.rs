//! The task that follows an engine, the door and the core together, with an engine, a store and a kernel in
//! memory, under virtual time.

mod containers;
mod endpoints;
mod engine;
mod networks;
mod orphans;
mod random;
mod settled;
mod stranded;
mod users;

use super::Follower;
use crate::{
    core::{Core, DriverAccess},
    docker::{Shared, door::Driver},
    simulation::{Node, Transcript},
};
use engine::{FakeAddress, FakeEngine};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::task::JoinHandle;
use weft_docker::plugin::DRIVER;
use weft_model::IpNet;
use weft_store::MemoryStore;

/// A host with an engine, and an agent that can be killed and started again.
struct Host {
    node: Node,
    engine: Arc<FakeEngine>,
    shared: Option<Arc<Shared>>,
    follower: Option<JoinHandle<()>>,
}

impl Host {
    fn new(number: usize, store: &MemoryStore, seed: u64) -> Self {
        let node = Node::seeded(number, store, seed, &Transcript::new(false));
        let engine = FakeEngine::new((seed << 8) + number as u64, Arc::clone(&node.kernel));
        Self { node, engine, shared: None, follower: None }
    }

    fn start(&mut self) {
        self.node.start();
        let core = self.node.core();
        let shared = Arc::new(Shared::open(&self.node.config.data_dir).unwrap());
        let access = Arc::new(DriverAccess::new(&core));
        let driver = Driver::new(&access, Arc::clone(&shared), Arc::default());
        self.engine.plug(Some(Arc::new(driver)));
        let engine = Arc::new(FakeAddress(Arc::clone(&self.engine)));
        let follower = Follower::new(&access, &shared, engine);
        self.shared = Some(shared);
        self.follower = Some(tokio::spawn(follower.run()));
    }

    /// Stops the agent where it is.
    async fn kill(&mut self) {
        self.engine.plug(None);
        self.shared = None;
        if let Some(follower) = self.follower.take() {
            follower.abort();
            let _ = follower.await;
        }
        self.node.kill().await;
    }

    fn core(&self) -> Arc<Core> {
        self.node.core()
    }

    /// The networks of the engine that have our driver, with their pools.
    fn in_engine(&self) -> BTreeMap<String, BTreeSet<IpNet>> {
        let state = self.engine.state();
        let ours = state.networks.values().filter(|network| network.driver == DRIVER);
        ours.map(|n| (n.name.to_string(), n.ipam.pools.iter().filter_map(|pool| pool.subnet).collect()))
            .collect()
    }

    /// The networks of the cluster, as this host knows them, with their pools.
    fn in_cluster(&self) -> BTreeMap<String, BTreeSet<IpNet>> {
        let known = self.core().known();
        let pools =
            |network: &weft_model::Network| network.subnets.iter().map(|subnet| subnet.pool).collect();
        known.networks.values().map(|network| (network.name.to_string(), pools(network))).collect()
    }

    fn agrees(&self) -> bool {
        self.in_engine() == self.in_cluster()
    }

    /// What `weft status` has to say of the engine.
    fn problems(&self) -> Vec<String> {
        self.core().reporter.describe().engine.map(|engine| engine.problems).unwrap_or_default()
    }

    fn follows(&self) -> bool {
        self.core().reporter.describe().engine.is_some_and(|engine| engine.version.is_ok())
    }
}

/// Hosts whose agents are in one cluster and follow their engines.
async fn hosts(n: usize) -> (MemoryStore, Vec<Host>) {
    let store = MemoryStore::new();
    let mut hosts: Vec<Host> = (1..=n).map(|number| Host::new(number, &store, 0)).collect();
    hosts.iter_mut().for_each(Host::start);
    for host in &hosts {
        host.node.joined(n).await;
        crate::simulation::eventually("the engine is followed", || host.follows()).await;
    }
    (store, hosts)
}
