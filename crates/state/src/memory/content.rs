//! What a memory says.

use super::REMOVED;
use crate::cluster::Cluster;
use std::collections::{BTreeSet, VecDeque};
use weft_model::{Keyspace, NetworkId};

/// The store, and the keys in it, that a memory is a copy of.
pub(super) struct Source {
    /// The store that it is written from, and the start of its keys.
    pub(super) store: String,
    /// Where the keys are in it.
    pub(super) keyspace: Keyspace,
}

/// What a memory says, as of one moment.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) cluster: Cluster,
    /// The last rebuild of the store that this node has done its part of.
    pub(super) dealt_with: Option<u64>,
    /// The networks that were seen to be removed, the latest last.
    pub(super) removed: VecDeque<NetworkId>,
}

/// How one list of removed networks became another: some were taken out, others added at its end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Removals {
    pub(super) forgotten: Vec<NetworkId>,
    pub(super) added: Vec<NetworkId>,
}

impl Removals {
    /// What leads from `before` to `now`.
    pub(super) fn between(before: &VecDeque<NetworkId>, now: &VecDeque<NetworkId>) -> Self {
        if before == now {
            return Self::default();
        }
        let there: BTreeSet<&NetworkId> = now.iter().collect();
        let (kept, forgotten): (Vec<NetworkId>, Vec<_>) = before.iter().partition(|id| there.contains(id));
        if now.iter().take(kept.len()).eq(&kept) {
            return Self { forgotten, added: now.range(kept.len()..).copied().collect() };
        }
        // In another order: the whole list is another.
        Self { forgotten: before.iter().copied().collect(), added: now.iter().copied().collect() }
    }

    /// Whether nothing changed.
    pub(super) fn is_empty(&self) -> bool {
        self.forgotten.is_empty() && self.added.is_empty()
    }

    /// Does the same to another list.
    pub(super) fn apply(self, list: &mut VecDeque<NetworkId>) {
        let forgotten: BTreeSet<NetworkId> = self.forgotten.into_iter().collect();
        list.retain(|id| !forgotten.contains(id));
        list.extend(self.added);
        shorten(list);
    }
}

/// Leaves out the first of a list that is too long.
pub(super) fn shorten(removed: &mut VecDeque<NetworkId>) {
    let surplus = removed.len().saturating_sub(REMOVED);
    removed.drain(..surplus);
}
