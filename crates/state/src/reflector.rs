//! Keeps the [`View`] of the cluster: reads all of it once, then follows the store's watch.
//!
//! A store can lose what it had: it is wiped, or brought back from a backup. Then the view stays as it was, and
//! what the store still says is shown beside it, until `core::rebuild` has put back what is missing.
//!
//! And a store can be another's. What it says is let in by [`admission`](crate::admission) only; until then the view
//! is what was remembered.

mod gate;

use crate::{
    admission::{Admission, Founding},
    cluster::{Cluster, Stored},
    env::Env,
    journal::Journal,
    loss::Loss,
    memory::Memory,
    view::View,
};
use futures::StreamExt;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};
use weft_model::{Key, Keyspace, Lineage, Network, NetworkId, NodeId, NodeName, Record, Revocation, chain};
use weft_store::{Event, Revision, Store, StoreError, Update};

/// The first pause after a failure, doubled after each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between attempts to reach the store.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How often to ask anew at a gate that is closed: also this host may have changed.
const RECONSIDERATION: Duration = Duration::from_secs(1);

/// What is wrong with a store that has less than it had.
const LOST: &str = "the store lost what it had, or was brought back from a backup; this node is putting back what is missing";

/// Believes nodes no more that this one has revoked. Returns whether any of them was believed.
fn bar(view: &mut View, revoked: &BTreeMap<NodeId, Revocation>) -> bool {
    let mut news = false;
    if !revoked.is_empty() {
        for cluster in [&mut view.outside, &mut view.stored, &mut view.cluster].into_iter().flatten() {
            news |= Arc::make_mut(cluster).bar_all(revoked);
        }
    }
    news
}

/// The task that keeps the view.
pub struct Reflector {
    /// What it is a view of.
    pub store: Arc<dyn Store>,
    /// Where the cluster's keys are in it.
    pub keyspace: Keyspace,
    /// The time of day, and chance.
    pub env: Arc<Env>,
    /// This node.
    pub node: NodeName,
    /// Its endpoints.
    pub journal: Arc<Journal>,
    /// What it remembers.
    pub memory: Arc<Memory>,
    /// The gate.
    pub admission: Arc<Admission>,
    /// A cluster of which nothing is known but whom it believes. What is remembered believes the same.
    pub nothing: Cluster,
    /// Whether what the store loses is put back; otherwise what the store says is true, even if that is less than
    /// before.
    pub rebuild: bool,
    /// The keys that cannot be read and were logged.
    pub warned: Mutex<BTreeSet<String>>,
    /// See [`unseen`](crate::view::unseen).
    pub view: watch::Sender<View>,
}

impl Reflector {
    /// Keeps the view for ever. Safe to cancel at any time.
    pub async fn run(self) {
        // Whatever the store does meanwhile.
        tokio::join!(self.keep(), self.heed_revocations());
    }

    /// Believes nodes no more as soon as this one revokes them.
    async fn heed_revocations(&self) {
        let mut revoked = self.memory.revoked();
        // The memory is there as long as this is.
        while revoked.changed().await.is_ok() {
            let revoked = revoked.borrow_and_update().clone();
            self.change_if(|view| bar(view, &revoked));
        }
    }

    async fn keep(&self) {
        let (mut pause, mut seen) = (FIRST_PAUSE, None);
        loop {
            let began = Instant::now();
            let error = self.follow(&mut seen).await;
            self.failed(&error);
            // Long enough that it was no failure to reach it.
            if began.elapsed() > LONGEST_PAUSE * 5 {
                pause = FIRST_PAUSE;
            }
            tokio::time::sleep(self.env.jitter(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Reads everything and follows the watch until it breaks. What is read is not older than what this agent has
    /// `seen`; of what an earlier run has seen nobody knows.
    async fn follow(&self, seen: &mut Option<Revision>) -> StoreError {
        let cluster = match self.read(*seen).await {
            Ok(cluster) => cluster,
            Err(error) => return error,
        };
        *seen = Some(cluster.revision);
        let mut updates = self.store.watch(self.keyspace.root(), cluster.revision);
        let mut dealings = self.memory.dealings();
        let mut founding = self.begin(cluster);
        loop {
            if let Some(founding) = founding.take()
                && let Err(error) = self.admission.found(&*self.store, founding).await
            {
                return error;
            }
            let is_closed = self.view.borrow().outside.is_some();
            // All are cancel-safe: a stream keeps its update, a watch its change. In this order, so that the same
            // happens when the same happens (`simulation`).
            tokio::select! {
                biased;
                update = updates.next() => match update {
                    Some(Ok(update)) => {
                        if let Err(error) = self.confirm(&update).await {
                            return error;
                        }
                        *seen = Some(update.revision());
                        founding = self.go_on(update);
                    }
                    Some(Err(error)) => return error,
                    None => break,
                },
                Ok(()) = dealings.changed() => {
                    self.change_if(|view| self.is_found_again(view));
                }
                () = tokio::time::sleep(RECONSIDERATION), if is_closed => {
                    self.change_if(|view| {
                        let before = (view.gate, view.error.clone());
                        founding = self.look_at_the_gate(view);
                        (view.gate, view.error.clone()) != before
                    });
                }
            }
        }
        StoreError::Unavailable {
            store: self.store.describe(),
            doing: "watching",
            source: "the watch ended".into(),
        }
    }

    /// Shows what the store says, after it could not be asked for a while. Returns what it has to say first.
    fn begin(&self, cluster: Cluster) -> Option<Founding> {
        self.warn_of_unreadable(&cluster);
        let mut founding = None;
        self.change(|view| {
            view.outside = Some(Arc::new(cluster));
            bar(view, &self.memory.revoked().borrow());
            founding = self.look_at_the_gate(view);
        });
        founding
    }

    /// Changes a copy of the view, and then swaps it in: readers do not wait.
    fn change(&self, change: impl FnOnce(&mut View)) {
        self.change_if(|view| {
            change(view);
            true
        });
    }

    /// As [`change`](Self::change), and `change` returns whether to wake the tasks that wait for a new view. What stays
    /// the same is shared, not copied.
    fn change_if(&self, change: impl FnOnce(&mut View) -> bool) {
        let mut view = self.view.borrow().clone();
        let is_news = change(&mut view);
        self.view.send_if_modified(|shown| {
            *shown = view;
            is_news
        });
    }

    fn go_on(&self, update: Update) -> Option<Founding> {
        let mut founding = None;
        self.change(|view| {
            let View { outside, stored, cluster, .. } = view;
            if outside.is_none() && self.may_be_another(&update) {
                *outside = stored.take().or_else(|| cluster.clone());
            } else if outside.is_none()
                && stored.is_none()
                && cluster.as_ref().is_some_and(|cluster| self.may_lose(cluster, &update))
            {
                stored.clone_from(cluster);
            }
            let (waits, aside) = (outside.is_some(), stored.is_some());
            let Some(shown) = outside.as_mut().or(stored.as_mut()).or(cluster.as_mut()) else { return };
            let networks = shown.networks.clone();
            Arc::make_mut(shown).advance(&self.keyspace, update);
            self.warn_of_unreadable(shown);
            if waits {
                founding = self.look_at_the_gate(view);
            } else if !aside {
                self.memory.notice(&networks, shown);
            } else if !self.is_found_again(view) {
                self.has_lost(view);
            }
        });
        founding
    }

    /// Whether the store has everything again that it had: then the view is what the store says.
    fn is_found_again(&self, view: &mut View) -> bool {
        let Some(stored) = &view.stored else { return false };
        // Taken in any case, so that it does not excuse the next loss.
        let gave_up = self.memory.take_given_up();
        let times = stored.times_rebuilt();
        if !self.rebuild || self.memory.dealt_with().is_none() {
            self.memory.has_dealt_with(times);
        }
        let dealt_with = self.memory.dealt_with() == Some(times);
        let loss = view.cluster.as_ref().map(|known| self.loss(known, stored, !dealt_with));
        let loss = loss.unwrap_or_default();
        if self.rebuild && (loss.is_any() || !dealt_with) && !gave_up {
            // Networks that other nodes put back, and a user removed then, are not lacking any more.
            view.loss = Loss { networks: loss.networks, ..view.loss.or(loss) };
            return false;
        }
        view.loss = Loss::default();
        if let Some(known) = &view.cluster {
            self.memory.notice(&known.networks, stored);
        }
        if view.error.take().is_some() {
            tracing::info!(store = self.store.describe(), "store reached");
            view.since = self.env.now();
        }
        view.remembered = false;
        view.cluster = view.stored.take();
        true
    }

    fn loss(&self, known: &Cluster, stored: &Cluster, announced: bool) -> Loss {
        Loss::of(known, stored, (&self.node, &self.journal.endpoints()), announced)
    }

    /// Whether `update` may take away from the view what must be put back: then it is kept aside until it is
    /// certain.
    fn may_lose(&self, cluster: &Cluster, update: &Update) -> bool {
        let Update::Events { events, .. } = update else { return self.rebuild };
        let endpoints = self.journal.endpoints();
        let suspicious = |event: &Event| match event {
            Event::Put(entry) => match self.keyspace.parse(&entry.key) {
                Ok(Key::Lineage) => {
                    !Lineage::from_json(&entry.value).unwrap_or_default().includes(&cluster.state())
                }
                Ok(Key::Latest(name)) => {
                    cluster.latest.get(&name).is_some_and(|latest| entry.modified < latest.modified)
                }
                Ok(Key::Rebuilt) => true,
                _ => false,
            },
            Event::Delete(key) => match self.keyspace.parse(key) {
                Ok(Key::Lineage | Key::Rebuilt | Key::Latest(_)) => true,
                Ok(Key::Network(_) | Key::EncryptedNetwork(_)) => true,
                Ok(Key::Endpoint(_, id)) => endpoints.contains_key(&id),
                _ => false,
            },
        };
        self.rebuild && events.iter().any(suspicious)
    }

    /// Says once of each key that it cannot be read, for as long as it cannot.
    fn warn_of_unreadable(&self, cluster: &Cluster) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        let unbelieved = cluster.unbelieved.iter();
        let unbelieved: BTreeMap<String, String> = unbelieved
            .map(|(name, why)| (self.keyspace.path(&Key::Node(name.clone())), why.to_string()))
            .collect();
        warned.retain(|key| cluster.unreadable.contains_key(key) || unbelieved.contains_key(key));
        for (key, why) in unbelieved {
            if warned.insert(key.clone()) {
                tracing::warn!(
                    key,
                    why,
                    "a node's record in the store is not believed; it is as if it were not written"
                );
            }
        }
        for (key, error) in cluster.garbage() {
            if warned.insert(key.clone()) {
                tracing::warn!(key, error, "a key in the store cannot be read; it is left alone");
            }
        }
    }

    fn has_lost(&self, view: &mut View) {
        if view.error.as_deref() != Some(LOST) {
            tracing::warn!(store = self.store.describe(), "{LOST}");
            view.since = self.env.now();
            view.error = Some(LOST.to_owned());
        }
    }

    /// The cluster as the store has it.
    async fn read(&self, seen: Option<Revision>) -> Result<Cluster, StoreError> {
        let root = self.keyspace.root();
        let listing = self.store.view(root, seen).await?;
        let known = self.view.borrow().cluster.clone();
        let before = known.clone().unwrap_or_else(|| self.nothing());
        let cluster = Cluster::read_after(&self.keyspace, &listing, &before);
        let Some(doubtful) = known.and_then(|known| self.doubtful(&known, &cluster)) else {
            return Ok(cluster);
        };
        // Consul leaves keys that a token may not read out of a list; only a read of a single key is refused.
        self.store.get(&self.keyspace.path(&doubtful)).await?;
        let certain = if seen.is_some() { Some(self.store.list(root).await?) } else { None };
        Ok(certain.map_or(cluster, |listing| Cluster::read_after(&self.keyspace, &listing, &before)))
    }

    /// A cluster of which nothing is known but whom it believes.
    fn nothing(&self) -> Arc<Cluster> {
        Arc::new(self.nothing.clone())
    }

    /// If the store seems to have lost something: a key that it had.
    fn doubtful(&self, known: &Cluster, now: &Cluster) -> Option<Key> {
        let lacks = self.loss(known, now, true).is_any();
        let gone = |(id, _): &(&NetworkId, &Stored<Network>)| !now.networks.contains_key(*id);
        let network = || known.networks.iter().find(gone).map(|(id, network)| network.key(*id));
        let lost_lineage = known.lineage.is_some() && now.lineage.is_none();
        let key = || network().filter(|_| !lost_lineage).unwrap_or(Key::Lineage);
        (lacks || lost_lineage).then(key)
    }

    /// Asks for a key that nobody deletes in the ordinary way, if `update` says that it is gone.
    async fn confirm(&self, update: &Update) -> Result<(), StoreError> {
        let gone = match update {
            Update::Events { events, .. } => {
                let mut gone = events.iter().filter_map(|event| match event {
                    Event::Delete(key) => Some(key),
                    Event::Put(_) => None,
                });
                gone.find(|key| self.is_lasting(key)).cloned()
            }
            Update::Snapshot(listing) => {
                let lineage = self.keyspace.path(&Key::Lineage);
                let had = self.view.borrow().in_store().is_some_and(|cluster| cluster.lineage.is_some());
                (had && !listing.entries.iter().any(|entry| entry.key == lineage)).then_some(lineage)
            }
        };
        let Some(gone) = gone else { return Ok(()) };
        self.store.get(&gone).await.map(drop)
    }

    fn is_lasting(&self, key: &str) -> bool {
        match self.keyspace.parse(key) {
            Ok(Key::Lineage | Key::Rebuilt) => true,
            Ok(Key::Endpoint(_, id)) => self.journal.endpoints().contains_key(&id),
            _ => false,
        }
    }

    fn failed(&self, error: &StoreError) {
        let error = chain(error);
        self.change(|view| {
            // What it said meanwhile is old by the time it answers again.
            (view.stored, view.outside) = (None, None);
            let same = |before: &String| gist(before) == gist(&error);
            if view.error.is_none() || view.cluster.is_none() && !view.error.as_ref().is_some_and(same) {
                tracing::warn!(%error, "store out of reach, retrying");
                view.since = if view.error.is_none() { self.env.now() } else { view.since };
            }
            view.error = Some(error);
        });
    }
}

/// An error without its details, which change from one attempt to the next.
fn gist(error: &str) -> &str {
    error.split_once(" (").map_or(error, |(gist, _)| gist)
}

#[cfg(test)]
mod tests;
