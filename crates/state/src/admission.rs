//! The gate: whether this node may use what the store shows, before anything is done about it.
//!
//! As long as it is closed, the view stays what was remembered, nothing is written to the store, and what runs goes
//! on. Each reason to keep it closed is a pure decision in a file of its own; [`Admission::judge`] asks them in turn.

mod home;
mod which;

pub use home::{Home, StoreLocation};
pub use which::Entrance;

use crate::{
    cluster::Cluster,
    data_dir,
    env::Env,
    journal::{Identity, Journal, JournalError, file},
    memory::Memory,
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use weft_model::{ClusterId, ClusterRecord, Extra, Key, Keyspace, NetworkId, NodeName, Record};
use weft_store::{CommitError, Condition, Store, StoreError, Txn};
use which::{Decision, Shown, Shows, Situation, decide};

/// What the gate says of what a store shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is this node's cluster: it may be used, and written to.
    Enter(Entrance),
    /// It will be, once the store says which cluster it is: see [`Admission::found`].
    Found(Founding),
    /// It is not, for a reason that says what to do.
    Refuse(String),
}

/// An id for a store that has none, or the wrong one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Founding {
    id: ClusterId,
    instead_of: Option<ClusterId>,
}

/// See the module.
pub struct Admission {
    path: PathBuf,
    /// Where this host is at home.
    home: Mutex<Option<Home>>,
    /// Where the store is.
    store: StoreLocation,
    keyspace: Keyspace,
    node: NodeName,
    identity: Arc<Identity>,
    journal: Arc<Journal>,
    /// The networks that the engine of this host had when the agent started.
    in_engine: BTreeSet<NetworkId>,
    /// What a new cluster would be called.
    fresh: ClusterId,
}

/// What an [`Admission`] stands on.
pub struct AdmissionDeps<'g> {
    /// Where `home.json` is.
    pub data_dir: &'g Path,
    /// The store that is asked to be let in.
    pub store: &'g dyn Store,
    /// Where the cluster's keys are in it.
    pub keyspace: &'g Keyspace,
    /// This node's name.
    pub node: &'g NodeName,
    /// Where a new cluster's id comes from.
    pub env: &'g Env,
    /// This node's identity.
    pub identity: &'g Arc<Identity>,
    /// Its endpoints.
    pub journal: &'g Arc<Journal>,
    /// What it remembers.
    pub memory: &'g Memory,
    /// The networks that the engine of this host had when the agent started.
    pub in_engine: BTreeSet<NetworkId>,
}

impl Admission {
    /// Reads where this host is at home.
    ///
    /// # Errors
    /// If it cannot be read, or is not valid: a node that forgot where it belongs must not guess.
    pub fn open(deps: &AdmissionDeps<'_>) -> Result<Self, JournalError> {
        let path = deps.data_dir.join(data_dir::HOME);
        let home = file::read_json(&path).map_err(JournalError::new("cannot read", &path))?;
        // Of an earlier version only the memory says where it was.
        let earlier = || {
            Some(Home {
                cluster: None,
                store: StoreLocation::parse(deps.memory.origin()?)?,
                extra: Extra::new(),
            })
        };
        Ok(Self {
            path,
            home: Mutex::new(home.or_else(earlier)),
            store: StoreLocation::new(&deps.store.describe(), deps.keyspace.root()),
            keyspace: deps.keyspace.clone(),
            node: deps.node.clone(),
            identity: Arc::clone(deps.identity),
            journal: Arc::clone(deps.journal),
            in_engine: deps.in_engine.clone(),
            fresh: deps.env.random(|rng| ClusterId::random(rng)),
        })
    }

    /// The cluster that this host belongs to, as far as it knows.
    pub fn cluster(&self) -> Option<ClusterId> {
        self.lock().as_ref().and_then(|home| home.cluster)
    }

    /// The store, as people read it.
    pub fn location(&self) -> &StoreLocation {
        &self.store
    }

    /// Judges what a store shows, where `known` is what this node went by so far.
    pub fn judge(&self, shown: &Cluster, known: Option<&Cluster>) -> Verdict {
        let home = self.lock().clone();
        let networks = self.networks(known);
        let key = self.keyspace.path(&Key::Cluster);
        let id = match &shown.identity {
            Some(record) => Shows::Cluster(record.id),
            None if shown.unreadable.contains_key(&key) => Shows::Nonsense,
            None => Shows::Nothing,
        };
        let shown = Shown {
            id,
            empty: shown.networks.is_empty() && shown.endpoints.is_empty(),
            shares_network: networks.iter().any(|id| shown.networks.contains_key(id)),
            knows_node: shown.nodes.get(&self.node).is_some_and(|node| node.id == self.identity.id()),
        };
        let endpoints = self.journal.endpoints().len();
        let (home, store) = (home.as_ref(), &self.store);
        let situation = Situation { home, store, endpoints, networks: &networks, shown, fresh: self.fresh };
        match decide(&situation) {
            Decision::Enter(entry) => Verdict::Enter(entry),
            Decision::Found { id, instead_of } => Verdict::Found(Founding { id, instead_of }),
            Decision::Refuse(why) => Verdict::Refuse(why),
        }
    }

    /// The networks that this host knows, or has endpoints on, or its engine has.
    fn networks(&self, known: Option<&Cluster>) -> BTreeSet<NetworkId> {
        let of_endpoints = self.journal.endpoints();
        let mut networks: BTreeSet<_> = of_endpoints.values().map(|local| local.network_id).collect();
        match known {
            Some(known) => networks.extend(known.networks.keys()),
            None => networks.extend(&self.in_engine),
        }
        networks
    }

    /// Writes down where this host is at home from now on. Where that fails, it is as it was at the next start.
    pub fn has_entered(&self, entry: &Entrance) {
        let mut home = self.lock();
        let extra = home.as_ref().map(|home| home.extra.clone()).unwrap_or_default();
        let now = Home { cluster: Some(entry.cluster), store: self.store.clone(), extra };
        if home.as_ref() == Some(&now) {
            return;
        }
        tracing::info!(cluster = entry.cluster.short(), store = %self.store, "this host belongs to the cluster");
        if let Err(error) = file::write_json_durably(&self.path, &now) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remember which cluster this host belongs to");
        }
        *home = Some(now);
    }

    /// Has the store say which cluster it is, by compare-and-set. If another node was faster, its id stands, and the
    /// next look shows it.
    ///
    /// # Errors
    /// If the store is out of reach.
    pub async fn found(&self, store: &dyn Store, founding: Founding) -> Result<(), StoreError> {
        let key = self.keyspace.path(&Key::Cluster);
        let entry = store.get(&key).await?;
        let before = entry.as_ref().and_then(|entry| ClusterRecord::from_json(&entry.value).ok());
        if before.as_ref().map(|record| record.id) != founding.instead_of {
            return Ok(());
        }
        let extra = before.map_or_else(Extra::new, |record| record.extra);
        let record = ClusterRecord { id: founding.id, extra };
        let condition = Condition::as_seen(entry.map(|entry| entry.modified));
        match store.commit(Txn::new().put(key, record.to_json(), condition)).await {
            Ok(()) | Err(CommitError::Conflict { .. }) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Home>> {
        self.home.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
