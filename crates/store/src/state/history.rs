//! The latest changes, for watches.

use super::StoredRecord;
use crate::Event;
use std::{collections::VecDeque, sync::Arc};

/// How many changes are kept. A watch that falls behind further gets a snapshot.
const MAX_CHANGES: usize = 4096;
/// How many bytes of values are kept.
const MAX_BYTES: usize = 4 << 20;

/// What happened to one key at one revision.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) revision: u64,
    pub(crate) key: String,
    /// `None`: deleted.
    pub(crate) record: Option<Arc<StoredRecord>>,
}

impl Change {
    fn bytes(&self) -> usize {
        self.key.len() + self.record.as_ref().map_or(0, |record| record.value.len())
    }
}

#[derive(Debug)]
pub(crate) struct History {
    changes: VecDeque<Change>,
    bytes: usize,
    /// Changes up to this revision may be missing.
    forgotten: u64,
}

impl History {
    pub(crate) fn since(revision: u64) -> Self {
        Self { changes: VecDeque::new(), bytes: 0, forgotten: revision }
    }

    /// Whether everything after `revision` is here.
    pub(crate) fn covers(&self, revision: u64) -> bool {
        revision >= self.forgotten
    }

    pub(crate) fn append(&mut self, changes: Vec<Change>) {
        self.bytes += changes.iter().map(Change::bytes).sum::<usize>();
        self.changes.extend(changes);
        while self.changes.len() > MAX_CHANGES || self.bytes > MAX_BYTES {
            let Some(oldest) = self.changes.pop_front() else { break };
            self.bytes -= oldest.bytes();
            self.forgotten = oldest.revision;
        }
    }

    /// When something under `prefix` changed last, as far as is remembered: since before that, nobody can tell.
    pub(crate) fn last_change(&self, prefix: &str) -> u64 {
        let last = self.changes.iter().rev().find(|change| change.key.starts_with(prefix));
        last.map_or(self.forgotten, |change| change.revision.max(self.forgotten))
    }

    pub(crate) fn events(&self, prefix: &str, revision: u64) -> Vec<Event> {
        self.after(prefix, revision)
            .map(|change| match &change.record {
                Some(record) => Event::Put(record.entry(&change.key)),
                None => Event::Delete(change.key.clone()),
            })
            .collect()
    }

    pub(crate) fn touches(&self, prefix: &str, revision: u64) -> bool {
        self.after(prefix, revision).next().is_some()
    }

    fn after<'a>(&'a self, prefix: &'a str, revision: u64) -> impl Iterator<Item = &'a Change> {
        let start = self.changes.partition_point(|change| change.revision <= revision);
        self.changes.range(start..).filter(move |change| change.key.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(revision: u64) -> Change {
        Change { revision, key: format!("k{revision}"), record: None }
    }

    #[test]
    fn what_is_forgotten_is_known_to_be() {
        let mut history = History::since(1);
        let last = MAX_CHANGES as u64 + 11;
        history.append((2..=last).map(change).collect());
        assert!(!history.covers(10));
        assert!(history.covers(11));
        assert_eq!(history.events("k", 11).len(), MAX_CHANGES);
        assert_eq!(history.events("k", last - 1), [Event::Delete(format!("k{last}"))]);
        assert!(!history.touches("k", last));
        assert!(!history.touches("other", 11));
    }

    #[test]
    fn large_values_are_forgotten_sooner() {
        let record = StoredRecord {
            value: vec![0; MAX_BYTES / 2],
            modified: 1,
            created: 1,
            lock_index: 0,
            flags: 0,
            session: None,
        };
        let record = Some(Arc::new(record));
        let mut history = History::since(1);
        for revision in 2..6 {
            history.append(vec![Change { record: record.clone(), ..change(revision) }]);
        }
        assert!(!history.covers(3));
        assert!(history.covers(4));
    }
}
