//! What a store of our own holds, and by which rules it changes: shared by [`memory`](crate::memory) and
//! [`embedded`](crate::embedded), which differ only in where it is kept.

mod asked;
mod commit;
mod history;
mod overlay;

pub(crate) use commit::commit;
pub(crate) use overlay::{Bind, Changes, Overlay, Write};

use crate::{Listing, Mark, Revision, SessionId, StoreEntry, Update};
use history::History;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// What is under a key. The fields that weft itself has no use for are those of Consul's API, which
/// [`serve`](crate::serve) answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredRecord {
    pub(crate) value: Vec<u8>,
    /// The revision it last changed at.
    pub(crate) modified: u64,
    /// The revision it came into being at.
    pub(crate) created: u64,
    /// How often a session has taken it.
    pub(crate) lock_index: u64,
    /// Any number that the writer chooses.
    pub(crate) flags: u64,
    /// Deleted when this session ends.
    pub(crate) session: Option<SessionId>,
}

impl StoredRecord {
    pub(crate) fn entry(&self, key: &str) -> StoreEntry {
        StoreEntry {
            key: key.to_owned(),
            value: self.value.clone(),
            modified: Revision(self.modified),
            session: self.session.clone(),
        }
    }
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) name: String,
    pub(crate) ttl: Duration,
    pub(crate) created: u64,
    /// When it ends if nobody renews it.
    pub(crate) deadline: Instant,
}

/// All of it, as of one revision.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) records: BTreeMap<String, Arc<StoredRecord>>,
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    /// Grows by one with each transaction that changes something. Never 0, which a watch reads as "from the start".
    pub(crate) revision: u64,
    history: History,
}

impl State {
    /// The state that was stored as of `revision`, without the history before.
    pub(crate) fn new(
        records: BTreeMap<String, Arc<StoredRecord>>,
        sessions: BTreeMap<SessionId, Session>,
        revision: u64,
    ) -> Self {
        let revision = revision.max(1);
        Self { records, sessions, revision, history: History::since(revision) }
    }

    /// The records under a prefix.
    pub(crate) fn under<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a String, &'a Arc<StoredRecord>)> + 'a {
        self.records
            .range::<str, _>((std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
    }

    pub(crate) fn list(&self, prefix: &str) -> Listing {
        let entries = self.under(prefix).map(|(key, record)| record.entry(key)).collect();
        Listing { entries, revision: Revision(self.revision) }
    }

    pub(crate) fn mark(&self, prefix: &str) -> Mark {
        let (mut written, mut keys) = (0, 0);
        for (_, record) in self.under(prefix) {
            written = record.modified.max(written);
            keys += 1;
        }
        Mark { now: Revision(self.revision), written: Revision(written), keys }
    }

    /// The revision at which something under `prefix` changed last, or a later one if that is forgotten.
    pub(crate) fn last_change(&self, prefix: &str) -> u64 {
        self.history.last_change(prefix)
    }

    pub(crate) fn get(&self, key: &str) -> Option<StoreEntry> {
        self.records.get(key).map(|record| record.entry(key))
    }

    /// What happened under `prefix` after `revision`; nothing: `None`.
    pub(crate) fn since(&self, prefix: &str, revision: Revision) -> Option<Update> {
        if !self.history.covers(revision.0) || revision.0 > self.revision {
            return Some(Update::Snapshot(self.list(prefix)));
        }
        let events = self.history.events(prefix, revision.0);
        (!events.is_empty()).then_some(Update::Events { events, revision: Revision(self.revision) })
    }

    /// Whether something may have happened under `prefix` after `revision`.
    pub(crate) fn changed_since(&self, prefix: &str, revision: u64) -> bool {
        !self.history.covers(revision) || revision > self.revision || self.history.touches(prefix, revision)
    }

    /// When the next session ends.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.sessions.values().map(|session| session.deadline).min()
    }

    /// Makes changes that were overlaid on this very state part of it.
    pub(crate) fn absorb(&mut self, changes: Changes) {
        for (id, deadline) in changes.renewed {
            if let Some(session) = self.sessions.get_mut(&id) {
                session.deadline = deadline;
            }
        }
        for (id, session) in changes.sessions {
            match session {
                Some(session) => self.sessions.insert(id, session),
                None => self.sessions.remove(&id),
            };
        }
        for (key, record) in changes.records {
            match record {
                Some(record) => self.records.insert(key, record),
                None => self.records.remove(&key),
            };
        }
        self.revision = changes.revision;
        self.history.append(changes.history);
    }

    /// Forgets the history, so that every watch gets a snapshot.
    pub(crate) fn forget_history(&mut self) {
        self.revision += 1;
        self.history = History::since(self.revision);
    }
}
