//! Containers that do not run, and are on a network that the engine lost and has again: the network has another id, and
//! the containers know the old one, with which they could never be started.

use super::ContainerFollower;
use crate::docker::Mapped;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use weft_docker::engine::{Container, ContainerState, EngineError, Network};
use weft_model::{ContainerId, NetworkId, chain};

/// A container on a network that the engine does not have any more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stranded {
    container: ContainerId,
    /// What the network was called.
    name: String,
    /// The network that is called so now.
    now: NetworkId,
}

impl ContainerFollower<'_> {
    /// Has containers that do not run be on the networks that were put back.
    pub(super) async fn reconnect(&mut self, containers: &[Container]) -> Result<(), EngineError> {
        let networks = if containers.iter().any(|container| !lasting(container).is_empty()) {
            self.engine.networks().await?.networks
        } else {
            Vec::new()
        };
        let stranded = stranded(containers, &networks, &self.follower.shared.mapped());
        self.reconnects.retain(|one| stranded.contains(one));
        for one in stranded.into_iter().filter(|one| self.reconnects.is_due(one)).collect::<Vec<_>>() {
            let result = self.engine.reconnect(&one.container, &one.name, &one.now).await;
            let (container, network) = (one.container.short(), &one.name);
            let result = match result {
                Ok(()) => {
                    tracing::info!(container, network, "is on the network again, which was put back");
                    // It may have been tried to start it meanwhile.
                    self.curious.insert(one.container);
                    Ok(())
                }
                // The container is gone, or the network again.
                Err(error) if error.is_not_found() => Ok(()),
                Err(error) => {
                    let why = chain(&error);
                    tracing::warn!(
                        container,
                        network,
                        why,
                        "cannot be put on its network again; it is tried again"
                    );
                    Err(why)
                }
            };
            self.reconnects.note(&one, result, self.follower.access.env());
        }
        Ok(())
    }

    /// Starts a container that the engine would have started if its network had been there, now that it is on one
    /// that is. Does not wait for that: an engine that starts a container asks us.
    pub(super) fn start_again(&mut self, container: &Container) {
        let Some(lacked) = container.gave_up else { return };
        let cluster = self.follower.access.known();
        let ours = container.attachments.keys().any(|name| super::is_network(&cluster, name));
        let still = container.attachments.values().any(|attachment| attachment.network == Some(lacked));
        if !ours || still {
            return;
        }
        let (engine, id) = (Arc::clone(&self.engine), container.id);
        self.starts.spawn(async move {
            let container = id.short();
            match engine.start(&id).await {
                Ok(()) => tracing::info!(container, "started again: its network is back"),
                Err(error) => tracing::warn!(container, why = chain(&error), "cannot be started again"),
            }
        });
    }
}

/// The networks that a container will look for by their ids when it starts, by name. One that the engine is about to
/// start by itself is left alone: it takes no changes then.
fn lasting(container: &Container) -> BTreeMap<&str, NetworkId> {
    if !matches!(container.state, ContainerState::Created | ContainerState::Exited) {
        return BTreeMap::new();
    }
    let known =
        |(name, attachment): (_, &weft_docker::engine::PlaceOnNetwork)| Some((name, attachment.network?));
    container.attachments.iter().map(|(name, on)| (name.as_str(), on)).filter_map(known).collect()
}

/// The containers whose network is not there under the id that they know, and is there under another.
fn stranded(
    containers: &[Container],
    networks: &[Network],
    mapped: &BTreeMap<NetworkId, Mapped>,
) -> BTreeSet<Stranded> {
    let there: BTreeSet<NetworkId> = networks.iter().map(|network| network.id).collect();
    let is_ours = |network: &&Network| mapped.get(&network.id).is_some_and(|known| known.network.is_some());
    let ours: BTreeMap<&str, NetworkId> =
        networks.iter().filter(is_ours).map(|network| (network.name.as_str(), network.id)).collect();
    let of_one = |container: &Container| {
        let lost = lasting(container).into_iter().filter(|(_, id)| !there.contains(id));
        let again = lost.filter_map(|(name, _)| Some((name.to_owned(), *ours.get(name)?)));
        again.map(|(name, now)| Stranded { container: container.id, name, now }).collect::<Vec<_>>()
    };
    containers.iter().flat_map(of_one).collect()
}
