//! What every store has to do. One check, one promise of the trait.

mod history;
mod keys;
mod sessions;
mod transactions;
mod watches;

use futures::{FutureExt, future::BoxFuture};
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use weft_store::{CommitError, Condition, Listing, SessionId, Store, StoreEntry, Txn};

/// A store under test, and a place in it that is the check's own.
#[derive(Clone)]
pub struct Bench {
    pub store: Arc<dyn Store>,
    /// Ends in a slash.
    pub root: String,
    /// The shortest TTL the store takes.
    pub ttl: Duration,
}

type Check = (&'static str, fn(Bench) -> BoxFuture<'static, ()>);

/// `(name, check)` of each function named.
macro_rules! checks {
    ($($module:ident::$check:ident),* $(,)?) => {
        &[$((stringify!($check), |bench| $module::$check(bench).boxed())),*]
    };
}

const CHECKS: &[Check] = checks![
    keys::a_key_not_written_is_absent,
    keys::a_value_comes_back_whole,
    keys::a_list_has_the_prefix_in_order_and_nothing_else,
    keys::odd_keys_stay_apart,
    keys::keys_that_cannot_be_kept_are_refused,
    keys::an_empty_prefix_lists_everything,
    keys::a_prefix_of_thousands_is_listed_whole,
    transactions::each_condition_holds_when_it_should,
    transactions::a_conflict_changes_nothing_and_names_the_keys,
    transactions::sixty_four_operations_go_and_one_more_does_not,
    transactions::what_counts_twice_fits_half_as_often,
    transactions::a_key_twice_is_refused,
    transactions::racing_creates_have_one_winner,
    transactions::racing_increments_all_count,
    transactions::revisions_tell_changes_apart,
    sessions::a_closed_session_takes_its_keys_along,
    sessions::a_session_not_renewed_ends_with_its_keys,
    sessions::a_renewed_session_lives_on,
    sessions::a_write_without_session_keeps_the_binding,
    sessions::a_key_of_another_session_is_a_conflict,
    sessions::a_write_under_an_ended_session_is_a_conflict,
    sessions::a_bound_write_keeps_its_conditions,
    watches::a_watch_tells_what_happened_since,
    watches::a_watch_tells_nothing_of_other_prefixes,
    watches::a_watch_that_has_caught_up_has_missed_nothing,
    watches::a_watch_catches_up_while_only_others_write,
    watches::a_watch_sees_keys_go_with_their_session,
    watches::a_watch_of_nothing_sees_the_first_key,
    watches::a_replayed_watch_equals_a_list,
    history::a_random_history_is_that_of_memory,
];

/// Runs every check on `store`, side by side, and panics with the names of those that failed.
pub async fn run(store: Arc<dyn Store>, ttl: Duration) {
    let checks = CHECKS.iter().map(|(name, check)| {
        let bench = Bench { store: Arc::clone(&store), root: format!("suite/{name}/"), ttl };
        async move {
            // Longer than the slowest check, a session's end on Consul.
            let check = tokio::time::timeout(Duration::from_secs(90), check(bench));
            match AssertUnwindSafe(check).catch_unwind().await {
                Ok(Ok(())) => None,
                Ok(Err(_)) => Some(format!("{name} (did not end)")),
                Err(_) => Some((*name).to_owned()),
            }
        }
    });
    let failed: Vec<_> = futures::future::join_all(checks).await.into_iter().flatten().collect();
    assert!(failed.is_empty(), "{} fails: {}", store.describe(), failed.join(", "));
}

impl Bench {
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.root)
    }

    pub async fn list(&self) -> Listing {
        self.store.list(&self.root).await.unwrap()
    }

    pub async fn get(&self, name: &str) -> Option<StoreEntry> {
        self.store.get(&self.key(name)).await.unwrap()
    }

    /// The value under `name`, which has to be text.
    pub async fn value(&self, name: &str) -> Option<String> {
        self.get(name).await.map(|entry| String::from_utf8(entry.value).unwrap())
    }

    pub async fn put(&self, name: &str, value: &str) {
        self.store.commit(Txn::new().put(self.key(name), value, Condition::Always)).await.unwrap();
    }

    pub async fn delete(&self, name: &str) {
        self.store.commit(Txn::new().delete(self.key(name), Condition::Always)).await.unwrap();
    }

    /// The names of the keys that `txn` conflicts on.
    pub async fn conflict(&self, txn: Txn) -> Vec<String> {
        match self.store.commit(txn).await {
            Err(CommitError::Conflict { keys }) => {
                keys.iter().map(|key| key.strip_prefix(&self.root).unwrap().to_owned()).collect()
            }
            other => panic!("a conflict was expected, not {other:?}"),
        }
    }

    pub async fn session(&self) -> SessionId {
        self.store.open_session(self.ttl).await.unwrap()
    }

    /// Waits until `name` is gone; after the end of a session that may take a while.
    pub async fn gone(&self, name: &str) {
        while self.get(name).await.is_some() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
