//! Keeps the engine and the cluster on the same networks, whoever created or removed them.

mod likeness;
mod plan;

use super::{Follower, attempts::Attempts, engine::Engine, missing::Missing, news::Marks};
use crate::{
    cluster::Cluster,
    docker::{Mapped, Shared},
    error::chain,
};
use likeness::{adoption, creation, pools_of, subnets_of};
use plan::{Because, Scene, Step, plan};
use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until};
use weft_docker::engine::{self, ApiVersion, EngineError, ForeignNetwork};
use weft_model::{Key, NetworkId};

/// How often to look at all networks without a reason. Also how long one has to be missing to be forgotten.
const PERIOD: Duration = Duration::from_secs(10);

/// The version of the API from which on an engine need not give a network IPv4 addresses: that of Docker 28.0.
const WITHOUT_IPV4: ApiVersion = ApiVersion { major: 1, minor: 48 };

/// See the module.
pub(super) struct Networks<'f> {
    follower: &'f Follower,
    engine: Arc<dyn Engine>,
    /// What the engine has: as listed last, and kept up to date from then on by its events.
    known: BTreeMap<NetworkId, engine::Network>,
    /// What it has besides, that cannot be ours.
    foreign: Vec<ForeignNetwork>,
    attempts: Attempts<Step>,
    unlisted: Missing<NetworkId>,
}

impl<'f> Networks<'f> {
    pub(super) fn new(follower: &'f Follower, engine: Arc<dyn Engine>) -> Self {
        Self {
            follower,
            engine,
            known: BTreeMap::new(),
            foreign: Vec::new(),
            attempts: Attempts::default(),
            unlisted: Missing::default(),
        }
    }

    /// Goes round until the engine does not answer. Safe to cancel at any time: whoever connects next goes on
    /// from there.
    pub(super) async fn follow(mut self, news: &Marks<NetworkId>) -> Result<Infallible, EngineError> {
        let mut picture = self.follower.core.picture.clone();
        self.list().await?;
        let mut listed = Instant::now();
        loop {
            // Marked as seen before it is read: what changes from here on wakes the next round.
            let cluster = picture.borrow_and_update().cluster.clone();
            if let Some(cluster) = cluster
                && self.round(&cluster).await
            {
                continue;
            }
            let period = listed + PERIOD;
            let due = self.attempts.next().map_or(period, |next| next.min(period));
            // Each branch is cancel-safe: a watch keeps its change, and so do the news.
            tokio::select! {
                Ok(()) = picture.changed() => {}
                networks = news.take() => for id in networks {
                    self.look_at(id).await?;
                },
                () = sleep_until(due) => {
                    self.list().await?;
                    listed = Instant::now();
                }
            }
        }
    }

    async fn list(&mut self) -> Result<(), EngineError> {
        let before = self.follower.shared.mapped();
        let list = self.engine.networks().await?;
        self.known = list.networks.into_iter().map(|network| (network.id, network)).collect();
        self.foreign = list.foreign;
        let unlisted = before.into_keys().filter(|id| !self.known.contains_key(id));
        let gone = self.unlisted.look(unlisted, PERIOD);
        self.remember(|mapped| mapped.retain(|id, _| !gone.contains(id)));
        Ok(())
    }

    async fn look_at(&mut self, id: NetworkId) -> Result<(), EngineError> {
        match self.engine.network(&id).await {
            Ok(mut network) => {
                network.members.clear();
                self.known.insert(id, network);
            }
            Err(error) if error.is_not_found() => drop(self.known.remove(&id)),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// One round. Returns whether it did something, so that there may be more to do now.
    async fn round(&mut self, cluster: &Cluster) -> bool {
        let mapped = self.follower.shared.mapped();
        let plan = plan(&self.scene(cluster, &mapped));
        self.attempts.retain(|step| plan.steps.contains(step));
        let due: Vec<Step> = plan.steps.into_iter().filter(|step| self.attempts.is_due(step)).collect();
        for step in &due {
            tracing::debug!(?step, "step");
            let result = self.carry_out(step, cluster).await;
            self.attempts.note(step, result, &self.follower.core.env);
        }
        self.follower.tell(plan.problems.into_iter().chain(self.attempts.failures().cloned()).collect());
        !due.is_empty()
    }

    fn scene<'a>(&'a self, cluster: &'a Cluster, mapped: &'a BTreeMap<NetworkId, Mapped>) -> Scene<'a> {
        let shared: &Shared = &self.follower.shared;
        Scene {
            cluster: cluster.networks.iter().map(|(id, network)| (*id, &**network)).collect(),
            engine: &self.known,
            foreign: &self.foreign,
            mapped,
            going: self.known.keys().filter(|id| shared.is_being_deleted(id)).copied().collect(),
        }
    }

    async fn carry_out(&mut self, step: &Step, cluster: &Cluster) -> Result<(), String> {
        match step {
            Step::Remove { id, because, .. } => self.remove(*id, because).await.map_err(|why| {
                let name = self.known.get(id).map_or_else(|| id.short(), |network| network.name.to_string());
                match because {
                    Because::Removed(_) => {
                        format!("network {name} was removed from the cluster, but Docker keeps it: {why}")
                    }
                    Because::NameTaken => {
                        format!("Docker's network {name} is another than the cluster's, and stays: {why}")
                    }
                }
            }),
            Step::Map { id, network } => {
                self.map(*id, *network);
                Ok(())
            }
            Step::Adopt { id, name } => self
                .adopt(*id)
                .await
                .map_err(|why| format!("Docker's network {name} is not in the cluster: {why}")),
            Step::Create { network, name } => self
                .create(*network, cluster)
                .await
                .map_err(|why| format!("the cluster's network {name} is not in Docker: {why}")),
        }
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
        self.remember(|mapped| drop(mapped.remove(&id)));
        tracing::info!(network = id.short(), "network removed from Docker");
        Ok(())
    }

    /// Whether the cluster has a network. The picture may be older than the network: nothing is removed on the
    /// strength of that.
    async fn is_in_store(&self, network: NetworkId) -> Result<bool, String> {
        let core = &self.follower.core;
        let entry = core.store.get(&core.keyspace.path(&Key::Network(network))).await;
        entry.map(|entry| entry.is_some()).map_err(|error| chain(&error))
    }

    async fn adopt(&mut self, id: NetworkId) -> Result<(), String> {
        let Some(network) = self.known.get(&id) else { return Ok(()) };
        let name = network.name.clone();
        let mapped = Mapped { network: Some(id), pools: pools_of(network) };
        self.follower.core.create(adoption(network)?).await.map_err(|error| error.to_string())?;
        let mut deleted = false;
        self.remember(|all| {
            deleted = self.follower.shared.is_being_deleted(&id);
            if !deleted {
                all.insert(id, mapped);
            }
        });
        if deleted {
            // Nobody could know yet that this is what the engine is deleting.
            return self.follower.core.remove(&id.to_string()).await.map_err(|error| error.to_string());
        }
        tracing::info!(network = %name, id = id.short(), "network of Docker is in the cluster");
        Ok(())
    }

    async fn create(&mut self, network: NetworkId, cluster: &Cluster) -> Result<(), String> {
        let Some(wanted) = cluster.networks.get(&network) else { return Ok(()) };
        if self.engine.api() < WITHOUT_IPV4 && !wanted.subnets.iter().any(|s| s.pool.addr().is_ipv4()) {
            let version = self.engine.version();
            return Err(format!("{version} cannot have networks without IPv4 addresses, 28.0 and later can"));
        }
        let made = {
            let _ours = self.follower.shared.creating(network, subnets_of(wanted));
            self.engine.create_network(&creation(wanted)).await
        };
        let id = made.map_err(|error| chain(&error))?;
        self.look_at(id).await.map_err(|error| chain(&error))?;
        self.map(id, network);
        tracing::info!(network = %wanted.name, id = id.short(), "network of the cluster is in Docker");
        Ok(())
    }

    fn map(&self, id: NetworkId, network: NetworkId) {
        let Some(pools) = self.known.get(&id).map(pools_of) else { return };
        self.remember(|mapped| drop(mapped.insert(id, Mapped { network: Some(network), pools })));
    }

    fn remember(&self, change: impl FnOnce(&mut BTreeMap<NetworkId, Mapped>)) {
        if let Err(error) = self.follower.shared.update(change) {
            tracing::error!(error = chain(&error), "cannot remember which network of Docker is which");
        }
    }
}
