//! Which programs listen on the sockets.

use super::PLUGIN_SOCKET;
use crate::{
    client::{Client, ClientError, Host, TlsFlags, UnixSocket},
    setup::facts::{Agent, Engine, Reach},
};
use serde::Deserialize;
use serde_json::json;
use std::{error::Error, future::Future, io, time::Duration};
use tokio::time::timeout;
use weft_api::{docker, v1};
use weft_docker::engine::{self, EngineError};
use weft_model::{IpNet, asks_for_encryption, chain};

/// How long an agent may take, which answers within milliseconds.
const SOON: Duration = Duration::from_secs(5);

/// The driver whose networks are not counted among an engine's own.
const OURS: &str = "weft";

pub(super) async fn engine(socket: &UnixSocket) -> Reach<Engine> {
    ask_engine(socket).await.unwrap_or_else(|error| match &error {
        EngineError::Connect { source, .. } => unreachable(source, &error),
        _ => Reach::Failed(chain(&error)),
    })
}

async fn ask_engine(socket: &UnixSocket) -> Result<Reach<Engine>, EngineError> {
    let engine = engine::Engine::connect(socket.path()).await?;
    let info = engine.info().await?;
    let list = engine.networks().await?;
    let theirs = list.networks.into_iter().filter(|network| network.driver != OURS);
    let networks = theirs.map(|network| {
        let subnets = network.ipam.pools.iter().filter_map(|pool| pool.subnet);
        (network.name.to_string(), subnets.collect())
    });
    let pools = info.default_address_pools.iter().filter_map(|pool| pool.base.parse().ok());
    let version = engine.version();
    Ok(Reach::Here(Engine {
        version: version.version.clone(),
        components: version.components.iter().map(|component| component.name.clone()).collect(),
        networks: networks.collect(),
        address_pools: pools.collect(),
        operating_system: info.operating_system,
    }))
}

pub(super) async fn agent(client: &Client) -> Reach<Agent> {
    soon(Box::pin(ask_agent(client))).await
}

async fn ask_agent(client: &Client) -> Result<Reach<Agent>, ClientError> {
    let status: v1::Status = client.get("/weft/v1/status").await?;
    let nodes: Vec<v1::Node> = client.get("/weft/v1/nodes").await?;
    let networks: Vec<docker::Network> = client.get("/networks").await?;
    let encrypts = networks.iter().any(|network| asks_for_encryption(&network.options));
    let subnets = |network: docker::Network| {
        let subnets = network.ipam.config.iter().filter_map(|config| config.subnet.parse::<IpNet>().ok());
        (network.name, subnets.collect())
    };
    Ok(Reach::Here(Agent {
        status,
        peers: nodes.iter().filter(|node| !node.this).map(|node| node.vtep).collect(),
        nodes,
        networks: networks.into_iter().map(subnets).collect(),
        encrypts,
    }))
}

/// What a driver of addresses has: weft's is one of networks, too (moby, `libnetwork/ipams/remote/api`).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AddressSpaces {
    local_default_address_space: String,
}

/// Asks what changes nothing. (`Plugin.Activate` says that an engine has started.)
pub(super) async fn plugin() -> Reach<String> {
    let Ok(socket) = PLUGIN_SOCKET.parse() else { return Reach::Absent };
    let method = "/IpamDriver.GetDefaultAddressSpaces";
    let client = Client::new(Host::Unix(socket), TlsFlags::default());
    soon(Box::pin(async {
        let spaces: AddressSpaces = client.post(method, &json!({})).await?;
        Ok(Reach::Here(spaces.local_default_address_space))
    }))
    .await
}

/// What is asked of an agent that may hang, which is a fault to be named.
async fn soon<T>(asking: impl Future<Output = Result<Reach<T>, ClientError>>) -> Reach<T> {
    match timeout(SOON, asking).await {
        Ok(answer) => answer.unwrap_or_else(reach),
        Err(_) => Reach::Failed(format!("it hangs, and does not answer within {} s", SOON.as_secs())),
    }
}

fn reach<T>(error: ClientError) -> Reach<T> {
    match &error {
        ClientError::Connect { cause, .. } => unreachable(cause, &error),
        _ => Reach::Failed(chain(&error)),
    }
}

fn unreachable<T>(cause: &io::Error, error: &dyn Error) -> Reach<T> {
    match cause.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Reach::Absent,
        io::ErrorKind::PermissionDenied => Reach::Denied,
        _ => Reach::Failed(chain(error)),
    }
}
