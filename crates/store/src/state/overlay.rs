//! Changes on their way into a [`State`].

use super::{Session, State, StoredRecord, history::Change};
use crate::{Asker, SessionId};
use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
    time::{Duration, Instant},
};
use weft_trust::NotYours;

/// The longest TTL of a session, as in Consul (`agent/structs/structs.go`, `SessionTTLMax`).
const MAX_TTL: Duration = Duration::from_secs(86_400);

/// What changed; `None` is something that is gone.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) records: BTreeMap<String, Option<Arc<StoredRecord>>>,
    pub(crate) sessions: BTreeMap<SessionId, Option<Session>>,
    /// Sessions with a later deadline. Deadlines are not kept on disk: after a restart they start anew.
    pub(crate) renewed: BTreeMap<SessionId, Instant>,
    pub(crate) revision: u64,
    pub(super) history: Vec<Change>,
}

impl Changes {
    /// Whether there is anything that has to be kept on disk.
    pub(crate) fn matter(&self) -> bool {
        !self.records.is_empty() || !self.sessions.is_empty()
    }
}

/// Which session a written key is bound to afterwards.
#[derive(Debug)]
pub(crate) enum Bind {
    /// The one it was bound to.
    Keep,
    /// This one.
    To(SessionId),
    /// None.
    Release,
}

/// A value to write.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) value: Vec<u8>,
    pub(crate) flags: u64,
    pub(crate) bind: Bind,
}

/// Changes being made to a state that stays as it is until it [absorbs](State::absorb) them.
///
/// Several attempts go into one overlay, each sees those before it, and each is taken in whole or not at all.
pub(crate) struct Overlay<'a> {
    pub(super) base: &'a State,
    now: Instant,
    kept: Changes,
    pub(super) attempt: Changes,
    /// Who makes the next attempts, where that matters.
    pub(super) asker: Option<Asker>,
    /// What that one asked for and may not do.
    pub(super) refused: Option<NotYours>,
}

impl<'a> Overlay<'a> {
    pub(crate) fn new(base: &'a State, now: Instant) -> Self {
        let kept = Changes { revision: base.revision, ..Changes::default() };
        Self { base, now, kept, attempt: Changes::default(), asker: None, refused: None }
    }

    /// Runs `work` on this overlay, and keeps what it changed unless it fails, or is not the asker's to change.
    pub(crate) fn attempt<T, E>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        self.attempt = Changes { revision: self.kept.revision + 1, ..Changes::default() };
        let result = work(self);
        let permitted = if result.is_ok() { self.permit() } else { Ok(()) };
        let attempt = mem::take(&mut self.attempt);
        match permitted {
            Ok(()) if result.is_ok() => self.keep(attempt),
            Ok(()) => {}
            Err(refused) => self.refused = Some(refused),
        }
        result
    }

    fn keep(&mut self, attempt: Changes) {
        let revision = attempt.revision;
        if attempt.matter() {
            self.kept.revision = revision;
        }
        let changes = attempt.records.iter();
        let changes =
            changes.map(|(key, record)| Change { revision, key: key.clone(), record: record.clone() });
        self.kept.history.extend(changes);
        self.kept.records.extend(attempt.records);
        self.kept.sessions.extend(attempt.sessions);
        self.kept.renewed.extend(attempt.renewed);
    }

    /// What the attempts changed.
    pub(crate) fn finish(self) -> Changes {
        self.kept
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Arc<StoredRecord>> {
        let overlaid = self.attempt.records.get(key).or_else(|| self.kept.records.get(key));
        overlaid.map_or_else(|| self.base.records.get(key), Option::as_ref)
    }

    /// What was there before the present attempt.
    pub(super) fn settled(&self, key: &str) -> Option<&Arc<StoredRecord>> {
        self.kept.records.get(key).map_or_else(|| self.base.records.get(key), Option::as_ref)
    }

    /// The same of a session.
    pub(super) fn settled_session(&self, id: &SessionId) -> Option<&Session> {
        self.kept.sessions.get(id).map_or_else(|| self.base.sessions.get(id), Option::as_ref)
    }

    /// The keys under a prefix.
    pub(crate) fn keys(&self, prefix: &str) -> BTreeSet<String> {
        let overlaid = self.kept.records.keys().chain(self.attempt.records.keys());
        let keys = self.base.under(prefix).map(|(key, _)| key).chain(overlaid);
        keys.filter(|key| key.starts_with(prefix) && self.get(key).is_some()).cloned().collect()
    }

    /// Writes a record. Writing what is there already changes nothing, not even its revision, as in Consul
    /// (`agent/consul/state/kvs.go`, `kvsSetTxn`).
    pub(crate) fn put(&mut self, key: &str, write: Write) {
        let old = self.get(key);
        let bound = old.and_then(|old| old.session.clone());
        let session = match write.bind {
            Bind::Keep => bound.clone(),
            Bind::To(session) => Some(session),
            Bind::Release => None,
        };
        let taken = session.is_some() && session != bound;
        let revision = self.attempt.revision;
        let record = StoredRecord {
            modified: old.map_or(revision, |old| old.modified),
            created: old.map_or(revision, |old| old.created),
            lock_index: old.map_or(0, |old| old.lock_index) + u64::from(taken),
            value: write.value,
            flags: write.flags,
            session,
        };
        if old.is_some_and(|old| **old == record) {
            return;
        }
        let record = Arc::new(StoredRecord { modified: revision, ..record });
        self.attempt.records.insert(key.to_owned(), Some(record));
    }

    pub(crate) fn delete(&mut self, key: &str) {
        if self.get(key).is_some() {
            self.attempt.records.insert(key.to_owned(), None);
        }
    }

    pub(crate) fn session(&self, id: &SessionId) -> Option<&Session> {
        let overlaid = self.attempt.sessions.get(id).or_else(|| self.kept.sessions.get(id));
        overlaid.map_or_else(|| self.base.sessions.get(id), Option::as_ref)
    }

    pub(crate) fn open_session(&mut self, id: SessionId, name: String, ttl: Duration) {
        let ttl = ttl.min(MAX_TTL);
        let session = Session { name, ttl, created: self.attempt.revision, deadline: self.now + ttl };
        self.attempt.sessions.insert(id, Some(session));
    }

    /// `false`: there is no such session.
    pub(crate) fn renew_session(&mut self, id: &SessionId) -> bool {
        let Some(ttl) = self.session(id).map(|session| session.ttl) else { return false };
        self.attempt.renewed.insert(id.clone(), self.now + ttl);
        true
    }

    pub(crate) fn close_session(&mut self, id: &SessionId) {
        if self.session(id).is_none() {
            return;
        }
        self.attempt.sessions.insert(id.clone(), None);
        for key in self.keys("") {
            if self.get(&key).is_some_and(|record| record.session.as_ref() == Some(id)) {
                self.delete(&key);
            }
        }
    }

    /// Ends the sessions that nobody renewed in time.
    pub(crate) fn end_overdue_sessions(&mut self) {
        let sessions = self.base.sessions.iter();
        let overdue = sessions.filter(|(_, session)| session.deadline <= self.now).map(|(id, _)| id);
        for id in overdue.collect::<Vec<_>>() {
            let _: Result<(), ()> = self.attempt(|overlay| {
                overlay.close_session(id);
                Ok(())
            });
        }
    }
}
