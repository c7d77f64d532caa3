//! What is asked of an engine. The simulation has one of its own.

use crate::underlay::EnginePool;
use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use std::{path::PathBuf, sync::Arc};
use weft_docker::engine::{
    self, ApiVersion, Container, EngineError, EngineEvent, Network, NetworkList, NewNetwork,
};
use weft_model::{ContainerId, NetworkId};

/// Where an engine is, or may be one day.
#[async_trait]
pub(crate) trait EngineAddress: Send + Sync + 'static {
    /// The address, for people.
    fn describe(&self) -> String;

    /// Connects to the engine, which says what it is.
    async fn connect(&self) -> Result<Arc<dyn ConnectedEngine>, EngineError>;
}

/// An engine that answered. All questions end by themselves. None may be asked while the engine waits for an
/// answer of ours.
#[async_trait]
pub(crate) trait ConnectedEngine: Send + Sync + 'static {
    /// Its version, for people.
    fn version(&self) -> String;

    /// The version of the API that is spoken with it.
    fn api(&self) -> ApiVersion;

    /// Where it takes pools from, as far as it was told.
    async fn pools(&self) -> Result<Vec<EnginePool>, EngineError>;

    /// Its networks, without the containers on them.
    async fn networks(&self) -> Result<NetworkList, EngineError>;

    /// A network, with the containers on it.
    async fn network(&self, id: &NetworkId) -> Result<Network, EngineError>;

    /// Creates a network, for which the engine asks its drivers.
    async fn create_network(&self, network: &NewNetwork) -> Result<NetworkId, EngineError>;

    /// Removes a network, for which the engine asks its drivers.
    async fn remove_network(&self, id: &NetworkId) -> Result<(), EngineError>;

    /// Its containers, also those that do not run, without their aliases.
    async fn containers(&self) -> Result<Vec<Container>, EngineError>;

    /// A container, with its aliases. Waits while the container starts.
    async fn container(&self, id: &ContainerId) -> Result<Container, EngineError>;

    /// Has a container that does not run be on the network `id` as it was on one that is gone.
    async fn reconnect(&self, container: &ContainerId, name: &str, id: &NetworkId)
    -> Result<(), EngineError>;

    /// Starts a container, for which the engine asks its drivers.
    async fn start(&self, container: &ContainerId) -> Result<(), EngineError>;

    /// What happens from now on, without an end but for an error.
    async fn events(&self) -> Result<BoxStream<'static, Result<EngineEvent, EngineError>>, EngineError>;
}

/// The socket that Docker's engine answers on.
pub(crate) struct DockerSocket(pub(crate) PathBuf);

#[async_trait]
impl EngineAddress for DockerSocket {
    fn describe(&self) -> String {
        self.0.display().to_string()
    }

    async fn connect(&self) -> Result<Arc<dyn ConnectedEngine>, EngineError> {
        Ok(Arc::new(engine::Engine::connect(&self.0).await?))
    }
}

#[async_trait]
impl ConnectedEngine for engine::Engine {
    fn version(&self) -> String {
        self.version().version.clone()
    }

    fn api(&self) -> ApiVersion {
        self.api()
    }

    async fn pools(&self) -> Result<Vec<EnginePool>, EngineError> {
        let pools = self.info().await?.default_address_pools;
        Ok(pools.iter().filter_map(|pool| Some((pool.base.parse().ok()?, pool.size))).collect())
    }

    async fn networks(&self) -> Result<NetworkList, EngineError> {
        self.networks().await
    }

    async fn network(&self, id: &NetworkId) -> Result<Network, EngineError> {
        self.network(id).await
    }

    async fn create_network(&self, network: &NewNetwork) -> Result<NetworkId, EngineError> {
        self.create_network(network).await
    }

    async fn remove_network(&self, id: &NetworkId) -> Result<(), EngineError> {
        self.remove_network(id).await
    }

    async fn containers(&self) -> Result<Vec<Container>, EngineError> {
        self.containers().await
    }

    async fn container(&self, id: &ContainerId) -> Result<Container, EngineError> {
        self.container(id).await
    }

    async fn reconnect(
        &self,
        container: &ContainerId,
        name: &str,
        id: &NetworkId,
    ) -> Result<(), EngineError> {
        self.reconnect(container, name, id).await
    }

    async fn start(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.start(container).await
    }

    async fn events(&self) -> Result<BoxStream<'static, Result<EngineEvent, EngineError>>, EngineError> {
        Ok(self.events().await?.boxed())
    }
}
