//! Keeps the engine and the cluster on the same networks, on whichever side they were created or removed.

mod likeness;
mod plan;
mod steps;

use super::{Follower, attempts::Attempts, engine::ConnectedEngine, missing::Missing, news::Marks};
use crate::docker::{Mapped, Shared};
use likeness::subnets_of;
use plan::{NetworkStep, Scene, plan};
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};
use tokio::time::{Instant, sleep_until};
use weft_docker::{
    engine::{self, EngineError, ForeignNetwork},
    plugin::DRIVER,
};
use weft_model::{InUse, IpNet, NetworkId, chain};
use weft_state::cluster::Cluster;

/// How often to look at all networks without a reason. Also how long one has to be missing to be forgotten.
const PERIOD: Duration = Duration::from_secs(10);

/// See the module.
pub(super) struct NetworkFollower<'f> {
    follower: &'f Follower,
    engine: Arc<dyn ConnectedEngine>,
    /// What the engine has: as listed last, and kept up to date from then on by its events.
    known: BTreeMap<NetworkId, engine::Network>,
    /// What it has besides, that cannot be ours.
    foreign: Vec<ForeignNetwork>,
    attempts: Attempts<NetworkStep>,
    unlisted: Missing<NetworkId>,
}

impl<'f> NetworkFollower<'f> {
    pub(super) fn new(follower: &'f Follower, engine: Arc<dyn ConnectedEngine>) -> Self {
        Self {
            follower,
            engine,
            known: BTreeMap::new(),
            foreign: Vec::new(),
            attempts: Attempts::default(),
            unlisted: Missing::default(),
        }
    }

    /// Goes round until the engine does not answer. Safe to cancel at any time: the next connection goes on from there.
    pub(super) async fn follow(self, news: &Marks<NetworkId>) -> Result<Infallible, EngineError> {
        let (engine, notes) = (Arc::clone(&self.engine), Arc::clone(&self.follower.engines));
        // They are the same for as long as the engine runs. It runs programs to answer, which takes seconds where much goes
        // on: nothing waits for that.
        let pools = async {
            match engine.pools().await {
                Ok(pools) => notes.note_pools(pools),
                Err(error) => {
                    tracing::warn!(error = chain(&error), "Docker does not say where it takes pools from");
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            biased;
            ended = self.go_round(news) => ended,
            never = pools => never,
        }
    }

    async fn go_round(mut self, news: &Marks<NetworkId>) -> Result<Infallible, EngineError> {
        let mut view = self.follower.access.view();
        self.list().await?;
        let mut listed = Instant::now();
        loop {
            // Marked as seen before it is read: what changes from here on wakes the next round.
            // What is only remembered, or is being put back, is nothing to change an engine by.
            let now = view.borrow_and_update().clone();
            let cluster = now.cluster.filter(|_| !now.remembered && now.stored.is_none());
            if let Some(cluster) = cluster
                && self.round(&cluster).await
            {
                continue;
            }
            let period = listed + PERIOD;
            let due = self.attempts.next().map_or(period, |next| next.min(period));
            // Each branch is cancel-safe: a watch keeps its change, and so do the news.
            tokio::select! {
                Ok(()) = view.changed() => {}
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
        self.follower.engines.note_uses(self.uses());
        let is_foreign = |id: &NetworkId| self.foreign.iter().any(|foreign| foreign.id == Some(*id));
        let unlisted = before.into_keys().filter(|id| !self.known.contains_key(id) && !is_foreign(id));
        let gone = self.unlisted.look(unlisted, PERIOD);
        if let Err(error) = self.remember(|mapped| mapped.retain(|id, _| !gone.contains(id))) {
            tracing::error!(error, "networks that Docker does not have any more are not forgotten");
        }
        Ok(())
    }

    /// What the engine's other networks take of the address space. This host has no routes to those of Swarm.
    fn uses(&self) -> Vec<InUse> {
        let others = self.known.values().filter(|network| network.driver != DRIVER);
        let others = others.flat_map(|network| {
            network.ipam.pools.iter().filter_map(|pool| Some((pool.subnet?, network.name.as_str())))
        });
        let foreign = self.foreign.iter().filter(|network| network.driver != DRIVER);
        let foreign =
            foreign.flat_map(|network| network.subnets.iter().map(|subnet| (*subnet, network.name.as_str())));
        others
            .chain(foreign)
            .map(|(net, name)| InUse::new(net, &format!("Docker's network {name}")))
            .collect()
    }

    async fn look_at(&mut self, id: NetworkId) -> Result<(), EngineError> {
        match self.engine.network(&id).await {
            Ok(mut network) => {
                network.members.clear();
                self.known.insert(id, network);
            }
            Err(error) if error.is_not_found() => drop(self.known.remove(&id)),
            // One that can be the engine's alone: the list goes on without it, and says why.
            Err(EngineError::Nonsense { .. }) => self.list().await?,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// One round. Returns whether it did something, so that there may be more to do now.
    async fn round(&mut self, cluster: &Cluster) -> bool {
        let mapped = self.follower.shared.mapped();
        self.follower.engines.lend_pools(lent(cluster, &mapped));
        let plan = plan(&self.scene(cluster, &mapped));
        self.attempts.retain(|step| plan.steps.contains(step));
        let due: Vec<NetworkStep> =
            plan.steps.into_iter().filter(|step| self.attempts.is_due(step)).collect();
        for step in &due {
            tracing::debug!(?step, "step");
            let result = self.carry_out(step, cluster).await;
            self.attempts.note(step, result, self.follower.access.env());
        }
        let mut refused = plan.refused;
        refused.extend(self.attempts.failed().filter_map(|(step, why)| Some((step.adopts()?, why.clone()))));
        self.follower.shared.set_refused(refused);
        let problems = plan.problems.into_iter().chain(self.attempts.failed().map(|(_, why)| why.clone()));
        self.follower.tell("networks", problems.collect());
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
}

/// The pools of the engine's networks that stand for others of the cluster, which have other pools.
fn lent(cluster: &Cluster, mapped: &BTreeMap<NetworkId, Mapped>) -> BTreeSet<IpNet> {
    let known = mapped.values().filter_map(|known| Some((known, cluster.networks.get(&known.network?)?)));
    known.flat_map(|(known, network)| &known.pools - &subnets_of(network)).collect()
}
