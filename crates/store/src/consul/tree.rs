//! All keys of a cluster: where they are asked for, and what was seen of them last.

use super::{
    client::{Client, Keys, encode},
    seen::Seen,
    wire::Pair,
};
use crate::{Listing, Mark, Revision, StoreError, Update, http::Patience};
use std::{
    mem,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What was seen of the keys under a prefix, while nobody watches them.
#[derive(Debug, Default)]
pub(super) struct Tree {
    left: Mutex<Option<(String, Seen)>>,
    /// Whether only the prefix itself may be read.
    narrow: AtomicBool,
}

impl Tree {
    /// All keys under `prefix`, from which a watch goes on. From any server, if it has [seen](crate::Store::view) what
    /// the caller has.
    pub(super) async fn view(
        &self,
        client: &Client,
        prefix: &str,
        seen: Option<Revision>,
    ) -> Result<Listing, StoreError> {
        const DOING: &str = "list";
        let patience = Patience::long(Duration::ZERO);
        let query = if seen.is_some() { "stale" } else { "consistent" };
        let mut keys = self.read(client, DOING, (prefix, query), patience).await?;
        if seen.is_some_and(|seen| !keys.fresh || keys.index < seen.0) {
            keys = self.read(client, DOING, (prefix, "consistent"), patience).await?;
        }
        let (index, mut seen, mut entries) = (keys.index, Seen::default(), Vec::new());
        let look = |pair: Pair<'_>| {
            if pair.key.starts_with(prefix) {
                entries.extend(seen.look(index, pair)?);
            }
            Ok(())
        };
        keys.read(look).await?;
        let update = seen.update(index, entries);
        self.leave(prefix, seen);
        match update {
            Update::Snapshot(listing) => Ok(listing),
            Update::Events { .. } => Err(client.store.malformed(DOING, "it is no beginning".to_owned())),
        }
    }

    /// Asks for the keys around `prefix`, or, where that is forbidden, for those under it.
    pub(super) async fn read<'c>(
        &self,
        client: &'c Client,
        doing: &'static str,
        (prefix, query): (&str, &str),
        patience: Patience,
    ) -> Result<Keys<'c>, StoreError> {
        let path = |of: &str| format!("/v1/kv/{}?recurse&{query}", encode(of));
        let wide = around(prefix);
        if wide == prefix || self.narrow.load(Ordering::Relaxed) {
            return client.read(doing, &path(prefix), patience).await;
        }
        match client.read(doing, &path(wide), patience).await {
            Err(StoreError::Refused { .. }) => {
                let keys = client.read(doing, &path(prefix), patience).await?;
                self.narrow.store(true, Ordering::Relaxed);
                Ok(keys)
            }
            answer => answer,
        }
    }

    /// How far the keys under `prefix` have come: the index of what is read when they are watched, deletions included,
    /// without the keys themselves. That of less may be lower, and that of more is never told.
    pub(super) async fn mark(&self, client: &Client, prefix: &str) -> Result<Mark, StoreError> {
        // Where both are asked for, names come before keys (`KVSEndpoint` in Consul's `agent/kvs_endpoint.go`).
        let names = "keys&separator=/&consistent";
        let answer = self.read(client, "mark", (prefix, names), Patience::SMALL).await?;
        let now = Revision(answer.index);
        answer.take_in().await?;
        Ok(Mark { now, written: now, keys: 0 })
    }

    fn leave(&self, prefix: &str, seen: Seen) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some((prefix.to_owned(), seen));
    }
}

/// The prefix that is read instead of `prefix`: one path segment shorter. `consul kv delete -recurse weft/` leaves
/// its mark at `weft/`; that wakes a watch of `weft/`, but not one of `weft/v1/`. The result ends with a slash, or
/// `weft-lab/` would be read, too.
pub(super) fn around(prefix: &str) -> &str {
    let path = prefix.trim_end_matches('/');
    path.rfind('/').map_or(prefix, |slash| &path[..=slash])
}

/// What was seen, owned by the current watch. When it stops, the next one goes on from there.
#[derive(Debug)]
pub(super) struct WatchState<'t> {
    tree: &'t Tree,
    prefix: &'t str,
    pub(super) seen: Seen,
    /// Whether an answer is being read: what is noted of it was not told yet.
    pub(super) torn: bool,
}

impl<'t> WatchState<'t> {
    pub(super) fn take(tree: &'t Tree, prefix: &'t str, revision: Revision) -> Self {
        let left = tree.left.lock().unwrap_or_else(PoisonError::into_inner).take();
        let seen = left.filter(|(of, seen)| of == prefix && seen.index == revision.0).map(|(_, seen)| seen);
        Self { tree, prefix, seen: seen.unwrap_or_else(|| Seen::since(revision)), torn: false }
    }
}

impl Drop for WatchState<'_> {
    fn drop(&mut self) {
        if !self.torn {
            self.tree.leave(self.prefix, mem::take(&mut self.seen));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_ends_with_a_slash() {
        for (prefix, wide) in [
            ("weft/v1/", "weft/"),
            ("a/b/v1/", "a/b/"),
            ("v1/", "v1/"),
            ("", ""),
            ("weft", "weft"),
            ("a/b", "a/"),
        ] {
            assert_eq!(around(prefix), wide);
        }
    }
}
