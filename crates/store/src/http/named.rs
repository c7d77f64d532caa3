//! The errors of a store that is asked over HTTP.

use super::DEADLINE;
use crate::StoreError;
use std::{error::Error, fmt};

/// A store by its name, which each of its errors gives.
#[derive(Debug)]
pub(crate) struct Named(pub(crate) String);

impl Named {
    pub(crate) fn unavailable(
        &self,
        doing: &'static str,
        source: Box<dyn Error + Send + Sync>,
    ) -> StoreError {
        StoreError::Unavailable { store: self.0.clone(), doing, source }
    }

    pub(crate) fn refused(&self, doing: &'static str, reason: String) -> StoreError {
        StoreError::Refused { store: self.0.clone(), doing, reason }
    }

    pub(crate) fn malformed(&self, doing: &'static str, reason: String) -> StoreError {
        StoreError::Malformed { store: self.0.clone(), doing, reason }
    }

    pub(crate) fn unknown(&self, doing: &'static str, source: &dyn fmt::Debug) -> StoreError {
        tracing::debug!(store = %self.0, doing, ?source, "the answer to a change got lost");
        StoreError::Unknown { store: self.0.clone(), doing, waited: DEADLINE }
    }
}
