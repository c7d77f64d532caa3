//! What a node knows of its cluster, and how well. [`Reflector`](crate::reflector::Reflector) keeps it up to date.

use crate::{cluster::Cluster, env::Env, loss::Loss};
use jiff::Timestamp;
use std::sync::Arc;
use tokio::sync::watch;
use weft_store::Store;

/// What is known of the cluster, and whether the store still says the same.
#[derive(Debug, Clone)]
pub struct View {
    /// The cluster to use: what the store says, or said last; `None` if it never said anything.
    pub cluster: Option<Arc<Cluster>>,
    /// Whether that is what an earlier run of this agent remembered: it may have seen more than it wrote down.
    pub remembered: bool,
    /// Whether this node uses the store.
    pub gate: Gate,
    /// What the store says while the gate is not open.
    pub(crate) outside: Option<Arc<Cluster>>,
    /// What the store says while it has lost something.
    pub stored: Option<Arc<Cluster>>,
    /// What it lacked then, or at any time since.
    pub loss: Loss,
    /// Why the store is out of reach, or cannot be used; `None` while all is well.
    pub error: Option<String>,
    /// Since when it is as it is.
    pub since: Timestamp,
}

impl View {
    /// What the store says now, as far as it can be reached.
    pub fn in_store(&self) -> Option<&Arc<Cluster>> {
        if self.gate != Gate::Open {
            return None;
        }
        self.stored.as_ref().or(self.cluster.as_ref().filter(|_| self.error.is_none()))
    }
}

/// Whether what the store says is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// That is not decided yet.
    Undecided,
    /// It was, when the store was seen last.
    Open,
    /// It is not: nothing may be written to the store.
    Refused,
}

/// A view of a cluster in `store` that nobody has looked at yet: what is `remembered`.
pub fn unseen(store: &dyn Store, env: &Env, remembered: Option<Cluster>) -> watch::Sender<View> {
    watch::Sender::new(View {
        remembered: remembered.is_some(),
        cluster: remembered.map(Arc::new),
        gate: Gate::Undecided,
        outside: None,
        stored: None,
        loss: Loss::default(),
        error: Some(format!("store {} has not answered yet", store.describe())),
        since: env.now(),
    })
}
