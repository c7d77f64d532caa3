//! Asking a node whether it is up, and being asked.
//!
//! An agent that has a node's identity, or its name and address, and did not just write its `live` record, must not
//! take the place of a host that is up. It writes a [`Call`]; an agent that is up sees it in the watch that it follows
//! anyway, and answers in its `live` record. So a host that no other agent doubts writes nothing.

use super::{Membership, NotRegistered, register::LiveKey};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use weft_model::{Call, Extra, Incarnation, Key, Liveness, NodeName, Record, chain};
use weft_state::view::View;
use weft_store::{CommitError, Condition, SessionId, Txn};

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// An agent is up there.
    Answer,
    /// None is: it is gone, or said nothing for as long as a session lasts.
    Silence,
}

impl Membership {
    /// Calls the node that `held` says is up, and waits: for a session's time at most, or, where its version does not
    /// answer, until its session would have ended if nobody renewed it.
    ///
    /// # Errors
    /// If the store cannot be asked, or yet another agent is in by now.
    pub(super) async fn call(&self, held: &LiveKey) -> Result<Heard, NotRegistered> {
        if held.live.incarnation.is_none() {
            return self.listen(held, None, self.config.session_ttl * 5 / 2).await;
        }
        let session = self.store.open_session(self.config.session_ttl).await?;
        let heard = async {
            // Each call has a number of its own: an answer to an earlier one says nothing.
            let by = self.env.random(|rng| Incarnation::random(rng));
            let call = Call { id: held.live.id, by, extra: Extra::new() };
            let key = self.keyspace.path(&Key::Call(held.name.clone()));
            let txn = Txn::new().put_bound(key.clone(), call.to_json(), Condition::Always, session.clone());
            self.committed(txn).await?;
            self.listen(held, Some(&key), self.config.session_ttl).await
        };
        let heard = heard.await;
        // The call goes with the session. If it cannot be ended now, it ends by itself.
        let _ = self.store.close_session(&session).await;
        heard
    }

    /// Looks at the record until it says that some call was answered, goes, or `patience` is over: a node that was
    /// called and said nothing is silent; one that cannot be called has renewed its session for that long.
    async fn listen(
        &self,
        held: &LiveKey,
        called: Option<&str>,
        patience: Duration,
    ) -> Result<Heard, NotRegistered> {
        let key = self.keyspace.path(&Key::Live(held.name.clone()));
        let began = Instant::now();
        loop {
            let Some(entry) = self.store.get(&key).await? else { return Ok(Heard::Silence) };
            let now =
                Liveness::from_json(&entry.value).map_err(|error| NotRegistered::Passing(chain(&error)))?;
            if (now.id, now.incarnation) != (held.live.id, held.live.incarnation) {
                return Err(NotRegistered::Race);
            }
            if now.answered != held.live.answered {
                return Ok(Heard::Answer);
            }
            // Another calls, too, or the store was brought back from a copy without it.
            if let Some(called) = called
                && self.store.get(called).await?.is_none()
            {
                return Err(NotRegistered::Race);
            }
            if began.elapsed() >= patience {
                return Ok(if called.is_some() { Heard::Silence } else { Heard::Answer });
            }
            sleep(patience / 40).await;
        }
    }

    /// Whether another agent waits for this node's answer, as far as the view shows.
    pub(super) fn is_called(&self, view: &View) -> bool {
        let name = &self.config.node_name;
        let is_called = |cluster: &weft_state::cluster::Cluster| {
            let call = cluster.calls.get(name).filter(|call| call.id == self.identity.id());
            let live = cluster.live.get(name).map(|(live, _)| live);
            call.is_some_and(|call| live.is_some_and(|live| live.answered != Some(call.by)))
        };
        view.in_store().is_some_and(|cluster| is_called(cluster))
    }

    /// Answers the call to this node, if the store has one now. The view may be behind, or closed.
    pub(super) async fn answer(&self, session: &SessionId) {
        let answered = self.answer_now(session).await;
        if let Err(NotRegistered::Passing(why) | NotRegistered::Away(why)) = answered {
            tracing::debug!(why, "cannot answer who asks whether this node is up");
        }
        // Until the view shows it there is nothing new to hear.
        let mut view = self.view.clone();
        let _ = timeout(Duration::from_secs(1), view.wait_for(|view| !self.is_called(view))).await;
    }

    async fn answer_now(&self, session: &SessionId) -> Result<(), NotRegistered> {
        let path = |key: fn(NodeName) -> Key| self.keyspace.path(&key(self.config.node_name.clone()));
        let Some(call) = self.store.get(&path(Key::Call)).await? else { return Ok(()) };
        let call = Call::from_json(&call.value).ok().filter(|call| call.id == self.identity.id());
        let (Some(call), Some(entry)) = (call, self.store.get(&path(Key::Live)).await?) else {
            return Ok(());
        };
        let live = Liveness::from_json(&entry.value).ok();
        let own = live.filter(|live| live.incarnation == Some(self.identity.incarnation()));
        let Some(live) = own.filter(|live| live.answered != Some(call.by)) else { return Ok(()) };
        let name = &self.config.node_name;
        tracing::warn!(node = %name, "another host asks whether this node is up: it has a copy of its data directory, or its name and address");
        let answer = Liveness { answered: Some(call.by), ..live };
        let condition = Condition::Unchanged(entry.modified);
        self.committed(Txn::new().put_bound(path(Key::Live), answer.to_json(), condition, session.clone()))
            .await
    }

    pub(super) async fn committed(&self, txn: Txn) -> Result<(), NotRegistered> {
        match self.store.commit(txn).await {
            Ok(()) => Ok(()),
            Err(CommitError::Conflict { .. }) => Err(NotRegistered::Race),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }
}
