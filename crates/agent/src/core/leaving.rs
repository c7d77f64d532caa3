//! Leaving the cluster: whether this node may, and what it gives back in the store.

use super::parts::{Base, CoreParts};
use super::{
    access::{ClusterAccess, committed},
    allocator::Allocator,
};
use crate::{config::AgentConfig, host::Host, orphans, processes::ProcessTable};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep},
};
use weft_model::{Key, Liveness, Node, NodeName, Record};
use weft_process::RunState;
use weft_state::{
    admission::{Admission, StoreLocation},
    cluster::{Cluster, Stored},
    journal::{Journal, LocalEndpoint, Owner},
};
use weft_store::{Condition, Store, Txn};
use weft_verbs::{Error, Kind, Leave};

/// How long other nodes may be faster at what this one gives back.
const RACE_PATIENCE: Duration = Duration::from_secs(10);
/// The pause before the store is read again.
const PAUSE: Duration = Duration::from_millis(100);
/// How many endpoints a refusal names.
const NAMED: usize = 8;

/// A client asked this agent to leave, and waits. The answer is what could not be given back, for people.
pub(crate) struct Departure {
    pub(crate) leave: Leave,
    pub(crate) tell: oneshot::Sender<Result<Vec<String>, Error>>,
}

/// Takes this node out of the cluster.
pub(crate) struct Leaving {
    access: Arc<ClusterAccess>,
    admission: Arc<Admission>,
    allocator: Arc<Allocator>,
    config: Arc<AgentConfig>,
    host: Arc<dyn Host>,
    journal: Arc<Journal>,
    processes: Arc<ProcessTable>,
    /// Tells the task that runs this agent that it is to leave.
    departures: mpsc::Sender<Departure>,
}

impl Leaving {
    pub(super) fn new(parts: &CoreParts, base: &Base) -> Self {
        Self {
            access: Arc::clone(&parts.access),
            admission: Arc::clone(&parts.admission),
            allocator: Arc::clone(&base.allocator),
            config: Arc::clone(&parts.config),
            host: Arc::clone(&parts.host),
            journal: Arc::clone(&parts.journal),
            processes: Arc::clone(&parts.table),
            departures: parts.departures.clone(),
        }
    }

    /// What this agent was told.
    pub(crate) fn config(&self) -> &AgentConfig {
        &self.config
    }

    /// The store, as it was configured.
    pub(crate) fn store(&self) -> &StoreLocation {
        self.admission.location()
    }

    pub(crate) fn processes(&self) -> &ProcessTable {
        &self.processes
    }

    pub(crate) fn host(&self) -> &dyn Host {
        &*self.host
    }

    /// Leaves the cluster: the task that runs this agent stops it, and carries that out.
    pub(crate) async fn leave_cluster(&self, leave: Leave) -> Result<Vec<String>, Error> {
        self.may_leave(leave).await?;
        if leave.dry_run {
            return Ok(Vec::new());
        }
        let (tell, told) = oneshot::channel();
        let half_way = || {
            let message = "the agent stopped before this host had left; do it again";
            Error::new(Kind::Internal, message)
        };
        self.departures.send(Departure { leave, tell }).await.map_err(|_| half_way())?;
        told.await.unwrap_or_else(|_| Err(half_way()))
    }

    /// Refuses if something would be cut off, or would be left in the cluster.
    pub(crate) async fn may_leave(&self, leave: Leave) -> Result<(), Error> {
        if leave.force {
            return Ok(());
        }
        refuse_if_in_use(&self.journal, &self.processes, &*self.host)?;
        orphans::refuse_if_any(&self.processes, &*self.host).await?;
        if leave.dry_run {
            return Ok(());
        }
        if let Some(why) = self.access.absence() {
            return Err(Error::conflict(format!(
                "this host cannot leave now: {why}. {}; to leave all the same, use --force",
                self.what_stays()
            )));
        }
        let (node, known) = (&self.config.node_name, self.access.known());
        let others = known.nodes.keys().filter(|name| *name != node).count();
        let holds = |(name, node): (&NodeName, &Stored<Node>)| node.authority.then_some(name.clone());
        let holders: Vec<NodeName> = known.nodes.iter().filter_map(holds).collect();
        if others > 0 && holders == [node.clone()] {
            return Err(Error::conflict(format!(
                "this host alone has the key of the cluster's authority, without which no host can join the {others} others, \
                 and no certificate is renewed: have another keep it, too (`weft node promote HOST`), or use --force"
            )));
        }
        match self.config.serves_at() {
            Some(_) if others > 0 => Err(Error::conflict(format!(
                "this host serves the store to {others} other nodes, which would lose it: move it first (`weft store copy`), \
                 or use --force"
            ))),
            _ => Ok(()),
        }
    }

    /// What becomes of what a host has in the cluster that cannot give it back.
    pub(crate) fn what_stays(&self) -> String {
        let (node, store) = (&self.config.node_name, self.admission.location());
        if store.is_here() {
            format!("What it has in the cluster stays in the store, which is a file of this host: {store}")
        } else {
            format!("What it has in the cluster stays there until `weft node rm {node}` on another host")
        }
    }

    /// Takes everything that this node has out of `store`, and the node, last and together with its being up: nobody
    /// sees it go down. The kernel must have let go of all of it.
    pub(crate) async fn give_back(&self, store: &dyn Store) -> Result<(), Error> {
        let deadline = Instant::now() + RACE_PATIENCE;
        while !self.give_back_once(store).await? {
            if Instant::now() >= deadline {
                let message = format!("other nodes were faster every time for {RACE_PATIENCE:?}; try again");
                return Err(Error::new(Kind::Unavailable, message));
            }
            sleep(PAUSE).await;
        }
        if let Some(session) = self.access.identity().session() {
            // It ends by itself otherwise, and nothing is bound to it any more.
            let _ = store.close_session(&session).await;
        }
        Ok(())
    }

    /// Returns whether that was all: not where another transaction was faster.
    async fn give_back_once(&self, store: &dyn Store) -> Result<bool, Error> {
        let name = &self.config.node_name;
        let (live_key, node_key) =
            (self.access.path(&Key::Live(name.clone())), self.access.path(&Key::Node(name.clone())));
        let (live, node) = (store.get(&live_key).await?, store.get(&node_key).await?);
        let own = node.as_ref().and_then(|entry| Node::from_json(&entry.value).ok());
        if own.is_none_or(|own| own.id != self.access.identity().id()) {
            // It was given back already, or this node was given up.
            return Ok(true);
        }
        let run = live.as_ref().and_then(|entry| Liveness::from_json(&entry.value).ok());
        let itself = |live: &Liveness| live.incarnation == Some(self.access.identity().incarnation());
        if live.is_some() && !run.as_ref().is_some_and(itself) {
            return Err(Error::conflict(format!(
                "another agent is up as node {name}: nothing of it was changed"
            )));
        }
        // Before anything is listed: a request that this agent was asked before may still be on its way, and changes
        // one of these.
        let latest_key = self.access.path(&Key::Latest(name.clone()));
        let (last, latest) = (self.allocator.lineage_after_now().await?, store.get(&latest_key).await?);
        let listing = store.list(self.access.keyspace().root()).await?;
        let cluster = Cluster::read(self.access.keyspace(), &listing);
        let start =
            Txn::new().check(live_key.clone(), Condition::as_seen(live.as_ref().map(|entry| entry.modified)));
        for txn in self.allocator.leftovers(&cluster, name, &start) {
            if !committed(store, txn).await? {
                return Ok(false);
            }
        }
        let all = [(live_key, live), (node_key, node), (latest_key, latest)];
        let last = all.into_iter().fold(last, |txn, (key, entry)| match entry {
            Some(entry) => txn.delete(key, Condition::Unchanged(entry.modified)),
            None => txn.check(key, Condition::Absent),
        });
        committed(store, last).await.map_err(Error::from)
    }
}

/// Refuses while something runs on the networks here, and names it.
pub(crate) fn refuse_if_in_use(
    journal: &Journal,
    processes: &ProcessTable,
    host: &dyn Host,
) -> Result<(), Error> {
    let Some(all) = in_use(journal, processes, host) else { return Ok(()) };
    Err(Error::conflict(format!(
        "in use on this host: {all}; end them first (`docker stop`, `weft stop`, `weft detach`), or use --force, which takes \
         them off their networks"
    )))
}

/// What runs on the networks here, for people; `None` if nothing does.
pub(crate) fn in_use(journal: &Journal, processes: &ProcessTable, host: &dyn Host) -> Option<String> {
    let endpoints = journal.endpoints();
    let there = |local: &&LocalEndpoint| host.has_netns(&local.netns);
    let on = |local: &LocalEndpoint| format!("{} on network {}", local.endpoint.name, local.network.name);
    let running = processes.all().into_iter().filter(|process| {
        let on_none = !endpoints.values().any(|local| local.owner == Owner::Process(process.id));
        on_none && matches!(processes.state(&process.id), Ok(RunState::Running { .. } | RunState::Starting))
    });
    let running = running.map(|process| format!("process {}", process.name));
    let all: BTreeSet<String> = endpoints.values().filter(there).map(on).chain(running).collect();
    let named: Vec<&str> = all.iter().take(NAMED).map(String::as_str).collect();
    let more = all.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    (!all.is_empty()).then(|| format!("{}{more}", named.join(", ")))
}
