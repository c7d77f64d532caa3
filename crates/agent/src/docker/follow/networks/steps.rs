//! What is done about networks.

use super::{
    NetworkFollower,
    likeness::{adoption, creation, pools_of, subnets_of},
    plan::{Because, NetworkStep},
};
use crate::docker::Mapped;
use std::collections::BTreeMap;
use weft_docker::engine::ApiVersion;
use weft_model::{NetworkId, chain};
use weft_state::cluster::Cluster;

/// The version of the API from which on an engine need not give a network IPv4 addresses: that of Docker 28.0.
const WITHOUT_IPV4: ApiVersion = ApiVersion { major: 1, minor: 48 };

impl NetworkFollower<'_> {
    pub(super) async fn carry_out(&mut self, step: &NetworkStep, cluster: &Cluster) -> Result<(), String> {
        let done = match step {
            NetworkStep::Remove { id, because, .. } => self.remove(*id, because).await,
            NetworkStep::Map { id, network } => self.map(*id, *network, cluster),
            NetworkStep::Adopt { id, .. } => self.adopt(*id).await,
            NetworkStep::Create { network, .. } => self.create(*network, cluster).await,
        };
        done.map_err(|why| step.failed(&why))
    }

    async fn remove(&mut self, id: NetworkId, because: &Because) -> Result<(), String> {
        if let Because::Removed(network) = because
            && self.is_in_store(*network).await?
        {
            return Ok(());
        }
        match self.engine.remove_network(&id).await {
            Err(error) if !error.is_not_found() => return Err(chain(&error)),
            Ok(()) | Err(_) => {}
        }
        self.known.remove(&id);
        self.remember(|mapped| drop(mapped.remove(&id)))?;
        tracing::info!(network = id.short(), "network removed from Docker");
        Ok(())
    }

    /// Whether the cluster has a network. The view may be older than the network: nothing is removed on the
    /// strength of that.
    async fn is_in_store(&self, network: NetworkId) -> Result<bool, String> {
        self.follower.engines.has_network(network).await.map_err(|error| error.to_string())
    }

    async fn adopt(&mut self, id: NetworkId) -> Result<(), String> {
        let Some(network) = self.known.get(&id) else { return Ok(()) };
        let name = network.name.clone();
        let mapped = Mapped { network: Some(id), pools: pools_of(network) };
        self.follower.verbs.create_network(adoption(network)?).await.map_err(|error| error.to_string())?;
        let mut deleted = false;
        self.remember(|all| {
            deleted = self.follower.shared.is_being_deleted(&id);
            if !deleted {
                all.insert(id, mapped);
            }
        })?;
        if deleted {
            // Nobody could know yet that this is what the engine is deleting.
            return self
                .follower
                .verbs
                .remove_network(&id.to_string())
                .await
                .map_err(|error| error.to_string());
        }
        self.follower.shared.arrived.notify_one();
        tracing::info!(network = %name, id = id.short(), "network of Docker is in the cluster");
        Ok(())
    }

    async fn create(&mut self, network: NetworkId, cluster: &Cluster) -> Result<(), String> {
        let Some(wanted) = cluster.networks.get(&network) else { return Ok(()) };
        if self.engine.api() < WITHOUT_IPV4 && !wanted.subnets.iter().any(|s| s.pool.addr().is_ipv4()) {
            let version = self.engine.version();
            return Err(format!(
                "Docker {version} cannot have networks without IPv4 addresses, 28.0 and later can"
            ));
        }
        let made = {
            let _ours = self.follower.shared.creating(network, subnets_of(wanted));
            self.engine.create_network(&creation(wanted)).await
        };
        let id = made.map_err(|error| chain(&error))?;
        self.look_at(id).await.map_err(|error| chain(&error))?;
        self.map(id, network, cluster)?;
        tracing::info!(network = %wanted.name, id = id.short(), "network of the cluster is in Docker");
        Ok(())
    }

    fn map(&self, id: NetworkId, network: NetworkId, cluster: &Cluster) -> Result<(), String> {
        let Some(mut pools) = self.known.get(&id).map(pools_of) else { return Ok(()) };
        // Where they differ, it stands for a network that was created at the same time, and has its addresses.
        pools.extend(cluster.networks.get(&network).into_iter().flat_map(|network| subnets_of(network)));
        self.remember(|mapped| drop(mapped.insert(id, Mapped { network: Some(network), pools })))?;
        self.follower.shared.arrived.notify_one();
        Ok(())
    }

    pub(super) fn remember(
        &self,
        change: impl FnOnce(&mut BTreeMap<NetworkId, Mapped>),
    ) -> Result<(), String> {
        let remembered = self.follower.shared.update(change);
        remembered
            .map_err(|error| format!("which network of Docker is which is not remembered: {}", chain(&error)))
    }
}

impl NetworkStep {
    /// The network of the engine that is to be in the cluster with it.
    pub(super) fn adopts(&self) -> Option<NetworkId> {
        if let Self::Adopt { id, .. } = self { Some(*id) } else { None }
    }

    fn failed(&self, why: &str) -> String {
        match self {
            Self::Remove { name, because: Because::Removed(_), .. } => {
                format!("network {name} was removed from the cluster, but Docker keeps it: {why}")
            }
            Self::Remove { name, because: Because::NameTaken, .. } => {
                format!("Docker's network {name} is another than the cluster's, and stays: {why}")
            }
            Self::Map { .. } => why.to_owned(),
            Self::Adopt { name, .. } => format!("Docker's network {name} is not in the cluster: {why}"),
            Self::Create { name, .. } => format!("the cluster's network {name} is not in Docker: {why}"),
        }
    }
}
