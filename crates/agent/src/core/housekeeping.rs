//! What this node has to do to keep the store right, and what every node has to do for the cluster: done in small
//! steps, each of which can be repeated, whenever the view, the journal or the kernel has changed, and now and then
//! anyway.

mod precedence;

use super::parts::{Base, CoreParts};
use super::{
    access::{ClusterAccess, KnownCluster},
    allocator::{Allocator, ClaimKey},
    endpoints::{Endpoints, WHY},
    networks::Networks,
    nodes::Nodes,
    rebuild::Recovery,
};
use crate::{config::AgentConfig, processes::ProcessTable, troubles::Troubles};
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout};
use weft_model::{EndpointId, Key, NetworkId, Node, NodeName, Record};
use weft_state::{
    cluster::{Cluster, Stored},
    env::Env,
    journal::{Journal, LocalEndpoint, LocalEndpoints},
};
use weft_store::{CommitError, Condition};
use weft_verbs::{Error, Kind};

/// How often to look without a reason.
const PERIOD: Duration = Duration::from_secs(5);
/// How long to leave a half-removed network to the agent that is removing it.
const REMOVAL_PATIENCE: Duration = Duration::from_secs(10);

/// How long to reserve a pool for a network that does not come.
const POOL_RESERVATION_PATIENCE: Duration = Duration::from_secs(60);

/// What has to be seen for a while before anything is done about it. Measured here, by a clock that cannot
/// jump.
#[derive(Default)]
struct Watched {
    removing: BTreeMap<NetworkId, Instant>,
    down: BTreeMap<NodeName, Instant>,
    without_netns: BTreeSet<EndpointId>,
    held: BTreeMap<IpNet, Instant>,
}

/// Keeps right, in the store and on this node, what else would be left as a crash or a partition left it.
pub(crate) struct Housekeeping {
    config: Arc<AgentConfig>,
    access: Arc<ClusterAccess>,
    allocator: Arc<Allocator>,
    endpoints: Arc<Endpoints>,
    networks: Arc<Networks>,
    nodes: Arc<Nodes>,
    recovery: Arc<Recovery>,
    env: Arc<Env>,
    journal: Arc<Journal>,
    processes: Arc<ProcessTable>,
    troubles: Arc<Troubles>,
    /// The first thing that could not be done this time, and that somebody has to see to.
    left: Mutex<Option<String>>,
}

impl Housekeeping {
    pub(super) fn new(parts: &CoreParts, base: &Base, recovery: &Arc<Recovery>) -> Self {
        Self {
            config: Arc::clone(&parts.config),
            access: Arc::clone(&parts.access),
            allocator: Arc::clone(&base.allocator),
            endpoints: Arc::clone(&base.endpoints),
            networks: Arc::clone(&base.networks),
            nodes: Arc::clone(&base.nodes),
            recovery: Arc::clone(recovery),
            env: Arc::clone(&parts.env),
            journal: Arc::clone(&parts.journal),
            processes: Arc::clone(&parts.table),
            troubles: Arc::clone(&parts.telemetry.troubles),
            left: Mutex::default(),
        }
    }

    /// Whether to go on with the next of its kind: what failed is tried again. Where the store is out of reach for
    /// one, it is for the others.
    fn goes_on(&self, done: Result<(), Error>) -> bool {
        let Err(error) = done else { return true };
        match error.kind {
            // A disk that cannot be written, a store that refuses: somebody has to see to it.
            Kind::Internal => {
                tracing::warn!(%error, "something is left to be done; it is tried again");
                self.left().get_or_insert_with(|| error.to_string());
            }
            // Another node was faster, or `status` says that the store is away.
            _ => tracing::debug!(%error, "not done yet"),
        }
        error.kind != Kind::Unavailable
    }

    fn left(&self) -> MutexGuard<'_, Option<String>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps up for ever. Safe to cancel at any time.
    pub(crate) async fn keep_up(self: Arc<Self>) {
        let mut watched = Watched::default();
        let (mut view, mut journal) = (self.access.view().clone(), self.journal.changes());
        loop {
            self.pay(&mut watched).await;
            let left = self.left().take();
            self.troubles.set(
                "housekeeping",
                left.map(|why| format!("something is left to be done, and is tried again: {why}")),
            );
            let change = async {
                // In this order, so that the same happens when the same happens (`simulation`).
                tokio::select! {
                    biased;
                    _ = view.changed() => {}
                    _ = journal.changed() => {}
                }
            };
            // It makes no difference whether something changed or it is time.
            let _ = timeout(self.env.jitter(PERIOD), change).await;
        }
    }

    /// Does all there is to do. What fails keeps nothing else from being done, and is tried again.
    async fn pay(&self, watched: &mut Watched) {
        self.drop_vanished(watched).await;
        // Without the store nothing else can be done; `status` says why.
        let Ok(known) = self.access.cluster().await else { return };
        let me = self.access.node();
        if known.nodes.get(me).is_some_and(|node| node.id == self.access.identity().id()) {
            self.release_leftovers(&known).await;
            self.claim_again(&known).await;
            self.let_go_of_pools(&known, watched).await;
        }
        self.goes_on(self.nodes.revoke_again(&known).await);
        self.goes_on(self.nodes.keep_authorities(&known).await);
        self.finish_removals(&known, watched).await;
        self.mark_down(&known, watched).await;
    }

    /// Endpoints whose namespace somebody removed, seen twice: a container that is gone.
    async fn drop_vanished(&self, watched: &mut Watched) {
        let endpoints = self.journal.endpoints();
        let ownerless =
            |e: &LocalEndpoint| e.owner.process().is_none_or(|process| !self.processes.is_alive(&process));
        let gone: BTreeSet<EndpointId> = endpoints
            .iter()
            .filter(|(id, e)| {
                // Of its own, an engine says when they go.
                !e.owner.is_engine()
                    && ownerless(e)
                    && !self.allocator.is_in_the_making(id)
                    && self.endpoints.has_gone(e)
            })
            .map(|(id, _)| *id)
            .collect();
        for id in gone.intersection(&watched.without_netns) {
            let Some(seen) = endpoints.get(id) else { continue };
            let left = self.endpoints.leave_gone(*id, seen).await;
            if left.is_ok() {
                let netns = endpoints.get(id).map(|e| e.netns.display().to_string());
                let endpoint = id.short();
                tracing::info!(endpoint, netns, "its network namespace is gone, and so is the endpoint");
            }
            self.goes_on(left);
        }
        watched.without_netns = gone;
    }

    async fn release_leftovers(&self, known: &KnownCluster) {
        for id in self.endpoints.leftovers_here(known) {
            let released = self.allocator.release(id).await;
            if released.is_ok() {
                tracing::info!(endpoint = id.short(), "a leftover was taken out of the store");
            }
            if !self.goes_on(released) {
                return;
            }
        }
    }

    /// What the journal has and the store lost: claimed again, or cut off if another endpoint has it by now.
    async fn claim_again(&self, known: &KnownCluster) {
        let endpoints: LocalEndpoints = self.journal.endpoints();
        let mut undecided = false;
        for (id, local) in endpoints.iter().filter(|(id, _)| !self.allocator.is_in_the_making(id)) {
            let stored = known.endpoint_on(&local.network_id, id);
            // With another node's name, if that was this one's before, or what it was called before.
            let there = stored.is_some_and(|endpoint| **endpoint == local.endpoint);
            if local.removed {
                // A node that remembers what was before the removal may have put it back meanwhile.
                if stored.is_some() && !self.goes_on(self.allocator.release(*id).await) {
                    return;
                }
                self.goes_on(self.set_fenced(id, local, local.fenced.clone()));
                continue;
            }
            if there && local.fenced.is_none() {
                continue;
            }
            let judged = if there { Ok(None) } else { self.claim_one_again(known, *id, local).await };
            undecided |= !there && !matches!(judged, Ok(Some(_)));
            if !self.goes_on(judged.and_then(|fenced| self.set_fenced(id, local, fenced))) {
                return;
            }
        }
        if !undecided {
            self.access.identity().set_given_up(false);
        }
        self.goes_on(self.endpoints.forget_removals(known).await);
    }

    /// Gives back the pools of networks that were never created: the engine, or this agent, died half-way.
    async fn let_go_of_pools(&self, known: &KnownCluster, watched: &mut Watched) {
        let own: Vec<IpNet> = self.allocator.pools_to_come(known);
        watched.held.retain(|pool, _| own.contains(pool));
        for pool in own {
            let since = *watched.held.entry(pool).or_insert_with(Instant::now);
            if since.elapsed() > POOL_RESERVATION_PATIENCE && !self.goes_on(self.allocator.let_go(pool).await)
            {
                return;
            }
        }
    }

    fn set_fenced(
        &self,
        id: &EndpointId,
        local: &LocalEndpoint,
        fenced: Option<String>,
    ) -> Result<(), Error> {
        if fenced == local.fenced && self.journal.is_written(id) {
            return Ok(());
        }
        let name = &local.endpoint.name;
        let Some(why) = fenced else {
            let update = self.journal.update(id, |local| (local.fenced, local.removed) = (None, false));
            return update.map_err(|error| Error::internal(&format!("{name} stays cut off"), error));
        };
        if local.fenced.as_ref() != Some(&why) {
            tracing::error!(endpoint = %name, why, "cut off");
        }
        let for_good = why == WHY;
        let cut_off = self.journal.cut_off(id, why, for_good);
        cut_off.map_err(|error| Error::internal(&format!("{name} is cut off, until the agent ends"), error))
    }

    /// Why the endpoint must be cut off; `None` if it has its place back, or the next look will tell.
    async fn claim_one_again(
        &self,
        known: &Cluster,
        id: EndpointId,
        local: &LocalEndpoint,
    ) -> Result<Option<String>, Error> {
        let Some(network) = known.networks.get(&local.network_id) else {
            if local.fenced.is_some() {
                return Ok(local.fenced.clone());
            }
            // The view may be older than the endpoint: nobody is cut off on the strength of that.
            let key = self.access.path(&local.network.key(local.network_id));
            let removed = self.access.get(&key).await?.is_none();
            return Ok(removed.then(|| "its network was removed while this node was away".to_owned()));
        };
        if known.endpoint_on(&local.network_id, &id).is_none() && self.endpoints.was_removed(known, &id) {
            return Ok(Some(WHY.to_owned()));
        }
        if let Some(key) = self.allocator.lost_to_another(known, id, local) {
            return self.fence(id, local, key).await;
        }
        let txn = self.allocator.putting_back(known, network, id, local)?;
        match self.access.commit(txn).await {
            Ok(()) => {
                tracing::info!(endpoint = %local.endpoint.name, "put back into the store");
                Ok(None)
            }
            Err(CommitError::Conflict { .. }) => Ok(local.fenced.clone()),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }

    /// Why the endpoint must be cut off, if another one has its address: as the store has it now, since the view may
    /// be older than the endpoint.
    async fn fence(
        &self,
        id: EndpointId,
        local: &LocalEndpoint,
        key @ (_, address): ClaimKey,
    ) -> Result<Option<String>, Error> {
        let Some(owner) = self.allocator.claim_of_another(key, id).await? else {
            return Ok(local.fenced.clone());
        };
        if self.config.store_rebuild && local.fenced.is_none() && !self.access.identity().was_given_up() {
            // Nobody takes from a node what it has: the store went back to what it had before.
            self.recovery.announce_loss().await?;
            return Ok(None);
        }
        Ok(Some(format!("address {address} went to an endpoint of node {} meanwhile", owner.node)))
    }

    /// Finishes removals that stopped half-way because their node died.
    async fn finish_removals(&self, known: &KnownCluster, watched: &mut Watched) {
        watched.removing.retain(|id, _| known.networks.get(id).is_some_and(|network| network.removing));
        for (id, network) in known.networks.iter().filter(|(_, network)| network.removing) {
            let since = *watched.removing.entry(*id).or_insert_with(Instant::now);
            if since.elapsed() > REMOVAL_PATIENCE + self.turn(known, &id.to_string())
                && !self.goes_on(self.networks.remove_unused(*id, network.name.clone()).await)
            {
                return;
            }
        }
    }

    /// Writes down since when nodes are down, and gives up those that have been for too long.
    async fn mark_down(&self, known: &KnownCluster, watched: &mut Watched) {
        watched.down.retain(|name, _| known.nodes.contains_key(name) && !known.is_up(name));
        for (name, node) in known.nodes.iter().filter(|(name, _)| !known.is_up(name)) {
            let seen = *watched.down.entry(name.clone()).or_insert_with(Instant::now);
            let turn = self.turn(known, name.as_str());
            let done = match node.down_since {
                None if seen.elapsed() >= turn => self.write_down_since(name, node).await,
                Some(_) if self.has_expired(seen + turn) => self.nodes.give_up_node(name).await,
                _ => Ok(()),
            };
            if !self.goes_on(done) {
                return;
            }
        }
    }

    /// How long this node leaves to others what every node could do.
    fn turn(&self, known: &Cluster, matter: &str) -> Duration {
        precedence::wait(known, self.access.node(), matter)
    }

    async fn write_down_since(&self, name: &NodeName, node: &Stored<Node>) -> Result<(), Error> {
        let down = Node { down_since: Some(self.env.now()), ..Node::clone(node) };
        let key = self.access.path(&Key::Node(name.clone()));
        let txn = self.access.while_down(name).put(key, down.to_json(), Condition::Unchanged(node.modified));
        match self.access.commit(txn).await {
            Ok(()) => tracing::warn!(node = %name, "node is down"),
            // Another node wrote it, or it came back.
            Err(CommitError::Conflict { .. }) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
        Ok(())
    }

    /// Whether a node that was `seen` down here from then on is to be given up. The time of day says nothing: clocks
    /// jump, and a host that has just booted may be years off. So it takes an agent that has run for as long; any
    /// will do.
    fn has_expired(&self, seen: Instant) -> bool {
        seen.elapsed() >= self.config.node_expiry
    }
}
