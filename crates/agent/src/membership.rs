//! This node's place in the cluster: its record, and the session that says that it is up.

use crate::{
    cluster::Cluster,
    config::AgentConfig,
    env::Env,
    error::{Error, Kind, chain},
    journal::Identity,
    memory::Memory,
    picture::Picture,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use weft_model::{Extra, Key, Keyspace, Liveness, Node, Record};
use weft_store::{CommitError, Condition, SessionId, Store, StoreError, Txn};

/// The first pause after a failure, doubled after each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Keeps this node registered.
pub(crate) struct Membership {
    pub(crate) config: Arc<AgentConfig>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keyspace: Keyspace,
    pub(crate) env: Arc<Env>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) picture: watch::Receiver<Picture>,
    /// What keeps this node out of the cluster; `None` while it is in.
    pub(crate) problem: watch::Sender<Option<String>>,
}

/// Why a registration was not made.
enum Failure {
    /// Another installation holds the name and is up.
    Taken(Error),
    /// The store: try again, later and later.
    Passing(String),
    /// The record was changed meanwhile, by who noticed that this node was down: try again at once.
    Race,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Passing(chain(&error))
    }
}

impl Membership {
    /// Keeps this node registered for ever.
    ///
    /// # Errors
    /// Returns only if another live node has this node's name before this node ever had it.
    pub(crate) async fn run(self) -> Error {
        let mut pause = FIRST_PAUSE;
        let mut registered_before = false;
        loop {
            let mut picture = self.picture.clone();
            let out_of_reach = picture.borrow().in_store().is_none();
            match self.register().await {
                Ok(session) => {
                    pause = FIRST_PAUSE;
                    registered_before = true;
                    if self.problem.send_replace(None).is_some() {
                        tracing::info!(node = %self.config.node_name, "joined the cluster");
                    }
                    self.hold(&session).await;
                }
                Err(Failure::Taken(error)) if !registered_before => return error,
                Err(Failure::Taken(error)) => self.say(error.to_string()),
                Err(Failure::Passing(why)) => self.say(why),
                Err(Failure::Race) => pause = FIRST_PAUSE,
            }
            // A store that is back, since this attempt began too, is no reason to wait any longer.
            let back = picture.wait_for(|picture| out_of_reach && picture.in_store().is_some());
            let is_back = timeout(self.env.jitter(pause), back).await.is_ok();
            pause = if is_back { FIRST_PAUSE } else { (pause * 2).min(self.config.session_ttl / 4) };
        }
    }

    /// Says why this node is not in: in the log once, in `status` as long as it lasts.
    fn say(&self, why: String) {
        let problem = Some(format!("not in the cluster: {why}"));
        if self.problem.send_replace(problem.clone()) != problem {
            tracing::warn!(node = %self.config.node_name, why, "not in the cluster");
        }
    }

    async fn register(&self) -> Result<SessionId, Failure> {
        let live = self.keyspace.path(&Key::Live(self.config.node_name.clone()));
        let held = self.store.get(&live).await?;
        if let Some(entry) = &held {
            let other = Liveness::from_json(&entry.value).map_err(|e| Failure::Passing(chain(&e)))?;
            if other.id != self.identity.id() {
                return Err(Failure::Taken(self.taken().await));
            }
            // An earlier run of this agent, which did not live to say goodbye.
            if let Some(old) =
                entry.session.as_ref().filter(|old| self.identity.session().as_ref() != Some(*old))
            {
                self.store.close_session(old).await?;
            }
        }
        let bound = held.and_then(|entry| entry.session);
        let session = self.session(bound.as_ref()).await?;
        match self.store.commit(self.registration(&session).await?).await {
            Ok(()) => Ok(session),
            Err(CommitError::Conflict { .. }) => Err(Failure::Race),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }

    /// The session held last, if it still says that this node is up, so that a restart goes unnoticed; otherwise
    /// a new one. Renewed without that, it could go on saying so of the name that this node had before.
    async fn session(&self, bound: Option<&SessionId>) -> Result<SessionId, Failure> {
        if let Some(session) = self.identity.session() {
            if bound != Some(&session) {
                self.store.close_session(&session).await?;
            } else if self.store.renew_session(&session).await? {
                return Ok(session);
            }
        }
        let session = self.store.open_session(self.config.session_ttl).await?;
        self.identity.set_session(Some(session.clone()));
        Ok(session)
    }

    async fn registration(&self, session: &SessionId) -> Result<Txn, Failure> {
        let key = self.keyspace.path(&Key::Node(self.config.node_name.clone()));
        let before = self.store.get(&key).await?;
        let earlier = before.as_ref().and_then(|entry| Node::from_json(&entry.value).ok());
        // A store that has lost something has lost that it knew this node.
        if earlier.as_ref().is_none_or(|node| node.id != self.identity.id()) && !self.is_lost() {
            self.identity.set_given_up(true);
        }
        let condition = Condition::as_seen(before.as_ref().map(|entry| entry.modified));
        let node = Node {
            id: self.identity.id(),
            advertise: self.config.advertise,
            vtep: self.config.advertise,
            vxlan_port: self.config.vxlan_port,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            down_since: None,
            extra: earlier.map_or_else(Extra::new, |node| node.extra),
        };
        let live = Liveness {
            id: self.identity.id(),
            since: self.env.now(),
            rebuilt: self.memory.part_done(),
            extra: Extra::new(),
        };
        let live_key = self.keyspace.path(&Key::Live(self.config.node_name.clone()));
        let txn = if before.is_some_and(|entry| entry.value == node.to_json()) {
            // Unchanged: not written, so that what was decided on it stands.
            Txn::new().check(key, condition)
        } else {
            Txn::new().put(key, node.to_json(), condition)
        };
        Ok(txn.put_bound(live_key, live.to_json(), Condition::Always, session.clone()))
    }

    async fn taken(&self) -> Error {
        let name = &self.config.node_name;
        let key = self.keyspace.path(&Key::Node(name.clone()));
        let other = self.store.get(&key).await.ok().flatten();
        let whose = other
            .and_then(|entry| Node::from_json(&entry.value).ok())
            .map_or_else(String::new, |node| format!(" at {}", node.advertise));
        let message = format!(
            "another live node{whose} has the name {name}: stop its agent, or give this one another name with --node-name"
        );
        Error::new(Kind::Conflict, message)
    }

    /// Renews the session until it is lost, or the picture shows that this node's keys are.
    async fn hold(&self, session: &SessionId) {
        let period = self.config.session_ttl / 3;
        let mut last = Instant::now();
        let mut picture = self.picture.clone();
        // The picture may still be older than the registration: what it lacks now proves nothing yet.
        let _ = timeout(period, picture.wait_for(|picture| self.is_in(picture))).await;
        loop {
            let gone = picture.wait_for(|picture| picture.in_store().is_some() && !self.is_in(picture));
            if let Ok(Ok(_)) = timeout(period, gone).await {
                tracing::warn!(node = %self.config.node_name, "this node's keys are gone from the store; writing them again");
                return;
            }
            match self.store.renew_session(session).await {
                Ok(true) => last = Instant::now(),
                Ok(false) => {
                    tracing::warn!(node = %self.config.node_name, "the session was lost; joining again");
                    return;
                }
                Err(error) if last.elapsed() > self.config.session_ttl => {
                    self.say(chain(&error));
                    return;
                }
                Err(error) => tracing::debug!(error = chain(&error), "cannot renew the session"),
            }
        }
    }

    fn is_lost(&self) -> bool {
        self.picture.borrow().remains.is_some()
    }

    fn is_in(&self, picture: &Picture) -> bool {
        let name = &self.config.node_name;
        let own = |cluster: &Cluster| {
            cluster.nodes.get(name).is_some_and(|node| node.id == self.identity.id())
                && cluster.live.get(name).is_some_and(|(live, _)| live.id == self.identity.id())
        };
        picture.in_store().is_some_and(|cluster| own(cluster))
    }
}
