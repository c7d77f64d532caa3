//! What a store holds and says.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A moment in a store's history. Only the store that gave it can compare it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Revision(pub u64);

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreEntry {
    /// The full key.
    pub key: String,
    /// The value.
    pub value: Vec<u8>,
    /// When it last changed; what [`Condition::Unchanged`](crate::Condition::Unchanged) compares.
    pub modified: Revision,
    /// The session it is bound to.
    pub session: Option<SessionId>,
}

/// Everything under a prefix at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// In order of their keys.
    pub entries: Vec<StoreEntry>,
    /// The moment: watch from here to miss nothing.
    pub revision: Revision,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A key has this value now.
    Put(StoreEntry),
    /// A key is gone.
    Delete(String),
}

/// What a watch yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// These things happened, in this order, up to `revision`.
    Events {
        /// What happened.
        events: Vec<Event>,
        /// Up to when.
        revision: Revision,
    },
    /// This is how things are; forget what was known.
    Snapshot(Listing),
}

impl Update {
    /// Up to when it tells what happened.
    pub fn revision(&self) -> Revision {
        match self {
            Self::Events { revision, .. } => *revision,
            Self::Snapshot(listing) => listing.revision,
        }
    }
}

/// How far the keys under a prefix had come at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The moment. Where nothing under the prefix changed lately, a watch may be older, and yet miss nothing.
    pub now: Revision,
    /// When one of the keys was written last.
    pub written: Revision,
    /// How many there were.
    pub keys: u64,
}

impl Mark {
    /// Whether a watch that has come to `revision`, and knows `keys` keys, has missed nothing. If no key was written
    /// since, only deletions can have been missed, and then the number of keys differs.
    pub fn is_met(&self, revision: Revision, keys: impl FnOnce() -> u64) -> bool {
        revision >= self.now || revision >= self.written && keys() == self.keys
    }
}

/// A session, as its store calls it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub String);

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
