//! Waiting: for the view, for another try. Never for ever.

use super::{ClusterAccess, KnownCluster};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};
use weft_state::{
    cluster::Cluster,
    view::{Gate, View},
};
use weft_verbs::{Error, Kind};

/// How long a request waits for the store to come back before it fails.
const STORE_PATIENCE: Duration = Duration::from_secs(2);
/// How long it waits for everything to be read that the store has, on an agent that has just joined, and for this node
/// to be in it: 50,000 endpoints take some seconds.
const READING_PATIENCE: Duration = Duration::from_secs(10);
/// How long a request that loses races goes on trying.
const RACE_PATIENCE: Duration = Duration::from_secs(10);
/// How long a lost race may be ahead of the view.
const CATCHING_UP: Duration = Duration::from_millis(500);
/// How long the view may take to show what was just written.
const VIEW_PATIENCE: Duration = Duration::from_secs(2);

impl ClusterAccess {
    /// The cluster as the store has it, or had it a moment ago. Nothing is to be refused on the strength of it alone:
    /// that is what [`decide`](Self::decide) is for.
    ///
    /// # Errors
    /// [`Kind::Unavailable`], saying why and since when, if the store does not come back soon.
    pub(in crate::core) async fn cluster(&self) -> Result<KnownCluster, Error> {
        let mut view = self.view.clone();
        let good = |view: &View| view.error.is_none() && view.cluster.is_some();
        let patience = if self.reads_for_the_first_time() { READING_PATIENCE } else { STORE_PATIENCE };
        let waited = timeout(patience, view.wait_for(good)).await;
        if let Some(why) = self.ownership.borrow().contested() {
            return Err(Error::new(Kind::Unavailable, format!("{why}. Running containers are not affected")));
        }
        if let Ok(Ok(view)) = waited
            && let Some(cluster) = &view.cluster
        {
            return Ok(Arc::clone(cluster));
        }
        let view = self.view.borrow();
        let (why, since) = (view.error.as_deref().unwrap_or("it has not answered yet"), view.since);
        let message = match view.stored {
            _ if view.gate == Gate::Refused => return Err(Error::new(Kind::Unavailable, why)),
            Some(_) => format!("{why}, since {since:.0}: try again in a moment"),
            None => format!("the store is out of reach since {since:.0}: {why}"),
        };
        // It may end in a question.
        let end = if message.ends_with('?') { "" } else { "." };
        Err(Error::new(Kind::Unavailable, format!("{message}{end} Running containers are not affected")))
    }

    /// Waits until this agent may act as its node.
    pub(crate) async fn owns_its_node(&self) {
        // It is there as long as the agent is.
        let _ = self.ownership.clone().wait_for(|ownership| ownership.contested().is_none()).await;
    }

    /// Waits until this node is in its cluster, and hears of it.
    pub(in crate::core) async fn is_in(&self) {
        let (mut membership, mut view) = (self.membership.clone(), self.view.clone());
        loop {
            // Each is there as long as the agent is.
            self.owns_its_node().await;
            let _ = membership.wait_for(Option::is_none).await;
            let _ = view.wait_for(|view| view.in_store().is_some() && view.stored.is_none()).await;
            if self.absence().is_none() {
                return;
            }
        }
    }

    /// The cluster, to add something of this node's to it: this node is in it. If the node has just joined, or joins
    /// again after its session was lost, the request need not be refused for that.
    ///
    /// # Errors
    /// As [`ClusterAccess::cluster`]. That this node is in is for the transaction to check.
    pub(in crate::core) async fn cluster_with_me(&self) -> Result<KnownCluster, Error> {
        let known = self.cluster().await?;
        if self.registration(&known).is_some() {
            return Ok(known);
        }
        let joined = self.membership.borrow().is_none();
        let patience = if joined { READING_PATIENCE } else { STORE_PATIENCE };
        let mut view = self.view.clone();
        let settled = |view: &View| {
            view.error.is_some() || view.cluster.as_ref().is_some_and(|c| self.registration(c).is_some())
        };
        let _ = timeout(patience, view.wait_for(settled)).await;
        self.cluster().await
    }

    /// Whether this agent reaches the store, and has not read yet what is in it.
    fn reads_for_the_first_time(&self) -> bool {
        let view = self.view.borrow();
        self.membership.borrow().is_none() && (view.cluster.is_none() || view.remembered)
    }

    /// Waits a moment for the view to show what was just written, so that the next caller sees it.
    pub(in crate::core) async fn until(&self, shows: impl Fn(&Cluster) -> bool) {
        let mut view = self.view.clone();
        let shown = |view: &View| view.cluster.as_ref().is_some_and(|cluster| shows(cluster));
        // If it takes longer, what was written is written all the same.
        let _ = timeout(VIEW_PATIENCE, view.wait_for(shown)).await;
    }

    /// Another try after a lost race, for a while.
    pub(in crate::core) fn attempts(&self) -> Attempts<'_> {
        Attempts { access: self, deadline: Instant::now() + RACE_PATIENCE }
    }
}

/// See [`ClusterAccess::attempts`].
pub(in crate::core) struct Attempts<'c> {
    access: &'c ClusterAccess,
    deadline: Instant,
}

impl Attempts<'_> {
    /// Waits until the view is newer than `seen`, which turned out to be stale. If it does not get newer
    /// for a moment, it had caught up by the time the race was lost.
    ///
    /// # Errors
    /// If it has been long enough, or the agent is stopping: the view stays as it is then, and so does the race.
    pub(in crate::core) async fn again(&mut self, seen: &KnownCluster) -> Result<(), Error> {
        let mut view = self.access.view.clone();
        let newer = |view: &View| view.cluster.as_ref().is_some_and(|c| c.revision != seen.revision);
        if let Ok(Err(_)) = timeout(CATCHING_UP, view.wait_for(newer)).await {
            return Err(Error::new(Kind::Unavailable, "the agent is stopping; try again when it is back"));
        }
        self.at_once()
    }

    /// Goes on without waiting, unless it has been long enough.
    pub(in crate::core) fn at_once(&self) -> Result<(), Error> {
        if Instant::now() < self.deadline { Ok(()) } else { Err(gave_up()) }
    }
}

fn gave_up() -> Error {
    let message = format!("other nodes were faster every time for {RACE_PATIENCE:?}; try again");
    Error::new(Kind::Unavailable, message)
}
