//! What can go wrong with a store.

use crate::http::Unreached;
use std::time::Duration;

/// Boxed, since each store's client has an error type of its own.
type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, has no leader, or did not answer a question in time. Nothing was changed.
    #[error("{}", unavailable(store, doing, &**source))]
    Unavailable {
        /// As people call it.
        store: String,
        /// What was being done.
        doing: &'static str,
        /// Why.
        #[source]
        source: Source,
    },
    /// The answer to a change got lost: it may have been carried out.
    #[error("{store} did not say within {waited:?} whether it carried out a change ({doing})")]
    Unknown {
        /// As people call it.
        store: String,
        /// What was being done.
        doing: &'static str,
        /// How long was waited.
        waited: Duration,
    },
    /// It refuses: a bad token, a key too long, a value too large.
    #[error("{store} refused ({doing}): {reason}")]
    Refused {
        /// As people call it.
        store: String,
        /// What was being done.
        doing: &'static str,
        /// In the store's words.
        reason: String,
    },
    /// The store's answer is not valid.
    #[error("{store} gave an answer that cannot be understood ({doing}): {reason}")]
    Malformed {
        /// As people call it.
        store: String,
        /// What was being done.
        doing: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

fn unavailable(store: &str, doing: &str, source: &(dyn std::error::Error + 'static)) -> String {
    match source.downcast_ref::<Unreached>() {
        Some(why) => format!("{store} does not answer ({why}): {}", why.hint),
        None => format!("{store} is unavailable ({doing})"),
    }
}

/// Why a transaction was not carried out, or not for certain.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Conditions did not hold; nothing was changed.
    #[error("changed meanwhile by another node: {}", keys.join(", "))]
    Conflict {
        /// The keys whose conditions did not hold: at least one of them, in the order of the transaction.
        keys: Vec<String>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StoreError {
    /// Whether trying again later may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Unknown { .. })
    }
}
