//! The door before a real core, with the store and the kernel in memory, under virtual time.

mod addresses;
mod endpoints;
mod hostile;
mod networks;
mod recorded;
mod sequences;

use super::{Driver, router};
use crate::{
    core::DriverAccess,
    docker::Shared,
    simulation::{self, Node, cluster},
};
use axum::{Router, body::Body, extract::Request, http::StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;
use weft_model::{EndpointId, NetworkId};
use weft_verbs::{CreateNetwork, Error, PoolRequest};

/// An engine with its driver.
struct Engine {
    node: Node,
    shared: Arc<Shared>,
    /// None while the agent is dead.
    driver: Option<Arc<Driver>>,
}

impl Engine {
    async fn new() -> Self {
        let (_store, mut nodes) = cluster(1).await;
        Self::of(nodes.remove(0))
    }

    /// The engine of a node of a larger cluster.
    fn of(node: Node) -> Self {
        let shared = Arc::new(Shared::open(&node.config.data_dir).unwrap());
        let driver = Some(driver(&node, &shared));
        Self { node, shared, driver }
    }

    /// Kills the agent and starts another, which knows what is on the disk.
    async fn restart_agent(&mut self) {
        self.driver = None;
        self.node.kill().await;
        self.node.start();
        self.node.joined(1).await;
        self.shared = Arc::new(Shared::open(&self.node.config.data_dir).unwrap());
        self.driver = Some(driver(&self.node, &self.shared));
    }

    fn driver(&self) -> Arc<Driver> {
        Arc::clone(self.driver.as_ref().unwrap())
    }

    async fn post(&self, method: &str, body: impl Into<Body>) -> (StatusCode, Value) {
        post(&router(self.driver()), method, body).await
    }

    /// A call, and the answer or what is refused.
    async fn call(&self, method: &str, body: Value) -> Result<Value, String> {
        let (status, answer) = self.post(method, body.to_string()).await;
        assert_eq!(status, StatusCode::OK, "{method}: {answer}");
        let field = if method.starts_with("IpamDriver.") { "Error" } else { "Err" };
        match answer.get(field) {
            Some(message) => Err(message.as_str().unwrap().to_owned()),
            None => Ok(answer),
        }
    }

    async fn ok(&self, method: &str, body: Value) -> Value {
        self.call(method, body).await.unwrap_or_else(|why| panic!("{method}: {why}"))
    }

    async fn refused(&self, method: &str, body: Value) -> String {
        let answer = self.call(method, body).await;
        answer.map_or_else(|why| why, |answer| panic!("{method}: {answer}"))
    }

    /// Creates a network of `pool`, as far as the driver is concerned.
    async fn create(&self, number: u8, pool: &str) -> Result<Value, String> {
        self.call("IpamDriver.RequestPool", request_pool(pool)).await?;
        self.call("NetworkDriver.CreateNetwork", create_network(number, pool)).await
    }

    /// Does what the task does that follows the engine: makes a network of the engine one of the cluster.
    async fn adopt(&self, number: u8, name: &str) -> Result<NetworkId, Error> {
        let id = network(number);
        let pools = self.shared.mapped()[&id].pools.clone();
        let pools = pools.into_iter().map(|pool| PoolRequest { subnet: Some(pool), ..Default::default() });
        let request = CreateNetwork { id: Some(id), pools: pools.collect(), ..simulation::network(name) };
        let adopted = self.node.core().networks.create(request).await?;
        self.shared.update(|all| all.get_mut(&id).unwrap().network = Some(adopted)).unwrap();
        Ok(adopted)
    }

    /// One with a network that is the cluster's, too.
    async fn with_network() -> Self {
        Self::with_network_in("10.0.0.0/24").await
    }

    async fn with_network_in(pool: &str) -> Self {
        let engine = Self::new().await;
        engine.create(1, pool).await.unwrap();
        engine.adopt(1, "overlay").await.unwrap();
        engine
    }

    /// Starts a container as far as its interface, with any address.
    async fn start(&self, number: u8) -> Result<Value, String> {
        let address = self.call("IpamDriver.RequestAddress", request_address("10.0.0.0/24", "")).await?;
        let interface = json!({"Address": address["Address"]});
        self.call("NetworkDriver.CreateEndpoint", create_endpoint(number, interface)).await?;
        self.call("NetworkDriver.Join", join(number)).await
    }
}

fn driver(node: &Node, shared: &Arc<Shared>) -> Arc<Driver> {
    let core = node.core();
    let metrics = Arc::clone(core.reporter.metrics());
    Arc::new(Driver::new(&DriverAccess::new(&core), Arc::clone(shared), metrics))
}

async fn post(router: &Router, method: &str, body: impl Into<Body>) -> (StatusCode, Value) {
    let request = Request::post(format!("/{method}")).body(body.into()).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{method}: {error}: {body:?}")))
}

fn network(number: u8) -> NetworkId {
    format!("{number:02x}").repeat(32).parse().unwrap()
}

fn endpoint(number: u8) -> EndpointId {
    format!("{number:02x}").repeat(32).parse().unwrap()
}

fn pool_id(pool: &str) -> String {
    format!("weft/{pool}")
}

fn request_pool(pool: &str) -> Value {
    json!({"AddressSpace": "weft", "Pool": pool, "SubPool": "", "Options": null, "V6": pool.contains(':')})
}

fn request_address(pool: &str, address: &str) -> Value {
    json!({"PoolID": pool_id(pool), "Address": address, "Options": null})
}

fn request_gateway(pool: &str, address: &str) -> Value {
    let options = json!({"RequestAddressType": "com.docker.network.gateway"});
    json!({"PoolID": pool_id(pool), "Address": address, "Options": options})
}

fn create_network(number: u8, pool: &str) -> Value {
    json!({
        "NetworkID": network(number),
        "Options": {"com.docker.network.enable_ipv6": false, "com.docker.network.generic": {}},
        "IPv4Data": [{"AddressSpace": "weft", "Pool": pool, "Gateway": "", "AuxAddresses": {}}],
        "IPv6Data": [],
    })
}

fn network_ref(number: u8) -> Value {
    json!({"NetworkID": network(number)})
}

fn create_endpoint(number: u8, interface: Value) -> Value {
    json!({
        "NetworkID": network(1), "EndpointID": endpoint(number), "Interface": interface,
        "Options": {"com.docker.network.portmap": []},
    })
}

fn join(number: u8) -> Value {
    let sandbox = format!("/var/run/docker/netns/{number}");
    json!({"NetworkID": network(1), "EndpointID": endpoint(number), "SandboxKey": sandbox, "Options": null})
}

fn endpoint_ref(number: u8) -> Value {
    json!({"NetworkID": network(1), "EndpointID": endpoint(number)})
}
