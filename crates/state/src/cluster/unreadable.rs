//! What in the store cannot be read.

use super::Cluster;
use std::collections::BTreeMap;
use weft_model::{NetworkId, NodeName};

impl Cluster {
    /// Keys that nobody can have meant, and why.
    pub fn garbage(&self) -> impl Iterator<Item = (&String, &String)> {
        self.unreadable.iter().filter(|(key, _)| !self.unknown.contains_key(*key))
    }

    /// How many keys there are of each kind that this version does not know.
    pub fn unknown_kinds(&self) -> BTreeMap<String, usize> {
        self.unknown.values().fold(BTreeMap::new(), |mut kinds, kind| {
            *kinds.entry(kind.clone()).or_default() += 1;
            kinds
        })
    }

    /// Whether there is a record of the network `id`, and it cannot be read.
    pub fn has_unreadable_network(&self, id: &NetworkId) -> bool {
        // Of an encrypted one, a record in clear is set aside, and in nobody's way.
        let kind = if self.encrypted.contains(id) { "encrypted" } else { "networks" };
        self.has_unreadable(&format!("/{kind}/{id}"))
    }

    /// Whether there is a record of what `node` took last, and it cannot be read.
    pub fn has_unreadable_latest(&self, node: &NodeName) -> bool {
        !self.unreadable.is_empty() && self.has_unreadable(&format!("/latest/{node}"))
    }

    fn has_unreadable(&self, end: &str) -> bool {
        self.unreadable.keys().any(|key| key.ends_with(end))
    }
}
