//! Decisions that are as true when they refuse as when they grant.
//!
//! The view may be a moment behind the store. What is granted by it, the store checks when it is committed; what is
//! refused, nobody would. So before anything is refused that the view could be wrong about, it is brought up to
//! date, and asked again: that costs a round trip to the store, and refusals alone pay it.

use super::{ClusterAccess, KnownCluster};
use std::{fmt::Display, time::Duration};
use tokio::time::{Instant, timeout_at};
use weft_state::{cluster::Cluster, view::View};
use weft_verbs::{Error, Kind};

/// How long the view may take to come as far as the store is, the question how far that is included.
const PATIENCE: Duration = Duration::from_millis(2500);

impl ClusterAccess {
    /// Decides on the cluster, and returns it with the decision. The decision has to look up in here all that it needs
    /// of the cluster, so that it is refused only on a view that has all that was in the store when the caller
    /// asked.
    ///
    /// # Errors
    /// What the decision says; [`Kind::Unavailable`] if nobody can say, since the store does not answer.
    pub(in crate::core) async fn decide<T, E: From<Error> + Display>(
        &self,
        decision: impl Fn(&Cluster) -> Result<T, E>,
    ) -> Result<(KnownCluster, T), E> {
        let cluster = self.cluster().await?;
        let refusal = match decision(&cluster) {
            Ok(decided) => return Ok((cluster, decided)),
            Err(refusal) => refusal,
        };
        self.catch_up(&refusal).await?;
        let cluster = self.cluster().await?;
        let decided = decision(&cluster)?;
        Ok((cluster, decided))
    }

    /// Looks something up, also where the store is out of reach. That it is not there, only the store can say.
    ///
    /// # Errors
    /// As [`decide`](Self::decide).
    pub(in crate::core) async fn look_up<T>(
        &self,
        look: impl Fn(&Cluster) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match look(&self.known()) {
            Ok(found) => Ok(found),
            Err(_) => self.decide(look).await.map(|(_, found)| found),
        }
    }

    /// Brings the view up to date, if the store can be reached: for a caller that is about to say that there is
    /// nothing.
    pub(crate) async fn look_again(&self) {
        if self.view.borrow().error.is_none() {
            let nothing = Error::new(Kind::NotFound, "nothing was found");
            if let Err(error) = self.catch_up(&nothing).await {
                tracing::debug!(%error, "what is known may be a moment old");
            }
        }
    }

    /// Waits until the view has all that the store has now.
    async fn catch_up(&self, refusal: &impl Display) -> Result<(), Error> {
        let deadline = Instant::now() + PATIENCE;
        let mark = self.store.mark(self.keyspace.root()).await?;
        let mut view = self.view.clone();
        let has = |view: &View| {
            let known = view.in_store();
            known.is_some_and(|cluster| mark.is_met(cluster.revision, || cluster.keys(&self.keyspace)))
        };
        let behind = || {
            let message = format!(
                "{refusal}, as far as this node has heard; but the store has changes that it was not told of within \
                 {PATIENCE:?}: try again in a moment"
            );
            Error::new(Kind::Unavailable, message)
        };
        // That the agent is stopping, the view says that is asked next.
        timeout_at(deadline, view.wait_for(has)).await.map(drop).map_err(|_| behind())
    }
}
