//! Puts back what the store lost.
//!
//! A loop like [`reconcile`](crate::reconcile): it compares what the store says with what this node remembers and
//! what its journal says, writes what is missing, and looks again. All nodes do so at the same time: each writes
//! what is its own, and says when it has; then what nobody is there to write is written from memory.

mod plan;

use super::parts::{Base, CoreParts};
use super::{
    access::ClusterAccess,
    allocator::Allocator,
    endpoints::{Endpoints, WHY},
    networks::Networks,
};
use crate::config::AgentConfig;
use plan::{Comparison, Own, SoFar};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::block_in_place,
    time::{Instant, sleep, timeout},
};
use weft_model::{Endpoint, EndpointId, Extra, Key, Liveness, Network, NetworkId, Rebuilt, Record, chain};
use weft_state::{
    cluster::{Cluster, Stored},
    env::Env,
    journal::Journal,
    loss::Loss,
    memory::Memory,
    view::View,
};
use weft_store::{CommitError, Condition, Txn};
use weft_verbs::Error;

/// How long to wait after each look, at most.
const PAUSE: Duration = Duration::from_millis(100);
/// How often to look again without a reason.
const PERIOD: Duration = Duration::from_secs(1);
/// How long to wait for nodes that were up to be so again.
const NODES_PATIENCE: Duration = Duration::from_secs(3);
/// How long to wait for a node that is up to write what is its own.
const PARTS_PATIENCE: Duration = Duration::from_secs(10);
/// How long to go on trying. Something that cannot be read may be in the way for ever.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to collect changes before the memory of the cluster is written, at least.
const MEMORY_DELAY: Duration = Duration::from_millis(200);
/// And at most. In between, so many times longer than it took the last time.
const LONGEST_MEMORY_DELAY: Duration = Duration::from_secs(5);
const MEMORY_REST: u32 = 20;

/// One rebuild, from its announcement on.
struct Rebuild {
    announced: Rebuilt,
    began: Instant,
    /// Endpoints of others that were put back. Once: what is gone again then was taken away by its node.
    restored: BTreeSet<EndpointId>,
    /// When a network that was removed before was taken away last.
    moved: Instant,
    /// Networks that were not there.
    missed: BTreeSet<NetworkId>,
    /// Those that were there again then. One that is gone now was removed by a node that remembers more.
    found_again: BTreeSet<NetworkId>,
}

impl Rebuild {
    fn new(announced: &Rebuilt) -> Self {
        let (restored, missed, found_again) = Default::default();
        let now = Instant::now();
        Self { announced: announced.clone(), began: now, moved: now, restored, missed, found_again }
    }

    fn look(&mut self, compared: &Comparison) {
        let there = |id: &&NetworkId| compared.stored.networks.contains_key(*id);
        self.found_again.extend(self.missed.iter().filter(there));
        self.missed.extend(compared.remembered.networks.keys().filter(|id| !there(id)));
    }
}

/// Puts back what the store loses, and remembers the cluster for that.
pub(crate) struct Recovery {
    config: Arc<AgentConfig>,
    access: Arc<ClusterAccess>,
    allocator: Arc<Allocator>,
    endpoints: Arc<Endpoints>,
    networks: Arc<Networks>,
    env: Arc<Env>,
    journal: Arc<Journal>,
    memory: Arc<Memory>,
}

impl Recovery {
    pub(super) fn new(parts: &CoreParts, base: &Base) -> Self {
        Self {
            config: Arc::clone(&parts.config),
            access: Arc::clone(&parts.access),
            allocator: Arc::clone(&base.allocator),
            endpoints: Arc::clone(&base.endpoints),
            networks: Arc::clone(&base.networks),
            env: Arc::clone(&parts.env),
            journal: Arc::clone(&parts.journal),
            memory: Arc::clone(&parts.memory),
        }
    }

    /// Puts back what the store loses, for ever. Safe to cancel at any time.
    pub(crate) async fn rebuild(self: Arc<Self>) {
        let mut view = self.access.view().clone();
        while view.wait_for(|view| view.stored.is_some()).await.is_ok() {
            let mut rebuild = None;
            loop {
                let compared = self.compare(&view.borrow_and_update());
                let Some(compared) = compared else { break };
                if let Err(error) = self.put_back(compared, &mut rebuild).await {
                    tracing::debug!(%error, "not put back yet");
                }
                // It makes no difference whether something changed or it is time.
                let _ = timeout(PERIOD, view.changed()).await;
                // Nodes that do not remember the same undo what the others do: not as fast as they can.
                sleep(self.env.jitter(PAUSE)).await;
            }
        }
    }

    fn compare(&self, view: &View) -> Option<Comparison> {
        let stored = view.stored.clone()?;
        Some(Comparison {
            remembered: view.cluster.clone().unwrap_or_default(),
            stored,
            loss: view.loss,
            journal: self.journal.endpoints(),
        })
    }

    /// Does what there is to do now.
    async fn put_back(&self, compared: Comparison, rebuild: &mut Option<Rebuild>) -> Result<(), Error> {
        let announced = compared.stored.rebuilt.as_deref();
        let Some(announced) = announced.filter(|announced| announced.times > self.memory.times_dealt_with())
        else {
            *rebuild = None;
            return self.announce_if_lost(&compared).await;
        };
        let times = announced.times;
        let rebuild = match rebuild {
            Some(rebuild) if rebuild.announced == *announced => rebuild,
            other => other.insert(Rebuild::new(announced)),
        };
        rebuild.look(&compared);
        if rebuild.began.elapsed() > PATIENCE {
            tracing::error!("the store lost something that cannot be put back; going on with what it has");
            self.memory.give_up(times);
            return Ok(());
        }
        if !self.put_back_own(&compared, rebuild).await? {
            return Ok(());
        }
        self.has_done_its_part(&compared.stored).await?;
        if self.others_are_busy(&compared, rebuild) || !self.put_back_rest(&compared, rebuild).await? {
            return Ok(());
        }
        tracing::info!(store = self.access.describe_store(), "put back into the store what it had lost");
        self.memory.has_dealt_with(times);
        Ok(())
    }

    /// What a watch says may be old: then it is the view that is behind, and catches up.
    async fn announce_if_lost(&self, compared: &Comparison) -> Result<(), Error> {
        let now = self.access.read_all().await?;
        let dealt_with = self.memory.times_dealt_with();
        let own = (self.access.node(), &compared.journal);
        if Loss::of(&compared.remembered, &now, own, false).is_any() || now.times_rebuilt() < dealt_with {
            self.announce_loss().await?;
        }
        Ok(())
    }

    /// Tells every node that the store lost something: each has a part in putting it back, and until it has done
    /// it, nothing that it claimed before counts against others.
    pub(super) async fn announce_loss(&self) -> Result<(), Error> {
        let key = self.access.path(&Key::Rebuilt);
        let entry = self.access.get(&key).await?;
        let before = entry.as_ref().and_then(|entry| Rebuilt::from_json(&entry.value).ok());
        let dealt_with = self.memory.times_dealt_with();
        let announced = Rebuilt {
            times: before.as_ref().map_or(0, |announced| announced.times).max(dealt_with).saturating_add(1),
            by: self.access.node().clone(),
            at: self.env.now(),
            extra: before.map_or_else(Extra::new, |announced| announced.extra),
        };
        // Also where it cannot be read.
        let condition = Condition::as_seen(entry.map(|entry| entry.modified));
        self.try_all(vec![Txn::new().put(key, announced.to_json(), condition)]).await.map(drop)
    }

    /// Writes what is this node's own, and takes away what is not any more. Returns whether nothing of it is left
    /// to do.
    async fn put_back_own(&self, compared: &Comparison, rebuild: &mut Rebuild) -> Result<bool, Error> {
        // First what is to go: it may be in the way.
        self.clear_lineage(&compared.stored).await?;
        let known = compared.stored.networks.iter();
        let back =
            known.filter(|(id, _)| self.memory.was_removed(id)).map(|(id, network)| (*id, network.key(*id)));
        let keys: BTreeMap<NetworkId, Key> = back.collect();
        let back: BTreeSet<NetworkId> = keys.keys().copied().collect();
        let mut gone = false;
        for (id, key) in &keys {
            gone |= self.remove_again(*id, key).await?;
        }
        if gone {
            rebuild.moved = Instant::now();
            return Ok(false);
        }
        let leftovers = self.endpoints.leftovers_here(&compared.stored).into_iter();
        let leftovers: Vec<Txn> =
            leftovers.filter_map(|id| self.allocator.releasing(&compared.stored, id)).collect();
        let patient = rebuild.moved.elapsed() < PARTS_PATIENCE;
        let so_far = SoFar {
            back: &back,
            found_again: &rebuild.found_again,
            patient,
            lineage: self.allocator.next_lineage(&compared.stored),
        };
        let Own { txns, cut_off, waits } = compared.own(&self.config, self.access.keyspace(), so_far);
        let waits = waits || patient && !back.is_empty();
        let done = leftovers.is_empty() && txns.is_empty() && cut_off.is_empty() && !waits;
        for (id, why) in cut_off {
            tracing::error!(endpoint = id.short(), why, "cut off");
            let for_good = why == WHY;
            let cut_off = self.journal.cut_off(&id, why, for_good);
            cut_off
                .map_err(|error| Error::internal("an endpoint is cut off, until the agent ends", error))?;
            self.try_all(self.no_endpoint(&compared.stored, id)).await?;
        }
        self.try_all([leftovers, txns].concat()).await?;
        Ok(done)
    }

    /// Takes away what the store says of an endpoint that was cut off. Its claims are its own until it has left: where
    /// it is, its addresses still are.
    fn no_endpoint(&self, stored: &Cluster, id: EndpointId) -> Vec<Txn> {
        let endpoint = stored.endpoint(&id).into_iter();
        let delete = |(network, endpoint): (&NetworkId, &Stored<Endpoint>)| {
            let key = self.access.path(&Key::Endpoint(*network, id));
            Txn::new().delete(key, Condition::Unchanged(endpoint.modified))
        };
        endpoint.map(delete).collect()
    }

    /// A lineage that cannot be read keeps every network from being put back.
    async fn clear_lineage(&self, stored: &Cluster) -> Result<(), Error> {
        let key = self.access.path(&Key::Lineage);
        if !stored.unreadable.contains_key(&key) {
            return Ok(());
        }
        let Some(entry) = self.access.get(&key).await? else { return Ok(()) };
        self.try_all(vec![Txn::new().delete(key, Condition::Unchanged(entry.modified))]).await.map(drop)
    }

    /// Removes a network that was removed before, unless an endpoint is on it: in two looks, as in every removal, since
    /// nothing can join once it is marked. Where an endpoint is on it, housekeeping takes the mark off again. Returns whether
    /// it is gone by now.
    async fn remove_again(&self, id: NetworkId, key: &Key) -> Result<bool, Error> {
        let key = self.access.path(key);
        let Some(entry) = self.access.get(&key).await? else { return Ok(false) };
        let Ok(network) = Network::from_json(&entry.value) else { return Ok(false) };
        if !network.removing {
            let marked = Network { removing: true, ..network };
            let unchanged = Condition::Unchanged(entry.modified);
            self.try_all(vec![Txn::new().put(key, marked.to_json(), unchanged)]).await?;
            return Ok(false);
        }
        if !self.access.list_endpoints(id).await?.entries.is_empty() {
            return Ok(false);
        }
        let gone = self.networks.delete(id, &network, entry.modified).await?;
        if gone {
            tracing::info!(network = %network.name, id = id.short(), "removed before, and now again");
        }
        Ok(gone)
    }

    /// Says that this node has written what is its own.
    async fn has_done_its_part(&self, stored: &Cluster) -> Result<(), Error> {
        let times = stored.times_rebuilt();
        // For the `live` record that is written next: this node may not have joined again yet.
        self.memory.has_done_its_part(times);
        let Some((live, session)) = stored.live.get(self.access.node()) else { return Ok(()) };
        if live.rebuilt >= times || live.id != self.access.identity().id() {
            return Ok(());
        }
        let Some(session) = session.clone() else { return Ok(()) };
        let now = Liveness { rebuilt: times, ..(**live).clone() };
        let key = self.access.path(&Key::Live(self.access.node().clone()));
        let unchanged = Condition::Unchanged(live.modified);
        self.try_all(vec![Txn::new().put_bound(key, now.to_json(), unchanged, session)]).await.map(drop)
    }

    /// Whether nodes that were up may still be writing what is theirs.
    fn others_are_busy(&self, compared: &Comparison, rebuild: &Rebuild) -> bool {
        let waited = rebuild.began.elapsed();
        compared.remembered.live.keys().any(|node| match compared.stored.live.get(node) {
            Some((live, _)) => live.rebuilt < rebuild.announced.times && waited < PARTS_PATIENCE,
            None => waited < NODES_PATIENCE,
        })
    }

    /// Writes what nobody was there to write. Returns whether nothing of it is left to do.
    async fn put_back_rest(&self, compared: &Comparison, rebuild: &mut Rebuild) -> Result<bool, Error> {
        let (txns, restored) = compared.rest(self.access.keyspace(), &rebuild.restored);
        if !txns.is_empty() {
            if self.try_all(txns).await? {
                rebuild.restored.extend(restored);
            }
            return Ok(false);
        }
        let (now, known) = (compared.stored.state(), compared.remembered.state());
        if now.includes(&known) {
            return Ok(true);
        }
        // Until then, every node sees that the store has lost something.
        let condition = Condition::as_seen(compared.stored.lineage.as_ref().map(|lineage| lineage.modified));
        let txn = Txn::new().put(self.access.path(&Key::Lineage), now.including(&known).to_json(), condition);
        self.try_all(vec![txn]).await?;
        Ok(false)
    }

    /// Carries out what can be. Returns whether nobody else was faster: otherwise the next look shows what is still
    /// missing.
    async fn try_all(&self, txns: Vec<Txn>) -> Result<bool, Error> {
        let mut all = true;
        for txn in txns {
            match self.access.commit(txn).await {
                Ok(()) => {}
                Err(CommitError::Conflict { .. }) => all = false,
                Err(CommitError::Store(error)) if error.is_transient() => return Err(error.into()),
                Err(CommitError::Store(error)) => {
                    tracing::warn!(error = chain(&error), "something cannot be put back");
                }
            }
        }
        Ok(all)
    }

    /// Writes down what the store says, for the next run of this agent. For ever; safe to cancel at any time.
    pub(crate) async fn remember(self: Arc<Self>) {
        let mut view = self.access.view().clone();
        let mut failed = false;
        while view.changed().await.is_ok() {
            let now = view.borrow_and_update().clone();
            // Also what the store said last before it went out of reach.
            let Some(cluster) = now.cluster.filter(|_| !now.remembered && now.stored.is_none()) else {
                continue;
            };
            let began = Instant::now();
            // It takes a while where there are thousands of endpoints: other tasks need not wait.
            let save = || self.memory.save(&cluster).err().map(|error| chain(&error));
            let error = match Handle::current().runtime_flavor() {
                RuntimeFlavor::CurrentThread => save(),
                _ => block_in_place(save),
            };
            let pause = (began.elapsed() * MEMORY_REST).clamp(MEMORY_DELAY, LONGEST_MEMORY_DELAY);
            if let Some(error) = error.as_ref().filter(|_| !failed) {
                tracing::warn!(error, "cannot remember the cluster");
            }
            failed = error.is_some();
            // What changes meanwhile is written next. Dropped, so that a change need not copy the cluster.
            drop(cluster);
            sleep(pause).await;
        }
    }
}
