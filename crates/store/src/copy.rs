//! Moving to another store.

use crate::{CommitError, Condition, MAX_OPS, Store, StoreEntry, StoreError, Txn};
use std::collections::BTreeMap;

/// How many bytes of values go into one transaction, which Consul takes as JSON of at most 512 KiB
/// (`txn_max_req_len`).
const MAX_BYTES: usize = crate::MAX_VALUE;

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CopyReport {
    /// Keys that were written.
    pub copied: usize,
    /// Keys that were there already, with the same value.
    pub same: usize,
    /// Keys that were left out because they are bound to a session, which is worth nothing in another store.
    pub bound: usize,
}

/// Why keys were not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The source cannot be read.
    #[error("cannot read what is to be copied")]
    Read(#[source] StoreError),
    /// The target cannot be read.
    #[error("cannot see what is there already")]
    Look(#[source] StoreError),
    /// The target has other things there. Nothing was written.
    #[error(
        "{target} has {} keys there with other values, such as {:?}; nothing was written. Use --force to \
         overwrite them",
        keys.len(), keys.first().map(String::as_str).unwrap_or_default()
    )]
    Differs {
        /// [`Store::describe`] of the target.
        target: String,
        /// The keys, in order.
        keys: Vec<String>,
    },
    /// A batch was not written; those before it were. Copying can be repeated.
    #[error("stopped after {copied} keys; it can be repeated")]
    Write {
        /// How many keys had been written by then.
        copied: usize,
        /// Why.
        #[source]
        source: CommitError,
    },
}

/// Copies every key under `prefix` that is not bound to a session, several at a time.
///
/// Keys that the target has and the source has not are left alone. Nobody should write to either meanwhile:
/// a key of the target that changes under way ends the copying.
///
/// # Errors
/// [`CopyError::Differs`], before anything is written, if the target has other values there, unless `force`.
pub async fn copy(
    from: &dyn Store,
    to: &dyn Store,
    prefix: &str,
    force: bool,
) -> Result<CopyReport, CopyError> {
    let source = from.list(prefix).await.map_err(CopyError::Read)?.entries;
    let target = to.list(prefix).await.map_err(CopyError::Look)?.entries;
    let target: BTreeMap<_, _> = target.into_iter().map(|entry| (entry.key.clone(), entry)).collect();
    let mut report = CopyReport::default();
    let (mut writes, mut differing) = (Vec::new(), Vec::new());
    for entry in source {
        let there = target.get(&entry.key);
        if entry.session.is_some() {
            report.bound += 1;
            continue;
        }
        match there {
            Some(there) if there.value == entry.value => report.same += 1,
            Some(there) => {
                differing.push(entry.key.clone());
                writes.push((entry, Condition::Unchanged(there.modified)));
            }
            None => writes.push((entry, Condition::Absent)),
        }
    }
    if !differing.is_empty() && !force {
        return Err(CopyError::Differs { target: to.describe(), keys: differing });
    }
    for batch in batches(writes) {
        let count = batch.ops.len();
        to.commit(batch).await.map_err(|source| CopyError::Write { copied: report.copied, source })?;
        report.copied += count;
    }
    Ok(report)
}

fn batches(writes: Vec<(StoreEntry, Condition)>) -> Vec<Txn> {
    let (mut batches, mut batch, mut bytes) = (Vec::new(), Txn::new(), 0);
    for (entry, condition) in writes {
        let size = entry.value.len();
        if batch.ops.len() == MAX_OPS || (bytes + size > MAX_BYTES && !batch.ops.is_empty()) {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += size;
        batch = batch.put(entry.key, entry.value, condition);
    }
    if !batch.ops.is_empty() {
        batches.push(batch);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;
    use std::time::Duration;

    async fn filled(values: &[(&str, &str)]) -> MemoryStore {
        let store = MemoryStore::new();
        for (key, value) in values {
            store.commit(Txn::new().put(*key, *value, Condition::Always)).await.unwrap();
        }
        store
    }

    async fn values(store: &MemoryStore) -> Vec<(String, String)> {
        let entries = store.list("").await.unwrap().entries.into_iter();
        entries.map(|entry| (entry.key, String::from_utf8(entry.value).unwrap())).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_under_the_prefix_goes_and_nothing_else() {
        let from = filled(&[("weft/a", "1"), ("weft/b", "2"), ("other", "3")]).await;
        let session = from.open_session(Duration::from_secs(60)).await.unwrap();
        let txn = Txn::new().put_bound("weft/live", "", Condition::Absent, session);
        from.commit(txn).await.unwrap();
        let to = filled(&[("weft/b", "2"), ("weft/c", "mine")]).await;
        let report = copy(&from, &to, "weft/", false).await.unwrap();
        assert_eq!(report, CopyReport { copied: 1, same: 1, bound: 1 });
        let wanted = [("weft/a", "1"), ("weft/b", "2"), ("weft/c", "mine")];
        assert_eq!(values(&to).await, wanted.map(|(key, value)| (key.to_owned(), value.to_owned())));
        let again = copy(&from, &to, "weft/", false).await.unwrap();
        assert_eq!(again, CopyReport { copied: 0, same: 2, bound: 1 });
    }

    #[tokio::test(start_paused = true)]
    async fn other_values_are_overwritten_by_force_only() {
        let from = filled(&[("a", "1"), ("b", "2")]).await;
        let to = filled(&[("b", "other")]).await;
        let before = values(&to).await;
        let error = copy(&from, &to, "", false).await.unwrap_err();
        assert!(matches!(&error, CopyError::Differs { keys, .. } if keys == &["b"]), "{error}");
        assert_eq!(values(&to).await, before);
        copy(&from, &to, "", true).await.unwrap();
        assert_eq!(values(&to).await, values(&from).await);
    }

    #[tokio::test(start_paused = true)]
    async fn many_and_large_values_go_in_several_batches() {
        let from = MemoryStore::new();
        for n in 0..150 {
            let txn = Txn::new().put(format!("small/{n}"), "x", Condition::Absent);
            from.commit(txn).await.unwrap();
        }
        for n in 0..3 {
            let txn = Txn::new().put(format!("large/{n}"), vec![b'x'; MAX_BYTES], Condition::Absent);
            from.commit(txn).await.unwrap();
        }
        let to = MemoryStore::new();
        assert_eq!(copy(&from, &to, "", false).await.unwrap().copied, 153);
        assert_eq!(values(&to).await, values(&from).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_says_how_far_it_came() {
        let from = filled(&[("a", "1")]).await;
        let to = MemoryStore::new();
        to.faults().lose_changes(1);
        let error = copy(&from, &to, "", false).await.unwrap_err();
        assert!(matches!(error, CopyError::Write { copied: 0, .. }), "{error}");
    }
}
