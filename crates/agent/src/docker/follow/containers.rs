//! Learns the names of the engine's containers, takes away endpoints that the engine has forgotten, and mends what
//! containers know of networks that were put back.

mod asking;
mod orphans;
mod stranded;
mod table;

use super::{Follower, attempts::Attempts, engine::ConnectedEngine, missing::Missing, news::Marks};
use asking::Asking;
use futures::StreamExt;
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};
use stranded::Stranded;
use table::{Members, Table};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};
use weft_docker::engine::{Container, EngineError};
use weft_model::{ContainerId, EndpointId, NetworkId};
use weft_verbs::EngineEndpoint;

/// How often to look at all containers without a reason.
const PERIOD: Duration = Duration::from_secs(10);
/// How many containers to ask about at once: while a container starts, the engine delays the answer about it.
const INSPECTIONS: usize = 64;
/// How many endpoints to rename at once: each is a round trip to the store.
const RENAMES: usize = 16;

/// See the module.
pub(super) struct ContainerFollower<'f> {
    follower: &'f Follower,
    engine: Arc<dyn ConnectedEngine>,
    table: Table,
    asking: Asking,
    /// Containers to ask about.
    curious: BTreeSet<ContainerId>,
    /// Those that the engine was asked about, and has not answered.
    asked: BTreeSet<ContainerId>,
    inspections: JoinSet<(ContainerId, Result<Container, EngineError>)>,
    renames: Attempts<EndpointId>,
    missing: Missing<EndpointId>,
    reconnects: Attempts<Stranded>,
    starts: JoinSet<()>,
}

impl<'f> ContainerFollower<'f> {
    pub(super) fn new(follower: &'f Follower, engine: Arc<dyn ConnectedEngine>) -> Self {
        Self {
            follower,
            engine,
            table: Table::default(),
            asking: Asking::default(),
            curious: BTreeSet::new(),
            asked: BTreeSet::new(),
            inspections: JoinSet::new(),
            renames: Attempts::default(),
            missing: Missing::default(),
            reconnects: Attempts::default(),
            starts: JoinSet::new(),
        }
    }

    /// Goes round until the engine does not answer. Safe to cancel at any time: the next connection goes on from there.
    pub(super) async fn follow(mut self, news: &Marks<ContainerId>) -> Result<Infallible, EngineError> {
        let mut journal = self.follower.access.endpoints();
        let mut next_list = self.list().await?;
        loop {
            // Marked as seen before they are read: what changes from here on wakes the next round.
            journal.mark_unchanged();
            let endpoints = self.follower.engines.engine_endpoints();
            let members = self.ask_for_names(&endpoints).await?;
            self.rename(&endpoints, &members).await;
            self.inspect();
            let due = [self.asking.due(), self.renames.next()].into_iter().flatten().min();
            let due = due.map_or(next_list, |due| due.min(next_list));
            // Each branch is cancel-safe: a watch keeps its change, and so do the news; an inspection that is
            // not waited for goes on.
            tokio::select! {
                Ok(()) = journal.changed() => {}
                () = self.follower.shared.look.notified() => {}
                () = self.follower.shared.arrived.notified() => next_list = Instant::now(),
                containers = news.take() => {
                    // Unlike an inspection, a list does not wait while one of them starts, and has its name.
                    if !containers.iter().all(|id| self.table.knows(id)) {
                        next_list = Instant::now();
                    }
                    self.curious.extend(containers);
                }
                Some(_) = self.starts.join_next() => {}
                Some(Ok((id, result))) = self.inspections.join_next() => self.inspected(id, result)?,
                () = sleep_until(due) => if Instant::now() >= next_list {
                    next_list = self.list().await?;
                },
            }
        }
    }

    /// Lists the containers, and looks for endpoints that are none of theirs. Returns when to do so again.
    async fn list(&mut self) -> Result<Instant, EngineError> {
        // In this order: an endpoint that was there before the list began is in it, unless it is gone.
        let endpoints = self.follower.engines.engine_endpoints();
        let containers = self.engine.containers().await?;
        self.table.listed(&containers);
        self.share();
        let cluster = self.follower.access.known();
        let ours = |c: &&Container| c.attachments.keys().any(|name| is_network(&cluster, name));
        let unknown = containers.iter().filter(ours).filter(|c| !self.table.knows_aliases_of(&c.id));
        self.curious.extend(unknown.map(|container| container.id));
        self.reconnect(&containers).await?;
        let again = self.leave_orphans(&endpoints, &containers).await?;
        let next = Instant::now() + again.unwrap_or(PERIOD);
        Ok(self.reconnects.next().map_or(next, |due| due.min(next)))
    }

    /// Asks the engine about the endpoints that have no name yet, if it is time to.
    async fn ask_for_names(&mut self, endpoints: &[EngineEndpoint]) -> Result<Members, EngineError> {
        let unnamed = || endpoints.iter().filter(|endpoint| endpoint.container.is_none());
        self.asking.about(unnamed().map(|endpoint| endpoint.id).collect());
        if self.asking.due().is_none_or(|due| due > Instant::now()) {
            return Ok(Members::new());
        }
        let mapped = self.follower.shared.mapped();
        let wanted: BTreeSet<NetworkId> = unnamed().map(|endpoint| endpoint.network_id).collect();
        let networks = mapped.iter().filter(|(_, m)| m.network.is_some_and(|n| wanted.contains(&n)));
        let mut members = Members::new();
        for id in networks.map(|(id, _)| id) {
            match self.engine.network(id).await {
                Ok(network) => members.extend(network.members.into_iter().map(|m| (m.endpoint, m))),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        self.asking.asked();
        Ok(members)
    }

    /// Gives the endpoints the names that their containers have.
    async fn rename(&mut self, endpoints: &[EngineEndpoint], members: &Members) {
        let wanted = |endpoint: &EngineEndpoint| {
            Some((endpoint.id, self.table.renamed(endpoint, members.get(&endpoint.id))?))
        };
        let wanted: BTreeMap<_, _> = endpoints.iter().filter_map(wanted).collect();
        self.renames.retain(|id| wanted.contains_key(id));
        let due: Vec<_> = wanted.into_iter().filter(|(id, _)| self.renames.is_due(id)).collect();
        let engines = &self.follower.engines;
        let rename = due.into_iter().map(|(id, names)| async move {
            tracing::debug!(endpoint = id.short(), name = %names.name, "has a name");
            (id, engines.rename(id, names).await)
        });
        let renamed: Vec<_> = futures::stream::iter(rename).buffer_unordered(RENAMES).collect().await;
        for (id, result) in renamed {
            if let Err(error) = &result {
                tracing::warn!(endpoint = id.short(), %error, "cannot be given its container's name");
            }
            self.renames.note(&id, result.map_err(|error| error.to_string()), self.follower.access.env());
        }
    }

    /// Begins to ask about containers, as many as may be asked about at once.
    fn inspect(&mut self) {
        let free = INSPECTIONS.saturating_sub(self.asked.len());
        let now: Vec<_> = self.curious.difference(&self.asked).copied().take(free).collect();
        for id in now {
            self.curious.remove(&id);
            self.asked.insert(id);
            let engine = Arc::clone(&self.engine);
            self.inspections.spawn(async move { (id, engine.container(&id).await) });
        }
    }

    fn inspected(
        &mut self,
        id: ContainerId,
        result: Result<Container, EngineError>,
    ) -> Result<(), EngineError> {
        self.asked.remove(&id);
        match result {
            Ok(container) => {
                self.table.inspected(&container);
                self.start_again(&container);
            }
            Err(error) if error.is_not_found() => self.table.remove(&id),
            // One that takes long to start. The next event about it, or list, is soon enough.
            Err(EngineError::Late { .. }) => {}
            Err(error) => return Err(error),
        }
        self.share();
        Ok(())
    }

    fn share(&self) {
        self.follower.shared.set_containers(self.table.shared());
        let cluster = self.follower.access.known();
        self.follower.tell("names", self.table.odd(|network| cluster.names.contains_key(network)));
    }
}

fn is_network(cluster: &weft_state::cluster::Cluster, name: &str) -> bool {
    name.parse().is_ok_and(|name: weft_model::NetworkName| cluster.names.contains_key(&name))
}
