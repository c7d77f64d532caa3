//! What real engines asked, word for word: the answers are those that they were content with then.

use super::Engine;
use crate::{
    config::AgentConfig,
    simulation::{self, Node},
};
use serde::Deserialize;
use serde_json::Value;
use std::{fs, net::IpAddr, path::Path, sync::Arc};
use weft_model::{IpNet, NetworkId};
use weft_store::MemoryStore;
use weft_verbs::{CreateNetwork, PoolRequest};

/// Scenarios in which the recorder's driver did something else than ours on purpose.
const OTHERWISE: [&str; 3] = ["create-other-ipam", "create-refused", "run-refused"];

#[derive(Deserialize)]
struct Scenario {
    calls: Vec<Recorded>,
}

#[derive(Deserialize)]
struct Recorded {
    method: String,
    request: Value,
    reply: Value,
}

impl Recorded {
    fn body(&self) -> String {
        // The engine's body is empty where there is nothing to say.
        if self.request.is_null() { String::new() } else { self.request.to_string() }
    }

    /// Where drivers may differ, the recorded answer with ours put in.
    fn expected(&self, answer: &Value) -> Value {
        let mut expected = self.reply.clone();
        match self.method.as_str() {
            "NetworkDriver.Join" => {
                expected["InterfaceName"]["SrcName"] = answer["InterfaceName"]["SrcName"].clone();
                expected.as_object_mut().unwrap().remove("StaticRoutes");
            }
            "NetworkDriver.EndpointOperInfo" => expected["Value"] = answer["Value"].clone(),
            _ => {}
        }
        expected
    }
}

fn recorded(engine: &str) -> Vec<(String, Scenario)> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker/tests/golden");
    let files = fs::read_dir(golden.join(engine).join("calls")).unwrap();
    let mut paths: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &Path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap()[3..].to_owned();
    paths.iter().map(|path| (name(path), read(path))).collect()
}

/// An engine whose networks are where the recorder had them.
async fn engine() -> Engine {
    let mut node = Node::new(1, &MemoryStore::new());
    let default_address_pools = vec!["base=10.30.0.0/16,size=24".parse().unwrap()];
    node.config = Arc::new(AgentConfig { default_address_pools, ..(*node.config).clone() });
    node.route("10.30.0.0/24");
    node.start();
    node.joined(1).await;
    Engine::of(node)
}

/// Makes the network of the engine one of the cluster, as the task does that follows the engine.
async fn adopt(engine: &Engine, number: usize, request: &Value) {
    let id: NetworkId = request["NetworkID"].as_str().unwrap().parse().unwrap();
    let families = [&request["IPv4Data"], &request["IPv6Data"]];
    let pools = families.iter().flat_map(|data| data.as_array().unwrap()).map(pool).collect();
    let name = format!("net{number}");
    let wanted = CreateNetwork { id: Some(id), pools, ..simulation::network(&name) };
    engine.node.core().networks.create(wanted).await.unwrap();
    engine.shared.update(|all| all.get_mut(&id).unwrap().network = Some(id)).unwrap();
}

fn pool(data: &Value) -> PoolRequest {
    let address = |value: &Value| value.as_str().unwrap().parse::<IpNet>().unwrap().addr();
    let aux: Vec<(String, IpAddr)> = match data["AuxAddresses"].as_object() {
        Some(aux) => aux.iter().map(|(name, value)| (name.clone(), address(value))).collect(),
        None => Vec::new(),
    };
    PoolRequest {
        subnet: Some(data["Pool"].as_str().unwrap().parse().unwrap()),
        gateway: Some(address(&data["Gateway"])),
        ip_range: None,
        aux_addresses: aux.into_iter().collect(),
    }
}

async fn replay(version: &str) {
    let engine = engine().await;
    let mut networks = 0;
    for (name, scenario) in
        recorded(version).into_iter().filter(|(name, _)| !OTHERWISE.contains(&name.as_str()))
    {
        for call in scenario.calls {
            let (status, answer) = engine.post(&call.method, call.body()).await;
            assert_eq!((status.as_u16(), &answer), (200, &call.expected(&answer)), "{name}: {}", call.method);
            if call.method == "NetworkDriver.CreateNetwork" {
                networks += 1;
                adopt(&engine, networks, &call.request).await;
            }
        }
    }
    assert_eq!(networks, 3);
    let core = engine.node.core();
    let known = core.known();
    assert!(known.networks.is_empty() && known.claims.is_empty() && known.reserved_pools.is_empty());
    assert!(core.endpoints.here().is_empty() && engine.shared.mapped().is_empty());
    assert!(engine.node.seen.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_old_engine() {
    replay("20.10.24").await;
}

#[tokio::test(start_paused = true)]
async fn a_new_engine() {
    replay("28.5.2").await;
}
