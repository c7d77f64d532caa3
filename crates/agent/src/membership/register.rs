//! How a node gets in: which node it is, whether another agent is up as that node, and the transaction that registers
//! it.

use super::{Membership, NotRegistered, Outside, Ownership, call::Heard};
use tokio::time::{Instant, sleep};
use weft_model::{ClusterRecord, Extra, Key, Liveness, Node, NodeId, NodeName, Record, chain};
use weft_state::fingerprint::DirectoryMove;
use weft_store::{Condition, SessionId, StoreEntry, Txn};
use weft_verbs::{Error, Kind};

/// The key `live/<node>` as it is in the store: it says that a node is up.
pub(super) struct LiveKey {
    pub(super) name: NodeName,
    pub(super) entry: StoreEntry,
    pub(super) live: Liveness,
}

impl Membership {
    pub(super) async fn register(&self) -> Result<SessionId, NotRegistered> {
        let held = match self.held().await? {
            None if self.may_not_have_said_so_yet() => self.said_within_a_session().await?,
            held => held,
        };
        if let Some(held) = held.as_ref().filter(|held| !self.identity.wrote(&held.live)) {
            self.contest(held).await?;
        }
        self.decide_who_this_is().await?;
        self.identity.settle();
        self.ownership.send_replace(Ownership::Held);
        // An earlier run, which did not live to say goodbye.
        let bound = held.as_ref().and_then(|held| held.entry.session.as_ref());
        if let Some(old) = bound.filter(|old| self.identity.session().as_ref() != Some(*old)) {
            self.store.close_session(old).await?;
        }
        let session = self.session(bound).await?;
        let here = held.filter(|held| held.name == self.config.node_name);
        self.committed(self.registration(&session, here.as_ref()).await?).await?;
        Ok(session)
    }

    /// What says that this node is up, or that another is under its name. Where the data directory may be a copy, the
    /// original may be up under any name.
    async fn held(&self) -> Result<Option<LiveKey>, NotRegistered> {
        let own = self.config.node_name.clone();
        let entry = self.store.get(&self.keyspace.path(&Key::Live(own.clone()))).await?;
        if let Some(entry) = entry {
            let live = Liveness::from_json(&entry.value).map_err(|e| NotRegistered::Passing(chain(&e)))?;
            return Ok(Some(LiveKey { name: own, entry, live }));
        }
        if *self.identity.moved() == DirectoryMove::No {
            return Ok(None);
        }
        let all = self.store.list(&format!("{}live/", self.keyspace.root())).await?.entries.into_iter();
        let mut held = all.filter_map(|entry| {
            let Ok(Key::Live(name)) = self.keyspace.parse(&entry.key) else { return None };
            let live = Liveness::from_json(&entry.value).ok()?;
            (live.id == self.identity.id()).then_some(LiveKey { name, entry, live })
        });
        Ok(held.next())
    }

    /// Whether another may be up as this node though nothing in the store says so: the store has lost that, and this may be
    /// a copy.
    fn may_not_have_said_so_yet(&self) -> bool {
        *self.identity.moved() != DirectoryMove::No && !self.identity.is_settled() && self.is_lost()
    }

    /// The record that says that this node is up, if it appears before a session would have ended. An agent that is up
    /// writes it again at once.
    async fn said_within_a_session(&self) -> Result<Option<LiveKey>, NotRegistered> {
        let began = Instant::now();
        while began.elapsed() < self.config.session_ttl {
            sleep(self.config.session_ttl / 40).await;
            if let Some(held) = self.held().await? {
                return Ok(Some(held));
            }
        }
        Ok(None)
    }

    /// Lets the other agent have the node if it is up.
    async fn contest(&self, held: &LiveKey) -> Result<(), NotRegistered> {
        let node = self.node(&held.name).await?;
        let at = node.as_ref().map_or_else(String::new, |node| format!(" at {}", node.advertise));
        let name = &held.name;
        let itself = held.live.id == self.identity.id();
        // At this host's own address is what this host was before it was set up anew.
        if !itself && node.is_none_or(|node| node.advertise != self.address()) {
            let message = format!(
                "another live node{at} has the name {name}: stop its agent, or give this one another name with --node-name"
            );
            return Err(NotRegistered::Taken(Error::new(Kind::Conflict, message)));
        }
        // The run that took this one's place is up as long as its session lasts: nothing is written to find out.
        if !self.identity.is_settled() {
            let waiting = if itself {
                format!("an agent{at} is, or was until just now, up as node {name}: waiting for its answer")
            } else {
                format!(
                    "node {name}{at} was up until just now, which is this host's own name and address, and the data \
                     directory {} does not know it: what this host was before it lost that directory, or was set up anew. \
                     Its place is taken once no other host has answered for {} s",
                    self.config.data_dir.display(),
                    self.config.session_ttl.as_secs(),
                )
            };
            tracing::info!(node = %name, "{waiting}");
            self.ownership.send_replace(Ownership::Contested(waiting.clone()));
            self.problem.send_replace(Some(Outside::Kept(waiting)));
            if self.call(held).await? == Heard::Silence {
                return Ok(());
            }
        }
        let message = if itself {
            format!(
                "another host{at} is up as this node, {name}, and this host has a copy of its data directory: nothing was \
                 changed. `weft leave --forget` makes this host one of its own, and removes the keys of the other that it has; the other \
                 goes on as it is"
            )
        } else {
            format!(
                "another host is up under this host's name, {name}, and its address{at}: give one of them another address, \
                 and another name with --node-name"
            )
        };
        Err(NotRegistered::Taken(Error::new(Kind::Conflict, message)))
    }

    /// Whether this host may be the node that its data directory says it is: nobody else is, as far as can be told.
    async fn decide_who_this_is(&self) -> Result<(), NotRegistered> {
        let DirectoryMove::Elsewhere(what) = self.identity.moved() else { return Ok(()) };
        if self.identity.is_settled() {
            return Ok(());
        }
        let (what, name) = (what.join(" and "), &self.config.node_name);
        let endpoints = self.journal.endpoints().len();
        if self.config.moved {
            tracing::info!(node = %name, differs = what, "moved: this host is the node from now on");
            return Ok(());
        }
        if endpoints > 0 {
            let message = format!(
                "the data directory {} was copied or moved here ({what} differs), and what it has on its networks, {endpoints} \
                 endpoints, may be another host's: nothing was changed. If the old host is gone for good, start once with \
                 `weft agent --moved`; if this is a copy of it, `weft leave --forget` makes it a host of its own",
                self.config.data_dir.display()
            );
            return Err(NotRegistered::Taken(Error::new(Kind::Conflict, message)));
        }
        let before = self.identity.id();
        self.refuse_name_of(before).await?;
        self.identity.become_another(&self.env);
        tracing::info!(
            node = %name, differs = what, id = self.identity.id().short(),
            "the data directory was copied from another machine, and nothing is on a network here: this is a new node"
        );
        Ok(())
    }

    /// A copy must not take the name of the node it was made from, which may come back: unless it has its address, too.
    async fn refuse_name_of(&self, before: NodeId) -> Result<(), NotRegistered> {
        let name = &self.config.node_name;
        let Some(node) = self.node(name).await? else { return Ok(()) };
        if node.id != before || node.advertise == self.address() {
            return Ok(());
        }
        let message = format!(
            "this host was made from a copy of node {name} at {}, and has its name: give this one another with --node-name. \
             If the other is gone for good, start once with `weft agent --moved`",
            node.advertise
        );
        Err(NotRegistered::Taken(Error::new(Kind::Conflict, message)))
    }

    async fn node(&self, name: &NodeName) -> Result<Option<Node>, NotRegistered> {
        let entry = self.store.get(&self.keyspace.path(&Key::Node(name.clone()))).await?;
        Ok(entry.and_then(|entry| Node::from_json(&entry.value).ok()))
    }

    /// The session held last, if it still says that this node is up, so that a restart goes unnoticed; otherwise
    /// a new one. Renewed without that, it could go on saying so of the name that this node had before.
    async fn session(&self, bound: Option<&SessionId>) -> Result<SessionId, NotRegistered> {
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

    async fn registration(&self, session: &SessionId, here: Option<&LiveKey>) -> Result<Txn, NotRegistered> {
        let same_cluster = self.same_cluster().await?;
        let key = self.keyspace.path(&Key::Node(self.config.node_name.clone()));
        let before = self.store.get(&key).await?;
        let earlier = before.as_ref().and_then(|entry| Node::from_json(&entry.value).ok());
        // A store that has lost something has lost that it knew this node; and one that lies says nothing of it.
        let lost = self.is_lost() || before.is_some() && self.signer.is_a_lie(earlier.as_ref());
        if earlier.as_ref().is_none_or(|node| node.id != self.identity.id()) && !lost {
            self.identity.set_given_up(true);
        }
        let condition = Condition::as_seen(before.as_ref().map(|entry| entry.modified));
        let address = self.address();
        let underlay = self.underlay.borrow().clone();
        let known = earlier.as_ref().and_then(|node| self.signer.number_of(node)).max(self.known_number());
        let stored = earlier.as_ref().and_then(|node| node.signed.clone());
        let node = Node {
            id: self.identity.id(),
            advertise: address,
            vtep: address,
            vxlan_port: self.config.vxlan_port,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            underlay_mtu: underlay.carried(),
            device_mtu: underlay.more_in_devices(),
            uses: underlay.said,
            tunnel: self.tunnel(),
            signed: None,
            fingerprint: self.signer.fingerprint(self.identity.id()),
            authority: self.signer.holds_authority(),
            down_since: None,
            // Another host under this name had others.
            removed: earlier
                .as_ref()
                .filter(|node| node.id == self.identity.id())
                .map_or_else(Vec::new, |n| n.removed.clone()),
            extra: earlier.map_or_else(Extra::new, |node| node.extra),
        };
        let known = (known.unwrap_or_default(), stored.as_ref());
        let node = self.signer.sign(node, known, self.env.now());
        let node = node.map_err(|error| NotRegistered::Passing(chain(&error)))?;
        // Written again by the same run, since what it says of the host has changed.
        let own = here.filter(|here| here.live.incarnation == Some(self.identity.incarnation()));
        let live = Liveness {
            id: self.identity.id(),
            since: own.map_or_else(|| self.env.now(), |own| own.live.since),
            rebuilt: self.memory.part_done(),
            incarnation: Some(self.identity.incarnation()),
            answered: None,
            extra: Extra::new(),
        };
        let live_key = self.keyspace.path(&Key::Live(self.config.node_name.clone()));
        let txn = if before.is_some_and(|entry| entry.value == node.to_json()) {
            // Unchanged: not written, so that what was decided on it stands.
            same_cluster.check(key, condition)
        } else {
            same_cluster.put(key, node.to_json(), condition)
        };
        // Of two that got here at once, one is first.
        let still_there = |here: &&LiveKey| here.entry.session.as_ref().is_none_or(|bound| bound == session);
        let free = Condition::as_seen(here.filter(still_there).map(|here| here.entry.modified));
        Ok(txn.put_bound(live_key, live.to_json(), free, session.clone()))
    }

    /// The highest number that a statement of this node had, as far as is known.
    fn known_number(&self) -> Option<u64> {
        let view = self.view.borrow();
        let cluster = view.in_store().or(view.cluster.as_ref())?;
        cluster.beliefs.serials.get(&self.config.node_name).copied()
    }

    /// The start of a transaction on the store as long as it is the cluster's that this node was let into.
    async fn same_cluster(&self) -> Result<Txn, NotRegistered> {
        let key = self.keyspace.path(&Key::Cluster);
        let entry = self.store.get(&key).await?;
        let record = entry.as_ref().and_then(|entry| ClusterRecord::from_json(&entry.value).ok());
        match (record, entry) {
            (Some(record), Some(entry)) if Some(record.id) == self.admission.cluster() => {
                Ok(Txn::new().check(key, Condition::Unchanged(entry.modified)))
            }
            _ => {
                Err(NotRegistered::Passing("the store does not say any more which cluster it is".to_owned()))
            }
        }
    }
}
