//! The errors of a store that is asked over HTTP.

use super::DEADLINE;
use crate::StoreError;
use std::{error::Error, fmt};

/// A store by its names.
#[derive(Debug)]
pub(crate) struct Named {
    /// Its URL.
    pub(crate) url: String,
    /// As people call it, which each of its errors gives: `Consul at 192.0.2.1:8500`.
    called: String,
}

impl Named {
    pub(crate) fn new(scheme: &str, called: &str, servers: &[String]) -> Self {
        let url = format!("{scheme}://{}", servers.join(","));
        Self { url, called: format!("{called} at {}", servers.join(", ")) }
    }

    pub(crate) fn unavailable(
        &self,
        doing: &'static str,
        source: Box<dyn Error + Send + Sync>,
    ) -> StoreError {
        StoreError::Unavailable { store: self.called.clone(), doing, source }
    }

    pub(crate) fn refused(&self, doing: &'static str, reason: String) -> StoreError {
        StoreError::Refused { store: self.called.clone(), doing, reason }
    }

    pub(crate) fn malformed(&self, doing: &'static str, reason: String) -> StoreError {
        StoreError::Malformed { store: self.called.clone(), doing, reason }
    }

    pub(crate) fn unknown(&self, doing: &'static str, source: &dyn fmt::Debug) -> StoreError {
        tracing::debug!(store = %self.url, doing, ?source, "the answer to a change got lost");
        StoreError::Unknown { store: self.called.clone(), doing, waited: DEADLINE }
    }
}
