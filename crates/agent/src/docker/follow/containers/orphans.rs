//! Endpoints that the engine has forgotten: it was killed, or removed them while the agent was away.

use super::ContainerFollower;
use std::{collections::BTreeSet, time::Duration};
use weft_docker::{
    engine::{Container, ContainerState, EngineError},
    plugin::DRIVER,
};
use weft_model::EndpointId;
use weft_verbs::EngineEndpoint;

/// How long the engine must not have had an endpoint, whenever it was asked.
const PATIENCE: Duration = Duration::from_secs(3);

impl ContainerFollower<'_> {
    /// Leaves endpoints that the engine has not had for a while. Returns how soon to look again, if it is not
    /// sure about some. `endpoints` were read before `containers`.
    ///
    /// The engine keeps two lists, and says of neither that a part of it could not be read. An endpoint is gone
    /// only if it is in neither, again and again: those of running containers, and those of networks. A
    /// container that is being started, or goes on while the engine restarts, is in one of them all the time.
    ///
    /// What a container says of its endpoint does not count if the engine has given the interface back. To disconnect a
    /// container, the engine writes that down last (moby, `daemon/container_operations.go`): an engine that was killed
    /// before, and restored the container, shows an endpoint there that it has deleted.
    pub(super) async fn leave_orphans(
        &mut self,
        endpoints: &[EngineEndpoint],
        containers: &[Container],
    ) -> Result<Option<Duration>, EngineError> {
        let of_containers = endpoints_of(containers);
        let doubtful = |id: &EndpointId| !of_containers.contains(id) || self.is_given_back(id);
        let mut missing: BTreeSet<EndpointId> =
            endpoints.iter().map(|endpoint| endpoint.id).filter(doubtful).collect();
        if !missing.is_empty() {
            let of_networks = self.endpoints_of_networks().await?;
            missing.retain(|id| !of_networks.contains(id));
        }
        for id in self.missing.look(missing, PATIENCE) {
            let endpoint = id.short();
            match self.follower.engines.leave(id).await {
                Ok(()) => tracing::info!(endpoint, "Docker does not know it any more, and so it is gone"),
                Err(error) => tracing::warn!(
                    endpoint,
                    %error,
                    "Docker does not know it any more, and it cannot be taken away; it is tried again"
                ),
            }
        }
        Ok((!self.missing.is_empty()).then_some(PATIENCE))
    }

    /// Whether the interface of an endpoint is in the host's namespace: the engine has not taken it yet, or not any
    /// more.
    fn is_given_back(&self, id: &EndpointId) -> bool {
        self.follower.engines.is_given_back(*id)
    }

    async fn endpoints_of_networks(&self) -> Result<BTreeSet<EndpointId>, EngineError> {
        let mut endpoints = BTreeSet::new();
        let networks = self.engine.networks().await?.networks;
        for network in networks.iter().filter(|network| network.driver == DRIVER) {
            match self.engine.network(&network.id).await {
                Ok(network) => endpoints.extend(network.members.iter().map(|member| member.endpoint)),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(endpoints)
    }
}

/// The endpoints of containers that run. What the engine says of those that do not may be left from their last
/// run.
fn endpoints_of(containers: &[Container]) -> BTreeSet<EndpointId> {
    let runs = |c: &&Container| matches!(c.state, ContainerState::Running | ContainerState::Paused);
    let attachments = containers.iter().filter(runs).flat_map(|container| container.attachments.values());
    attachments.filter_map(|attachment| attachment.endpoint).collect()
}
