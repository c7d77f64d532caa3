//! Any sequence of calls, with agents that die and stores that go away, leaves nothing that should not be.

use super::{
    Engine, create_endpoint, create_network, endpoint, endpoint_ref, join, network, network_ref, pool_id,
    request_address, request_pool,
};
use proptest::prelude::*;
use serde_json::json;
use std::{collections::BTreeMap, net::IpAddr, time::Duration};
use tokio::time::{Instant, sleep};
use weft_model::Keyspace;
use weft_state::cluster::Cluster;
use weft_store::{MemoryStore, Store};

const POOLS: [&str; 2] = ["10.0.0.0/29", "10.0.1.0/29"];
const ENDPOINTS: u8 = 4;

#[derive(Debug, Clone, Copy)]
enum Step {
    RequestPool(usize),
    ReleasePool(usize),
    /// Network n has pool n, in one of the two orders that engines may have.
    CreateNetwork(u8),
    Adopt(u8),
    DeleteNetwork(u8),
    RequestAddress(usize, Option<u8>),
    ReleaseAddress(usize, u8),
    CreateEndpoint(u8, u8),
    Join(u8),
    Leave(u8),
    DeleteEndpoint(u8),
    /// All that an engine does to start a container, and to stop it.
    Start(u8),
    Stop(u8),
    RestartAgent,
    CutOffStore,
    SlowStore,
    GoodStore,
}

fn step() -> impl Strategy<Value = Step> {
    let (pool, network) = (0..POOLS.len(), 1..=2u8);
    let (endpoint, host) = (1..=ENDPOINTS, 0..8u8);
    prop_oneof![
        1 => pool.clone().prop_map(Step::RequestPool),
        1 => pool.clone().prop_map(Step::ReleasePool),
        2 => network.clone().prop_map(Step::CreateNetwork),
        2 => network.clone().prop_map(Step::Adopt),
        1 => network.prop_map(Step::DeleteNetwork),
        1 => (pool.clone(), prop::option::of(host.clone())).prop_map(|(p, h)| Step::RequestAddress(p, h)),
        1 => (pool, host.clone()).prop_map(|(p, h)| Step::ReleaseAddress(p, h)),
        1 => (endpoint.clone(), host).prop_map(|(e, h)| Step::CreateEndpoint(e, h)),
        2 => endpoint.clone().prop_map(Step::Join),
        1 => endpoint.clone().prop_map(Step::Leave),
        1 => endpoint.clone().prop_map(Step::DeleteEndpoint),
        5 => endpoint.clone().prop_map(Step::Start),
        2 => endpoint.prop_map(Step::Stop),
        1 => Just(Step::RestartAgent),
        1 => Just(Step::CutOffStore),
        1 => Just(Step::SlowStore),
        3 => Just(Step::GoodStore),
    ]
}

fn host(pool: usize, number: u8) -> String {
    format!("10.0.{pool}.{number}")
}

/// What the engine was told, and has not taken back.
#[derive(Default)]
struct Promised {
    /// The addresses of endpoints that joined.
    joined: BTreeMap<u8, IpAddr>,
}

struct World {
    engine: Engine,
    /// The store, by a way that nothing cuts off.
    truth: MemoryStore,
    made: BTreeMap<u8, IpAddr>,
    promised: Promised,
}

impl World {
    async fn take(&mut self, step: Step) {
        let engine = &self.engine;
        match step {
            Step::RequestPool(pool) => {
                let _ = engine.call("IpamDriver.RequestPool", request_pool(POOLS[pool])).await;
            }
            Step::ReleasePool(pool) => {
                let _ = engine.call("IpamDriver.ReleasePool", json!({"PoolID": pool_id(POOLS[pool])})).await;
            }
            Step::CreateNetwork(number) => {
                let pool = POOLS[usize::from(number) - 1];
                let _ = engine.call("NetworkDriver.CreateNetwork", create_network(number, pool)).await;
            }
            Step::Adopt(number) => {
                let waiting =
                    engine.shared.mapped().get(&network(number)).is_some_and(|m| m.network.is_none());
                if waiting {
                    let _ = engine.adopt(number, &format!("net{number}")).await;
                }
            }
            Step::DeleteNetwork(number) => {
                let _ = engine.call("NetworkDriver.DeleteNetwork", network_ref(number)).await;
            }
            Step::RequestAddress(pool, number) => {
                let address = number.map_or_else(String::new, |number| host(pool, number));
                let _ =
                    engine.call("IpamDriver.RequestAddress", request_address(POOLS[pool], &address)).await;
            }
            Step::ReleaseAddress(pool, number) => {
                let body = json!({"PoolID": pool_id(POOLS[pool]), "Address": host(pool, number)});
                let _ = engine.call("IpamDriver.ReleaseAddress", body).await;
            }
            Step::CreateEndpoint(number, at) => {
                self.create_endpoint(number, host(0, at).parse().unwrap()).await;
            }
            Step::Join(number) => self.join(number).await,
            Step::Leave(number) => drop(engine.ok("NetworkDriver.Leave", endpoint_ref(number)).await),
            Step::DeleteEndpoint(number) => self.delete(number).await,
            Step::Start(number) => self.start(number).await,
            Step::Stop(number) => self.stop(number).await,
            Step::RestartAgent => self.restart().await,
            Step::CutOffStore => engine.node.store.faults().set_unavailable(true),
            Step::SlowStore => engine.node.store.faults().set_delay(Duration::from_millis(3500)),
            Step::GoodStore => self.mend_store(),
        }
    }

    fn mend_store(&self) {
        let faults = self.engine.node.store.faults();
        faults.set_unavailable(false);
        faults.set_delay(Duration::ZERO);
    }

    async fn restart(&mut self) {
        // It joins the cluster again only if there is one.
        self.mend_store();
        self.engine.restart_agent().await;
        self.made.clear();
    }

    async fn create_endpoint(&mut self, number: u8, address: IpAddr) {
        let interface = json!({"Address": format!("{address}/29")});
        let made = self.engine.call("NetworkDriver.CreateEndpoint", create_endpoint(number, interface)).await;
        if made.is_ok() {
            self.made.insert(number, address);
        }
    }

    async fn join(&mut self, number: u8) {
        if self.engine.call("NetworkDriver.Join", join(number)).await.is_ok() {
            self.promised.joined.insert(number, self.made[&number]);
        }
    }

    async fn delete(&mut self, number: u8) {
        let _ = self.engine.call("NetworkDriver.DeleteEndpoint", endpoint_ref(number)).await;
        self.made.remove(&number);
        self.promised.joined.remove(&number);
    }

    async fn start(&mut self, number: u8) {
        let answer = self.engine.call("IpamDriver.RequestAddress", request_address(POOLS[0], "")).await;
        let Ok(answer) = answer else { return };
        let address = answer["Address"].as_str().unwrap().split_once('/').unwrap().0.parse().unwrap();
        self.create_endpoint(number, address).await;
        self.join(number).await;
        if self.promised.joined.get(&number) != Some(&address) {
            // As an engine does where it is refused.
            let body = json!({"PoolID": pool_id(POOLS[0]), "Address": address});
            let _ = self.engine.call("IpamDriver.ReleaseAddress", body).await;
        }
    }

    async fn stop(&mut self, number: u8) {
        let Some(address) = self.made.get(&number).copied() else { return };
        self.engine.ok("NetworkDriver.Leave", endpoint_ref(number)).await;
        self.delete(number).await;
        let body = json!({"PoolID": pool_id(POOLS[0]), "Address": address});
        let _ = self.engine.call("IpamDriver.ReleaseAddress", body).await;
    }

    /// Whether what was promised is in the store.
    async fn keeps_its_promises(&self) -> Result<(), String> {
        let cluster = self.cluster().await?;
        for (number, address) in &self.promised.joined {
            let claim = cluster.claims.values().find_map(|claims| claims.get(address));
            if claim.is_none_or(|claim| claim.endpoint != endpoint(*number)) {
                return Err(format!("{address} is not {number}'s: {claim:?}"));
            }
        }
        Ok(())
    }

    async fn cluster(&self) -> Result<Cluster, String> {
        let listing = self.truth.list("weft").await.map_err(|error| error.to_string())?;
        Ok(Cluster::read(&Keyspace::new("weft"), &listing))
    }

    /// Takes everything away as an engine does.
    async fn clear_up(&mut self) {
        self.mend_store();
        for number in 1..=ENDPOINTS {
            self.engine.ok("NetworkDriver.Leave", endpoint_ref(number)).await;
            self.delete(number).await;
        }
        self.eventually(async |world| {
            for number in 1..=2 {
                world.engine.call("NetworkDriver.DeleteNetwork", network_ref(number)).await?;
            }
            Ok(())
        })
        .await;
        self.eventually(async |world| {
            let listing = world.truth.list("weft").await.map_err(|error| error.to_string())?;
            let keys: Vec<_> = listing.entries.into_iter().map(|entry| entry.key).collect();
            let left = |key: &&String| {
                !["/nodes/", "/live/", "/latest/", "/epoch", "/cluster"].iter().any(|own| key.contains(own))
            };
            let left: Vec<&String> = keys.iter().filter(left).collect();
            let journal = world.engine.node.core().endpoints.here().len();
            let mapped = world.engine.shared.mapped();
            if left.is_empty() && journal == 0 && mapped.is_empty() {
                return Ok(());
            }
            Err(format!("left: {left:?}, {journal} in the journal, {mapped:?}"))
        })
        .await;
    }

    async fn eventually(&self, holds: impl AsyncFn(&Self) -> Result<(), String>) {
        let began = Instant::now();
        while let Err(why) = holds(self).await {
            assert!(began.elapsed() < Duration::from_secs(180), "still so: {why}");
            sleep(Duration::from_millis(500)).await;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nothing_is_left_and_no_promise_broken(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let engine = Engine::with_network_in(POOLS[0]).await;
            let truth = engine.node.store.another_way();
            let mut world = World { engine, truth, made: BTreeMap::new(), promised: Promised::default() };
            for step in steps {
                world.take(step).await;
                let kept = world.keeps_its_promises().await;
                prop_assert!(kept.is_ok(), "after {step:?}: {kept:?}");
            }
            world.clear_up().await;
            Ok(())
        })?;
    }
}
