//! What a store had at a moment.

use super::Seen;
use crate::{
    Revision, SessionId, Update,
    state::{Session, State, StoredRecord},
};
use std::{collections::BTreeMap, sync::Arc, time::Instant};

/// A copy of all that a [`MemoryStore`](super::MemoryStore) had at a moment.
#[derive(Debug, Clone)]
pub struct Backup(Arc<Contents>);

#[derive(Debug)]
struct Contents {
    records: BTreeMap<String, Arc<StoredRecord>>,
    sessions: BTreeMap<SessionId, Session>,
    revision: u64,
}

impl Backup {
    /// Whether it has `key`.
    pub fn has(&self, key: &str) -> bool {
        self.0.records.contains_key(key)
    }

    pub(super) fn of(state: &State) -> Self {
        let (records, sessions) = (state.records.clone(), state.sessions.clone());
        Self(Arc::new(Contents { records, sessions, revision: state.revision }))
    }

    /// Of a store that never had anything.
    pub(super) fn empty() -> Self {
        Self(Arc::new(Contents { records: BTreeMap::new(), sessions: BTreeMap::new(), revision: 1 }))
    }

    /// A store that has this, and forgot all else: its revision is that of then, or a `later` one. The sessions have all of their time
    /// before them, as after a restart of Consul's leader.
    pub(super) fn restored(&self, now: Instant, later: u64) -> State {
        let Contents { records, sessions, revision } = &*self.0;
        let renewed = sessions
            .iter()
            .map(|(id, session)| (id.clone(), Session { deadline: now + session.ttl, ..session.clone() }));
        State::new(records.clone(), renewed.collect(), later.max(*revision))
    }

    /// What a watch hears from a server that has only this: a snapshot, unless the watch is at that revision already.
    pub(super) fn since(&self, prefix: &str, revision: Revision) -> Seen {
        let Contents { records, revision: then, .. } = &*self.0;
        let state = State::new(records.clone(), BTreeMap::new(), *then);
        let news = (revision.0 != *then).then(|| Update::Snapshot(state.list(prefix)));
        (news, Revision(*then), None)
    }
}
