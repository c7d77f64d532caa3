//! What weft asks an engine.

use super::{
    ApiVersion, Container, EngineError, Events, Info, Network, NetworkList, NewNetwork, Result, Version,
    transport::{Question, Transport},
};
use crate::brief::brief;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use std::path::{Path, PathBuf};
use weft_api::docker::{CreatedNetwork, Filters};
use weft_model::{ContainerId, NetworkId};

/// A client of an engine, with an agreed version of the API. Keeps no connection: each request has its own.
///
/// Never ask it anything while it waits for the answer to a plugin call: some requests wait for the same
/// locks that the engine holds then.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(super) transport: Transport,
    version: Version,
    api: ApiVersion,
}

impl Engine {
    /// Asks the engine at `socket` for its version, and agrees on a version of the API.
    ///
    /// # Errors
    /// If no engine answers there, or one that is too old.
    pub async fn connect(socket: impl Into<PathBuf>) -> Result<Self> {
        let transport = Transport::new(socket.into());
        let version: Version = transport.ask(Question::look("/version".to_owned())).await?;
        let agree =
            || ApiVersion::agree(version.min_api_version.parse().ok()?, version.api_version.parse().ok()?);
        let Some(api) = agree() else {
            let (oldest, newest) = (version.min_api_version, version.api_version);
            return Err(EngineError::Version { oldest, newest });
        };
        Ok(Self { transport, version, api })
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        self.transport.socket()
    }

    /// What the engine said about itself when it was connected to.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The version of the API that is spoken with it.
    pub fn api(&self) -> ApiVersion {
        self.api
    }

    /// What it says about itself.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn info(&self) -> Result<Info> {
        self.transport.ask(self.look("/info")).await
    }

    /// The engine's networks, without the containers on them.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn networks(&self) -> Result<NetworkList> {
        self.transport.ask(self.look("/networks")).await
    }

    /// A network, with the containers on it.
    ///
    /// # Errors
    /// [`EngineError`], among them [`EngineError::is_not_found`].
    pub async fn network(&self, id: &NetworkId) -> Result<Network> {
        self.transport.ask(self.look(&format!("/networks/{id}"))).await
    }

    /// Creates a network, which includes calls of its driver's plugin.
    ///
    /// # Errors
    /// [`EngineError`], among them [`EngineError::is_conflict`] if there is one of that name.
    pub async fn create_network(&self, network: &NewNetwork) -> Result<NetworkId> {
        let question = Question::post(self.path("/networks/create"), &network.to_wire())?;
        let request = question.name();
        let created: CreatedNetwork = self.transport.ask(question).await?;
        created.id.parse().map_err(|error| EngineError::Nonsense { request, why: brief(error) })
    }

    /// Removes a network, which includes calls of its driver's plugin.
    ///
    /// # Errors
    /// [`EngineError`], among them [`EngineError::is_not_found`], and [`EngineError::is_conflict`] if a container is on
    /// it.
    pub async fn remove_network(&self, id: &NetworkId) -> Result<()> {
        self.transport.act(Question::delete(self.path(&format!("/networks/{id}")))).await
    }

    /// Takes a container off a network, which includes calls of the network's driver's plugin.
    ///
    /// # Errors
    /// [`EngineError`], among them [`EngineError::is_not_found`].
    pub async fn disconnect(&self, container: &ContainerId, network: &NetworkId) -> Result<()> {
        let path = self.path(&format!("/networks/{network}/disconnect"));
        let body = json!({ "Container": container.to_string(), "Force": true });
        self.transport.act(Question::post(path, &body)?).await
    }

    /// Its containers, also those that do not run. Engines leave out aliases here.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn containers(&self) -> Result<Vec<Container>> {
        self.transport.ask(self.look("/containers/json?all=1")).await
    }

    /// A container, with its aliases. Waits while the container starts.
    ///
    /// # Errors
    /// [`EngineError`], among them [`EngineError::is_not_found`].
    pub async fn container(&self, id: &ContainerId) -> Result<Container> {
        self.transport.ask(self.look(&format!("/containers/{id}/json"))).await
    }

    /// What happens to networks and containers from now on. What happened before was not missed if the answer
    /// is awaited before anything is listed.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn events(&self) -> Result<Events> {
        let mut filters = Filters::default();
        filters.add("type", "network");
        filters.add("type", "container");
        let filters = utf8_percent_encode(&filters.to_json(), NON_ALPHANUMERIC).to_string();
        let question = self.look(&format!("/events?filters={filters}"));
        let request = question.name();
        let body = self.transport.open(question).await?;
        Ok(Events::new(self.transport.clone(), request, body))
    }

    pub(super) fn look(&self, path: &str) -> Question {
        Question::look(self.path(path))
    }

    pub(super) fn path(&self, path: &str) -> String {
        format!("/v{}{path}", self.api)
    }
}
