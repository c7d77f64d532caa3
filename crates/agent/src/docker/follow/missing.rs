//! What has been missing for a while, at each look.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::time::Instant;

/// One look proves nothing: the engine may be just about to have it.
pub(super) struct Missing<K>(BTreeMap<K, Instant>);

impl<K> Default for Missing<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Copy> Missing<K> {
    /// Notes what is missing now. Returns what was also missing in every look for `patience`.
    pub(super) fn look(&mut self, missing: impl IntoIterator<Item = K>, patience: Duration) -> BTreeSet<K> {
        let now = Instant::now();
        let before = std::mem::take(&mut self.0);
        self.0 = missing.into_iter().map(|what| (what, *before.get(&what).unwrap_or(&now))).collect();
        self.0.iter().filter(|(_, since)| now - **since >= patience).map(|(what, _)| *what).collect()
    }

    /// Whether nothing was missing in the last look.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn only_what_was_missing_every_time() {
        let patience = Duration::from_secs(3);
        let mut missing = Missing::default();
        assert!(missing.look([1, 2], patience).is_empty());
        advance(Duration::from_secs(2)).await;
        assert!(missing.look([1], patience).is_empty(), "2 was there meanwhile");
        advance(Duration::from_secs(1)).await;
        assert_eq!(missing.look([1, 2], patience), BTreeSet::from([1]));
        advance(Duration::from_secs(3)).await;
        assert_eq!(missing.look([2], patience), BTreeSet::from([2]));
        assert!(missing.look([], patience).is_empty() && missing.is_empty());
    }
}
