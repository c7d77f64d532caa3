//! Gathering the rest. Changes nothing.

mod clock;
mod files;
mod ports;
mod ways;

use super::facts::{Config, More};
use crate::{
    agent::{self, CONFIG_FILE},
    setup::{
        facts::{Agent, Facts},
        look::{link, sysctl},
    },
};
use anyhow::anyhow;
use std::{io::ErrorKind, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use weft_agent::config::{AgentConfig, DATA_DIR};
use weft_netlink::{NewLink, unshare_network};
use weft_store::{RemoteStore, StoreUrl};

/// How long a server may take to answer.
const ANSWER: Duration = Duration::from_secs(3);

pub(super) async fn look(facts: &Facts) -> More {
    let (config, configured) = config();
    let agent = facts.agent.here();
    let store = remote_store(agent, configured.as_ref());
    let data_dir = agent.map(|agent| agent.status.data_dir.clone());
    let data_dir = data_dir.or_else(|| Some(configured.as_ref()?.data_dir.clone()));
    More {
        files: files::known(&agent::configured_secrets()),
        data: files::data_dir(data_dir.unwrap_or_else(|| DATA_DIR.into())),
        wireguard: facts.root.then(wireguard),
        ports: ports::look(agent, configured.as_ref()),
        ways: agent.map(ways::look).unwrap_or_default(),
        strict: facts.underlay.as_ref().is_some_and(|underlay| ways::strict(&underlay.interface)),
        neighbours: sysctl("net/ipv4/neigh/default/gc_thresh3"),
        clock: clock::look(store.as_ref()).await,
        store: match (agent, &store) {
            // It says itself whether it reaches it.
            (None, Some(store)) => reach(store).await,
            _ => None,
        },
        config,
    }
}

/// The configuration file, and what an agent would do that has nothing else.
fn config() -> (Config, Option<AgentConfig>) {
    match std::fs::read_to_string(CONFIG_FILE) {
        Err(error) if error.kind() == ErrorKind::NotFound => return (Config::Absent, None),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return (Config::Denied, None),
        _ => {}
    }
    match agent::read_config(None) {
        Ok(config) => (Config::Read, Some(config)),
        Err(error) => (Config::Invalid(format!("{error:#}")), None),
    }
}

/// The store, if it is on other machines.
fn remote_store(agent: Option<&Agent>, config: Option<&AgentConfig>) -> Option<StoreUrl> {
    let said = agent.and_then(|agent| agent.status.store.url.parse().ok());
    said.or_else(|| Some(config?.store.clone())).filter(|url| servers(url).is_some())
}

/// Its servers.
fn servers(url: &StoreUrl) -> Option<&RemoteStore> {
    match url {
        StoreUrl::Consul(remote) | StoreUrl::Etcd(remote) | StoreUrl::Weft(remote) => Some(remote),
        StoreUrl::Embedded(_) => None,
    }
}

/// Whether one of the servers can be connected to.
async fn reach(url: &StoreUrl) -> Option<(String, Result<(), String>)> {
    let mut failure = None;
    for server in &servers(url)?.servers {
        match timeout(ANSWER, TcpStream::connect(server)).await {
            Ok(Ok(_)) => return Some((url.to_string(), Ok(()))),
            Ok(Err(error)) => failure = Some(format!("{server}: {error}")),
            Err(_) => failure = Some(format!("{server}: no answer within {} s", ANSWER.as_secs())),
        }
    }
    Some((url.to_string(), Err(failure?)))
}

/// Asks for a WireGuard device where nobody sees it, as [`super::super::look`] does for the others.
fn wireguard() -> Result<(), String> {
    let trial = std::thread::spawn(|| {
        unshare_network()?;
        link(|socket, here| {
            let here = socket.namespace_id(here)?;
            Ok(NewLink { name: "tunnel", mac: None, mtu: 1400 }.wireguard(here))
        })
    });
    let made = trial.join().unwrap_or_else(|_| Err(anyhow!("it could not be tried")));
    made.map_err(|error| format!("{error:#}"))
}
