//! The engine lets go of its networks of weft's. Meanwhile its driver agrees to everything, and tells the cluster nothing
//! ([`Shared::part`](crate::docker::Shared::part)).

use crate::{config::AgentConfig, docker::Shared};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::{Instant, sleep};
use weft_docker::{
    engine::{Engine, EngineError},
    plugin::DRIVER,
};
use weft_model::{NetworkId, chain};
use weft_verbs::Error;

/// How long an engine may refuse to let go of a network, for something that it is doing at the moment.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause before it is asked again.
const PAUSE: Duration = Duration::from_millis(200);

/// Takes every container off these networks, and removes them from the engine of this host, if there is one.
///
/// # Errors
/// If the engine keeps a network, or does not answer and has one.
pub(super) async fn leave(config: &AgentConfig) -> Result<(), Error> {
    let Some(docker) = &config.docker else { return Ok(()) };
    let engine = match Engine::connect(&docker.socket).await {
        Ok(engine) => engine,
        Err(error) => return refuse_if_it_has_some(config, &error),
    };
    let failed = |doing: &str, error| Error::conflict(format!("{doing}: {}", chain(&error)));
    let list = engine.networks().await.map_err(|error| failed("Docker does not list its networks", error))?;
    let foreign = list.foreign.into_iter().filter(|network| network.driver == DRIVER);
    let own = list.networks.into_iter().filter(|network| network.driver == DRIVER);
    let own = own.map(|network| (network.id, network.name.to_string()));
    let all = own.chain(foreign.filter_map(|network| Some((network.id?, network.name))));
    for (id, name) in all {
        let removed = remove(&engine, &id).await;
        removed.map_err(|error| failed(&format!("Docker keeps its network {name}"), error))?;
        tracing::info!(network = %name, "network removed from Docker");
    }
    Ok(())
}

fn refuse_if_it_has_some(config: &AgentConfig, error: &EngineError) -> Result<(), Error> {
    let shared = Shared::open(&config.data_dir);
    let known =
        shared.map_err(|error| Error::internal("cannot tell which networks Docker has", error))?.mapped();
    if known.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = known.keys().map(NetworkId::short).collect();
    Err(Error::conflict(format!(
        "Docker does not answer, and keeps networks of the cluster ({}): start it, or remove them later with `docker network \
         rm`: {}",
        ids.join(", "),
        chain(error)
    )))
}

/// Removes a network. An engine that is at work on it already, since an agent that died had asked it to, refuses to do the
/// same at once, and has done it a moment later.
async fn remove(engine: &Engine, id: &NetworkId) -> Result<(), EngineError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match remove_now(engine, id).await {
            Err(EngineError::Refused { .. }) if Instant::now() < deadline => sleep(PAUSE).await,
            done => return done,
        }
    }
}

async fn remove_now(engine: &Engine, id: &NetworkId) -> Result<(), EngineError> {
    let gone = |result: Result<(), EngineError>| match result {
        Err(error) if error.is_not_found() => Ok(()),
        result => result,
    };
    let members = match engine.network(id).await {
        Ok(network) => network.members,
        Err(EngineError::Nonsense { .. }) => Vec::new(),
        Err(error) => return gone(Err(error)),
    };
    let containers: BTreeSet<_> = members.into_iter().filter_map(|member| member.container).collect();
    for container in containers {
        gone(engine.disconnect(&container, id).await)?;
    }
    gone(engine.remove_network(id).await)
}
